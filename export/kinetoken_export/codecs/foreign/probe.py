"""Which latents a foreign module makes of codes: its codebooks proved on what it does, and its decoder cut out there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...progress import progress
from ..source import Array, Codes, normalised_features, sum_of_rows
from .inject import Injected, Place, handed_over
from .tables import Tables
from .trial_methods import Way

FRAMES: Final = 47  # of a trial: a prime, so that it is no width of a layer
CLOSE: Final = 1e-4  # largest error that counts as none, as a part of the spread
CHUNK: Final = 24  # code frames run at once while rows are measured


@dataclass(frozen=True)
class Found:
    """A foreign codec taken apart."""

    decoder: nn.Module
    codebooks: Array
    stride: int
    way: Way | None
    """The module's own way from codes to features; None where it has none and its forward was compared."""
    notes: tuple[str, ...]


def take_apart(model: nn.Module, way: Way, tables: Tables, *, measured: bool) -> Found | None:
    """Codebooks and decoder such that rows, sum and decoder do what `way` does; None where these tables are not its own.

    `measured` False: the latents are sums of the tables' rows, scaled at most. True: sums of rows that the module makes
    of its tables in some other way, measured code by code.
    """
    codes = _drawn(tables)
    for place, latents in _places(model, way, codes):
        fitted = (
            _measured(model, way, place, tables) if measured else fit(latents, codes, tables.rows)
        )
        if fitted is None:
            continue
        rows, shift, notes = fitted
        decoder = Injected(model, place, _Standin(way), torch.from_numpy(shift)).eval()
        if _agrees(decoder, rows, way, codes):
            label = (
                f"codes to features by {way.name}; codebooks {tables.name}; cut before {place.name}"
            )
            return Found(decoder, rows, way.stride, way, (label, *notes))
    return None


class _Standin:
    """Latents to features by a way that is given zeros for codes, as many frames as there are latents."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def __call__(self, latents: Tensor) -> Tensor:
        return self._way.run(torch.zeros(latents.shape[2], self._way.levels, dtype=torch.long))


def _drawn(tables: Tables) -> Codes:
    return np.random.default_rng(3).integers(tables.codes, size=(FRAMES, tables.levels))


def _places(
    model: nn.Module, way: Way, codes: Codes, until: Place | None = None
) -> Iterator[tuple[Place, NDArray[np.float32]]]:
    given = torch.from_numpy(codes)
    for place, latents in handed_over(model, lambda: way.run(given), len(codes), until):
        yield place, latents.numpy().astype(np.float32)


def fit(latents: Array, codes: Codes, tables: Array) -> tuple[Array, Array, tuple[str, ...]] | None:
    """Rows (Q, K, D), shift (D,) and notes such that latents are shift + sum of rows, rows being tables times a scale."""
    if tables.shape[2] != latents.shape[1]:
        return None
    chosen = tables[np.arange(len(tables)), codes].astype(np.float64)  # (n, Q, D)
    centred = chosen - chosen.mean(axis=0)
    wanted = latents - latents.mean(axis=0)
    columns = centred.transpose(0, 2, 1).reshape(-1, len(tables))
    scales, *_ = np.linalg.lstsq(columns, wanted.ravel(), rcond=None)
    spread = float(wanted.std())
    if (
        not np.abs(columns @ scales - wanted.ravel()).max() <= CLOSE * spread
        or (np.abs(scales) < 1e-3).any()
    ):
        return None
    scales = np.where(np.abs(scales - 1) < CLOSE, 1.0, scales)
    shift = latents.mean(axis=0) - np.einsum("nqd,q->d", chosen, scales) / len(codes)
    shift = shift if np.abs(shift).max() > CLOSE * spread else np.zeros_like(shift)
    notes = (
        ()
        if (scales == 1).all()
        else (f"codebooks are scaled by {', '.join(f'{s:.4g}' for s in scales)}",)
    )
    return (tables * scales[:, None, None]).astype(np.float32), shift.astype(np.float32), notes


def _measured(
    model: nn.Module, way: Way, place: Place, tables: Tables
) -> tuple[Array, Array, tuple[str, ...]] | None:
    """The same for rows that hang on the tables in some other way: one code at a time against the first ones."""
    codes = _drawn(tables)
    base = _at(model, way, place, np.zeros((CHUNK, tables.levels), np.int64))
    if base is None or not _same(base, base[:1]):
        return None  # a frame's latent hangs on its neighbours: a place behind a convolution
    trial = [
        _differences(model, way, place, level, codes[:CHUNK, level], base)
        for level in range(tables.levels)
    ]
    whole = _at(model, way, place, codes[:CHUNK])
    if whole is None or any(t is None for t in trial):
        return None
    if not _same(base[0] + np.sum([t for t in trial if t is not None], axis=0), whole):
        return None  # no sum over the levels
    rows = np.stack(
        [_all_differences(model, way, place, q, tables.codes, base) for q in range(tables.levels)]
    )
    rows, note = _origins(rows, tables.rows)
    shift = base[0] - rows[:, 0].sum(axis=0)
    return rows.astype(np.float32), shift.astype(np.float32), (note,)


def _origins(differences: Array, tables: Array) -> tuple[Array, str]:
    """Differences (Q, K, D) from each level's first row to rows: what a level adds that is missing has to be known."""
    for kind, known in (
        ("a linear map of", tables),
        ("a linear map of the directions of", _directions(tables)),
    ):
        if known.shape[1] > known.shape[2] + 1:
            maps = [
                np.linalg.lstsq(k - k[0], d, rcond=None)[0]
                for k, d in zip(known, differences, strict=True)
            ]
            rows = np.stack([k @ m for k, m in zip(known, maps, strict=True)])
            if _same(rows - rows[:, :1], differences):
                return rows, f"rows are {kind} the tables"
    centred = differences - differences.mean(axis=1, keepdims=True)
    return centred, "rows were measured; a missing level stands for the mean of its codes"


def _directions(tables: Array) -> Array:
    out: Array = tables / np.maximum(np.linalg.norm(tables, axis=2, keepdims=True), 1e-12)
    return out


def _all_differences(
    model: nn.Module, way: Way, place: Place, level: int, size: int, base: Array
) -> Array:
    parts = []
    for start in progress(range(0, size, CHUNK), f"codebook {level}"):
        ids = np.minimum(np.arange(start, start + CHUNK), size - 1)
        part = _differences(model, way, place, level, ids, base)
        assert part is not None  # the same place was there for the first codes
        parts.append(part[: min(CHUNK, size - start)])
    return np.concatenate(parts)


def _differences(
    model: nn.Module, way: Way, place: Place, level: int, ids: Codes, base: Array
) -> Array | None:
    """What the codes of one level add to the latent of all first codes."""
    codes = np.zeros((len(ids), way.levels), np.int64)
    codes[:, level] = ids
    latents = _at(model, way, place, codes)
    return None if latents is None else latents - base[0]


def _at(model: nn.Module, way: Way, place: Place, codes: Codes) -> Array | None:
    """Latents (n, D) that codes (n, Q) make at a place."""
    for there, latents in _places(model, way, codes, until=place):
        if there == place:
            return latents
    return None


def _same(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max() <= CLOSE * max(float(np.std(a)), 1e-6))


def _agrees(decoder: nn.Module, rows: Array, way: Way, codes: Codes) -> bool:
    """Whether rows, sum and decoder give the way's features."""
    with torch.no_grad():
        wanted = way.run(torch.from_numpy(codes))[0].T.numpy()
    got = normalised_features(decoder, sum_of_rows(codes, rows))
    return got.shape == wanted.shape and _same(wanted, got)
