"""Motion codecs of any known layout, and of their own code where the user trusts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.motion.skeleton import FPS

from .files import CodecFiles, number, open_files
from .foreign.foreign_codec import read_foreign_codec
from .own_model import is_own_codec, read_own_codec
from .residual import read_residual_codec, residual_prefix
from .source import CodecSource, normalised_features, random_codes, sum_of_rows
from .statistics import check_statistics, find_statistics
from .transposed import read_transposed_codec, transposed_prefix

CODE_FILE: Final = "rvq_model.py"
WINDOW_NAMES: Final = (
    "window_size",
    "window",
    "window_length",
    "train_window",
    "seq_len",
    "clip_length",
    "num_frames",
)
CHECKED_FRAMES: Final = 96  # latent frames of random codes that the statistics are checked on


def read_codec(folder: Path, *, trust_code: bool = False) -> CodecSource:
    """The codec in a folder, or at a file of weights.

    A folder with its own rvq_model.py is read through that code and nothing else, and only with `trust_code`: it runs
    as any program you start does. InputError and FormatError say in one line what is missing or does not fit.
    """
    folder = Path(folder)
    found = open_files(folder)
    mean, std, stats = find_statistics([found.folder, found.weights.parent, found.folder.parent])
    base = {
        "name": found.folder.resolve().name, "mean": mean, "std": std, "fps": number(found.settings, "fps") or FPS,
        "files": (*found.files, *stats), "licence": found.licence,
    }  # fmt: skip
    source = _read(found, base, trust_code)
    if frames := number(found.settings, *WINDOW_NAMES):
        source = replace(source, window=max(1, frames // source.stride))
    _check(source, found, stats[1])
    return source


def _read(found: CodecFiles, base: dict[str, Any], trust_code: bool) -> CodecSource:
    code = found.folder / CODE_FILE
    if is_own_codec(found.settings):
        return read_own_codec(found.folder, base)
    if code.is_file():
        if not trust_code:
            raise InputError(
                f"{code} is a program that has to run to read this codec: read it, then give --trust-code if you trust it"
            )
        return read_foreign_codec(found, code, base)
    if residual_prefix(found.state) is not None:
        return read_residual_codec(found.state, found.settings, found.weights, base)
    if transposed_prefix(found.state) is not None:
        return read_transposed_codec(found.state, found.settings, found.weights, base)
    names = ", ".join(
        f"{name} {tuple(value.shape)}" for name, value in list(found.state.items())[:3]
    )
    raise FormatError(
        f"{found.weights}: expected the layout of MoMask, T2M-GPT or ConvTranspose with batch norm, "
        f"got {len(found.state)} tensors such as {names}: put the codec's class beside it as {CODE_FILE} and give --trust-code"
    )


def _check(source: CodecSource, found: CodecFiles, std: Path) -> None:
    """Finite codebooks, and features that the statistics fit."""
    if not np.isfinite(source.codebooks).all():
        raise FormatError(
            f"{found.weights}: expected finite codebooks, got NaN or infinity: download it again"
        )
    features = normalised_features(
        source.decoder, sum_of_rows(random_codes(source, CHECKED_FRAMES), source.codebooks)
    )
    if not np.isfinite(features).all():
        raise FormatError(
            f"{found.weights}: expected finite features, got NaN or infinity: download it again"
        )
    check_statistics(source.std, features, std)
