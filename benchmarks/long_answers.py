"""Measure answers of 20, 48 and 60 seconds: words, and how the last third moves beside the first.

    python benchmarks/long_answers.py [--bundle B] [--seeds 2] [-o benchmarks/results/long_answers]

60 seconds do not fit the demo's context: the model goes on in a new one. Needs the extra [export]
for the measures of `kinetoken train-demo evaluate`.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from report import heading, table, write

import kinetoken
from kinetoken_export.demo.data.motion_measures import foot_slide, jerk

PROMPTS = ("walk forward", "dance", "stand still", "run in a circle", "march on the spot", "box")
LENGTHS = (20, 48, 60)
WORDS = """\
Seeds of each prompt: {seeds}. Words: in the whole answer. Jerk and slide: last third over first, as
in `kinetoken train-demo evaluate`. Pelvis: lowest height in the last third, metres, and how much lower its
median is than in the first third, centimetres."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    generator = kinetoken.load(args.bundle)
    found = [
        measured(generator, prompt, seconds, args.seeds)
        for prompt, seconds in product(PROMPTS, LENGTHS)
    ]
    names = ["prompt", "seconds", "words", "jerk", "slide", "pelvis, lowest", "sinks"]
    rows = [
        [r["prompt"], r["seconds"], *(f"{r[k]:.2f}" for k in ("words", *names[3:5], "lowest")),
         f"{r['sinks']:.1f}"]
        for r in found
    ]  # fmt: skip
    lines = [
        *heading("Long answers"),
        WORDS.format(seeds=args.seeds),
        "",
        *table(names, rows),
    ]
    write(args.out, lines, {"answers": found})


def measured(
    generator: kinetoken.Generator, prompt: str, seconds: int, seeds: int
) -> dict[str, str | float]:
    """Medians over the seeds of one prompt and length."""
    found = []
    for seed in range(seeds):
        answer = generator.stream(prompt, seed=seed, seconds=seconds)
        for _ in answer:
            pass
        joints = answer.clip().joints.astype(np.float64)
        assert len(joints) == seconds * generator.fps
        third = len(joints) // 3
        first, last = joints[:third], joints[-third:]
        height = first[:, 0, 1], last[:, 0, 1]
        found.append(
            (
                len(answer.thought.split()),
                jerk(last) / max(jerk(first), 1e-9),
                foot_slide(last) / max(foot_slide(first), 1e-9),
                float(height[1].min()),
                100 * float(np.median(height[0]) - np.median(height[1])),
            )
        )
    names = ("words", "jerk", "slide", "lowest", "sinks")
    medians = (float(v) for v in np.median(np.array(found), axis=0))
    return {"prompt": prompt, "seconds": seconds} | dict(zip(names, medians, strict=True))


if __name__ == "__main__":
    main()
