"""Chats with motion: requests, thoughts and the windows that answer them, as token ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...codecs.source import Codes
from ..words.action_names import LASTING
from ..words.requests import Part, Request
from .chat_examples import Block, ChatCoder, ChatTurn, Example
from .coded.coded_window import CodedWindow
from .coded.motion_bank import ANY_POSTURE, LONGEST, MotionBank
from .defaults import WORDS_ONLY
from .train_words import DrawnChats

_TURNS: Final = (1, 2, 3, 4, 5, 6)
_LEVELS: Final = (4, 3, 2, 1)
_LONGEST_CHAT: Final = 1100  # tokens
_LONGEST: Final = 125  # code frames of an answer that goes on without words
_SHRUGS: Final = 0.65  # share of the unknown that is answered with a shrug, not with standing
_SHORTEST_BLOCK: Final = 5  # code frames
# Code frames of each part, by how many there are: all are to fit into an answer.
_LONGEST_PARTS: Final = {1: LONGEST, 2: 34, 3: 24}


@dataclass(frozen=True)
class ExampleShares:
    """How often each kind of example is drawn."""

    words_only: float = WORDS_ONLY
    """Chats without motion, which are short."""
    turns: tuple[float, ...] = (0.74, 0.1, 0.06, 0.04, 0.03, 0.03)
    """Of chats of one turn, two, ... with motion."""
    levels: tuple[float, ...] = (0.5, 0.12, 0.14, 0.24)
    """Of chats with four levels, three, two, one."""
    counting: float = 0.4
    """Of chats with motion, those of one request that says how often."""
    lasting: float = 0.08
    """Of the others, those of one request that says how long."""
    going_on: float = 0.1
    """Of answers that go on without words after their first block."""


class MotionChats:
    """Draws chats with motion as token ids, without end."""

    def __init__(
        self, worded: DrawnChats, bank: MotionBank, coder: ChatCoder, shares: ExampleShares
    ) -> None:
        self._worded, self._bank, self._coder, self._shares = worded, bank, coder, shares
        self.random = worded.random

    def draw(self) -> Example:
        """One chat, of words alone or with motion."""
        if self.random.random() < self._shares.words_only:
            return self._worded.draw()
        while True:
            levels = int(self.random.choice(_LEVELS, p=self._shares.levels))
            turns = self._turns(levels)
            if turns:
                example = self._coder.encode(turns)
                if len(example.ids) <= _LONGEST_CHAT:
                    return example

    def _turns(self, levels: int) -> list[ChatTurn]:
        """A chat as far as there is motion for it."""
        turns: list[ChatTurn] = []
        last: CodedWindow | None = None
        for request in self._requests():
            blocks = self._blocks(request, last)
            if blocks is None:
                break
            last = blocks[-1][1]
            turns.append(
                ChatTurn(
                    request.text,
                    tuple(Block(words, window.codes[:, :levels]) for words, window in blocks),
                )
            )
        return turns

    def _requests(self) -> list[Request]:
        if self.random.random() < self._shares.counting:
            return [self._worded.chats.counting()]
        if self.random.random() < self._shares.lasting:
            return [self._worded.chats.lasting()]
        return self._worded.chats.draw(int(self.random.choice(_TURNS, p=self._shares.turns)))

    def _blocks(
        self, request: Request, last: CodedWindow | None
    ) -> list[tuple[str, CodedWindow]] | None:
        """Words and motion of each block, after `last`; None where a part has no motion."""
        words = self._worded.turns.words(request)
        if request.unknown:
            window = self._after(last, self._helpless())
            said = words[0][0]
            return None if window is None else self._gone_on([(said, window)], "stand_still")
        out: list[tuple[str, CodedWindow]] = []
        longest = _LONGEST_PARTS.get(len(request.parts), min(_LONGEST_PARTS.values()))
        for said_of_part, part in zip(words, request.parts, strict=True):
            windows = self._motions(last, part, longest, len(said_of_part))
            if windows is None:
                return None
            out += zip(said_of_part, windows, strict=True)
            last = windows[-1]
        part = request.parts[-1]
        return out if part.count or part.seconds else self._gone_on(out, part.action)

    def _motions(
        self, last: CodedWindow | None, part: Part, longest: int, blocks: int
    ) -> list[CodedWindow] | None:
        """The motion of each block of a part where `last` ended."""
        if blocks == 1:
            window = self._after(last, part, longest)
            return None if window is None else [window]
        if last is None:
            return self._bank.repetitions(part, ANY_POSTURE)
        return self._bank.repetitions(part, last.ends, last.codes)

    def _after(
        self, last: CodedWindow | None, part: Part, longest: int = _LONGEST_PARTS[1]
    ) -> CodedWindow | None:
        """The motion of a part where `last` ended."""
        if last is None:
            return self._bank.motion(part, ANY_POSTURE, None, longest)
        return self._bank.motion(part, last.ends, last.codes, longest)

    def _helpless(self) -> Part:
        """What the body does where it cannot do what is asked."""
        return Part("shrug" if self.random.random() < _SHRUGS else "stand_still")

    def _gone_on(
        self, blocks: list[tuple[str, CodedWindow]], action: str
    ) -> list[tuple[str, CodedWindow]]:
        """Now and then, more blocks without words: the last motion cut, or more of the action."""
        if self.random.random() >= self._shares.going_on or len(blocks) > 1:
            return blocks
        words, window = blocks[0]
        if action in LASTING and self.random.random() < 0.5:
            pieces = list(self._cut(window.codes))
            return [
                (words if number == 0 else "", window.with_codes(piece))
                for number, piece in enumerate(pieces)
            ]
        out = list(blocks)
        for _ in range(int(self.random.integers(1, 4))):
            more = self._after(out[-1][1], Part(action))
            if more is None or sum(len(w.codes) for _, w in out) + len(more.codes) > _LONGEST:
                break
            out.append(("", more))
        return out

    def _cut(self, codes: Codes) -> Iterator[Codes]:
        """A motion in two or three pieces."""
        while len(codes) >= 3 * _SHORTEST_BLOCK and self.random.random() < 0.75:
            at = int(self.random.integers(_SHORTEST_BLOCK, len(codes) - _SHORTEST_BLOCK))
            yield codes[:at]
            codes = codes[at:]
        yield codes
