"""The part of a chat that the model is shown while its answer outgrows the context.

Where the context is full, the model goes on in a new one: the chat up to the first words of the
answer, and the last code frames. Grammar, random stream and decoder never notice, so the motion is
one, streamed as offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..tokens.vocabulary import Vocabulary
from .prompt_items import PromptItem, count_cells

_SHARE: Final = 0.5  # of the context's room that the last tokens take in a new context
_LEAST_FRAMES: Final = 16  # code frames that must have room beside the chat and the first words


def can_outgrow(room: int, thought: int, levels: int) -> bool:
    """Tell whether an answer can go on in a new context.

    `room`: tokens of the context beside the chat; `thought`: most tokens before the first block.
    """
    return room >= thought + _LEAST_FRAMES * levels


class ContextWindow:
    """The items of one answer's chat: those that the engine holds, and those to feed next."""

    def __init__(
        self, items: Sequence[PromptItem], fed: int, vocabulary: Vocabulary, context: int
    ) -> None:
        """`items`: the chat; the engine has been fed the first `fed` of them."""
        self._vocabulary, self._context = vocabulary, context
        self._chat, self._answer = list(items), list[int]()
        self._seen: list[PromptItem] = list(items[:fed])  # what the engine holds
        self._next: list[PromptItem] = list(items[fed:])
        self._cells = count_cells(items)

    @property
    def shown(self) -> list[PromptItem]:
        """What the engine holds, and what it is fed next."""
        return [*self._seen, *self._next]

    def add(self, token: int) -> None:
        """Note the next token of the answer."""
        self._answer.append(token)
        self._next.append(token)
        self._cells += 1

    def take(self) -> tuple[list[PromptItem], int | None]:
        """The items to feed next, and the cells to rewind to before; None: nothing is forgotten."""
        keep = None
        if self._cells > self._context:
            del self._seen[len(self._chat) :]
            keep = count_cells(self._seen)
            self._next = [*self._chat[len(self._seen) :], *self._shown_again()]
            self._cells = keep + count_cells(self._next)
        items, self._next = self._next, []
        self._seen += items
        return items, keep

    def _shown_again(self) -> list[int]:
        """The first words of the answer and its last code frames, in a block that opens."""
        words, start = self._vocabulary, self._vocabulary.move_start
        first = next((n for n, t in enumerate(self._answer) if not words.is_text(t)), 0)
        head = self._answer[:first]
        room = int((self._context - count_cells(self._chat) - len(head)) * _SHARE)
        at = max(first, len(self._answer) - max(1, room))
        while at < len(self._answer) - 1 and not self._begins(self._answer[at]):
            at += 1
        tail = self._answer[at:]
        inside = tail[0] in words.levels[0] and start is not None
        opened = inside and self._chat[-1] == start and not head
        return [*head, *([start] if inside and not opened and start is not None else []), *tail]

    def _begins(self, token: int) -> bool:
        """Tell whether a token can follow the first words: a block, a frame or more words."""
        words = self._vocabulary
        return token == words.move_start or token in words.levels[0] or words.is_text(token)
