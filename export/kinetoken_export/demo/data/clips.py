"""The clip collection: joint positions by clip id, held-out marks, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zipfile import is_zipfile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError, InputError
from kinetoken.motion.features import canonical
from kinetoken.motion.skeleton import FPS, MIRROR

Joints = NDArray[np.float32]

# m/s: faster than any captured joint moves; above it the capture has a spike
_GLITCH_SPEED: Final = 14.0
_SPIKE_MARGIN: Final = 6  # frames cut away on each side of a spike
_SHORTEST: Final = 20  # frames; a part of a cut clip shorter than a second teaches nothing
# Mean root-relative distance (m) under which two clips are one take: of one conversion, and of two
# different ones.
_SAME_CONVERSION: Final = 0.01
_OTHER_CONVERSION: Final = 0.055
_UNUSABLE: Final = frozenset({"cmu_07_12"})  # no spike, yet the legs are broken throughout

# Never seen in training: at least one take of each kind that has several. 60_NN and 61_NN are
# partners in one take.
HELD_OUT: Final = frozenset(
    f"cmu_{trial}"
    for trial in (
        "02_02", "05_04", "05_12", "06_03", "06_11", "07_03", "08_01", "08_09", "09_04", "10_05",
        "12_01", "13_08", "13_16", "13_32", "13_34", "13_42", "14_07", "14_28", "60_05", "61_05",
        "94_08", "135_05",
    )
)  # fmt: skip


def clip_id(stem: str) -> str:
    """Clip id of a BVH file name: `02_01` is cmu_02_01.

    salsa_NN, indian_NN and martial_NN are CMU 60/61, 94 and 135.
    """
    kind, _, number = stem.partition("_")
    if kind == "salsa":
        take = int(number)
        return f"cmu_60_{take:02d}" if take <= 15 else f"cmu_61_{take - 15:02d}"
    subject = {"indian": "94", "martial": "135"}.get(kind, kind)
    return f"cmu_{subject}_{number}"


def without_spikes(joints: Joints) -> list[Joints]:
    """The parts of a clip, each at least SHORTEST frames long, that hold no capture spike."""
    speeds = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * FPS
    bad = np.zeros(len(joints), bool)
    for at in np.flatnonzero(speeds > _GLITCH_SPEED):
        bad[max(0, at - _SPIKE_MARGIN) : at + _SPIKE_MARGIN + 1] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[1], bad.astype(int), [1]])))
    return [joints[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= _SHORTEST]


def mirrored(joints: Joints) -> Joints:
    """Left and right exchanged: joints swapped, X negated."""
    return joints[:, list(MIRROR)] * np.array([-1.0, 1.0, 1.0], np.float32)


def same_take(a: Joints, b: Joints, distance: float) -> bool:
    """Tell whether two clips are one take: on average nearer than `distance` metres.

    They may begin up to 6 frames apart.
    """
    if abs(len(a) - len(b)) > 8:
        return False
    a, b = a - a[:, :1], b - b[:, :1]
    for shift in range(-6, 7):
        x, y = (a[shift:], b) if shift >= 0 else (a, b[-shift:])
        n = min(len(x), len(y))
        if n > 10 and np.linalg.norm(x[:n] - y[:n], axis=-1).mean() < distance:
            return True
    return False


def sift_clips(clips: dict[str, Joints]) -> tuple[dict[str, Joints], dict[str, str]]:
    """Return the clips fit for training, and the reason for each one left out.

    A clip cut at a spike becomes `id.0`, `id.1`, ...
    """
    kept: dict[str, Joints] = {}
    dropped: dict[str, str] = {}
    for name, joints in clips.items():
        twin = next(
            (k for k, other in kept.items() if same_take(joints, other, _distance(name, k))), None
        )
        parts = without_spikes(joints)
        if name in _UNUSABLE:
            dropped[name] = "legs broken"
        elif twin:
            dropped[name] = f"same take as {twin}"
        elif _is_whole(parts, joints):
            kept[name] = joints
        else:
            dropped[name] = f"spikes: {len(parts)} parts kept"
            kept |= {
                f"{name}.{i}": canonical(part).astype(np.float32) for i, part in enumerate(parts)
            }
    return kept, dropped


def _is_whole(parts: list[Joints], joints: Joints) -> bool:
    """Tell whether nothing was cut away; a short loop without spikes counts too."""
    if len(joints) < _SHORTEST:
        speeds = np.linalg.norm(np.diff(joints, axis=0), axis=-1) * FPS
        return bool(len(joints) > 1 and speeds.max() <= _GLITCH_SPEED)
    return len(parts) == 1 and len(parts[0]) == len(joints)


def _distance(name: str, other: str) -> float:
    return _SAME_CONVERSION if name.split("_")[0] == other.split("_")[0] else _OTHER_CONVERSION


def take_id(name: str) -> str:
    """Id of the take that a clip or a part of it comes from."""
    return name.partition(".")[0]


def open_clips(path: Path) -> NpzFile:
    """Open an npz of clips; InputError where there is none, FormatError where it is another."""
    if not path.is_file():
        raise InputError(f"expected an npz of clips at {path}, found no such file: check the path")
    if not is_zipfile(path):
        raise FormatError(
            f"{path}: expected an npz of clips, got something else or a file cut short"
        )
    archive: NpzFile = np.load(path)
    return archive


def load_clips(folder: Path) -> dict[str, Joints]:
    """The clips that `kinetoken train-demo prepare` wrote into `folder`."""
    path = folder / "clips.npz"
    if not path.is_file():
        raise InputError(
            f"expected {path}, found nothing: run `kinetoken train-demo prepare` first"
        )
    with open_clips(path) as archive:
        return {name: archive[name] for name in archive.files}


def training_clips(clips: dict[str, Joints]) -> Iterator[tuple[str, Joints]]:
    """Clips that may be learnt from."""
    return ((name, joints) for name, joints in clips.items() if take_id(name) not in HELD_OUT)


def held_out_clips(clips: dict[str, Joints]) -> Iterator[tuple[str, Joints]]:
    """Clips kept for measuring."""
    return ((name, joints) for name, joints in clips.items() if take_id(name) in HELD_OUT)
