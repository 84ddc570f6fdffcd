"""Examples drawn by processes beside the one that trains."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Iterator
from typing import TypeVar

from torch.utils.data import DataLoader, IterableDataset

from kinetoken.base.errors import InputError

_T = TypeVar("_T")


def loaded(drawn: IterableDataset[_T], workers: int) -> Iterator[_T]:
    """What `drawn` draws, in `workers` processes, or in this one if 0. InputError."""
    if workers and "fork" not in multiprocessing.get_all_start_methods():
        raise InputError(
            f"--workers: expected 0 where processes cannot be forked, as here, got {workers}: leave "
            "it out"
        )
    context = "fork" if workers else None
    rows = DataLoader(drawn, batch_size=None, num_workers=workers, multiprocessing_context=context)
    with warnings.catch_warnings():
        # From Python 3.12 on, of threads that the workers do not touch.
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        return iter(rows)
