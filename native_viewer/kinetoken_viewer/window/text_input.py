"""Keyboard events of a window for the prompt line: letters and editing keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyglet.window import key

from ..stage.prompt_line import PromptLine

_ACTIONS: Final = {
    key.MOTION_LEFT: "left", key.MOTION_RIGHT: "right",
    key.MOTION_UP: "up", key.MOTION_DOWN: "down",
    key.MOTION_PREVIOUS_WORD: "word left", key.MOTION_NEXT_WORD: "word right",
    key.MOTION_BEGINNING_OF_LINE: "start", key.MOTION_END_OF_LINE: "end",
    key.MOTION_BEGINNING_OF_FILE: "start", key.MOTION_END_OF_FILE: "end",
    key.MOTION_BACKSPACE: "backspace", key.MOTION_DELETE: "delete",
}  # fmt: skip
_WITH_CTRL: Final = {
    key.A: "start", key.E: "end",
    key.U: "delete to start", key.K: "delete to end", key.W: "delete word",
}  # fmt: skip
_OPENING_LETTER: Final = "/"


class TextInput:
    """Hands keys to a prompt line; each method returns True if the key was meant for the line."""

    def __init__(
        self, line: PromptLine, paste: Callable[[], str], copy: Callable[[str], None]
    ) -> None:
        """`paste` and `copy` reach the clipboard."""
        self._line, self._paste, self._copy = line, paste, copy
        self._erases_word = False

    def press(self, symbol: int, modifiers: int) -> bool:
        """Takes a key that went down; while the line has the keyboard, every key is its own."""
        line, send = self._line, symbol in (key.RETURN, key.ENTER, key.NUM_ENTER)
        if not line.focused:
            line.focused = send
            return send
        self._erases_word = symbol == key.BACKSPACE and bool(modifiers & key.MOD_CTRL)
        if send:
            line.send()
        elif symbol == key.ESCAPE:
            line.focused = False
        elif modifiers & key.MOD_CTRL and symbol in _WITH_CTRL:
            line.edit(_WITH_CTRL[symbol])
        return True

    def text(self, text: str) -> bool:
        """Takes letters, one or many: an input method hands over whole words."""
        if self._line.focused:
            self._line.type(text.strip("\r\n") if len(text) == 1 else text)
            return True
        self._line.focused = text == _OPENING_LETTER
        return self._line.focused

    def motion(self, motion: int) -> bool:
        """Takes an editing key, also while it is held down."""
        if not self._line.focused:
            return False
        if motion == key.MOTION_PASTE:
            self._line.type(self._paste())
        elif motion == key.MOTION_COPY:
            self._copy(self._line.text)
        elif motion == key.MOTION_BACKSPACE and self._erases_word:
            self._line.edit("delete word")
        else:
            self._line.edit(_ACTIONS.get(motion, ""))
        return True
