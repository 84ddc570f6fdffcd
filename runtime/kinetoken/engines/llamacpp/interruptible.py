"""Work that calls back into Python, in a thread of its own: an exception would be lost in a callback, and Ctrl-C is delivered only here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

HEARTBEAT: Final = 0.05  # seconds between two looks at whether Ctrl-C came
_T = TypeVar("_T")


def run_interruptibly(
    work: Callable[[], _T], stop: Callable[[], None], look: Callable[[], None] = lambda: None
) -> _T:
    """What `work` gives; `look` is called while it lasts. Whatever is raised meanwhile calls `stop`, and waits until the work is over."""
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(work)
        try:
            while wait([under_way], HEARTBEAT).not_done:
                look()
        except BaseException:
            stop()  # leaving the pool waits for its thread
            raise
        return under_way.result()
