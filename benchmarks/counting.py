"""Measure how often the count judge is right on training windows whose count is known.

    python benchmarks/counting.py [--work WORK] [-o benchmarks/results/counting]

WORK is the folder of `kinetoken train-demo prepare`. Needs the extra [export].
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from report import heading, table, write

from kinetoken.motion.recover import recover
from kinetoken_export.demo.data.clips import load_clips
from kinetoken_export.demo.data.judges.counting import COUNTERS, times_done
from kinetoken_export.demo.data.windows import action_windows

WORDS = """\
Training windows that do an action a known number of times. Off: counted differently, as known >
counted, and how many. The exam judges the counts of these actions alone; others that training
counts: {others}."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    found, others = defaultdict[str, Counter[tuple[int, int]]](Counter), set[str]()
    for window in action_windows(load_clips(args.work)):
        if not window.count:
            continue
        times = times_done(window.action, recover(window.features.astype(np.float64)))
        if times is None:
            others.add(window.action)
        else:
            found[window.action][window.count, times] += 1
    rows = [row_of(action, found[action]) for action in COUNTERS if action in found]
    words = WORDS.format(others=", ".join(sorted(others)).replace("_", " "))
    lines = [
        *heading("The count judge"), words, "",
        *table(["action", "windows", "counts", "right", "off"], rows),
    ]  # fmt: skip
    record = {
        action: [{"known": k, "counted": n, "windows": w} for (k, n), w in sorted(each.items())]
        for action, each in found.items()
    }
    write(args.out, lines, {"windows": record})


def row_of(action: str, found: Counter[tuple[int, int]]) -> list[object]:
    """A row of the table."""
    known = [k for k, _ in found]
    right = sum(n for (k, counted), n in found.items() if k == counted)
    off = [f"{k} > {c}: {n}" for (k, c), n in sorted(found.items()) if k != c]
    span = str(min(known)) if min(known) == max(known) else f"{min(known)} to {max(known)}"
    return [
        action.replace("_", " "),
        found.total(),
        span,
        f"{right / found.total():.0%}",
        ", ".join(off),
    ]


if __name__ == "__main__":
    main()
