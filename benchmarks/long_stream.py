"""Measure whether memory and time stay flat over half an hour of motion.

    python benchmarks/long_stream.py [--bundle B] [--minutes 30] [--work 3] [--quick]
        [-o benchmarks/results/long_stream]

One session in one process answers again and again, until half an hour of motion and at least three
minutes of work are done: a small model makes half an hour in a minute, a 3B works longer than the
motion lasts. Reported for each minute of motion: resident memory, and milliseconds of work per
latent frame. The first minute, in which caches fill, is in the table and in nothing else.

An answer keeps its motion until it is dropped, for `clip()`. So an endless stream is a session of
answers, as in `kinetoken chat` and the window, not one endless answer, which the model's context
would not hold anyway. A session keeps the tokens said, which the model may be shown again: some 40
bytes each, 2 MB for an hour of motion in four levels.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Final

import numpy as np
from machine import asked, memory
from report import curves, heading, table, write

import kinetoken

PROMPTS: Final = (
    "a person walks forward",
    "someone runs",
    "a man jumps forward",
    "do a squat",
    "a person waves",
    "dance",
)
Row = dict[str, float]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--minutes", type=float, default=30.0, help="of motion at least")
    parser.add_argument("--work", type=float, default=3.0, help="minutes of work at least")
    parser.add_argument("--levels", type=int)
    parser.add_argument("--quick", action="store_true", help="3 minutes of motion, however soon")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    if memory("VmRSS") is None:
        parser.error(
            "this system does not tell how much memory a process has: expected /proc/self/status"
        )
    minutes, work = (3.0, 0.0) if args.quick else (args.minutes, args.work)
    rows = stream(kinetoken.load(args.bundle), minutes, 60 * work, args.levels)
    found = flatness(rows[1:])
    drawing = curves(
        {"memory": [(r["minute"], r["mb"]) for r in rows]},
        "minutes of motion",
        "resident memory, MB",
    )
    write(args.out, page(rows, found), {"minutes": rows, **found}, drawing)


def stream(
    generator: kinetoken.Generator, minutes: float, work: float, levels: int | None
) -> list[Row]:
    """One row for each minute of motion."""
    session, rows, made, answer, worked = generator.session(), list[Row](), 0.0, 0, 0.0
    frames: list[float] = []  # milliseconds of each latent frame of this minute
    motion = 0.0  # seconds, of this minute
    while made < 60 * minutes or worked < work or not rows:
        began = time.perf_counter()
        for chunk in session.say(PROMPTS[answer % len(PROMPTS)], seed=answer, levels=levels):
            if isinstance(chunk, kinetoken.MotionChunk):
                now = time.perf_counter()
                frames += [1000 * (now - began) / len(chunk.codes)] * len(chunk.codes)
                worked, began = worked + now - began, now
                motion += len(chunk.joints) / generator.fps
        answer += 1
        if made + motion >= 60 * (len(rows) + 1):
            made += motion
            rows.append(row(len(rows) + 1, frames, motion, worked))
            frames, motion = [], 0.0
    return rows


def row(minute: int, frames: list[float], motion: float, worked: float) -> Row:
    """Work and memory of a minute of motion."""
    resident = memory("VmRSS")
    assert resident is not None
    return {
        "minute": minute, "mb": resident / 1e6, "ms": statistics.median(frames), "ms_99": float(np.percentile(frames, 99)),
        "rtf": motion / (sum(frames) / 1000), "worked_s": worked,
    }  # fmt: skip


def flatness(settled: list[Row]) -> dict[str, float]:
    """MB per minute of motion, by least squares; the second half's times over the first's."""
    half = max(1, len(settled) // 2)
    early, late = (
        statistics.median(r["ms"] for r in part) for part in (settled[:half], settled[-half:])
    )
    slope = (
        np.polyfit([r["minute"] for r in settled], [r["mb"] for r in settled], 1)[0]
        if len(settled) > 1
        else 0.0
    )
    most = max(r["mb"] for r in settled) - min(r["mb"] for r in settled)
    return {"mb_per_minute": float(slope), "mb_between": most, "step_ratio": late / early}


def page(rows: list[Row], found: dict[str, float]) -> list[str]:
    """The report in Markdown."""
    said = (
        f"{rows[-1]['minute']:g} minutes of motion in one process, "
        f"{rows[-1]['worked_s'] / 60:.1f} minutes of work."
    )
    shown = [rows[0], *rows[1 :: max(1, len(rows) // 10)]]
    return [
        *heading("Half an hour of motion", said, ""),
        *table(
            (
                "minute of motion",
                "memory, MB",
                "latent frame, ms (median)",
                "(99th)",
                "real-time factor",
            ),
            [
                (
                    r["minute"],
                    f"{r['mb']:.1f}",
                    f"{r['ms']:.2f}",
                    f"{r['ms_99']:.2f}",
                    f"{r['rtf']:.1f}",
                )
                for r in shown
            ],
        ),
        f"From the second minute on, memory grows {found['mb_per_minute']:+.3f} MB a minute of motion "
        f"and stays within {found['mb_between']:.1f} MB; a latent frame of the second half takes "
        f"{found['step_ratio']:.2f} times one of the first.",
        "",
    ]


if __name__ == "__main__":
    main()
