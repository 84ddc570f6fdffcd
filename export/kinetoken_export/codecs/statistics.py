"""The Mean and Std that a codec was trained with, and the check that they are the right ones.

HumanML3D's own Std circulates in three forms: as it is, and with the columns of root and contacts
(0:4 and 259:263) divided by a "feature bias" of 5 (MoMask) or 25 (T2M-GPT, MotionGPT). The wrong
one makes the root path 5 or 25 times too long or too short. A trained decoder shows which one it
knew: a smaller std made those columns larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.npy_file import read_npy_file
from kinetoken.motion.features import N_FEATURES

from ..checkpoint.tensors import Float32Array

# Columns that the bias divides, and HumanML3D's own values there (Guo et al., CVPR 2022; published
# Std.npy).
_BIASED: Final = np.r_[0:4, 259:263]
_OWN: Final = np.array([0.012826, 0.016927, 0.016927, 0.153766, *[0.355933] * 4])
_PLAIN: Final = np.r_[4:259]
_BIASES: Final = (1, 5, 25)
_SAME: Final = 0.02  # relative difference below which two columns count as the same
# factor between what Std says and what the decoder writes; between two pairs it is 5 or 25
_APART: Final = 3.0
_NAMES: Final = (("Mean.npy", "Std.npy"), ("mean.npy", "std.npy"))


def find_statistics(folders: list[Path]) -> tuple[Float32Array, Float32Array, tuple[Path, Path]]:
    """Find Mean and Std (263,), and their files, in one of the folders or its meta/."""
    for folder in dict.fromkeys(folders):
        for mean, std in _places(folder):
            if mean.is_file() and std.is_file():
                return _row(mean, positive=False), _row(std, positive=True), (mean, std)
    raise InputError(
        f"{folders[0]}: expected Mean.npy and Std.npy, found none: put those there that the codec "
        "was trained with"
    )


def _places(folder: Path) -> Iterator[tuple[Path, Path]]:
    for where in (folder, folder / "meta"):
        for mean, std in _NAMES:
            yield where / mean, where / std


def _row(path: Path, *, positive: bool) -> Float32Array:
    try:
        stored = read_npy_file(path)
        if stored.dtype.kind not in "fiu":
            raise ValueError(f"it holds {stored.dtype}")
        values = np.asarray(stored, np.float32)
    except (OSError, ValueError) as error:
        raise FormatError(
            f"{path}: expected a .npy array of {N_FEATURES} numbers, got something unreadable"
        ) from error
    values = values.reshape(-1) if values.ndim == 2 and 1 in values.shape else values
    if values.shape != (N_FEATURES,):
        raise FormatError(
            f"{path}: expected {N_FEATURES} numbers (HumanML3D), got {values.shape}: is it "
            "another skeleton's?"
        )
    if not np.isfinite(values).all() or (positive and (values <= 0).any()):
        wanted = "numbers above 0" if positive else "finite numbers"
        raise FormatError(
            f"{path}: expected {wanted}, got {values.min():.3g} to {values.max():.3g}: download "
            "it again"
        )
    return values


def feature_bias(std: Float32Array) -> int | None:
    """1, 5 or 25 for one of the published pairs; None for any other."""
    for bias in _BIASES:
        if np.allclose(std[_BIASED] * bias, _OWN, rtol=_SAME):
            return bias
    return None


def check_statistics(std: Float32Array, features: Float32Array, path: Path) -> None:
    """Refuse a published Std that is not the one whose features the decoder writes.

    `features` (n, 263): what the decoder makes of random codes, normalised.
    """
    bias = feature_bias(std)
    if bias is None:
        return
    spread = features.std(axis=0)
    if not (spread > 0).all():
        return  # nothing to compare: a decoder that writes constants
    written = float(np.exp(np.log(spread[_BIASED]).mean() - np.log(spread[_PLAIN]).mean()))
    if not 1 / _APART < written / bias < _APART:
        nearest = min(_BIASES, key=lambda b: abs(np.log(written / b)))
        raise FormatError(
            f"{path}: expected the Std that the codec was trained with, std[0] near "
            f"{_OWN[0] / nearest:.4g}, "
            f"got {std[0]:.4g} (HumanML3D's pairs differ by {nearest / bias:g} in the root): use "
            "the codec's own pair"
        )
