"""Measure the loops that `convert --loop --in-place` makes: how long, how close, how smooth.

    python benchmarks/loops.py [--bundle BUNDLE] [-o benchmarks/results/loops]

One clip of every action of the demo. The seam is judged with the loop played twice: the largest
acceleration of any joint there, over the largest elsewhere in the loop.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from machine import describe

import kinetoken
from kinetoken.motion.edits.cuts import without_path
from kinetoken.motion.edits.loop import loop_of
from kinetoken_export.demo.words.action_names import VERBS

SECONDS = 4.0


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    generator = kinetoken.load(args.bundle)
    rows, refused = {}, []
    for action, verbs in VERBS.items():
        prompt = "a person can " + verbs[0].replace("~", "")
        clip = generator.generate(prompt, seconds=SECONDS, seed=2)
        try:
            rows[action] = figures(clip)
        except kinetoken.InputError:
            refused.append(action)
    command = " ".join(sys.argv)
    record = {"machine": describe(), "command": command, "rows": rows, "refused": refused}
    report = table(record, rows, refused)
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def figures(clip: kinetoken.Clip) -> dict[str, float]:
    """Seconds, centimetres, and acceleration at the seam over that elsewhere."""
    loop, cycle = loop_of(clip, straight=True)
    once = without_path(loop).joints[:-1].astype(np.float64)
    twice = np.concatenate([once, once])
    fastest = np.linalg.norm(np.diff(twice, n=2, axis=0), axis=-1).max(axis=1)
    seam = [len(once) - 2, len(once) - 1]
    return {
        "seconds": len(once) / loop.fps,
        "gap, cm": cycle.gap * 100,
        "seam": float(fastest[seam].max() / np.delete(fastest, seam).max()),
    }


def table(record: dict[str, object], rows: dict[str, dict[str, float]], refused: list[str]) -> str:
    """The report in Markdown."""
    names = list(next(iter(rows.values())))
    lines = [
        "# Loops",
        "",
        f"{record['machine']}. `python {record['command']}`",
        "",
        f"{len(rows)} of {len(rows) + len(refused)} actions loop; refused: {', '.join(refused)}. "
        "Seam: the largest acceleration of a joint there, over the largest elsewhere.",
        "",
        f"| action | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    for name, of in (("**median**", np.median), ("**largest**", np.max)):
        values = [float(of([row[key] for row in rows.values()])) for key in names]
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |")
    for action, row in rows.items():
        lines.append(f"| {action} | {' | '.join(f'{row[key]:.2f}' for key in names)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
