"""Measure what fewer levels cost, and whether "auto" keeps real time.

    python benchmarks/detail.py [--bundle B] [--quick] [-o benchmarks/results/detail]

The distance is between the same codes decoded with their first levels alone and with all levels,
on the demo's own motions, with joints relative to the pelvis and in the world. The rates are those
of the bundle's model, slowed down by a pause at every token.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import asked
from report import curves, heading, table, write

import kinetoken
from kinetoken.engines.protocols import LmRun
from kinetoken.generation.motion_stream import decode_clip
from kinetoken.generation.pacing.pace import Pace
from kinetoken.tokens.allowed_ids import Allowed

PROMPTS = ("a person walks forward", "someone runs", "a person walks in a circle to the left", "a man jumps forward", "do a squat",
           "someone kicks with the right leg", "a person waves", "do jumping jacks", "a person sits down", "dance")  # fmt: skip
RATES = (40.0, 24.0, 18.0, 12.0, 7.0)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    generator = kinetoken.load(args.bundle)
    loss = distances(generator, seeds=1 if args.quick else 5)
    held = [
        held_at(generator, rate, seconds=2.0 if args.quick else 4.0)
        for rate in (RATES[::2] if args.quick else RATES)
    ]
    record = {"loss": loss, "auto": held}
    lines = {
        name: [(row["levels"], row[f"{name}_mm"]) for row in loss] for name in ("pose", "world")
    }
    drawing = curves(lines, "levels of a frame", "mm from all levels", "What fewer levels cost")
    write(args.out, text(loss, held), record, drawing)


def distances(generator: kinetoken.Generator, seeds: int) -> list[dict[str, float]]:
    """Mean distances in millimetres, by number of levels."""
    decoder, found = generator.bundle.decoder, {}
    most = len(generator.manifest.motion.levels)
    clips = [generator.generate(prompt, seed=seed) for prompt in PROMPTS for seed in range(seeds)]
    for levels in range(1, most + 1):
        rows = []
        for clip in clips:
            assert clip.codes is not None
            codes = np.where(np.arange(most) < levels, clip.codes, -1)
            rows.append(apart(decode_clip(decoder, codes.tolist()).joints, clip.joints))
        found[levels] = np.array(rows).mean(axis=0)
    rate = generator.manifest.codec.fps / generator.manifest.codec.stride
    names = ("pose_mm", "world_mm", "drift_mm_per_s")
    return [
        {"levels": q, "tokens_per_s": q * rate} | dict(zip(names, map(float, row), strict=True))
        for q, row in found.items()
    ]


def apart(coarse: Any, full: Any) -> tuple[float, float, float]:
    """Millimetres around the pelvis, in the world, and per second of the pelvis on the floor."""
    pose = np.linalg.norm((coarse - coarse[:, :1]) - (full - full[:, :1]), axis=-1).mean()
    drift = np.linalg.norm((coarse - full)[-1, 0, [0, 2]]) / (len(full) / 20)
    return 1000 * pose, 1000 * np.linalg.norm(coarse - full, axis=-1).mean(), 1000 * drift


@dataclasses.dataclass(frozen=True)
class Slow:
    """A model that takes at least so long for each token that follows the prompt."""

    model: Any
    seconds: float

    @property
    def context(self) -> int:
        return int(self.model.context)

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def engine(self) -> str:
        return str(self.model.engine)

    @property
    def fingerprint(self) -> str:
        return str(self.model.fingerprint)

    def start(self) -> LmRun:
        return SlowRun(self.model.start(), self.seconds)


class SlowRun:
    """A run of a slow model."""

    def __init__(self, run: LmRun, seconds: float) -> None:
        self._run, self._seconds = run, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def push(self, ids: Sequence[int], allowed: Allowed) -> Any:
        """Pause, unless this is the prompt."""
        until = time.perf_counter() + (self._seconds if len(ids) == 1 else 0.0)
        logits = self._run.push(ids, allowed)
        time.sleep(max(0.0, until - time.perf_counter()))
        return logits


def held_at(generator: kinetoken.Generator, rate: float, seconds: float) -> dict[str, Any]:
    """One answer at a rate of tokens: its levels and real-time factor, and that of full detail."""
    found: dict[str, Any] = {"tokens_per_s": rate}
    for detail in ("full", "auto"):
        parts = dataclasses.replace(
            generator.bundle,
            language_model=Slow(generator.bundle.language_model, 1 / rate),
            pace=Pace(),
        )
        generation = kinetoken.Generator(parts).stream(
            PROMPTS[0], seconds=seconds, seed=1, detail=detail
        )
        first = None
        for chunk in generation:
            if first is None and isinstance(chunk, kinetoken.MotionChunk):
                first = time.perf_counter()
        assert first is not None
        made = generation.stats.seconds_of_motion - 0.2
        found[detail] = {
            "rtf": made / (time.perf_counter() - first),
            "levels": generation.clip().meta.get("detail", "all"),
        }
    return found


def text(loss: list[dict[str, float]], held: list[dict[str, Any]]) -> list[str]:
    """The report in Markdown."""
    distances = [
        (
            m["levels"],
            f"{m['tokens_per_s']:g}",
            *(f"{m[name]:.1f}" for name in ("pose_mm", "world_mm", "drift_mm_per_s")),
        )
        for m in loss
    ]
    rates = [
        (
            f"{m['tokens_per_s']:g}",
            m["auto"]["levels"],
            f"{m['auto']['rtf']:.2f}",
            f"{m['full']['rtf']:.2f}",
        )
        for m in held
    ]
    return [
        *heading("What detail costs"),
        "Distance between the same motion in fewer levels and in all: around the pelvis, in the "
        "world, and of the pelvis on the floor.",
        "",
        *table(
            ("levels", "tokens/s in real time", "pose, mm", "world, mm", "drift, mm per s"),
            distances,
        ),
        "The millimetres are those of truncated codes: what the omitted levels add to this motion. "
        "A model that writes fewer levels chooses each code after different ones and so makes "
        "another motion, whose distance was not measured.",
        "",
        '`detail="auto"` on the same model, slowed down to a rate; '
        "real-time factor of the motion once it moves:",
        "",
        *table(("tokens/s", "levels decided", "RTF, auto", "RTF, full"), rates),
    ]


if __name__ == "__main__":
    main()
