"""Any humanoid skeleton in motion to the 22 joints.

Find the body, tell unit and axis, carry the motion over.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ...base.errors import FormatError
from ...motion.skeleton import JOINT, Array64
from ..body_checks import MAX_METRES, warn_of_axes
from .axes import height, turn_of
from .landmarks import Landmarks, NoBodyError, by_names
from .likely_ends import with_head, with_toes
from .retarget import LEG, Retargeting, leg_length
from .skeleton_tree import Poses, SkeletonTree
from .tree_shape import by_shape
from .units import Unit, is_leg, unit_of

if TYPE_CHECKING:
    from ..read_options import ReadOptions

SAMPLE: Final = 200
"""Frames, evenly over the whole, that teach a skeleton."""
_USUAL: Final = ("m", "cm")  # units that need no note
_CLEARLY: Final = 0.7  # cosine
_SUNK: Final = 0.3  # metres below the floor from which on the lowest foot is put on it
_PEOPLE: Final = (0.35, 1.25)  # metres from hip to ankle, of children and grown-ups
_NAMED: Final = 6  # joints that a message names


@dataclass(frozen=True)
class MovingSkeleton:
    """A skeleton of a file in motion, in the file's unit and axes."""

    tree: SkeletonTree
    sample: Poses
    """Some frames, evenly over the whole."""
    parts: Callable[[Sequence[int]], Iterable[Poses]]
    """All frames in parts, with these joints and those above them; others may be left out."""
    body: Landmarks | None = None
    """What the file itself says of its joints."""
    unit: Unit | None = None
    """The unit that the format prescribes."""


@dataclass(frozen=True)
class FoundMotion:
    """The 22 joints, and what was assumed on the way."""

    joints: Array64
    """(T, 22, 3) metres, Y up."""
    notes: dict[str, str]


def joints_of(moving: MovingSkeleton, options: ReadOptions, path: Path) -> FoundMotion:
    """Carry the motion over. FormatError where there is no humanoid, or one of no human size."""
    with np.errstate(all="ignore"):  # absurd numbers: refused below
        tree, sample = moving.tree, moving.sample
        body = moving.body or _body(tree, sample, path)
        unit = _unit(moving, leg_length(body, sample), options, path)
        notes = {} if unit.name in _USUAL else {"unit": unit.name}
        turn = turn_of(tree, body, sample, options.up, path)
        tree = SkeletonTree(tree.names, tree.parents, _turned(tree.rest, turn))
        sample = _turned(sample, turn)
        body = with_toes(tree, with_head(tree, body, sample), sample)
        retargeting = Retargeting.of(tree, body, sample)
        parts = moving.parts(retargeting.needed())
        joints = np.concatenate([retargeting.joints(_turned(poses, turn)) for poses in parts])
        if retargeting.kept is not None:
            joints = joints * unit.metres
            _warn_of_size(leg_length(body, sample) * unit.metres, unit, path)
        else:
            scale = retargeting.scale / unit.metres
            notes["retargeted"] = f"from {len(tree.names)} joints, scaled by {scale:.3g}"
            joints = joints + _to_floor(retargeting, sample)
    if not np.isfinite(joints).all() or np.abs(joints).max() > MAX_METRES:
        raise _endless(path)
    joints = _lifted(joints, path)
    if height(body, tree.rest.points)[1] < _CLEARLY:  # else Y is up, and somebody may lie
        warn_of_axes(joints, path)
    return FoundMotion(joints, notes)


def _unit(moving: MovingSkeleton, leg: float, options: ReadOptions, path: Path) -> Unit:
    """The user's unit, else the format's where that makes a leg, else what the legs tell."""
    if not np.isfinite(leg):
        raise _endless(path)
    unit = options.unit or moving.unit
    fits = options.unit is not None or (unit is not None and is_leg(leg * unit.metres))
    return unit_of(leg, unit if fits else None, path)


def _warn_of_size(leg: float, unit: Unit, path: Path) -> None:
    """Warn of a body that is kept and has the legs of a dwarf or a giant, in metres."""
    least, most = _PEOPLE
    if not least < leg < most:
        other = f"--unit {LEG / leg * unit.metres:.2g}"
        warnings.warn(
            f"{path}: a leg of {leg:.2f} m, in {unit.name}; {other} gives it the usual {LEG:.2f} m",
            UserWarning,
            stacklevel=2,
        )


def _endless(path: Path) -> FormatError:
    return FormatError(
        f"{path}: expected finite positions within {MAX_METRES:g} m, got others; export it again"
    )


def _body(tree: SkeletonTree, sample: Poses, path: Path) -> Landmarks:
    try:
        found = by_names(tree)
    except NoBodyError as error:
        unnamed = str(error)
    else:
        _warn_of_others(tree, found, sample, path)
        return found
    try:
        return by_shape(tree, sample)
    except NoBodyError as error:
        few = ", ".join(map(_shown, tree.names[:_NAMED])) + (
            ", ..." if len(tree.names) > _NAMED else ""
        )
        raise FormatError(
            f"{path}: expected two legs, a spine, two arms and a head, got a skeleton of "
            f"{len(tree.names)} ({few}): {unnamed} by name, and {error}; retarget it to any "
            "humanoid rig, or rename its joints as Mixamo does (LeftUpLeg)"
        ) from None


def _warn_of_others(tree: SkeletonTree, body: Landmarks, sample: Poses, path: Path) -> None:
    """Warn where there is a second body somewhere else."""
    root = tree.meeting([body.pelvis, *(arm.upper for arm in body.arms)])
    rest = tuple(
        "" if joint == root or tree.is_below(joint, root) else name
        for joint, name in enumerate(tree.names)
    )
    try:
        other = by_names(SkeletonTree(rest, tree.parents, tree.rest))
    except NoBodyError:
        return
    apart = sample.points[:, other.pelvis] - sample.points[:, body.pelvis]
    if np.linalg.norm(apart, axis=-1).max() > leg_length(body, sample) / 4:  # else a control rig
        warnings.warn(
            f"{path}: read the first of several bodies; save each in a file of its own",
            UserWarning,
            stacklevel=2,
        )


def _shown(name: str) -> str:
    """A name of a file, short and without anything that could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in name[:40])


def _turned(poses: Poses, turn: Array64 | None) -> Poses:
    return poses if turn is None else Poses(poses.points @ turn.T, turn @ poses.turned)


def _lifted(joints: Array64, path: Path) -> Array64:
    """Joints (T, 22, 3) whose lowest foot is on the floor where it was deep below it.

    That is so where the root has no translation, or one from its own beginning.
    """
    low = float(joints[..., 1].min())
    if low > -_SUNK:
        return joints
    warnings.warn(
        f"{path}: the body reaches {-low:.2f} m below the floor; lifted by that",
        UserWarning,
        stacklevel=2,
    )
    return joints - (0.0, low, 0.0)


def _to_floor(retargeting: Retargeting, sample: Poses) -> Array64:
    """(3,) What brings the lowest foot to where it is in the file.

    Ankles of others are higher or lower.
    """
    body, points = retargeting.body, sample.points
    toes = [leg.end if leg.extra is None else leg.extra for leg in body.legs]
    names = (
        ("left_ankle", "right_ankle")
        if any(leg.extra is None for leg in body.legs)
        else ("left_foot", "right_foot")
    )
    ours = retargeting.joints(sample)[:, [JOINT[name] for name in names], 1].min()
    return np.array([0.0, points[:, toes, 1].min() * retargeting.scale - ours, 0.0])
