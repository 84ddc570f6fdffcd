"""The turns of all people: those that wait, the one under way, and the history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from ..base.errors import InputError
from .requests import AskMotion

QUEUE_LIMIT: Final = 8
"""Turns in the queue."""
_REMEMBERED: Final = 100  # turns of the history
WAITING: Final = "waiting"
WRITING: Final = "writing"
MOVING: Final = "moving"
DONE: Final = "done"
STOPPED: Final = "stopped"
REFUSED: Final = "refused"
OVER: Final = frozenset({DONE, STOPPED, REFUSED})


@dataclass(frozen=True)
class WebTurn:
    """One prompt to one person."""

    number: int
    person: int
    """From 0."""
    prompt: str
    seed: int | None = None
    levels: int | None = None
    state: str = WAITING
    """Waiting, writing, moving (all has been written), and one of `OVER`."""
    said: str = ""
    """The thought."""
    seconds: float = 0.0
    """Of its motion."""
    rtf: float = 0.0
    """Seconds of motion that the generator made in a second."""
    note: str = ""
    """One line: why it was refused, what did not go as asked."""
    kept: bool = False
    """True while its motion can be saved."""

    @property
    def over(self) -> bool:
        """True once nothing more of it will be shown."""
        return self.state in OVER

    def to_json(self) -> dict[str, Any]:
        """The turn as pages read it; people are counted from 1, and the seed is text."""
        return {
            "id": self.number,
            "person": self.person + 1,
            "prompt": self.prompt,
            "state": self.state,
            "over": self.over,
            "said": self.said,
            "seconds": round(self.seconds, 2),
            "rtf": round(self.rtf, 1),
            "note": self.note,
            "kept": self.kept,
            **({} if self.seed is None else {"seed": str(self.seed)}),
            **({} if self.levels is None else {"levels": self.levels}),
        }


class TurnList:
    """All turns by number; those that wait are answered in the order in which they came."""

    def __init__(self) -> None:
        self._turns: dict[int, WebTurn] = {}
        self._next = 1

    def __getitem__(self, number: int) -> WebTurn:
        return self._turns[number]

    def __contains__(self, number: int) -> bool:
        return number in self._turns

    def add(self, ask: AskMotion, people: int) -> list[WebTurn]:
        """Put a prompt into the queue, for one person or for everybody.

        Everybody's seeds follow each other. InputError where the queue is full.
        """
        who = range(people) if ask.person is None else [ask.person]
        if max(who) >= people:
            raise InputError(f"there is no person {max(who) + 1}; there are {people}")
        if len(self.waiting) + len(who) > QUEUE_LIMIT:
            raise InputError(
                f"the queue is full ({len(self.waiting)} of {QUEUE_LIMIT} wait); "
                "wait until one is done, or press Stop"
            )
        seeds = [None if ask.seed is None else ask.seed + i for i in range(len(who))]
        added = []
        for person, seed in zip(who, seeds, strict=True):
            turn = WebTurn(self._next, person, ask.prompt, seed, ask.levels)
            self._next += 1
            added.append(self.put(turn))
        self._trim()
        return added

    def put(self, turn: WebTurn) -> WebTurn:
        """Keep the turn in place of what it was."""
        self._turns[turn.number] = turn
        return turn

    def change(self, number: int, **changes: Any) -> WebTurn:
        """Change some fields of a turn."""
        return self.put(replace(self._turns[number], **changes))

    @property
    def waiting(self) -> list[WebTurn]:
        """Turns in the queue, the first first."""
        return [turn for turn in self._turns.values() if turn.state == WAITING]

    def next(self, free: Callable[[int], bool]) -> WebTurn | None:
        """The first turn in the queue whose person is free."""
        return next((turn for turn in self.waiting if free(turn.person)), None)

    @property
    def all(self) -> list[WebTurn]:
        """Every turn that is remembered, in order."""
        return list(self._turns.values())

    def _trim(self) -> None:
        for turn in self.all[:-_REMEMBERED]:
            if turn.over:
                del self._turns[turn.number]
