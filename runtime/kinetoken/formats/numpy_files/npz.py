"""NumPy .npz files: everything that a clip has."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ...base.atomic_file import atomic_path
from ...base.errors import FormatError
from ...base.npy_file import NPY_MAGIC, read_npy_header, read_npy_values
from ...motion.clip import Clip
from ..body_checks import MAX_FRAMES
from ..read_options import DEFAULTS, ReadOptions
from .amass import AMASS_KEYS, clip_of_smpl, holds_smpl
from .arrays import LARGEST_MOTION, RATES, array_header, clip_of_arrays, open_arrays

_MOTION: Final = ("joints", "features", "motion", "positions", "joint_positions", "arr_0")
"""Keys that hold the motion, the first of them that is there."""
_UNREAD: Final = frozenset(_MOTION) - {"features"}
"""Keys of which one alone is read; features may stand beside joints."""
_KNOWN: Final = (
    *_MOTION,
    *RATES,
    *AMASS_KEYS,
    "codes",
    "text",
    "prompt",
    "seed",
    "meta",
)
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NAMED: Final = 6  # other keys, for a message


def write_npz(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write joints (T, 22, 3), fps, text and prompt, and what else the clip has. OutputError.

    That may be features (T, 263), codes (n, Q), seed and meta (JSON).
    """
    arrays: dict[str, Any] = {
        "joints": clip.joints,
        "fps": clip.fps,
        "text": clip.text,
        "prompt": clip.prompt,
    }
    if clip.features is not None:
        arrays["features"] = clip.features
    if clip.codes is not None:
        arrays["codes"] = clip.codes
    if clip.seed is not None:
        arrays["seed"] = clip.seed
    if clip.meta:
        arrays["meta"] = json.dumps(clip.meta)
    with atomic_path(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_npz(path: Path, options: ReadOptions = DEFAULTS) -> Clip:
    """Read the keys that `write_npz` writes: joints, features, or SMPL parameters. FormatError."""
    data = open_arrays(path, _archive)
    if not any(key in data for key in _MOTION):
        return clip_of_smpl(data, path, options)
    main = next(key for key in _MOTION if key in data)
    return clip_of_arrays(data[main], path, data, options)


def _archive(stream: BinaryIO, path: Path) -> dict[str, NDArray[Any]]:
    """The arrays whose keys are known; all headers are checked before any is read."""
    if stream.read(len(NPY_MAGIC)) == NPY_MAGIC:
        raise FormatError(
            f"{path}: expected an archive of arrays, got one array; rename it to end in .npy"
        )
    with zipfile.ZipFile(stream) as archive:
        members = {
            member.filename.removesuffix(".npy"): member
            for member in archive.infolist()
            if member.filename.removesuffix(".npy") in _KNOWN
        }
        main = next((key for key in _MOTION if key in members), None)
        if main is None and not holds_smpl(members):
            raise FormatError(_what_is_there(archive.namelist(), path))
        unread = _UNREAD if main is None else {*_UNREAD, *AMASS_KEYS}
        members = {key: members[key] for key in members if key == main or key not in unread}
        left = 2 * LARGEST_MOTION
        for member in members.values():
            if member.compress_type not in _PACKED:
                raise ValueError("packed in a way that NumPy does not use")
            with archive.open(member) as inside:
                left -= array_header(inside, member.file_size, path).bytes
        if left < 0:
            raise FormatError(
                f"{path}: expected at most {MAX_FRAMES} frames, got more; cut it into pieces"
            )
        return {key: _values(archive, member) for key, member in members.items()}


def _values(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as inside:
        return read_npy_values(inside, read_npy_header(inside), LARGEST_MOTION)


def _what_is_there(files: Sequence[str], path: Path) -> str:
    """The line for an archive that holds no motion."""
    names = sorted(name.removesuffix(".npy")[:40] for name in files)
    found = ", ".join(names[:_NAMED]) or "nothing"
    smpl = set(AMASS_KEYS) & set(names)
    hint = (
        "SMPL parameters, as in AMASS? They need poses (T, 156) and trans (T, 3)"
        if smpl
        else "rename the array and save again"
    )
    return f"{path}: expected the key joints or features, got {found}; {hint}"
