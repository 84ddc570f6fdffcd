"""NumPy .npz files: everything that a clip has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ..base.atomic_file import atomic_path
from ..base.errors import FormatError
from ..motion.clip import Clip
from .arrays import MAGIC, RATES, check_header, clip_of_arrays, open_arrays
from .read_options import DEFAULTS, ReadOptions

_MOTION: Final = ("joints", "features", "motion", "positions", "joint_positions", "arr_0")
"""Keys that hold the motion, the first of them that is there."""
_KNOWN: Final = (
    *_MOTION,
    *RATES,
    "codes",
    "text",
    "prompt",
    "seed",
    "meta",
    "trans",
    "betas",
    "poses",
)
_LOOKED_AT: Final = 6  # other keys, for a message


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
    """Read the keys that `write_npz` writes; joints or features must be there. FormatError."""
    data = open_arrays(path, _archive)
    main = next((key for key in _MOTION if key in data), None)
    if main is None:
        found = ", ".join(sorted(data)[:6]) or "nothing"
        smpl = {"trans", "betas"} & set(data)
        hint = (
            "SMPL's parameters, as in AMASS? They need SMPL's body; "
            "save the positions of its joints as joints"
            if smpl
            else "rename the array and save again"
        )
        raise FormatError(f"{path}: expected the key joints or features, got {found}; {hint}")
    return clip_of_arrays(data[main], path, data, options)


def _archive(stream: BinaryIO, path: Path) -> dict[str, NDArray[Any]]:
    if stream.read(len(MAGIC)) == MAGIC:
        raise FormatError(
            f"{path}: expected an archive of arrays, got one array; rename it to end in .npy"
        )
    stream.seek(0)
    archive = np.load(stream, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise FormatError(
            f"{path}: expected an archive of arrays, got one array; rename it to end in .npy"
        )
    wanted = [key for key in archive.files if key in _KNOWN] or archive.files[:_LOOKED_AT]
    if archive.zip is not None:
        for key in wanted:
            member = archive.zip.getinfo(key if key in archive.zip.namelist() else f"{key}.npy")
            with archive.zip.open(member) as inside:
                check_header(inside, member.file_size, path)
    return {key: archive[key] for key in wanted}
