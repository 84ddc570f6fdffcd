"""Measure a latent frame at frames 10 to 3,000, beside decoding everything again and torch.

    python benchmarks/codec.py [--bundle B] [--codec export/checkpoints/demo/codec] [--rounds 7]
        [--quick] [-o benchmarks/results/codec]

A round is one motion of 3,000 latent frames, ten minutes, fed one frame after another. The cost of
streaming at a frame is the median of the pushes around it. At the same frames the whole motion so
far is decoded again through the same graph and, if torch is installed, through the module that the
graph was exported from.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from machine import asked, middle, spread
from report import curves, heading, table, write

from kinetoken.codec.decoder import MotionDecoder
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.bundle import bundle_folder, open_codec

AROUND: Final = {10: range(5, 16), 30: range(20, 41), 100: range(80, 121), 300: range(250, 351), 1000: range(900, 1101),
                 3000: range(2800, 3000)}  # fmt: skip
"""Measured latent frames to the pushes around them."""
CODEC: Final = Path(__file__).parents[1] / "export" / "checkpoints" / "demo" / "codec"
STREAMING: Final = "streaming"
Way = Callable[[int], Any]
"""Decodes a number of latent frames."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--codec", type=Path, default=CODEC)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one round, to frame 300")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    places = [at for at in AROUND if not args.quick or at <= 300]
    _, decoder = open_codec(bundle_folder(args.bundle), LoadOptions(args.threads))
    rng = np.random.default_rng(0)
    levels, codes, _ = decoder.codebooks.table.shape
    frames = rng.integers(0, codes, (places[-1], levels))
    ways = others(decoder, args.codec, decoder.codebooks.latents(frames))
    one_round(decoder, frames[:15], ways, [10])  # the first calls, not counted
    rounds = [
        one_round(decoder, frames, ways, places) for _ in range(1 if args.quick else args.rounds)
    ]
    found = {
        name: {at: middle({"ms": r[name][at]} for r in rounds) for at in places}
        for name in (STREAMING, *ways)
    }
    steps = [r[STREAMING] for r in rounds]
    flat = middle({f"over_{at}": r[places[-1]] / r[at] for at in (10, 100)} for r in steps)
    write(
        args.out,
        page(found, flat, len(rounds)),
        {"rounds": len(rounds), "ms": found, "last": flat},
        drawing(found),
    )


def one_round(
    decoder: MotionDecoder, frames: Any, ways: dict[str, Way], places: list[int]
) -> dict[str, dict[int, float]]:
    """Milliseconds by way and place: one motion from its first frame to its last."""
    run, pushes = decoder.start(), []
    found: dict[str, dict[int, float]] = {name: {} for name in (STREAMING, *ways)}
    for at in range(len(frames)):
        pushes.append(timed(lambda at=at: run.push(frames[at : at + 1])))  # type: ignore[misc]
        if at + 1 in places:
            for name, way in ways.items():
                found[name][at + 1] = timed(lambda way=way, at=at: way(at + 1))  # type: ignore[misc]
    for at in places:
        found[STREAMING][at] = statistics.median(
            pushes[push] for push in AROUND[at] if push < len(pushes)
        )
    return found


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def page(found: dict[str, Any], flat: dict[str, float], rounds: int) -> list[str]:
    """The report in Markdown."""
    places = list(found[STREAMING])
    rows = [(at, *(spread(found[name][at], "ms") for name in found)) for at in places]
    said = (
        "Milliseconds for one more latent frame (0.2 s of motion); "
        f"medians of {rounds} rounds (least to most)."
    )
    return [
        *heading("What decoding costs", said, ""),
        *table(("latent frames before it", *found), rows),
        f"Streaming at frame {places[-1]:,} costs {spread(flat, 'over_100')} times what it costs "
        f"at frame 100, and {spread(flat, 'over_10')} times what it costs at frame 10, where the "
        "decoder's window is not yet full.",
        "",
    ]


def drawing(found: dict[str, Any]) -> bytes | None:
    """Milliseconds over the length so far."""
    lines = {
        name: [(at, figures["ms"]) for at, figures in places.items()]
        for name, places in found.items()
    }
    return curves(lines, "latent frames so far", "ms for one more", log=True)


def others(decoder: MotionDecoder, codec: Path, latents: Any) -> dict[str, Way]:
    """The ways that decode everything again, by name."""
    torch = torch_way(codec, latents)
    ways: dict[str, Way] = {
        "all again, ONNX": lambda length: decoder.session.run(latents[None, :length])
    }
    return ways | ({"all again, torch": torch} if torch else {})


def torch_way(codec: Path, latents: Any) -> Way | None:
    """The torch module that the graph was exported from; None without torch or the codec."""
    try:
        from kinetoken_export.codecs.reader import read_codec
        from kinetoken_export.codecs.source import normalised_features

        decoder = read_codec(codec).decoder
    except (ImportError, OSError):
        return None
    return lambda length: normalised_features(decoder, latents[:length])


if __name__ == "__main__":
    main()
