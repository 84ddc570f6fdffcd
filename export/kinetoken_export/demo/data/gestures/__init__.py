"""What a standing body does with arms, head and torso."""

from .makers import gesture_windows

__all__ = ["gesture_windows"]
