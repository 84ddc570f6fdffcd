"""Measure the way from prompt to pose: first pose, speed and memory, for one and several avatars.

    python benchmarks/end_to_end.py [--bundle B] [--rounds 5] [--quick]
        [-o benchmarks/results/end_to_end]

Warm: in one process, each round runs every number of levels and of avatars once, in turn, after
one uncounted round. Cold: a fresh process for each, three rounds, before anything is loaded here.
Several avatars are several answers in one process that take turns by chunk, as a scene of several
bodies needs them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Final

from machine import asked, fresh, middle, spread
from report import curves, heading, table, write

import kinetoken
from kinetoken.generation.bundle import bundle_folder
from kinetoken.manifest.manifest_file import read_manifest

PROMPT: Final = "a person walks forward"
SECONDS: Final = 6.0
AVATARS: Final = (1, 2, 4, 8)
LEVELS: Final = (1, 2, 4)
COLD_ROUNDS: Final = 3
Figures = dict[str, float]

FRESH: Final = """
import json, time
began = time.perf_counter()
import kinetoken
generator = kinetoken.load(sys.argv[1] or None)
loaded = time.perf_counter()
seconds, levels, avatars = float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
waiting = [generator.stream("a person walks forward", seconds=seconds, levels=levels, seed=n) for n in range(avatars)]
first = None
while waiting:
    for generation in list(waiting):
        chunk = next(generation, None)
        if chunk is None:
            waiting.remove(generation)
        elif first is None and isinstance(chunk, kinetoken.MotionChunk):
            first = time.perf_counter()
print(json.dumps({"load_s": loaded - began, "first_pose_s": first - began, "peak_mb": machine.peak_memory() / 2**20}))
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", default="")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="one round of 2 s of motion, 4 avatars at most"
    )
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    rounds, seconds = (1, 2.0) if args.quick else (args.rounds, args.seconds)
    avatars = AVATARS[: 3 if args.quick else None]
    folder = bundle_folder(args.bundle or None)
    most = len(read_manifest(folder).motion.levels)
    levels = sorted({min(q, most) for q in LEVELS})
    arms = [(q, 1) for q in levels] + [(most, n) for n in avatars if n > 1]
    started = cold(args.bundle, seconds, arms, min(rounds, COLD_ROUNDS))
    found = warm(kinetoken.load(args.bundle or None), seconds, arms, rounds)
    named = [
        {"levels": q, "avatars": n} | {"warm": found[q, n], "cold": started[q, n]} for q, n in arms
    ]
    crowds = [(n, found[q, n]) for q, n in arms if q == most]
    lines = {
        "each avatar": [(n, c["rtf_each"]) for n, c in crowds],
        "all together": [(n, c["rtf"]) for n, c in crowds],
    }
    drawing = curves(lines, "avatars at once", "seconds of motion per second", line_at=1.0)
    write(
        args.out,
        page(named, seconds, rounds),
        {"arms": named, "seconds": seconds, "rounds": rounds},
        drawing,
    )


def cold(
    bundle: str, seconds: float, arms: list[tuple[int, int]], rounds: int
) -> dict[tuple[int, int], Figures]:
    """Start and memory by levels and avatars, each in processes of its own."""
    runs = [
        {arm: fresh(FRESH, bundle, str(seconds), *map(str, arm)) for arm in turned(arms, n)}
        for n in range(rounds)
    ]
    return {arm: middle(run[arm] for run in runs) for arm in arms}


def warm(
    generator: kinetoken.Generator, seconds: float, arms: list[tuple[int, int]], rounds: int
) -> dict[tuple[int, int], Figures]:
    """Speed by levels and avatars, in one process."""
    runs = [
        {arm: crowd(generator, *arm, seconds, n) for arm in turned(arms, n)}
        for n in range(rounds + 1)
    ]
    return {arm: middle(run[arm] for run in runs[1:]) for arm in arms}


def turned(arms: list[tuple[int, int]], number: int) -> list[tuple[int, int]]:
    """Rotate the order every round."""
    at = number % len(arms)
    return arms[at:] + arms[:at]


def crowd(
    generator: kinetoken.Generator, levels: int, count: int, seconds: float, round_: int
) -> Figures:
    """Several answers in turn by chunk; "going": from all first poses to the last."""
    began = time.perf_counter()
    waiting = [
        generator.stream(PROMPT, seconds=seconds, levels=levels, seed=count * round_ + n)
        for n in range(count)
    ]
    ends: list[tuple[float, float]] = []  # when a chunk came, and seconds of motion in it
    firsts: dict[int, float] = {}
    while waiting:
        for generation in list(waiting):
            chunk = next(generation, None)
            if chunk is None:
                waiting.remove(generation)
            elif isinstance(chunk, kinetoken.MotionChunk):
                ends.append((time.perf_counter(), len(chunk.joints) / generator.fps))
                firsts.setdefault(generation.seed, ends[-1][0] - began)
    made, last = sum(motion for _, motion in ends), ends[-1][0]
    going = (made - ends[0][1]) / max(1e-9, last - ends[0][0])
    rtf = made / (last - began)
    return {
        "first_pose_ms": 1000 * max(firsts.values()),
        "rtf": rtf,
        "rtf_each": rtf / count,
        "rtf_going": going / count,
    }


def page(arms: list[dict[str, Any]], seconds: float, rounds: int) -> list[str]:
    """The report in Markdown."""
    rows = [
        (arm["levels"], arm["avatars"], spread(arm["warm"], "first_pose_ms", ".0f"), spread(arm["warm"], "rtf_each", ".1f"),
         f"{arm['warm']['rtf']:.1f}", f"{arm['warm']['rtf_going']:.1f}", f"{arm['cold']['peak_mb']:.0f}")
        for arm in arms
    ]  # fmt: skip
    start = arms[0]["cold"]
    said = (
        f'{seconds:g} s of "{PROMPT}" for each avatar, medians of {rounds} rounds (least to most).'
    )
    return [
        *heading("From prompt to pose", said, ""),
        *table(
            ("levels", "avatars at once", "first pose of the last one, ms", "real-time factor of each", "of all",
             "of each, once one moves", "peak memory, MB"),
            rows,
        ),
        f"From a fresh process, {arms[0]['levels']} level: "
        f"loaded after {spread(start, 'load_s')} s, first pose after "
        f"{spread(start, 'first_pose_s')} s. Peak memory is that of fresh processes.",
        "",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
