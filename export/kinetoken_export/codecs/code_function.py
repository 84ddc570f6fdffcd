"""A codec that is known only as a function from codes to features.

There is no codebook to take out and no sum to cut the decoder off at. So the exported decoder
begins at the codes: the bundle's codebooks hold code + 1 in a column for each level, and 0 stands
for a level that an answer left out. The function is tried on random codes before it is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError
from kinetoken.motion.features import N_FEATURES

from ..checkpoint.tensors import Float32Array
from .python_file import reason_of
from .source import CodecSource, Codes, CodeSize

CodesToFeatures = Callable[[Tensor], Tensor]
"""Codes (n, Q) int64 to features (n * stride, 263)."""
_LEFT_OUT: Final = -1  # code of a level that an answer left out
_LENGTHS: Final = (12, 20)  # code frames of the trials
STRIDES: Final = (4, 2, 8, 1, 3, 6, 16)
"""Feature frames per latent frame that are tried, the usual ones first."""


@dataclass(frozen=True)
class CodeFunction:
    """A function that passed its trials."""

    name: str
    """For messages."""
    call: CodesToFeatures
    size: CodeSize
    stride: int
    """Feature frames per code frame."""
    takes_left_out: bool
    """Whether it understands the code -1."""
    frames: int = _LENGTHS[0]
    """Code frames that it takes."""
    modules: tuple[nn.Module, ...] = ()
    """Modules that it computes with: their weights are stored as those of other decoders."""

    def source(self, layout: str, base: Mapping[str, Any], *notes: str) -> CodecSource:
        """Return it as a codec. `base`: the fields that do not depend on the layout."""
        if not self.takes_left_out:
            notes += (
                f"{self.name} takes no -1: a level that an answer leaves out is read as code 0",
            )
        return CodecSource(
            layout=layout, decoder=_CodesDecoder(self).eval(), codebooks=_code_columns(self.size),
            stride=self.stride, reference=self._features, carries_codes=True, notes=notes, **base,
        )  # fmt: skip

    def _features(self, codes: Codes) -> Float32Array:
        features: Float32Array = _checked(self.name, self.call, torch.tensor(codes)).float().numpy()
        return features


def try_lengths(
    name: str,
    call: CodesToFeatures,
    size: CodeSize,
    modules: tuple[nn.Module, ...] = (),
    window: int | None = None,
) -> CodeFunction:
    """Try a function at any length, then at a window of feature frames; FormatError as below."""
    try:
        return try_function(name, call, size, modules)
    except FormatError:
        for frames in code_frames(window):
            try:
                found = try_function(name, call, size, modules, (frames,))
            except FormatError:
                continue
            if found.frames * found.stride == window:
                return found
        raise


def code_frames(window: int | None) -> tuple[int, ...]:
    """Code frames that a window of feature frames may hold."""
    return () if window is None else tuple(window // s for s in STRIDES if window % s == 0)


def try_function(
    name: str,
    call: CodesToFeatures,
    size: CodeSize,
    modules: tuple[nn.Module, ...] = (),
    lengths: tuple[int, ...] = _LENGTHS,
) -> CodeFunction:
    """Try a function on random codes; FormatError says in what it is no decoder of such codes."""
    strides = {len(_checked(name, call, _drawn(frames, size))) // frames for frames in lengths}
    if len(strides) > 1:
        raise FormatError(
            f"{name}: expected as many features for each code frame at every length, "
            f"got {' and '.join(map(str, sorted(strides)))}"
        )
    codes = _drawn(lengths[0], size)
    features = _checked(name, call, codes)
    if not torch.equal(features, _checked(name, call, codes)):
        raise FormatError(f"{name}: expected equal features for equal codes, got others each time")
    for level in range(size.levels):
        other = codes.clone()
        other[:, level] = (other[:, level] + 1) % size.codes
        if torch.equal(features, _checked(name, call, other)):
            raise FormatError(
                f"{name}: expected features that depend on level {level}, they do not"
            )
    left_out = _takes_left_out(name, call, size, lengths[0])
    return CodeFunction(name, call, size, strides.pop(), left_out, lengths[0], modules)


def _drawn(frames: int, size: CodeSize) -> Tensor:
    """Random codes (frames, Q), the lowest and the highest among them."""
    draw = torch.Generator().manual_seed(frames)
    codes = torch.randint(size.codes, (frames, size.levels), generator=draw)
    codes[0], codes[-1] = 0, size.codes - 1
    return codes


def _checked(name: str, call: CodesToFeatures, codes: Tensor) -> Tensor:
    """Features (n * stride, 263) of codes (n, Q); FormatError where they are something else."""
    try:
        with torch.no_grad():
            out = call(codes)
    except Exception as error:  # whatever foreign code does
        raise FormatError(
            f"{name} failed on codes {tuple(codes.shape)} of {int(codes.min())} to "
            f"{int(codes.max())}: {reason_of(error)}"
        ) from error
    shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    frames = len(codes)
    whole = isinstance(out, Tensor) and out.ndim == 2 and len(out) >= frames
    if not whole or len(out) % frames or out.shape[1] != N_FEATURES:
        raise FormatError(
            f"{name}: expected features ({frames} * stride, {N_FEATURES}) of codes "
            f"{tuple(codes.shape)}, got {shape}"
        )
    if not torch.isfinite(out).all():
        raise FormatError(f"{name}: expected finite features, got NaN or infinity")
    return out


def _takes_left_out(name: str, call: CodesToFeatures, size: CodeSize, frames: int) -> bool:
    """Tell whether -1 is more to a function than an error or the last row of a table."""
    if size.levels == 1:
        return True  # the one level is never left out
    codes = _drawn(frames, size)
    left_out, last_rows = codes.clone(), codes.clone()
    left_out[:, 1:], last_rows[:, 1:] = _LEFT_OUT, size.codes - 1
    try:
        features = _checked(name, call, left_out)
    except FormatError:
        return False
    return not torch.equal(features, _checked(name, call, last_rows))


def _code_columns(size: CodeSize) -> Float32Array:
    """Codebooks (Q, K, Q) whose sum over the levels is code + 1 in each level's column."""
    out = np.zeros((size.levels, size.codes, size.levels), np.float32)
    for level in range(size.levels):
        out[level, :, level] = np.arange(1, size.codes + 1)
    return out


class _CodesDecoder(nn.Module):
    """Latents (1, Q, n) that carry codes to normalised features (1, 263, stride * n)."""

    def __init__(self, function: CodeFunction) -> None:
        super().__init__()
        self.function = function
        self.modules_behind = nn.ModuleList(function.modules)

    def forward(self, latents: Tensor) -> Tensor:
        codes = latents[0].T.round().long() - 1
        codes = codes if self.function.takes_left_out else codes.clamp(min=0)
        return self.function.call(codes).float().T[None]
