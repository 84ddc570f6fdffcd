"""The words on a picture: prompt, thought, status line, messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kinetoken.motion.clip import Clip
from kinetoken.tokens.markup import markup_of_notes

from .prompt_line import PromptText

STATUS_GAP: Final = "   "  # between the parts of the status


@dataclass(frozen=True)
class PictureWords:
    """Everything written on one picture."""

    prompt: str = ""
    """Shown in quotation marks."""
    thought: str = ""
    status: str = ""
    """One line at the bottom left, its parts held apart by STATUS_GAP."""
    message: str = ""
    """Anything that needs attention: waiting, a failure."""
    help: bool = False
    """The key help is shown, alone."""
    line: PromptText | None = None
    """The prompt line, if the window takes prompts."""
    title: str = ""
    """Name of what is shown, if there is no prompt."""
    note: str = ""
    """At the top right: what has just been saved, what is being recorded."""
    about: tuple[tuple[str, str], ...] = ()
    """Below the key help: parts of the bundle and their licences."""


def thought_of(clip: Clip) -> str:
    """The thought in a clip's text: its words without the motion tokens, on one line."""
    return " ".join(markup_of_notes(clip.meta).without_motion(clip.text).split())
