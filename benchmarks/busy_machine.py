"""Measure a token beside other busy programs, with threads chosen per token or fixed.

    python benchmarks/busy_machine.py BUNDLE [--tokens 80] [-o benchmarks/results/busy_machine]

A GGUF bundle writes motion tokens while other processes compute: none; one that takes 5 ms of
every sixtieth of a second, like a window drawn by another program; one that never stops; one of
these per core. The three ways take turns within each load.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from machine import asked
from report import heading, table, write

import kinetoken
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import Manifest

WAYS: Final = {"chosen": None, "all cores": os.cpu_count() or 1, "one thread": 1}
LOADS: Final = {
    "nothing": [],
    "one, 5 ms of 17": [(0.005, 0.0117)],
    "one": [(1.0, 0.0)],
    "one for each core": [(1.0, 0.0)] * (os.cpu_count() or 1),
}
BUSY: Final = """
import sys, time
work, rest = float(sys.argv[1]), float(sys.argv[2])
while True:
    began = time.perf_counter()
    while time.perf_counter() - began < work:
        pass
    time.sleep(rest)
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument(
        "--tokens",
        type=int,
        default=80,
        help="of each way in each load, two rounds of half of them",
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    half = 8 if args.quick else args.tokens // 2
    manifest = read_manifest(args.bundle)
    models = {
        way: kinetoken.load(args.bundle, threads=count).bundle.language_model
        for way, count in WAYS.items()
    }
    found: dict[str, dict[str, list[float]]] = {}
    for load, programs in LOADS.items():
        found[load] = {way: [] for way in WAYS}
        with busy(programs):
            for order in (list(WAYS), list(WAYS)[::-1]):
                for way in order:
                    found[load][way] += tokens(models[way], manifest, half)
    rows = [(load, *(told(seconds) for seconds in ways.values())) for load, ways in found.items()]
    lm = manifest.language_model
    said = (
        f"{lm.architecture} {lm.quantization}; ms a motion token, median (95th percentile), "
        f"{2 * half} tokens each."
    )
    record = {"found": found, "tokens": 2 * half}
    write(
        args.out,
        [*heading("Beside other programs", said, ""), *table(("other programs", *WAYS), rows)],
        record,
    )


def told(seconds: list[float]) -> str:
    """Milliseconds."""
    ordered = sorted(seconds)
    return f"{1e3 * statistics.median(ordered):.0f} ({1e3 * ordered[int(0.95 * len(ordered))]:.0f})"


def tokens(model: Any, manifest: Manifest, count: int) -> list[float]:
    """Seconds of each motion token after a short prompt."""
    run, allowed, spent = model.start(), (range(*manifest.motion.levels[0]),), []
    run.push(list(range(100, 132)), allowed)
    for _ in range(count):
        began = time.perf_counter()
        run.push([allowed[0].start], allowed)
        spent.append(time.perf_counter() - began)
    return spent


@contextmanager
def busy(programs: list[tuple[float, float]]) -> Iterator[None]:
    """Run other processes, each with its seconds of work and of rest."""
    running = [
        subprocess.Popen([sys.executable, "-c", BUSY, str(work), str(rest)])
        for work, rest in programs
    ]
    time.sleep(0.3)
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
