"""From prompt to pose: when does the body move, how fast does it go on, how much memory does it take; for one and for several avatars?

    python benchmarks/end_to_end.py [--bundle B] [--quick] [-o benchmarks/results/end_to_end]

Warm: one process, each round runs every number of levels once, in turn, after one that is not counted. Cold: a fresh process each
time. Several avatars: so many answers in one process, a chunk of each in turn, as a scene of several bodies would ask for them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from report import curves, heading, table, write

import kinetoken

PROMPT: Final = "a person walks forward"
SECONDS: Final = 6.0
AVATARS: Final = (1, 2, 4, 8)
LEVELS: Final = (1, 2, 4)

FRESH: Final = """
import json, resource, sys, time
began = time.perf_counter()
import kinetoken
generator = kinetoken.load(sys.argv[1] or None)
loaded = time.perf_counter()
first = None
for chunk in generator.stream("a person walks forward", seconds=float(sys.argv[2]), seed=1):
    if first is None and isinstance(chunk, kinetoken.MotionChunk):
        first = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"load_s": loaded - began, "first_pose_s": first - began, "peak_mb": peak}))
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", default="")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    rounds, seconds = (2, 2.0) if args.quick else (args.rounds, args.seconds)
    generator = kinetoken.load(args.bundle or None)
    warm = in_rounds(generator, rounds, seconds)
    crowds = {count: crowd(generator, count, seconds) for count in AVATARS}
    fresh = [cold(args.bundle, seconds) for _ in range(rounds)]
    start = {key: statistics.median(run[key] for run in fresh) for key in fresh[0]}
    record = {"warm": warm, "crowds": crowds, "cold": start, "seconds": seconds}
    drawing = curves(
        {"each avatar": [(n, c["rtf_each"]) for n, c in crowds.items()], "all together": [(n, c["rtf"]) for n, c in crowds.items()]},
        "avatars at once", "seconds of motion per second", line_at=1.0,
    )  # fmt: skip
    write(args.out, page(warm, crowds, start, rounds, seconds), record, drawing)


def in_rounds(generator: kinetoken.Generator, rounds: int, seconds: float) -> dict[int, dict[str, float]]:
    """Medians by number of levels."""
    most = len(generator.bundle.motion.levels)
    levels = sorted({min(q, most) for q in LEVELS})
    runs: dict[int, list[dict[str, float]]] = {q: [] for q in levels}
    for round_ in range(rounds + 1):
        for q in levels:
            generation = generator.stream(PROMPT, seconds=seconds, levels=q, seed=round_)
            for _ in generation:
                pass
            stats = generation.stats
            first = stats.time_to_first_pose or 0.0
            going = (stats.seconds_of_motion - 0.2) / max(1e-9, stats.elapsed - first)
            if round_:
                runs[q].append({"first_pose_ms": 1000 * first, "rtf": stats.rtf, "rtf_going": going})
    return {q: {key: statistics.median(r[key] for r in mine) for key in mine[0]} for q, mine in runs.items()}


def crowd(generator: kinetoken.Generator, count: int, seconds: float) -> dict[str, float]:
    """So many answers at once, a chunk of each in turn."""
    began = time.perf_counter()
    waiting = [generator.stream(PROMPT, seconds=seconds, seed=seed) for seed in range(count)]
    last, made = began, 0.0
    firsts: dict[int, float] = {}
    while waiting:
        for generation in list(waiting):
            chunk = next(generation, None)
            if chunk is None:
                waiting.remove(generation)
            elif isinstance(chunk, kinetoken.MotionChunk):
                last, made = time.perf_counter(), made + len(chunk.joints) / generator.fps
                firsts.setdefault(generation.seed, 1000 * (last - began))
    rtf = made / (last - began)
    return {"rtf": rtf, "rtf_each": rtf / count, "last_first_pose_ms": max(firsts.values())}


def cold(bundle: str, seconds: float) -> dict[str, float]:
    """A process of its own."""
    said = subprocess.check_output([sys.executable, "-c", FRESH, bundle, str(seconds)])
    found: dict[str, float] = json.loads(said)
    return found


def page(
    warm: dict[int, Any], crowds: dict[int, Any], start: dict[str, float], rounds: int, seconds: float
) -> list[str]:
    """The report in Markdown."""
    levels = [(q, f"{m['first_pose_ms']:.0f}", f"{m['rtf']:.2f}", f"{m['rtf_going']:.2f}") for q, m in warm.items()]
    several = [
        (n, f"{c['rtf_each']:.2f}", f"{c['rtf']:.2f}", f"{c['last_first_pose_ms']:.0f}") for n, c in crowds.items()
    ]
    return [
        *heading("From prompt to pose", f'{seconds:g} s of "{PROMPT}", medians of {rounds} rounds.', ""),
        *table(("levels", "first pose, ms", "real-time factor", "once it moves"), levels),
        f"From a fresh process: loaded after {start['load_s']:.2f} s, first pose after {start['first_pose_s']:.2f} s, "
        f"at most {start['peak_mb']:.0f} MB in memory.",
        "",
        *table(("avatars at once", "real-time factor of each", "of all", "last one's first pose, ms"), several),
    ]


if __name__ == "__main__":
    main()
