"""Measure how far SMPL's kinematics put the joints of exported SMPL parameters from ours.

    python benchmarks/amass.py [--bundle BUNDLE] [-o benchmarks/results/amass]

One clip of every action of the demo. The kinematics are computed by SciPy (pip install scipy), on
HumanML3D's bones and on those of SMPL's mean body.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

import numpy as np
from machine import describe
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import kinetoken
from kinetoken.motion.rotations import (
    RestPose,
    forward_kinematics,
    global_rotations,
    local_rotations,
)
from kinetoken.motion.skeleton import JOINT, N_JOINTS, PARENTS
from kinetoken.motion.smpl.body import OFFSETS, PELVIS, SIZE, SMPL_REST
from kinetoken_export.demo.words.action_names import VERBS

SECONDS = 3.0
FEET = [JOINT["left_foot"], JOINT["right_foot"]]
HANDS = [JOINT["left_wrist"], JOINT["right_wrist"]]
Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    generator = kinetoken.load(args.bundle)
    rows, spent, frames = {}, 0.0, 0
    for action, verbs in VERBS.items():
        prompt = "a person can " + re.sub("~", "", verbs[0])
        clip = generator.generate(prompt, seconds=SECONDS, seed=1)
        began = time.perf_counter()
        arrays = clip.to_amass()
        spent, frames = spent + time.perf_counter() - began, frames + len(clip)
        rows[action] = errors(clip.joints, arrays)
    record = {
        "machine": describe(),
        "command": " ".join(sys.argv),
        "us_per_frame": spent / frames * 1e6,
        "frames": frames,
        "rows": rows,
    }
    report = table(record)
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def errors(joints: NDArray[np.floating], arrays: dict[str, object]) -> dict[str, float]:
    """Millimetres of a clip; the last two are those of SMPL's mean body, scaled by the legs."""
    poses = np.asarray(arrays["poses"])
    root = (np.asarray(arrays["trans"]) + PELVIS) / SIZE
    ours = kinematics(poses, root, SMPL_REST) @ Y_UP.T
    theirs = kinematics(poses, root, OFFSETS / SIZE) @ Y_UP.T
    rest = RestPose.fit(joints)
    stiff = forward_kinematics(
        joints[:, 0].astype(np.float64), local_rotations(global_rotations(joints, rest)), rest
    )
    away, apart = (np.linalg.norm(found - joints, axis=-1) * 1000 for found in (ours, theirs))
    return {
        "mean": float(away.mean()),
        "feet": float(away[:, FEET].mean()),
        "hands": float(away[:, HANDS].mean()),
        "stretched bones alone": float(np.linalg.norm(stiff - joints, axis=-1).mean() * 1000),
        "SMPL's bones": float(apart.mean()),
        "SMPL's lowest joint, less ours": float(
            (theirs[..., 1].min() - joints[..., 1].min()) * SIZE * 1000
        ),
    }


def kinematics(
    poses: NDArray[np.float64], root: NDArray[np.float64], offsets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Joint positions (T, 22, 3), by SciPy's rotations."""
    turned: list[Rotation] = []
    points = np.empty((len(poses), N_JOINTS, 3))
    for joint, parent in enumerate(PARENTS):
        local = Rotation.from_rotvec(poses[:, 3 * joint : 3 * joint + 3])
        turned.append(local if parent < 0 else turned[parent] * local)
        points[:, joint] = (
            root if parent < 0 else points[:, parent] + turned[parent].apply(offsets[joint])
        )
    return points


def table(record: dict[str, object]) -> str:
    """The report in Markdown."""
    rows = record["rows"]
    assert isinstance(rows, dict)
    names = list(next(iter(rows.values())))
    means = {name: float(np.mean([row[name] for row in rows.values()])) for name in names}
    lines = [
        "# SMPL parameters",
        "",
        f"{record['machine']}. `python {record['command']}`",
        "",
        f"Millimetres between the joints and SMPL's kinematics of `to_amass()`, {len(rows)} actions, "
        f"{record['frames']} frames; {record['us_per_frame']:.0f} µs a frame.",
        "",
        f"| action | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    for action, row in {"**all**": means, **rows}.items():
        lines.append(f"| {action} | {' | '.join(f'{row[name]:.1f}' for name in names)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
