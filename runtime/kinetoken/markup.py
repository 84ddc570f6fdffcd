"""Motion tokens spelled out: <move><m_0_123><m_1_54>...</move>."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOVE_START: Final = "<move>"
MOVE_END: Final = "</move>"


def spell(level: int, code: int) -> str:
    """The text of a motion token."""
    return f"<m_{level}_{code}>"


def spell_frame(frame: Sequence[int]) -> str:
    """The text of a code frame; missing levels (-1) are left out."""
    return "".join(spell(level, code) for level, code in enumerate(frame) if code >= 0)
