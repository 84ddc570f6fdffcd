"""How many latent frames a codec's decoder takes at once.

Convolutions take any number. Decoders with learned positions take up to as many as they were
trained on, or exactly so many. The module is tried at several lengths; nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError

from ..checkpoint.tensors import Float32Array
from .source import (
    CodecSource,
    decode_once,
    normalised_features,
    random_codes,
    sum_of_rows,
)

_LENGTHS: Final = (1, 7, 40, 96)  # a decoder that takes these takes any number
_LONGEST: Final = 512  # latent frames tried
_CLOSE: Final = 1e-4  # largest difference that counts as none, as a part of the spread


def latent_window(frames: int, stride: int) -> int:
    """Latent frames of a window of feature frames; InputError where it holds no whole number."""
    if frames < stride or frames % stride:
        raise InputError(
            f"--codec-window: expected a multiple of {stride} feature frames, which one latent "
            f"frame stands for, got {frames}"
        )
    return frames // stride


def with_window(source: CodecSource, asked: int | None, known: int | None) -> CodecSource:
    """Return the codec with the latent frames that its decoder takes at once.

    `asked`, `known`: feature frames that the user and the codec's settings say; InputError where
    the decoder does not take what is asked for.
    """
    if asked is not None:
        return _with_asked(source, asked)
    told = source.window or (max(1, known // source.stride) if known else None)
    if all(_takes(source, frames) for frames in _LENGTHS):
        return replace(source, window=told)
    if told is None and all(_takes(source, frames) for frames in _LENGTHS[1:]):
        raise FormatError(
            f"{source.name}: expected a decoder of any length, this one fails at a single latent "
            "frame: name the feature frames that it was trained on at once with --codec-window"
        )
    window = told if told is not None and _takes(source, told) else _longest(source)
    if window is None:
        raise FormatError(
            f"{source.name}: expected a decoder of any length or of one window, it failed at 1 to "
            f"{_LONGEST} latent frames: name the feature frames that it was trained on with "
            "--codec-window"
        )
    source = limited(replace(source, window=window))
    how = "at most" if source.window_padding == "none" else "neither more nor fewer"
    note = (
        f"its decoder takes {window * source.stride} feature frames at once, {how}; longer motions "
        "are decoded in windows of this length, each frame near the middle of its own"
    )
    return replace(source, notes=(*source.notes, note))


def _with_asked(source: CodecSource, asked: int) -> CodecSource:
    window = latent_window(asked, source.stride)
    if not _takes(source, window):
        longest = _longest(source)
        found = f"{longest * source.stride}" if longest else "none that was tried"
        raise InputError(
            "--codec-window: expected feature frames that the decoder takes at once, got "
            f"{asked}; it takes {found}"
        )
    return limited(replace(source, window=window))


def limited(source: CodecSource) -> CodecSource:
    """Return the codec with a decoder that takes `window` latent frames, or fewer if it can."""
    assert source.window is not None
    shorter = {1, max(1, source.window // 2), source.window - 1, source.window} - {0}
    if all(_takes(source, frames) for frames in shorter):
        return replace(source, window_padding="none")
    return filled(source)


def filled(source: CodecSource) -> CodecSource:
    """Return the codec with a decoder that takes exactly `window` latent frames.

    Shorter motions are filled up as the module itself does it, else with their last latent.
    """
    window = source.window
    assert window is not None
    for name, fill in _FILLS.items():
        if _equals_filled(source, window, fill):
            return replace(source, window_padding=name)
    return replace(source, window_padding="repeat")


def _repeated(latents: Float32Array, missing: int) -> Float32Array:
    return np.concatenate([latents, np.repeat(latents[-1:], missing, axis=0)])


def _zeros(latents: Float32Array, missing: int) -> Float32Array:
    return np.pad(latents, ((0, missing), (0, 0)))


_FILLS: Final[dict[str, Callable[[Float32Array, int], Float32Array]]] = {
    "repeat": _repeated,
    "zero": _zeros,
}


def _equals_filled(
    source: CodecSource, window: int, fill: Callable[[Float32Array, int], Float32Array]
) -> bool:
    """Tell whether the module decodes a shorter motion as it does one that is filled up."""
    short = max(1, window // 2)
    codes = random_codes(source, short, seed=2)
    try:
        alone = decode_once(source, codes)
        latents = fill(sum_of_rows(codes, source.codebooks), window - short)
        whole = normalised_features(source.decoder, latents)[: len(alone)]
    except Exception:  # whatever foreign code does with lengths that it is not for
        return False
    return bool(np.abs(alone - whole).max() <= _CLOSE * max(float(alone.std()), 1e-6))


def _takes(source: CodecSource, frames: int) -> bool:
    """Tell whether the decoder takes so many latent frames and gives their features."""
    try:
        features = decode_once(source, random_codes(source, frames))
    except Exception:  # whatever foreign code does with lengths that it is not for
        return False
    return features.shape == (frames * source.stride, len(source.std))


def _longest(source: CodecSource) -> int | None:
    """The latent frames from which on one more is too many, else the only number that works."""
    longest = None
    for frames in range(1, _LONGEST + 1):
        if _takes(source, frames):
            longest = frames
        elif longest is not None:
            break
    return longest
