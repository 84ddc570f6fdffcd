"""One line of text that a person edits: letters of any script, a cursor, a history."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

LONGEST_PROMPT: Final = 1000  # letters: a prompt that no context would hold is stopped at the door
_JOINERS: Final = "\u200c\u200d"  # the two format codes that a word or an emoji may need
_CODES: Final = ("Cc", "Cf", "Cs")  # control, format, halves of surrogate pairs


class PromptText(NamedTuple):
    """The state of a prompt line, to be drawn."""

    text: str
    cursor: int
    """Letters before the cursor."""
    focused: bool
    """Typed letters go into the line."""
    example: str = ""
    """A prompt to suggest in the empty line."""


class PromptLine:
    """The line, its cursor, and the lines sent before."""

    def __init__(self, send: Callable[[str], None]) -> None:
        """`send` is called with every line that is sent, which is never empty."""
        self._send = send
        self.focused = False
        self.text, self.cursor = "", 0
        self._sent: list[str] = []
        self._back = 0  # lines back in the history; 0: the one being written
        self._draft = ""
        self.examples: tuple[str, ...] = ()
        """Prompts to suggest in the empty line, one after another."""
        self._suggested = 0
        self._actions: dict[str, Callable[[], None]] = {
            "left": lambda: self._to(_before(self.text, self.cursor)),
            "right": lambda: self._to(_after(self.text, self.cursor)),
            "word left": lambda: self._to(_word_before(self.text, self.cursor)),
            "word right": lambda: self._to(_word_after(self.text, self.cursor)),
            "start": lambda: self._to(0),
            "end": lambda: self._to(len(self.text)),
            "up": lambda: self._recall(1),
            "down": lambda: self._recall(-1),
            "backspace": lambda: self._cut(_before(self.text, self.cursor), self.cursor),
            "delete": lambda: self._cut(self.cursor, _after(self.text, self.cursor)),
            "delete word": lambda: self._cut(_word_before(self.text, self.cursor), self.cursor),
            "delete to start": lambda: self._cut(0, self.cursor),
            "delete to end": lambda: self._cut(self.cursor, len(self.text)),
        }

    @property
    def line(self) -> PromptText:
        """The line as it is to be drawn."""
        example = self.examples[self._suggested % len(self.examples)] if self.examples else ""
        return PromptText(self.text, self.cursor, self.focused, "" if self.text else example)

    def type(self, text: str) -> None:
        """Inserts letters, typed, composed or pasted, at the cursor.

        Line breaks become spaces; control codes are left out.
        """
        text = text[: 4 * LONGEST_PROMPT]  # whatever was on the clipboard
        spaced = "".join(" " if letter in "\n\r\t\u2028\u2029" else letter for letter in text)
        kept = "".join(
            letter
            for letter in spaced
            if letter in _JOINERS or unicodedata.category(letter) not in _CODES
        )
        kept = kept[: max(0, LONGEST_PROMPT - len(self.text))]
        self.text = self.text[: self.cursor] + kept + self.text[self.cursor :]
        self.cursor += len(kept)

    def edit(self, action_name: str) -> bool:
        """Does what an editing key means, such as "word left"; False for an unknown name."""
        action = self._actions.get(action_name)
        if action is not None:
            action()
        return action is not None

    def set_cursor(self, index: int) -> None:
        """Puts the cursor behind `index` letters, or nearby, so that it splits none."""
        index = min(max(0, index), len(self.text))
        self._to(_after(self.text, _before(self.text, index)) if index else 0)

    def send(self) -> None:
        """Sends the line and begins an empty one; a blank line is not sent."""
        prompt = self.text.strip()
        if not prompt:
            return
        if self._sent[-1:] != [prompt]:
            self._sent.append(prompt)
        self.text, self.cursor, self._back, self._draft = "", 0, 0, ""
        self._suggested += 1
        self._send(prompt)

    def _to(self, cursor: int) -> None:
        self.cursor = cursor

    def _cut(self, start: int, stop: int) -> None:
        self.text = self.text[:start] + self.text[stop:]
        self.cursor = start

    def _recall(self, steps: int) -> None:
        back = min(max(0, self._back + steps), len(self._sent))
        if back == self._back:
            return
        if not self._back:
            self._draft = self.text
        self._back = back
        self.text = self._sent[-back] if back else self._draft
        self.cursor = len(self.text)


def _joined(text: str, index: int) -> bool:
    """True if the letter at an index belongs to the one before it.

    Accents, skin tones and parts of an emoji do.
    """
    if index <= 0 or index >= len(text):
        return False
    letter = text[index]
    accent = unicodedata.category(letter)[0] == "M" or letter == _JOINERS[1]
    return accent or "\U0001f3fb" <= letter <= "\U0001f3ff" or text[index - 1] == _JOINERS[1]


def _before(text: str, index: int) -> int:
    index = max(0, index - 1)
    while _joined(text, index):
        index -= 1
    return index


def _after(text: str, index: int) -> int:
    index = min(len(text), index + 1)
    while _joined(text, index):
        index += 1
    return index


def _word_before(text: str, index: int) -> int:
    while index and not text[index - 1].isalnum():
        index -= 1
    while index and text[index - 1].isalnum():
        index -= 1
    return index


def _word_after(text: str, index: int) -> int:
    while index < len(text) and not text[index].isalnum():
        index += 1
    while index < len(text) and text[index].isalnum():
        index += 1
    return index
