"""A foreign module cut in two where it hands over sums of codebook rows.

Two runs show that place: its forward pass, features to features, and a method that decodes codes.
A cut counts only where rows, their sum and the decoder behind it give the features of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.motion.features import N_FEATURES

from ...checkpoint.tensors import Float32Array
from ..code_function import STRIDES, CodeFunction
from ..python_file import reason_of
from ..source import Codes, CodeSize, normalised_features, sum_of_rows
from .codebook_tensors import CodebookGuess, find_codebooks
from .module_calls import CutDecoder, watched_inputs
from .outputs import features_of

_FEATURES: Final = 96  # frames of the forward pass: a whole number of latents for usual strides
_CODES: Final = 47  # frames of a method's run: a prime, so that it is no width of a layer
_BEAM: Final = 256
_CLOSE: Final = 1e-4  # largest error that counts as none, as a part of the spread


@dataclass(frozen=True)
class CutModule:
    """Codebooks, and the decoder behind the sum of their rows."""

    decoder: nn.Module
    codebooks: Float32Array
    stride: int
    note: str


@dataclass(frozen=True)
class _Run:
    """One run of the module that is watched."""

    call: Callable[[Tensor], Tensor]
    """Input to features (1, 263, n)."""
    given: Tensor
    latents: int
    """Latent frames that pass through the module."""
    blank: Callable[[int], Tensor]
    """An input that stands for so many latent frames."""
    codes: Codes | None = None
    """(n, Q), where they are known."""


def cut_forward(model: nn.Module, size: CodeSize, frames: int = _FEATURES) -> CutModule | None:
    """Cut a module at the codebooks in its forward pass; None where it sums no rows there.

    `frames`: feature frames of the pass.
    """
    guesses = find_codebooks(model, size)
    for call in _forwards(model, frames):
        for stride in (stride for stride in STRIDES if frames % stride == 0):
            if cut := _cut(model, _forward_run(call, stride, frames), stride, guesses):
                return cut
    return None


def _forward_run(call: Callable[[Tensor], Tensor], stride: int, frames: int) -> _Run:
    def blank(latents: int) -> Tensor:
        return torch.zeros(1, N_FEATURES, latents * stride)

    return _Run(call, _example(frames), frames // stride, blank)


def cut_method(model: nn.Module, method: CodeFunction, frames: int = _CODES) -> CutModule | None:
    """Cut a module at the codebooks in a method that decodes codes; None likewise.

    `frames`: code frames of the run.
    """
    draw = np.random.default_rng(3)
    codes = draw.integers(method.size.codes, size=(frames, method.size.levels))
    run = _Run(
        lambda given: method.call(given).T[None],
        torch.from_numpy(codes),
        frames,
        lambda n: torch.zeros(n, method.size.levels, dtype=torch.long),
        codes,
    )
    return _cut(model, run, method.stride, find_codebooks(model, method.size))


def _forwards(model: nn.Module, frames: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """The forward as a function of features (1, 263, n), which it takes so or as (1, n, 263)."""

    def frames_first(features: Tensor) -> Tensor:
        return features_of(model(features.transpose(1, 2)))

    def frames_last(features: Tensor) -> Tensor:
        return features_of(model(features))

    for call in (frames_first, frames_last):
        try:
            with torch.no_grad():
                out = call(_example(frames))
        except Exception:  # whatever foreign code does with an input that it is not for
            continue
        if out.shape[2] == frames:
            yield call


def failing_forward(model: nn.Module) -> str:
    """Why the forward pass shows nothing, in a few words; empty where it seems sound."""
    reasons = []
    for example in (_example(_FEATURES).transpose(1, 2), _example(_FEATURES)):
        try:
            with torch.no_grad():
                one, other = features_of(model(example)), features_of(model(example))
        except Exception as error:  # whatever foreign code does with an input
            reasons.append(reason_of(error))
            continue
        return "" if torch.equal(one, other) else "its forward pass is another each time"
    return f"its forward pass fails with {reasons[0]}"


def _example(frames: int) -> Tensor:
    return torch.randn(1, N_FEATURES, frames, generator=torch.Generator().manual_seed(1))


def _cut(
    model: nn.Module, run: _Run, stride: int, guesses: list[CodebookGuess]
) -> CutModule | None:
    results: list[Tensor] = []
    try:
        seen = watched_inputs(model, lambda: results.append(run.call(run.given)), run.latents)
    except Exception:  # whatever foreign code does with a length that it is not for
        return None
    wanted = results[0][0].T.numpy()
    for call, inputs in seen:
        latents = inputs.numpy().astype(np.float32)
        for guess in guesses:
            if latents.shape[1] != guess.tables.shape[2] or not _is_sum(latents, guess, run.codes):
                continue
            decoder = CutDecoder(model, call, lambda x: run.call(run.blank(x.shape[2]))).eval()
            got = normalised_features(decoder, latents)
            if got.shape == wanted.shape and np.abs(got - wanted).max() <= _CLOSE * wanted.std():
                note = f"codebooks {guess.name}; the decoder begins at {call.name}"
                return CutModule(decoder, guess.tables, stride, note)
    return None


def _is_sum(latents: Float32Array, guess: CodebookGuess, codes: Codes | None) -> bool:
    """Tell whether latents (n, D) are sums of one row per level: of these codes, or of any."""
    codes = nearest_codes(latents, guess.tables) if codes is None else codes
    apart = np.abs(sum_of_rows(codes, guess.tables) - latents).max()
    return bool(apart <= _CLOSE * max(float(latents.std()), 1e-6))


def nearest_codes(latents: Float32Array, tables: Float32Array) -> Codes:
    """Find codes (n, Q) whose rows sum up to latents (n, D), by a beam over the levels."""
    out = np.empty((len(latents), len(tables)), np.int64)
    for frame, latent in enumerate(latents.astype(np.float64)):
        left, chosen = latent[None], np.zeros((1, 0), np.int64)
        for table in tables.astype(np.float64):
            distance = np.square(left).sum(1)[:, None] - 2 * left @ table.T
            distance += np.square(table).sum(1)
            best = np.argsort(distance.ravel())[:_BEAM]
            parent, code = np.divmod(best, len(table))
            left, chosen = left[parent] - table[code], np.column_stack([chosen[parent], code])
        out[frame] = chosen[0]
    return out
