"""Work that calls back into Python, in a thread of its own, so that Ctrl-C can end it.

An exception would be lost in a callback, and Ctrl-C is delivered to the main thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

HEARTBEAT: Final = 0.05  # seconds between two checks for Ctrl-C
_T = TypeVar("_T")


def run_interruptibly(
    work: Callable[[], _T], stop: Callable[[], None], look: Callable[[], None] = lambda: None
) -> _T:
    """Run `work` in a thread and return its result; `look` is called from time to time.

    Whatever is raised meanwhile calls `stop`, then waits until the work is over.
    """
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(work)
        try:
            while wait([under_way], HEARTBEAT).not_done:
                look()
        except BaseException:
            stop()  # leaving the pool waits for its thread
            raise
        return under_way.result()
