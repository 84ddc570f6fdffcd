"""Measure how fast a bundle answers: first pose, real-time factor, memory, start.

    python benchmarks/demo_speed.py [--bundle B] [--rounds 7] [-o benchmarks/results/demo_speed]

Every round runs each number of levels once, interleaved, in one warm process; medians are
reported. Cold start and memory come from fresh processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from machine import describe, fresh

import kinetoken

PROMPT = "a person walks forward"
SECONDS = 6.0

FRESH = """
import json, time
began = time.perf_counter()
import kinetoken
imported = time.perf_counter()
generator = kinetoken.load(sys.argv[1] or None)
loaded = time.perf_counter()
first = None
for chunk in generator.stream("a person walks forward", seconds=6.0, seed=1):
    if first is None and isinstance(chunk, kinetoken.MotionChunk):
        first = time.perf_counter()
print(json.dumps({
    "import_s": imported - began, "load_s": loaded - imported, "start_to_first_pose_s": first - began,
    "peak_rss_mb": machine.peak_memory() / 2**20,
}))
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", default="")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    found = [fresh(FRESH, args.bundle) for _ in range(args.rounds)]
    start = {key: statistics.median(run[key] for run in found) for key in found[0]}
    warm = measure_warm(args.bundle or None, args.rounds)
    report = table(warm, start, args.rounds)
    print(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        record = {
            "machine": describe(),
            "command": " ".join(sys.argv),
            "warm": warm,
            "start": start,
        }
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def measure_warm(bundle: str | None, rounds: int) -> dict[int, dict[str, float]]:
    """Medians by number of levels, in one process, after one unmeasured answer each."""
    generator = kinetoken.load(bundle)
    levels = range(1, len(generator.manifest.motion.levels) + 1)
    runs: dict[int, list[dict[str, float]]] = {q: [] for q in levels}
    for round_ in range(rounds + 1):
        for q in levels:
            began = time.perf_counter()
            generation = generator.stream(PROMPT, seconds=SECONDS, levels=q, seed=round_)
            for _ in generation:
                pass
            stats, wall = generation.stats, time.perf_counter() - began
            if round_:
                tokens = (stats.text_tokens + stats.motion_tokens) / wall
                first = (stats.time_to_first_pose or 0.0) * 1000
                runs[q].append(
                    {
                        "rtf": stats.seconds_of_motion / wall,
                        "first_pose_ms": first,
                        "tokens_per_s": tokens,
                    }
                )
    return {
        q: {key: statistics.median(r[key] for r in mine) for key in mine[0]}
        for q, mine in runs.items()
    }


def table(warm: dict[int, dict[str, float]], start: dict[str, float], rounds: int) -> str:
    """The report in Markdown."""
    lines = [
        "# Speed of the demo model",
        "",
        f"{describe()}. `python {' '.join(sys.argv)}`; "
        f'{SECONDS:g} s of "{PROMPT}", medians of {rounds} rounds.',
        "",
        "| levels | real-time factor | prompt to first pose, ms | tokens/s |",
        "|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {q} | {m['rtf']:.1f} | {m['first_pose_ms']:.0f} | {m['tokens_per_s']:.0f} |"
        for q, m in warm.items()
    ]
    lines += [
        "",
        "The thought is part of the answer and of these times. From a fresh process:",
        "",
        f"- import kinetoken: {start['import_s']:.2f} s; "
        f"load the bundle, checksums included: {start['load_s']:.2f} s",
        f"- start of Python to first pose: {start['start_to_first_pose_s']:.2f} s",
        f"- peak memory (RSS): {start['peak_rss_mb']:.0f} MB",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
