"""Names of actions: those that motion shows, and those that leave a side or a way open."""

from __future__ import annotations

from typing import Final

# An open request is met by any of these.
OPEN_ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    "jump": ("jump_up", "jump_forward"),
    "kick": ("kick_left", "kick_right"),
    "punch": ("punch_left", "punch_right"),
    "turn": ("turn_left", "turn_right"),
    "wave": ("wave_left", "wave_right"),
}
