"""NumPy .npy files: one array, as in HumanML3D's own files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ...base.atomic_file import atomic_path
from ...base.errors import FormatError, InputError
from ...base.npy_file import read_npy_values
from ...motion.clip import Clip
from ...motion.features import encode
from ...motion.skeleton import FPS
from ..read_options import DEFAULTS, ReadOptions
from .arrays import LARGEST_MOTION, array_header, clip_of_arrays, open_arrays

ARRAYS: Final = ("joints", "features")
ZIP_MAGIC: Final = b"PK\x03\x04"


def write_npy(clip: Clip, path: str | os.PathLike[str], array: str = "joints") -> None:
    """Write "joints" (T, 22, 3) or "features" (T, 263), computed where the clip has none.

    InputError or FormatError where features cannot be computed, OutputError.
    """
    value = clip.joints if array == "joints" else _features(clip)
    with atomic_path(path) as part, part.open("wb") as stream:
        np.save(stream, value.astype(np.float32))


def _features(clip: Clip) -> NDArray[np.floating]:
    if clip.features is not None:
        return clip.features
    if len(clip) < 2 or clip.fps != FPS:
        got = f"{len(clip)} at {clip.fps:g}"
        raise InputError(
            f"features need at least 2 frames at {FPS} fps, got {got}; "
            f"resample them (kinetoken convert --fps {FPS}) or write joints"
        )
    with np.errstate(all="ignore"):  # a body without a facing direction gives NaN, refused below
        features = encode(clip.joints)
    if not np.isfinite(features).all():
        raise FormatError(
            "expected a body with a facing direction, got hips or shoulders in one point; "
            "write joints instead"
        )
    return features


def read_npy(path: Path, options: ReadOptions = DEFAULTS) -> Clip:
    """Read joints or denormalised features, told apart by their shape; 20 fps."""
    return clip_of_arrays(open_arrays(path, _plain_array), path, {}, options)


def _plain_array(stream: BinaryIO, path: Path) -> NDArray[Any]:
    if stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC:
        raise FormatError(f"{path}: expected one array, got an archive; rename it to end in .npz")
    stream.seek(0)
    header = array_header(stream, path.stat().st_size, path)
    return read_npy_values(stream, header, LARGEST_MOTION)
