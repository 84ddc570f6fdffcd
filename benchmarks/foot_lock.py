"""Measure how much the foot lock reduces sliding, what it changes, and how smooth seams are.

    python benchmarks/foot_lock.py [--bundle B] [--seeds 3] [--clips CLIPS.npz]
        [-o benchmarks/results/foot_lock]

The motions answer the prompts that the bundle names as its examples; --clips adds captured clips,
arrays (T, 22, 3) at 20 fps. Needs the extra [export] for the measures of `kinetoken train-demo
evaluate`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from machine import describe
from numpy.typing import NDArray
from report import examples_of

import kinetoken
from kinetoken.motion.features import CONTACTS
from kinetoken.motion.footlock import FootLock
from kinetoken.motion.skeleton import CONTACT_JOINTS, FPS
from kinetoken.motion.transition import Transition
from kinetoken_export.demo.data.motion_measures import FOOT_HEIGHT, foot_slide, jerk

Array = NDArray[np.float64]
Motion = tuple[Array, Array | None]
"""Joints (T, 22, 3) and contact channels (T, 4), where there are any."""

FEET = list(CONTACT_JOINTS)
PLANTED = 0.5  # m/s: a low foot slower than this stands beyond doubt
LONGEST = 400  # frames of a captured clip
AFTER = 8  # frames after a seam that are looked at: the blend and a little more
PAIRS = 200

LOCK_WORDS = f"""\
The lock adds no delay (0 frames); {{lock_us_per_frame:.0f}} µs a frame, four frames at a time. Slide in contact is
measured as in `kinetoken train-demo evaluate`: the mean speed over the floor of ankles and feet lower than
5 cm above where each stands. It includes the natural roll of a foot, so captured feet have it too.
Slide of planted feet includes only those slower than {PLANTED:g} m/s before the lock, which should not move
at all. Moved: the distance from the original joints.

Ankle and toe are corrected by at most 8 cm. The ankle keeps this limit; the toe may land 1 to 2 cm
further, because a foot keeps its length and turns towards its toe's place around an ankle that has
moved. A foot that turns while it is dragged along at the limit does so most."""
SEAM_WORDS = f"""\
{PAIRS} random pairs of each kind, joined; the {AFTER} frames after the seam. A cut places the second motion
where the first ends, without a blend. Usual is the 95th percentile of the frames within the two
motions. Frames after the seam also contain the second motion itself, such as a kick. Seams that
exceed the fastest join quiet motions whose poses are far apart."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--clips", type=Path, default=Path("../shared/data/mocap/processed/clips20_22x3.npz")
    )
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    kinds = {"generated": generations(args.bundle, args.seeds)}
    if args.clips.is_file():
        kinds["captured"] = captured(args.clips)
    locks = {kind: lock_table(motions) for kind, motions in kinds.items()}
    seams = {kind: seam_table([joints for joints, _ in motions]) for kind, motions in kinds.items()}
    counts = {kind: len(motions) for kind, motions in kinds.items()}
    pace = cost(kinds["generated"])
    text = report(locks, seams, counts, pace)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".md").write_text(text, encoding="utf-8")
        settings = {"foot_lock": asdict(FootLock()), "transition": asdict(Transition())}
        record = {
            "machine": describe(),
            "settings": settings,
            "motions": counts,
            "lock": locks,
            "seams": seams,
            **pace,
        }
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def generations(bundle: str | None, seeds: int) -> list[Motion]:
    """Every example of the bundle, `seeds` times."""
    generator, out = kinetoken.load(bundle), []
    for prompt in examples_of(generator):
        for seed in range(seeds):
            clip = generator.generate(prompt, seed=seed, temperature=0.5)
            assert clip.features is not None
            out.append(
                (clip.joints.astype(np.float64), clip.features[:, CONTACTS].astype(np.float64))
            )
    return out


def captured(path: Path) -> list[Motion]:
    """Every fourth clip of the file whose joints never exceed 14 m/s, cut to LONGEST frames."""
    with np.load(path) as data:
        clips = [data[name][:LONGEST].astype(np.float64) for name in data.files[::4]]
    return [(joints, None) for joints in clips if speeds(joints).max(initial=0.0) < 14.0]


def lock_table(motions: list[Motion]) -> dict[str, float]:
    """Medians over the motions; millimetres, m/s, m/s^3."""
    rows = []
    for joints, contacts in motions:
        locked = FootLock().apply(joints, contacts)
        far = np.linalg.norm(locked - joints, axis=-1) * 1000
        rows.append({
            "slide": foot_slide(joints), "slide_locked": foot_slide(locked),
            "planted": planted_slide(joints, joints), "planted_locked": planted_slide(locked, joints),
            "jerk": jerk(joints), "jerk_locked": jerk(locked),
            "leg_speed": legs(joints), "leg_speed_locked": legs(locked),
            "error_mean": float(far.mean()), "error_feet": float(far[:, FEET].mean()), "error_max": float(far.max()),
        })  # fmt: skip
    out = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
    return {**out, "error_largest": max(row["error_max"] for row in rows)}


def planted_slide(joints: Array, judged: Array) -> float:
    """Mean speed (m/s) over the floor of ankles and feet that are low and slow in `judged`."""
    points = judged[:, FEET]
    low = points[..., 1] < np.percentile(points[..., 1], 5, axis=0) + FOOT_HEIGHT
    still = low[1:] & low[:-1] & (_over_floor(judged) < PLANTED)
    return float(_over_floor(joints)[still].mean()) if still.any() else 0.0


def _over_floor(joints: Array) -> Array:
    return np.asarray(np.linalg.norm(np.diff(joints[:, FEET][..., [0, 2]], axis=0), axis=-1) * FPS)


def legs(joints: Array) -> float:
    """The 99th percentile of leg accelerations, m/s^2, which shows knees that pop."""
    return float(
        np.percentile(np.linalg.norm(np.diff(joints[:, [4, 5, *FEET]], n=2, axis=0), axis=-1), 99)
        * FPS**2
    )


def speeds(joints: Array) -> Array:
    """Speed of the fastest joint, m/s, (T - 1,)."""
    return np.asarray(np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * FPS)


def jerks(joints: Array) -> Array:
    """Mean over the joints of the third difference, m/s^3, (T - 3,)."""
    return np.asarray(np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean(axis=1) * FPS**3)


def seam_table(motions: list[Array]) -> dict[str, float]:
    """Speed and jerk at seams of random pairs and within the two; medians and shares."""
    usable = [joints for joints in motions if len(joints) > 2 * AFTER]
    draw, rows = np.random.default_rng(0), []
    for _ in range(PAIRS):
        first, second = (usable[i] for i in draw.choice(len(usable), 2, replace=False))
        line = Transition().join([first, second])
        placed = Transition(seconds=0.0, longest=0.0).join([first, second])
        rows.append(seam(line, placed, first, second))
    out = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
    out["within_usual"] = float(np.mean([row["speed"] <= row["usual_speed"] for row in rows]))
    out["within_fastest"] = float(np.mean([row["speed"] <= row["fastest"] for row in rows]))
    out["within_roughest"] = float(np.mean([row["jerk"] <= row["roughest"] for row in rows]))
    return out


def seam(line: Array, placed: Array, first: Array, second: Array) -> dict[str, float]:
    """One seam. Usual is the 95th percentile of the frames within the two motions."""
    at, end = len(first), len(first) + AFTER
    fast, rough = (np.concatenate([of(m) for m in (first, second)]) for of in (speeds, jerks))
    return {
        "speed": float(speeds(line)[at - 1 : end].max()), "speed_cut": float(speeds(placed)[at - 1 : end].max()),
        "usual_speed": float(np.percentile(fast, 95)), "fastest": float(fast.max()),
        "jerk": float(jerks(line)[at - 3 : end].max()), "jerk_cut": float(jerks(placed)[at - 3 : end].max()),
        "usual_jerk": float(np.percentile(rough, 95)), "roughest": float(rough.max()),
    }  # fmt: skip


def cost(motions: list[Motion]) -> dict[str, float]:
    """Microseconds per frame, pushed four at a time as a generator does."""
    frames, began = 0, time.perf_counter()
    for joints, contacts in motions:
        run = FootLock().start()
        for start in range(0, len(joints), 4):
            run.push(
                joints[start : start + 4], None if contacts is None else contacts[start : start + 4]
            )
        frames += len(joints)
    return {"lock_us_per_frame": (time.perf_counter() - began) / max(1, frames) * 1e6}


def report(
    locks: dict[str, dict[str, float]],
    seams: dict[str, dict[str, float]],
    counts: dict[str, int],
    pace: dict[str, float],
) -> str:
    """The answer in Markdown."""
    many = " and ".join(f"{count} {kind}" for kind, count in counts.items())
    lock = {
        "slide in contact, m/s": "{slide:.2f} → {slide_locked:.2f}",
        "slide of planted feet, m/s": "{planted:.3f} → {planted_locked:.3f}",
        "jerk, m/s³": "{jerk:.0f} → {jerk_locked:.0f}",
        "leg acceleration, 99th percentile, m/s²": "{leg_speed:.0f} → {leg_speed_locked:.0f}",
        "joints moved, mean, mm": "{error_mean:.1f}",
        "feet moved, mean, mm": "{error_feet:.1f}",
        "furthest in a motion, mm": "{error_max:.0f}",
        "furthest of all, mm": "{error_largest:.0f}",
    }
    seam = {
        "fastest joint, m/s: cut → blend": "{speed_cut:.1f} → {speed:.1f}",
        "usual, fastest within": "{usual_speed:.1f}, {fastest:.1f}",
        "at most the usual": "{within_usual:.0%}",
        "at most the fastest": "{within_fastest:.0%}",
        "jerk, m/s³: cut → blend": "{jerk_cut:.0f} → {jerk:.0f}",
        "usual, roughest within": "{usual_jerk:.0f}, {roughest:.0f}",
        "at most the roughest": "{within_roughest:.0%}",
    }
    lines = [
        "# Feet that stand, and seams",
        "",
        f"{describe()}. `python {' '.join(sys.argv)}`: {many} motions; medians.",
    ]
    lines += ["", "## Foot lock", "", LOCK_WORDS.format(**pace), "", *_table(lock, locks)]
    return "\n".join([*lines, "", "## Seams", "", SEAM_WORDS, "", *_table(seam, seams), ""])


def _table(columns: dict[str, str], rows: dict[str, dict[str, float]]) -> list[str]:
    """Markdown: a row for each kind of motion."""
    return [
        "| | " + " | ".join(columns) + " |",
        "|---" + "|---:" * len(columns) + "|",
        *(
            "| ".join([f"| {kind} ", *(f"{form.format(**row)} " for form in columns.values())])
            + "|"
            for kind, row in rows.items()
        ),
    ]


if __name__ == "__main__":
    main()
