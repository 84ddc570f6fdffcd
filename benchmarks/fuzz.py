"""Spoil inputs and command lines, ten thousand of them, and count what no case may do.

    python benchmarks/fuzz.py [--cases 10000] [--first 0] [-o benchmarks/results/fuzz]

Kinds of cases: see tests/support/fuzz_cases.py, whose seeds alone decide what is spoiled and how.
Each case runs in a worker of its kind; a worker that dies or says nothing for long is a finding,
and the next one goes on behind that case. Reported: tracebacks, hangs, crashes, failures without
one clear line, and outputs or other files that a failure touched.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from report import heading, table, write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

SHARES: Final = {
    "bundle.json": 12, "files of a bundle": 9, "motion files": 14, "token texts": 6, "prompt files": 6, "batch folders": 5,
    "chat files": 6, "checkpoints": 8, "codecs": 5, "scripts": 1, "pictures": 1,
    "answers of engines": 3, "answers of hubs": 6, "requests to the page": 4,
    "addresses": 4, "command lines": 10,
}  # fmt: skip
"""Parts of a hundred."""
SILENCE: Final = 150.0
"""Seconds without a verdict after which a worker is given up: it gives itself up before."""


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--work", nargs=3, metavar=("KIND", "FIRST", "LAST"), help=argparse.SUPPRESS
    )
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    if args.work is not None:
        _work(args.work[0], int(args.work[1]), int(args.work[2]))
        return
    began, rows, found = time.monotonic(), [], []
    for kind, share in SHARES.items():
        verdicts = list(_verdicts(kind, args.first, args.first + args.cases * share // 100))
        bad = [verdict for verdict in verdicts if verdict["problem"]]
        found += bad
        rows.append(_row(kind, verdicts, bad))
        print(*rows[-1], file=sys.stderr, flush=True)
    lines = [
        *heading("Spoiled inputs and command lines", f"{time.strftime('%Y-%m-%d')}."),
        *table(("kind", "cases", "refused", "findings", "median, ms", "longest, s"), rows),
        f"{sum(int(row[1]) for row in rows):,} cases in {(time.monotonic() - began) / 60:.0f} "
        f"minutes: {len(found)} findings.",
        "",
        *(f"- {v['kind']}, seed {v['seed']}: {v['problem']}" for v in found[:50]),
    ]
    counts = {row[0]: {"cases": row[1], "refused": row[2], "findings": row[3]} for row in rows}
    write(args.out, lines, {"kinds": counts, "findings": found})
    sys.exit(bool(found))


def _row(kind: str, verdicts: list[dict[str, Any]], bad: list[dict[str, Any]]) -> tuple[Any, ...]:
    times = sorted(verdict["seconds"] for verdict in verdicts) or [0.0]
    refused = sum(bool(verdict["code"]) for verdict in verdicts)
    middle, longest = 1000 * times[len(times) // 2], times[-1]
    return kind, len(verdicts), refused, len(bad), f"{middle:.0f}", f"{longest:.1f}"


def _verdicts(kind: str, first: int, last: int) -> Iterator[dict[str, Any]]:
    """All verdicts of a kind, whatever becomes of the workers."""
    at = first
    while at < last:
        command = [sys.executable, __file__, "--work", kind, str(at), str(last)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "KINETOKEN_THREADS": "1"}
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0
        )
        for line in _lines(worker):
            yield line
            at = line["seed"] + 1
        worker.kill()
        code = worker.wait()
        if at < last:
            why = "hang: no verdict" if code == -9 else f"crash: the worker ended with {code}"
            yield {"kind": kind, "seed": at, "code": None, "problem": why, "seconds": SILENCE}
            at += 1


def _lines(worker: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """What the worker says, until it ends or says nothing for long."""
    assert worker.stdout is not None
    left = b""
    while select.select([worker.stdout], [], [], SILENCE)[0]:
        if not (piece := worker.stdout.read(1 << 16)):
            return
        *lines, left = (left + piece).split(b"\n")
        yield from map(json.loads, lines)


def _work(kind: str, first: int, last: int) -> None:
    """Run cases, a line of JSON for each."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing that a case prints may come between
    from fuzz_material import build_material
    from fuzz_runner import run_case

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        material = build_material(Path(folder) / "material")
        for seed in range(first, last):
            verdict = asdict(run_case(kind, seed, material, Path(folder) / "case"))
            print(json.dumps(verdict), file=out, flush=True)


if __name__ == "__main__":
    main()
