"""Measure how punctually live frames leave while the language model runs.

    python benchmarks/live_pacing.py [--seconds 30] [-o benchmarks/results/live_pacing]

One process generates without a pause; its live output goes to a VMC receiver and a page on this
machine at 60 Hz. Reported: how late frames leave against the clock, as the sender measures it, and
their spacing at a UDP socket.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import socket
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from machine import describe

import kinetoken
from kinetoken.live.live_output import LiveOutput
from kinetoken.live.settings import LiveSettings, NetworkAddress

PROMPT = "a person walks forward"
AHEAD = 2.0  # seconds of motion that are kept in hand


def receive(out: Connection) -> None:
    """Arrival times until nothing has come for a second after the first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        out.send(receiver.getsockname()[1])
        times = []
        try:
            while True:
                receiver.recv(65536)
                times.append(time.perf_counter())
                receiver.settimeout(1.0)
        except TimeoutError:
            out.send(times)


def measure(seconds: float, *, busy: bool) -> dict[str, float]:
    """Lateness and spacing in milliseconds, with the model at work or at rest."""
    context = multiprocessing.get_context("spawn")
    inlet, outlet = context.Pipe(duplex=False)
    receiver = context.Process(target=receive, args=(outlet,), daemon=True)
    receiver.start()
    generator = kinetoken.load()
    settings = LiveSettings(vmc=NetworkAddress("127.0.0.1", inlet.recv()), ws=0)
    with LiveOutput(settings, lambda line: None) as live:
        made = generate(generator, live, seconds, busy=busy)
        live.finish()
        report = live.wait()
    times = inlet.recv()
    gaps = sorted((b - a) * 1000 for a, b in itertools.pairwise(times))
    return {
        "late_median_ms": report.late * 1000,
        "late_p99_ms": report.late_most * 1000,
        "gap_median_ms": statistics.median(gaps),
        "gap_p01_ms": gaps[len(gaps) // 100],
        "gap_p99_ms": gaps[99 * len(gaps) // 100],
        "frames": report.frames,
        "arrived": len(times),
        "holds": report.holds,
        "generated_s": made,
    }


def generate(
    generator: kinetoken.Generator, live: LiveOutput, seconds: float, *, busy: bool
) -> float:
    """Feed `seconds` of motion, return the seconds made; a busy model makes more, unused."""
    began, sent, made, seed = time.perf_counter(), 0.0, 0.0, 0
    while sent < seconds:
        seed += 1
        for chunk in generator.stream(PROMPT, seconds=8, seed=seed):
            if not isinstance(chunk, kinetoken.MotionChunk):
                continue
            length = len(chunk.joints) / generator.fps
            made += length
            ahead = sent - (time.perf_counter() - began)
            if not busy:
                time.sleep(max(0.0, ahead - AHEAD))
            if not busy or ahead < AHEAD:
                live.push(chunk.joints)
                sent += length
            if sent >= seconds:
                break
    return made


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    rows = {
        "at rest": measure(args.seconds, busy=False),
        "generating all the time": measure(args.seconds, busy=True),
    }
    text = table(rows, args.seconds)
    print(text)
    if args.out is not None:
        args.out.with_suffix(".md").write_text(text, encoding="utf-8")
        data = {"machine": describe(), "seconds": args.seconds, "rows": rows}
        args.out.with_suffix(".json").write_text(
            json.dumps(data, indent=1) + "\n", encoding="utf-8"
        )


def table(rows: dict[str, dict[str, float]], seconds: float) -> str:
    """The report in Markdown."""
    lines = [
        "# Pace of live output",
        "",
        f"{describe()}. `python {' '.join(sys.argv)}`; "
        f"{seconds:g} s at 60 Hz (16.67 ms), VMC over loopback and a page.",
        "",
        "| model | leaves late, ms: median | 99 % | arrives after, ms: 1 % | median | 99 % | frames | arrived | rests | motion made, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, r in rows.items():
        late = f"{r['late_median_ms']:.2f} | {r['late_p99_ms']:.2f}"
        gaps = f"{r['gap_p01_ms']:.2f} | {r['gap_median_ms']:.2f} | {r['gap_p99_ms']:.2f}"
        counts = (
            f"{r['frames']:.0f} | {r['arrived']:.0f} | {r['holds']:.0f} | {r['generated_s']:.0f}"
        )
        lines.append(f"| {name} | {late} | {gaps} | {counts} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
