"""Numbers of threads for engines."""

from __future__ import annotations

import os
from typing import Final

from ..base.errors import InputError
from ..base.operating_system import usable_cores

THREADS_VARIABLE = "KINETOKEN_THREADS"
MOST_USUAL_THREADS: Final = 8
"""Most threads for llama.cpp if nobody names a number.

A token waits for memory, and more threads would only wait too.
"""


def requested_threads(given: int | None = None) -> int:
    """Threads for an engine: as given, else from the environment, else 0 for its own choice."""
    text = os.environ.get(THREADS_VARIABLE, "") if given is None else str(given)
    if not text:
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        where = THREADS_VARIABLE if given is None else "threads"
        raise InputError(f"{where}: expected a number of threads from 1 to 1024, got {text!r}")
    return int(text)


def usual_threads() -> int:
    """Threads for llama.cpp if nobody names a number and nothing else is busy."""
    return min(available_cores(), MOST_USUAL_THREADS)


def available_cores() -> int:
    """Cores that this process may use."""
    return usable_cores()
