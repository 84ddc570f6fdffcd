"""A foreign module without a way from codes to features: its forward is watched instead, from features to features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.motion.features import N_FEATURES

from ..source import Array, Codes, normalised_features, sum_of_rows
from .inject import Injected, handed_over
from .probe import CLOSE, Found
from .tables import Tables
from .trial_methods import features_of, integers_in

Forward = Callable[[Tensor], Any]

FRAMES: Final = 96  # features of the trial: a whole number of latents for every usual stride
STRIDES: Final = (4, 2, 8, 1, 3, 6, 16)
BEAM: Final = 256


def find_forwards(model: nn.Module) -> Iterator[tuple[Forward, Tensor]]:
    """The forward that takes features (1, n, 263), or the one that takes (1, 263, n), and an output of it."""

    def frame_major(x: Tensor) -> Any:
        return model(x.transpose(1, 2))

    for run in (frame_major, model):
        try:
            with torch.no_grad():
                out = features_of(run(_example(FRAMES)))
        except Exception:  # whatever foreign code does with an input that it is not for
            continue
        if out.shape[2] == FRAMES:
            yield run, out


def take_apart(model: nn.Module, run: Forward, out: Tensor, tables: Tables) -> Found | None:
    """Codebooks and decoder where the forward hands over sums of the tables' rows; None where it does not."""
    for stride in STRIDES:
        frames, rest = divmod(FRAMES, stride)
        if rest:
            continue
        whole: list[Any] = []
        for place, latents in handed_over(
            model, lambda w=whole: w.append(run(_example(FRAMES))), frames
        ):  # type: ignore[misc]
            values = latents.numpy().astype(np.float32)
            if values.shape[1] != tables.rows.shape[2] or not _is_sum(values, tables, whole[0]):
                continue
            stand_in = _Standin(run, stride)
            decoder = Injected(model, place, stand_in, torch.zeros(values.shape[1])).eval()
            got = normalised_features(decoder, values)
            if np.abs(got - out[0].T.numpy()).max() <= CLOSE * float(out.std()):
                note = f"compared with the module's forward; codebooks {tables.name}; cut before {place.name}"
                return Found(decoder, tables.rows, stride, None, (note,))
    return None


class _Standin:
    """Latents to features by a forward that is given zeros, as many frames as the latents stand for."""

    def __init__(self, run: Forward, stride: int) -> None:
        self._run, self._stride = run, stride

    def __call__(self, latents: Tensor) -> Tensor:
        return features_of(self._run(torch.zeros(1, N_FEATURES, latents.shape[2] * self._stride)))


def _example(frames: int) -> Tensor:
    return torch.randn(1, N_FEATURES, frames, generator=torch.Generator().manual_seed(1))


def _is_sum(latents: Array, tables: Tables, out: Any) -> bool:
    """Whether the latents are sums of one row per level, by the codes in the output or else by search."""
    for codes in _codes_in(out, len(latents), tables.levels):
        if (
            codes.min() >= 0
            and codes.max() < tables.codes
            and _equal(sum_of_rows(codes, tables.rows), latents)
        ):
            return True
    return _equal(sum_of_rows(search(latents, tables.rows), tables.rows), latents)


def _codes_in(out: Any, frames: int, levels: int) -> Iterator[Codes]:
    for tensor in integers_in(out):
        values = tensor.squeeze().numpy().astype(np.int64)
        values = values[:, None] if values.ndim == 1 else values
        if values.shape == (frames, levels):
            yield values
        elif values.shape == (levels, frames):
            yield values.T


def search(latents: Array, tables: Array) -> Codes:
    """Codes (n, Q) whose rows come nearest to latents (n, D), the best few kept from level to level."""
    out = np.empty((len(latents), len(tables)), np.int64)
    for frame, latent in enumerate(latents.astype(np.float64)):
        left, chosen = latent[None], np.zeros((1, 0), np.int64)
        for table in tables.astype(np.float64):
            distance = (
                np.square(left).sum(1)[:, None] - 2 * left @ table.T + np.square(table).sum(1)
            ).ravel()
            best = np.argsort(distance)[:BEAM]
            parent, code = np.divmod(best, len(table))
            left, chosen = left[parent] - table[code], np.column_stack([chosen[parent], code])
        out[frame] = chosen[0]
    return out


def _equal(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max() <= CLOSE * max(float(b.std()), 1e-6))
