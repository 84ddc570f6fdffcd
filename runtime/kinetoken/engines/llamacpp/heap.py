"""Memory that was taken for a while goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any


def hand_back() -> None:
    """What was freed lately goes back; glibc would keep it for later. Other systems are not asked."""
    with contextlib.suppress(AttributeError, OSError):
        trim: Any = ctypes.CDLL(None).malloc_trim
        trim(0)
