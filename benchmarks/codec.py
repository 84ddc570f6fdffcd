"""What does decoding cost: does a latent frame at frame 3,000 cost what it cost at frame 10, and beside decoding all again, and torch?

    python benchmarks/codec.py [--bundle B] [--codec export/checkpoints/demo/codec] [--quick] [-o benchmarks/results/codec]

Every round decodes one more latent frame in every way, in turn: streaming through the runtime (a fixed window), the whole motion so
far once more through the same graph, and through the torch module that it came from (where torch is there).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from report import curves, heading, table, write

from kinetoken.bundle import bundle_folder, open_codec
from kinetoken.engines import LoadOptions

AT: Final = (10, 30, 100, 300, 1000, 3000)
"""Latent frames at which a frame is timed."""
CODEC: Final = Path(__file__).parents[1] / "export" / "checkpoints" / "demo" / "codec"
ROUNDS: Final = 15
Way = Callable[[int], float]
"""Milliseconds to bring one latent frame, with so many before it."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--codec", type=Path, default=CODEC)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    ways = all_ways(args.bundle, args.codec, args.threads, AT[-1])
    rounds = 3 if args.quick else ROUNDS
    found = {name: dict.fromkeys(AT, 0.0) for name in ways}
    for at in AT:
        times: dict[str, list[float]] = {name: [] for name in ways}
        for round_ in range(rounds + 1):
            for name in np.roll(list(ways), round_):
                times[name].append(ways[str(name)](at))
        for name, values in times.items():
            found[name][at] = statistics.median(values[1:])
    flat = found["streaming"][3000] / found["streaming"][10]
    lines = [
        *heading(
            "What decoding costs", f"One latent frame (0.2 s of motion), milliseconds, medians of {rounds} rounds.", ""
        ),
        *table(("latent frames before it", *found), [(at, *(f"{found[name][at]:.2f}" for name in found)) for at in AT]),
        f"Streaming at frame 3,000 costs {flat:.2f} times what it costs at frame 10.",
        "",
    ]
    drawing = curves(
        {n: list(v.items()) for n, v in found.items()}, "latent frames so far", "ms for one more", log=True
    )
    write(args.out, lines, {"rounds": rounds, "ms": found, "frame_3000_over_10": flat}, drawing)


def all_ways(bundle: str | None, codec: Path, threads: int | None, longest: int) -> dict[str, Way]:
    """Each way to a frame, by name."""
    _, decoder = open_codec(bundle_folder(bundle), LoadOptions(threads))
    rng = np.random.default_rng(0)
    levels, codes, _ = decoder.codebooks.table.shape
    frames = rng.integers(0, codes, (longest + 1, levels))
    latents = decoder.codebooks.latents(frames)
    run, fed = decoder.start(), 0

    def streaming(at: int) -> float:
        nonlocal run, fed
        if fed >= at:
            run, fed = decoder.start(), 0
        start = max(fed, at - 2 * decoder.past - 2)  # the window is what counts: frames far before it leave no trace
        for frame in range(start, at):
            run.push(frames[frame : frame + 1])
        began = time.perf_counter()
        run.push(frames[at : at + 1])
        fed = at + 1
        return 1000 * (time.perf_counter() - began)

    def again(at: int) -> float:
        began = time.perf_counter()
        decoder.session.run(latents[None, : at + 1])
        return 1000 * (time.perf_counter() - began)

    torch = torch_way(codec, latents)
    return {"streaming": streaming, "all again, ONNX": again} | ({"all again, torch": torch} if torch else {})


def torch_way(codec: Path, latents: Any) -> Way | None:
    """The torch module that the graph was exported from; None where torch or the codec is not there."""
    try:
        from kinetoken_export.codecs import read_codec
        from kinetoken_export.codecs.source import normalised_features

        decoder = read_codec(codec).decoder
    except (ImportError, OSError):
        return None

    def again(at: int) -> float:
        began = time.perf_counter()
        normalised_features(decoder, latents[: at + 1])
        return 1000 * (time.perf_counter() - began)

    return again


if __name__ == "__main__":
    main()
