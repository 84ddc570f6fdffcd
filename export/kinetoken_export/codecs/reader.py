"""Reading a motion codec: a known layout, its own code where that is trusted, or an adapter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.motion.skeleton import FPS

from .adapter import read_adapted_codec
from .decoder_window import with_window
from .files import CodecFiles, open_codec_files, open_without_weights, positive_number
from .foreign.foreign_codec import read_foreign_codec
from .own_model import is_own_codec, read_own_codec
from .residual import read_residual_codec, residual_prefix
from .source import (
    ADAPTER_HINT,
    CodecSource,
    CodeSize,
    normalised_features,
    random_codes,
    sum_of_rows,
)
from .statistics import check_statistics, find_statistics
from .transposed import read_transposed_codec, transposed_prefix

_CODE_FILE: Final = "rvq_model.py"
_WINDOW_NAMES: Final = (
    "window_size",
    "window",
    "window_length",
    "train_window",
    "seq_len",
    "clip_length",
    "num_frames",
)
_CHECKED_FRAMES: Final = 96  # latent frames of random codes that the statistics are checked on


def read_codec(
    path: Path,
    size: CodeSize | None = None,
    *,
    trust_code: bool = False,
    adapter: Path | None = None,
    window: int | None = None,
) -> CodecSource:
    """Read the codec in a folder, or at a file of weights.

    A codec with an `adapter` file is read through that, one with its own rvq_model.py through
    that, and only with `trust_code`: such files run as any program does. They need the `size` that
    the tokenizer's motion tokens show. `window`: feature frames that the decoder was trained on at
    once, where its settings do not say. InputError and FormatError say in one line what is missing
    or does not fit.
    """
    if adapter is not None and not adapter.is_file():
        raise InputError(f"expected a Python file at {adapter}, found none: check --codec-adapter")
    found = open_codec_files(path) if adapter is None else open_without_weights(path)
    mean, std, stats = find_statistics([found.folder, found.weights.parent, found.folder.parent])
    base = {
        "name": found.folder.resolve().name, "mean": mean, "std": std,
        "fps": positive_number(found.settings, "fps") or FPS, "files": (*found.files, *stats),
        "licence": found.licence,
    }  # fmt: skip
    known = positive_number(found.settings, *_WINDOW_NAMES)
    code = found.folder / _CODE_FILE if adapter is None else adapter
    runs = adapter is not None or (code.is_file() and not is_own_codec(found.settings))
    if runs and not trust_code:
        raise InputError(
            f"{code} is a program that has to run to read this codec: read it, then give "
            "--trust-code if you trust it"
        )
    if runs:
        assert size is not None
        base |= {"files": (*found.files, *stats, code)}
        source = _run(found, code, size, base, window or known, adapted=adapter is not None)
    else:
        source = _read_known(found, base)
    source = with_window(source, window, known)
    source = replace(source, notes=(*found.notes, *source.notes))
    _check(source, found, stats[1])
    return source


def _run(
    found: CodecFiles,
    code: Path,
    size: CodeSize,
    base: dict[str, Any],
    window: int | None,
    *,
    adapted: bool,
) -> CodecSource:
    """Read a codec through a Python file that is trusted: an adapter or its own."""
    if adapted:
        return read_adapted_codec(code, found.folder, size, base, window)
    return read_foreign_codec(found, code, size, base, window)


def _read_known(found: CodecFiles, base: dict[str, Any]) -> CodecSource:
    if is_own_codec(found.settings):
        return read_own_codec(found.folder, base)
    if residual_prefix(found.state) is not None:
        return read_residual_codec(found.state, found.settings, found.weights, base)
    if transposed_prefix(found.state) is not None:
        return read_transposed_codec(found.state, found.settings, found.weights, base)
    names = ", ".join(
        f"{name} {tuple(value.shape)}" for name, value in list(found.state.items())[:3]
    )
    raise FormatError(
        f"{found.weights}: expected the layout of MoMask, T2M-GPT or ConvTranspose with batch "
        "norm, "
        f"got {len(found.state)} tensors such as {names}: put the codec's class beside it as "
        f"{_CODE_FILE} and give --trust-code, or {ADAPTER_HINT}"
    )


def _check(source: CodecSource, found: CodecFiles, std: Path) -> None:
    """Refuse codebooks or features that are not finite, and statistics that do not fit them."""
    if not np.isfinite(source.codebooks).all():
        raise FormatError(
            f"{found.weights}: expected finite codebooks, got NaN or infinity: download it again"
        )
    frames = _CHECKED_FRAMES if source.window_padding is None else source.window
    assert frames is not None
    features = normalised_features(
        source.decoder, sum_of_rows(random_codes(source, frames), source.codebooks)
    )
    if not np.isfinite(features).all():
        raise FormatError(
            f"{found.weights}: expected finite features, got NaN or infinity: download it again"
        )
    check_statistics(source.std, features, std)
