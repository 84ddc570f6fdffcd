"""This machine: the bandwidth of its memory, its caches, and the memory that this process took."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..base.operating_system import peak_resident_bytes, read_system_file

_READ_BYTES: Final = 256 << 20  # more than the caches of small machines hold
_PASSES: Final = 5
STATUS: Final = Path("/proc/self/status")
CACHES: Final = Path("/sys/devices/system/cpu/cpu0/cache")
_READERS: Final[tuple[Callable[[NDArray[np.float32]], Any], ...]] = (
    np.max,
    lambda part: np.dot(part, part),
)
"""Ways to read each number once; the fastest differs from machine to machine."""


def read_bandwidth(threads: int, size: int = _READ_BYTES, passes: int = _PASSES) -> float:
    """Bytes per second that so many threads read from memory together.

    It is the best of some passes over `size` bytes.
    """
    values = np.ones(size // 4, np.float32)  # written: untouched pages would all be the same one
    parts = np.array_split(values, threads)
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for reader in _READERS:
            for _ in range(passes):
                began = time.perf_counter()
                list(pool.map(reader, parts))
                best = max(best, values.nbytes / (time.perf_counter() - began))
    return best


def last_cache() -> int:
    """Bytes of the processor's largest cache; 0 if unknown."""
    sizes = [
        re.fullmatch(r"(\d+)([KM])", read_system_file(path).strip())
        for path in CACHES.glob("index*/size")
    ]
    return max(
        (int(found[1]) << (10 if found[2] == "K" else 20) for found in sizes if found), default=0
    )


def peak_memory() -> int | None:
    """The most bytes that this process had in memory, mapped files included; None if unknown.

    Linux counts it in /proc for the program that runs now; `getrusage` would inherit the peak of a
    large parent.
    """
    found = re.search(r"^VmHWM:\s*(\d+) kB", read_system_file(STATUS), re.MULTILINE)
    if found:
        return 1024 * int(found[1])
    return peak_resident_bytes()
