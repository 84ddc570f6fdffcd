"""This process's memory: how much is free, and giving back what was freed.

llama.cpp writes to all of its memory at once. A system that has too little then ends the process
without a word, so the question comes first.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ..base.errors import EngineError
from ..base.operating_system import address_space_left, c_function, read_system_file

MEMINFO: Final = Path("/proc/meminfo")
CONTAINER: Final = Path("/sys/fs/cgroup")
"""Limits of the container that this process is in (cgroup version 2)."""
RESERVED_BYTES: Final = 64 << 20
"""Kept below a limit of the process: llama.cpp ends it if even a small piece is refused."""
_GB: Final = 1e9


def check_memory(needed: int, what: str, advice: str) -> None:
    """Raise EngineError if so many bytes are surely not free."""
    free = free_bytes()
    if free is not None and needed > free:
        raise EngineError(
            f"{what} needs {needed / _GB:.1f} GB of memory, and {free / _GB:.1f} GB are free; "
            f"{advice}"
        )


def free_bytes() -> int | None:
    """Bytes that this process can still take, with caches that can be dropped; None if unknown."""
    told = [free for free in (_of_system(), _of_container(), _of_process()) if free is not None]
    return min(told, default=None)


def _of_system() -> int | None:
    text = read_system_file(MEMINFO)
    found = [
        re.search(rf"^{name}:\s*(\d+) kB", text, re.MULTILINE)
        for name in ("MemAvailable", "SwapFree")
    ]
    return 1024 * sum(int(match[1]) for match in found if match) if found[0] else None


def _of_container() -> int | None:
    limit, used = (
        read_system_file(CONTAINER / name).strip() for name in ("memory.max", "memory.current")
    )
    if not limit.isdecimal() or not used.isdecimal():
        return None
    cached = re.search(
        r"^inactive_file (\d+)$", read_system_file(CONTAINER / "memory.stat"), re.MULTILINE
    )
    return max(0, int(limit) - int(used) + (int(cached[1]) if cached else 0))


def _of_process() -> int | None:
    """Bytes below the limit of the address space (ulimit -v), if there is one."""
    left = address_space_left()
    return None if left is None else max(0, left - RESERVED_BYTES)


def return_freed_memory() -> None:
    """Give memory that was freed back to the system; glibc would keep it for later."""
    if (trim := c_function("malloc_trim")) is not None:
        trim(0)
