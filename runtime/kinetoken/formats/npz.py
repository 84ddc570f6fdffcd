"""NumPy .npz files: everything that a clip has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..base.atomic_file import atomic_path
from ..base.errors import FormatError
from ..motion.clip import Clip
from .arrays import clip_of_arrays, open_arrays


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


def read_npz(path: Path) -> Clip:
    """Read the keys that `write_npz` writes; joints or features must be there. FormatError."""
    data = open_arrays(path, _archive)
    if "joints" not in data and "features" not in data:
        found = ", ".join(sorted(data)[:6]) or "nothing"
        raise FormatError(
            f"{path}: expected the key joints or features, got {found}; "
            "rename the array and save again"
        )
    main = "joints" if "joints" in data else "features"
    return clip_of_arrays(data[main], path, data)


def _archive(stream: BinaryIO, path: Path) -> dict[str, NDArray[Any]]:
    archive = np.load(stream, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise FormatError(
            f"{path}: expected an archive of arrays, got one array; rename it to end in .npy"
        )
    known = ("joints", "features", "codes", "fps", "text", "prompt", "seed", "meta")
    wanted = [key for key in archive.files if key in known]
    return {key: archive[key] for key in (wanted or archive.files[:6])}
