"""Measure what smoothing takes from a demo's motion, and what it leaves.

    python benchmarks/smooth.py [NAME=BUNDLE ...] [--seeds 3] [-o benchmarks/results/smooth]

A bundle without a folder (`demo=`) is the demo in the package. Needs the extra [export] for the
measures of `kinetoken train-demo evaluate`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from report import heading, table, write

import kinetoken
from kinetoken.motion.features import CONTACTS
from kinetoken.motion.footlock import FootLock
from kinetoken.motion.skeleton import FPS, JOINT
from kinetoken.motion.smooth import Smoothing
from kinetoken_export.demo.data.motion_measures import (
    bone_error,
    fast_share,
    foot_slide,
    jerk,
    kept_speeds,
    tremble,
)

Array = NDArray[np.float64]
Motion = tuple[str, Array, Array]
"""Prompt, joints (T, 22, 3), contact channels (T, 4)."""
Way = Callable[[Array, Array], Array]

STANDING: Final = ("a person stands still",)
BLOWS: Final = (
    "a person kicks with the left leg", "a person kicks with the right leg",
    "a person throws a punch", "a person is boxing",
)  # fmt: skip
OTHERS: Final = (
    "a person walks forward", "a person walks slowly", "a person walks backward",
    "a person runs forward", "a person turns around", "a person waves", "a person jumps up",
    "a person jumps forward", "a person does jumping jacks", "a person does squats",
    "a person sits down on a chair", "a person dances", "a person walks in a circle to the left",
)  # fmt: skip
ENDS: Final = [JOINT[name] for name in ("left_wrist", "right_wrist", "left_foot", "right_foot")]
WORDS: Final = """\
{answers} answers of each bundle, {seeds} to each prompt, at most 8 seconds. Smoothing holds back
{delay:.1f} s ({frames} frames) of motion, not the first pose; {cost:.0f} µs a frame, four frames at a
time. Standing: how far a joint is from its mean of five frames. Above 5 Hz: share of the limbs'
motion. Bones: deviation of their lengths. Slide: of feet near the floor. Blows: top speed of wrists
and feet in {blows} kicks and punches beside that of the motion as made, on average and at worst, and
the fastest of all. Moved: how far from where they were made. The five-tap quadratic smooths all
frames alike."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundles", nargs="*", default=["demo="], metavar="NAME=BUNDLE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    ways: dict[str, Way] = {
        "as made": lambda joints, _: joints,
        "five-tap quadratic": lambda joints, _: quadratic(joints),
        "smoothed": lambda joints, _: Smoothing().apply(joints),
        "feet locked": FootLock().apply,
        "smoothed, feet locked": lambda joints, c: FootLock().apply(Smoothing().apply(joints), c),
    }
    found, rows, blows, motions = {}, [], 0, list[Motion]()
    for name, _, bundle in (text.partition("=") for text in args.bundles):
        motions = answers(bundle or None, args.seeds)
        found[name] = {way: figures(motions, change) for way, change in ways.items()}
        rows += [[name, way, *cells(row)] for way, row in found[name].items()]
        blows += sum(len(kept_speeds(j, j)) for p, j, _ in motions if p in BLOWS)
    words = WORDS.format(
        answers=len(motions), seeds=args.seeds, delay=Smoothing().delay, frames=Smoothing().frames,
        cost=cost(motions), blows=blows,
    )  # fmt: skip
    names = [
        "", "", "standing, mm", "jerk, m/s³", "above 5 Hz", "bones, mm", "slide, m/s",
        "blows: speed kept", "at worst", "fastest, m/s", "moved, mm",
    ]  # fmt: skip
    lines = [*heading("Smoothing"), words, "", *table(names, rows)]
    write(args.out, lines, {"bundles": found})


def answers(bundle: str | None, seeds: int) -> list[Motion]:
    """The answers of a bundle to all prompts."""
    generator, out = kinetoken.load(bundle), []
    for prompt in (*STANDING, *BLOWS, *OTHERS):
        for seed in range(seeds):
            clip = generator.generate(prompt, seed=seed, max_seconds=8.0)
            assert clip.features is not None
            contacts = clip.features[:, CONTACTS].astype(np.float64)
            out.append((prompt, clip.joints.astype(np.float64), contacts))
    return out


def quadratic(joints: Array) -> Array:
    """Joints (T, 22, 3) by a quadratic through five frames (Savitzky, Golay 1964)."""
    out, weights = joints.copy(), np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35.0
    if len(joints) > 4:
        out[2:-2] = sum(w * joints[k : len(joints) - 4 + k] for k, w in enumerate(weights))
    return out


def figures(motions: list[Motion], change: Way) -> dict[str, float]:
    """Means over the motions; the median of jerk."""
    seen = [(prompt, joints, change(joints, contacts)) for prompt, joints, contacts in motions]
    kept = [k for prompt, was, now in seen if prompt in BLOWS for k in kept_speeds(now, was)]
    fastest = [
        np.linalg.norm(np.diff(now[:, ENDS] - now[:, :1], axis=0), axis=-1).max() * FPS
        for prompt, _, now in seen
        if prompt in BLOWS
    ]
    still = [tremble(now, np.ones(len(now), bool)) for p, _, now in seen if p in STANDING]
    return {
        "standing": float(np.mean(still)),
        "jerk": float(np.median([jerk(now) for _, _, now in seen])),
        "fast": float(np.mean([fast_share(now) for _, _, now in seen])),
        "bones": float(np.mean([bone_error(now) for _, _, now in seen])),
        "slide": float(np.mean([foot_slide(now) for _, _, now in seen])),
        "kept": float(np.mean(kept)),
        "worst": float(np.min(kept)),
        "fastest": float(np.max(fastest)),
        "moved": float(np.mean([np.linalg.norm(n - w, axis=-1).mean() * 1000 for _, w, n in seen])),
    }


def cells(row: dict[str, float]) -> list[str]:
    """The figures as they are written."""
    forms = "{standing:.2f} {jerk:.0f} {fast:.1%} {bones:.1f} {slide:.2f} {kept:.0%} {worst:.0%}"
    return [f.format(**row) for f in (*forms.split(), "{fastest:.1f}", "{moved:.1f}")]


def cost(motions: list[Motion]) -> float:
    """Microseconds a frame, four frames at a time."""
    frames, began = 0, time.perf_counter()
    for _, joints, _ in motions:
        run = Smoothing().start()
        for start in range(0, len(joints), 4):
            run.push(joints[start : start + 4])
        run.finish()
        frames += len(joints)
    return (time.perf_counter() - began) / max(1, frames) * 1e6


if __name__ == "__main__":
    main()
