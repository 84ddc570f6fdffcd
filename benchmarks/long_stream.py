"""Does a stream that goes on for half an hour stay flat in memory and time?

    python benchmarks/long_stream.py [--bundle B] [--minutes 30] [--quick] [-o benchmarks/results/long_stream]

Half an hour of motion, one answer after another as a body that never stops gets them, in one process: resident memory after each
minute of motion, and milliseconds of work for a latent frame in that minute.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from report import curves, heading, table, write

import kinetoken
from kinetoken.motion.line import BodyLine

PROMPTS: Final = (
    "a person walks forward",
    "someone runs",
    "a man jumps forward",
    "do a squat",
    "a person waves",
    "dance",
)
STATM: Final = Path("/proc/self/statm")
PAGE: Final = 4096


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--levels", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    minutes = 2.0 if args.quick else args.minutes
    rows = stream(kinetoken.load(args.bundle), minutes, args.levels)
    settled = rows[1:] if len(rows) > 2 else rows
    half = max(1, len(settled) // 2)
    memory = [statistics.mean(r["mb"] for r in part) for part in (settled[:half], settled[-half:])]
    steps = [statistics.median(r["ms"] for r in part) for part in (settled[:half], settled[-half:])]
    shown = rows[:: max(1, len(rows) // 10)]
    lines = [
        *heading("Half an hour of motion", f"{minutes:g} minutes of motion in one process."),
        *table(
            ("minute", "memory, MB", "latent frame, ms (median)", "(99th)", "real-time factor"),
            [(r["minute"], f"{r['mb']:.1f}", f"{r['ms']:.2f}", f"{r['ms_99']:.2f}", f"{r['rtf']:.1f}") for r in shown],
        ),
        f"Second half against first, the first minute left out: memory {memory[1] - memory[0]:+.1f} MB, "
        f"a latent frame {steps[1] / steps[0]:.2f} times.",
        "",
    ]
    points = {"memory, MB": [(r["minute"], r["mb"]) for r in rows]}
    drawing = curves(points, "minutes of motion", "resident memory, MB")
    write(
        args.out,
        lines,
        {"minutes": rows, "memory_growth_mb": memory[1] - memory[0], "step_ratio": steps[1] / steps[0]},
        drawing,
    )


def stream(generator: kinetoken.Generator, minutes: float, levels: int | None) -> list[dict[str, Any]]:
    """One row for each minute of motion."""
    line, rows, made, answer = BodyLine(float(generator.fps)), [], 0.0, 0
    per_minute: list[float] = []
    worked = 0.0
    while made < 60 * minutes:
        line.cut()
        generation = generator.stream(PROMPTS[answer % len(PROMPTS)], seed=answer, levels=levels)
        answer += 1
        began = time.perf_counter()
        for chunk in generation:
            if isinstance(chunk, kinetoken.MotionChunk):
                line.push(chunk.joints)
                now = time.perf_counter()
                per_minute.append(1000 * (now - began) / len(chunk.codes))
                worked, began = worked + now - began, now
                made += len(chunk.joints) / generator.fps
        if made >= 60 * (len(rows) + 1):
            rows.append({
                "minute": len(rows) + 1, "mb": resident() / 1e6, "ms": statistics.median(per_minute),
                "ms_99": float(np.percentile(per_minute, 99)), "rtf": 0.2 * len(per_minute) / worked,
            })  # fmt: skip
            per_minute, worked = [], 0.0
    return rows


def resident() -> int:
    """Bytes of this process in memory."""
    return int(STATM.read_text(encoding="ascii").split()[1]) * PAGE


if __name__ == "__main__":
    main()
