"""A motion codec as the exporter sees it, whatever its layout was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..checkpoint.tensors import Float32Array

Codes = NDArray[np.int64]
ADAPTER_HINT: Final = (
    "write its codes_to_features(codes) in a Python file and give that with --codec-adapter and "
    "--trust-code (an example is in the export's README)"
)
"""Ends every message about a codec that cannot be read."""


@dataclass(frozen=True)
class CodeSize:
    """The number of levels and of codes in each."""

    levels: int
    codes: int


@dataclass(frozen=True)
class CodecSource:
    """A codec that was read: codebooks, decoder and statistics in the form that a bundle wants."""

    name: str
    """Of its folder, for people."""
    layout: str
    """"kinetoken-causal-rvq", "momask", "t2m-gpt", "conv-transpose", "foreign" or "adapter"."""
    decoder: nn.Module
    """Latents (1, D, n) to normalised features (1, 263, stride * n), in evaluation mode."""
    codebooks: Float32Array
    """(Q, K, D); a frame's latent is the sum of one row per level, a missing level adds nothing."""
    mean: Float32Array
    """(263,)."""
    std: Float32Array
    """(263,)."""
    stride: int
    """Feature frames per latent frame."""
    fps: int
    encoder: Callable[[Float32Array], Codes] | None = None
    """Normalised features (n, 263) to codes (n // stride, Q), where the codec has an encoder."""
    reference: Callable[[Codes], Float32Array] | None = None
    """Foreign code's own way: codes (n, Q) to normalised features (stride * n, 263)."""
    carries_codes: bool = False
    """Whether the codebooks hand the codes themselves to the decoder (see code_function)."""
    window: int | None = None
    """Latent frames that it was trained on at once, where its settings or its code say."""
    window_padding: str | None = None
    """None: the decoder takes any number of latents. "none": up to `window`. "repeat" and "zero":
    exactly `window`, and a shorter motion is filled up so."""
    files: tuple[Path, ...] = ()
    """Files that it was read from."""
    licence: str | None = None
    """As its README or config says."""
    notes: tuple[str, ...] = ()
    """What was assumed, one line each, for the user to see."""


def residual_codes(latents: Float32Array, codebooks: Float32Array) -> Codes:
    """Quantize latents (n, D) to codes (n, Q), each level what the levels before left over."""
    left = latents.copy()
    chosen = np.empty((len(latents), len(codebooks)), np.int64)
    for level, table in enumerate(codebooks):
        distance = np.square(table).sum(1) - 2 * left @ table.T
        chosen[:, level] = distance.argmin(1)
        left -= table[chosen[:, level]]
    return chosen


def sum_of_rows(codes: Codes, codebooks: Float32Array) -> Float32Array:
    """Codes (n, Q) to latents (n, D)."""
    rows: Float32Array = codebooks[np.arange(len(codebooks)), codes].sum(axis=1, dtype=np.float32)
    return rows


def normalised_features(decoder: nn.Module, latents: Float32Array) -> Float32Array:
    """Decode latents (n, D) to normalised features (stride * n, 263)."""
    import torch

    with torch.no_grad():
        out: Tensor = decoder(torch.from_numpy(latents.T[None].copy()))
    rows: Float32Array = out[0].T.contiguous().numpy()
    return rows


def random_codes(source: CodecSource, frames: int, seed: int = 0) -> Codes:
    """Codes (frames, Q) drawn evenly."""
    levels, size, _ = source.codebooks.shape
    return np.random.default_rng(seed).integers(size, size=(frames, levels))


def decode(source: CodecSource, codes: Codes) -> Float32Array:
    """Decode codes (n, Q) through the source's own module to normalised features.

    A motion longer than what the decoder takes is decoded window by window, as the runtime does.
    """
    window, padding = source.window, source.window_padding
    if window is None or padding is None:
        return decode_once(source, codes)
    n, size = len(codes), window if padding != "none" else min(window, len(codes))
    parts: dict[int, Float32Array] = {}
    rows = []
    for frame in range(n):
        start = min(max(0, frame - window // 2), max(0, n - window))
        if start not in parts:
            parts[start] = _decode_filled(source, codes[start : start + window], size)
        begin = (frame - start) * source.stride
        rows.append(parts[start][begin : begin + source.stride])
    return np.concatenate(rows)


def _decode_filled(source: CodecSource, codes: Codes, size: int) -> Float32Array:
    """Decode codes (n, Q) that are filled up to `size` latent frames."""
    missing = size - len(codes)
    if missing and source.window_padding == "zero":
        latents = sum_of_rows(codes, source.codebooks)
        return normalised_features(source.decoder, np.pad(latents, ((0, missing), (0, 0))))
    return decode_once(source, np.concatenate([codes, np.repeat(codes[-1:], missing, axis=0)]))


def decode_once(source: CodecSource, codes: Codes) -> Float32Array:
    """Decode codes (n, Q) in one pass through the source's own module."""
    if source.reference is not None:
        return source.reference(codes)
    return normalised_features(source.decoder, sum_of_rows(codes, source.codebooks))
