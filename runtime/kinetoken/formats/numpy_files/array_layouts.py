"""Joints and features in other orders than ours, where it is plain what they are.

Read: joints flat (T, 66), transposed (22, 3, T) as motion-diffusion-model has them, of SMPL (T, 24,
3), SMPL-H (T, 52, 3) and SMPL-X (T, 55, 3), whose first 22 joints are ours; features (263, T); one
motion in a batch of one. All but (T, 263) must look like a body, because other numbers, and other
orders of 22 joints, come in the same shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Final

import numpy as np

from ...base.errors import FormatError
from ...motion.features import N_FEATURES
from ...motion.skeleton import BONE_LENGTHS, JOINT, N_JOINTS, PARENTS, Array64

_EXPECTED: Final = f"joints (T, {N_JOINTS}, 3) or features (T, {N_FEATURES})"
_SKELETONS: Final = (N_JOINTS, 24, 52, 55, 73, 127, 144)
"""Joints of SMPL's relatives: each begins with the 22."""
_ALIKE: Final = (0.4, 2.5)
"""A bone of a body, against HumanML3D's at the size of its legs."""
_STIFF: Final = 0.1
"""By how much of its length a leg may change from frame to frame."""
_LEGS: Final = tuple(
    JOINT[f"{side}_{name}"] for side in ("left", "right") for name in ("knee", "ankle")
)
_STRANGE: Final = 0.7
"""Beyond which 22 joints are no body in our order; bodies of others are within 0.35."""
_ORDERS: Final = {
    "LaFAN1": (0, 1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12, 14, 18, 13, 15, 19, 16, 20, 17, 21),
    "Mixamo": (0, 14, 18, 1, 15, 19, 2, 16, 20, 3, 17, 21, 4, 6, 10, 5, 7, 11, 8, 12, 9, 13),
}
"""Where other skeletons of 22 joints have ours."""
_OTHERS: Final = {
    (21, 3): "the 21 joints of KIT-ML", (251,): "the features of KIT-ML",
    (17, 3): "17 joints of Human3.6M or COCO", (18, 3): "18 joints of OpenPose",
    (25, 3): "25 joints of Kinect or OpenPose", (272,): "features of MotionStreamer",
    (22, 6): "6-D rotations", (24, 6): "6-D rotations", (132,): "6-D rotations",
    (144,): "6-D rotations", (22, 4): "quaternions", (24, 4): "quaternions",
    (22, 3, 3): "rotation matrices", (24, 3, 3): "rotation matrices",
    (22, 2): "joints in a picture", (17, 2): "joints in a picture",
}  # fmt: skip


def plain_layout(values: Array64, path: Path, trusted: bool = False) -> Array64:
    """The same numbers as joints (T, 22, 3) or features (T, 263).

    `trusted`: of joints (T, 22, 3) nothing else needs to be told. FormatError says what the numbers
    are instead.
    """
    if values.ndim == 3 and values.shape[1:] == (N_JOINTS, 3):
        if not trusted:
            _check_order(values, path)
        return values
    if values.ndim == 2 and len(values) != N_FEATURES:
        _refuse_padding(values, path)
    if values.ndim == 2 and values.shape[1] == N_FEATURES:
        return values
    _refuse_batch(values, path)
    single = values.squeeze()
    for joints in (*_joints(values), *_joints(single)):
        if is_body(joints):
            return joints
    if single.ndim == 2 and N_FEATURES in single.shape:
        return single if single.shape[1] == N_FEATURES else single.T
    raise FormatError(f"{path}: expected {_EXPECTED}, got {_what(values)}")


def _check_order(joints: Array64, path: Path) -> None:
    """FormatError for joints (T, 22, 3) that are no body in the order of our joints."""
    if len(joints) == 0:
        return
    strangeness = _strangeness(joints)
    for name, order in _ORDERS.items():
        others = joints[:, order]
        if _strangeness(others) < strangeness / 2 and is_body(others):
            raise FormatError(
                f"{path}: expected HumanML3D's 22 joints, got them in the order of {name}'s? "
                f"Save joints[:, {list(order)}]"
            )
    if not strangeness < _STRANGE:
        _refuse_padding(joints, path)
        raise FormatError(
            f"{path}: expected {_EXPECTED}, got {joints.shape} that are no body: rotations, or "
            "joints in another order? Save the positions in the order of HumanML3D"
        )


def _strangeness(joints: Array64) -> float:
    """How far bones are from HumanML3D's proportions, and how much they stretch; 0 for a body."""
    bones = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    lengths = np.maximum(np.median(bones, axis=0), 1e-12)
    apart = np.log(lengths / BONE_LENGTHS[1:])
    stretch = bones.std(axis=0) / lengths
    return float(np.minimum(np.abs(apart - np.median(apart)) + stretch, 2.0).mean())


def _refuse_padding(values: Array64, path: Path) -> None:
    """FormatError for frames of zeros behind a motion."""
    if values.ndim < 2:
        return
    filled = values.any(axis=tuple(range(1, values.ndim)))
    frames = np.flatnonzero(filled)
    if len(frames) and (last := int(frames[-1]) + 1) < len(values):
        raise FormatError(
            f"{path}: expected a motion, got {len(values) - last} frames of zeros behind {last}: "
            f"padding? Save motion[:{last}]"
        )


def _refuse_batch(values: Array64, path: Path) -> None:
    """FormatError for several motions in one array."""
    sizes = values.shape[1:]
    bodies = len(sizes) == 3 and 3 in sizes and any(n in _SKELETONS for n in sizes)
    several = bodies and 1 not in values.shape and sizes not in _OTHERS
    features = len(values.shape) >= 3 and N_FEATURES in values.shape[1:] and values.shape[0] > 1
    if several or (features and values.squeeze().ndim == 3):
        raise FormatError(
            f"{path}: expected one motion, got {values.shape}: {len(values)} of them? Save one: "
            f'numpy.save("one.npy", numpy.load("{path.name}")[0])'
        )


def _joints(values: Array64) -> Iterator[Array64]:
    """All ways in which an array may hold the positions of SMPL's first 22 joints."""
    if values.ndim == 2 and values.shape[1] == 3 and len(values) in _SKELETONS:
        yield values[None, :N_JOINTS]  # one frame
    if values.ndim == 2:
        for flat in (values, values.T):
            if flat.shape[1] % 3 == 0 and flat.shape[1] // 3 in _SKELETONS:
                yield flat.reshape(len(flat), -1, 3)[:, :N_JOINTS]
    elif values.ndim == 3:
        for order in permutations(range(3)):
            turned = values.transpose(order)
            if turned.shape[2] == 3 and turned.shape[1] in _SKELETONS:
                yield turned[:, :N_JOINTS]


def is_body(joints: Array64) -> bool:
    """True if positions (T, 22, 3), in any unit, are a human whose legs keep their length."""
    bones = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    if not len(bones) or not np.isfinite(bones).all():
        return False
    legs = bones[:, [joint - 1 for joint in _LEGS]]
    ratio = np.median(bones, axis=0) / BONE_LENGTHS[1:]
    ratio /= max(float(ratio[[joint - 1 for joint in _LEGS]].mean()), 1e-12)
    stiff = bool((legs.std(axis=0) <= _STIFF * legs.mean(axis=0)).all())
    return (
        stiff
        and _ALIKE[0] < np.median(ratio) < _ALIKE[1]
        and _ALIKE[0] / 2 < ratio.min()
        and ratio.max() < 2 * _ALIKE[1]
    )


def _what(values: Array64) -> str:
    """The shape, and what has that shape elsewhere."""
    shape = values.shape
    known = _OTHERS.get(shape[1:]) or _OTHERS.get(tuple(n for n in shape[1:] if n != 1))
    if known:
        return f"{shape}: {known}? Save the positions of HumanML3D's 22 joints"
    if any(True for _ in _joints(values.squeeze())):
        return (
            f"{shape}, whose numbers are no positions of a body: rotations, or normalised? "
            "Save the joints' positions in metres"
        )
    return f"{shape}; other skeletons are read from BVH and GLB, which name their joints"


def check_denormalised(joints: Array64, path: Path) -> None:
    """FormatError where joints (T, 22, 3), recovered from features, have legs that no body has."""
    bones = np.linalg.norm(joints[:, list(_LEGS)] - joints[:, [PARENTS[j] for j in _LEGS]], axis=-1)
    legs = bones.reshape(len(bones), 2, 2).sum(axis=-1)
    expected = float(BONE_LENGTHS[list(_LEGS)].sum() / 2)
    far = max(
        abs(float(np.median(legs)) / expected - 1), float(legs.std() / max(legs.mean(), 1e-9)) * 2
    )
    if far > 0.3:
        raise FormatError(
            f"{path}: expected features in metres, got legs of {legs.min():.1f} to "
            f"{legs.max():.1f} m where HumanML3D's are {expected:.2f}: normalised? "
            "Save features * Std + Mean"
        )
