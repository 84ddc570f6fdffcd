"""Clips as .npz: arrays that numpy and every tool on top of it reads."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from ..base.atomic_file import atomic_path
from ..motion.clip import Clip


def write_npz(clip: Clip, path: str | os.PathLike[str]) -> None:
    """joints (T, 22, 3), fps, text, prompt; features (T, 263), codes (n, Q), seed, meta (JSON) where the clip has them.

    OutputError where it cannot be written.
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
