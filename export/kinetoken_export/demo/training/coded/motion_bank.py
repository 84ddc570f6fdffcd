"""Which motion answers a part of a request: the window that shows it, fitted in count and length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ....codecs.source import Codes
from ...words.action_names import LASTING
from ...words.requests import Part
from ..defaults import LONGEST_BLOCK_SECONDS
from .coded_window import RISE, STILL_CODES, CodedWindow, joined
from .repetitions import done_over

FRAMES_PER_SECOND: Final = 5  # code frames
LONGEST: Final = int(LONGEST_BLOCK_SECONDS * FRAMES_PER_SECOND)
"""Code frames of a motion without a duration."""
# Code frames of what could go on, without a duration: where examples have many lengths, no moment is
# a likely end.
_LONGEST_LASTING: Final = 30
_DONE_AGAIN: Final = 100  # code frames that a motion of one takes, done over and over, at most
_SHORTEST_LOOP: Final = 3
_TRIES: Final = 5  # motions; the one that begins most like the last one ended is taken
_MOST_FITTED: Final = 5  # motions that are tried to fit a length
_FEWEST_NEAR: Final = 8  # candidates of about the asked length, at least
ANY_POSTURE: Final = ""
"""The posture of a body that nobody has seen: who gets up first of all begins on the floor."""
# Poses, which nothing in the motion itself would end.
_HELD: Final = ("stand_still", "t_pose", "pray")
_HELD_SECONDS: Final = 3  # where nobody says how long
# Whose name means one of it where nobody says how often.
_ONCE: Final = ("backflip", "blow_kiss", "bow", "cartwheel", "dodge_back", "dodge_left", "dodge_right",
    "forward_roll", "jump_forward", "kick_ball", "kick_left", "kick_right", "pick_up_from_floor",
    "punch_left", "punch_right", "raise_arms", "raise_left_arm", "raise_right_arm", "reach_up",
    "salute", "shoot_basketball", "throw", "turn_around", "turn_left", "turn_right")  # fmt: skip
# How a body gets from standing into a posture.
_LOWERED: Final = {"lying": "lie_down", "seated": "sit_on_chair", "on_floor": "sit_on_floor",
    "kneeling": "kneel"}  # fmt: skip


class MotionBank:
    """Draws code frames for parts of requests."""

    def __init__(
        self,
        found: Sequence[CodedWindow],
        latents: Callable[[Codes], NDArray[np.float32]],
        random: np.random.Generator,
    ) -> None:
        """`latents`: codes (n, Q) to latents (n, L), to find where motions may be joined."""
        self._latents, self._random = latents, random
        self._by_action: dict[str, list[CodedWindow]] = defaultdict(list)
        for window in found:
            self._by_action[window.action].append(window)

    @property
    def actions(self) -> frozenset[str]:
        """Actions that there is motion of."""
        return frozenset(self._by_action)

    def motion(
        self, part: Part, posture: str, before: Codes | None = None, longest: int = LONGEST
    ) -> CodedWindow | None:
        """The motion of a part for a body in a posture; None where there is none such.

        `before`: what the body did last, which ends in that posture. `longest`: code frames of a
        part that says neither how often nor how long.
        """
        tries = 1 if before is None else _TRIES
        found = [w for _ in range(tries) if (w := self._asked(part, longest)) is not None]
        if not found:
            return None
        window = self._nearest([w for w in found if w.begins == posture] or found, before)
        return self._from(posture, window, before)

    def repetitions(
        self, part: Part, posture: str, before: Codes | None = None
    ) -> list[CodedWindow] | None:
        """The motion of a counted part, one for each repetition; None where there is none such.

        They are a motion of one done over and over, or, where that takes long or would not count
        right, one motion taken apart, with more or fewer repetitions.
        """
        mine = [w for w in self._by_action.get(part.action, ()) if part.count in w.fits]
        fitting = self._fitting(part, mine)
        again = [w for w in fitting if not w.cuts]
        brief = [w for w in again if part.count * len(w.codes) <= _DONE_AGAIN]
        apart = [w for w in fitting if w.cuts]
        same = [w for w in apart if w.count == part.count]
        found = brief or same or apart or again
        if not found:
            return None
        whole = self._one_of(found)
        pieces = done_over(part.action, whole.codes, whole.cuts, part.count)
        parts = [whole.with_codes(codes, 1) for codes in pieces]
        first = self._from(posture, parts[0], before)
        return None if first is None else [first, *parts[1:]]

    def _asked(self, part: Part, longest: int) -> CodedWindow | None:
        if part.seconds:
            return self._lasting(part)
        if not part.count and part.action in _HELD:
            held = self._lasting(replace(part, seconds=_HELD_SECONDS))
            return held or self._any(part, longest)
        return self._counted(part) if part.count else self._any(part, longest)

    def _nearest(self, found: Sequence[CodedWindow], before: Codes | None) -> CodedWindow:
        """The motion that begins most as what came before ended; any after nothing."""
        if before is None or len(found) == 1:
            return self._one_of(found)
        end = self._latents(before[-1:])[0]
        return min(found, key=lambda w: float(np.abs(self._latents(w.codes[:1])[0] - end).sum()))

    def fitted(self, window: CodedWindow, length: int) -> Codes | None:
        """A window in exactly `length` code frames: pieces of it left out or repeated.

        The seams lie where its latents are most alike. None where it is too short for that.
        """
        codes = window.codes
        while len(codes) != length:
            cut = self._cut(codes, length)
            if cut is None:
                return None
            first, second = cut
            codes = np.concatenate([codes[:first], codes[second:]])
        return codes

    def _cut(self, codes: Codes, length: int) -> tuple[int, int] | None:
        """Where to leave (first) and to go on (second), to come nearer to `length`.

        To lengthen, second lies before first.
        """
        n, gap = len(codes), length - len(codes)
        z = self._latents(codes)
        apart = np.abs(z[:, None] - z[None]).sum(-1)
        costs = np.full((n, n), np.inf)
        costs[1:, 1:] = apart[1:, 1:] + apart[:-1, :-1]
        first, second = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        moving = (first >= STILL_CODES) & (first < n - STILL_CODES)
        moving &= (second >= STILL_CODES) & (second < n - STILL_CODES)
        back = first - second
        if gap < 0:
            allowed = moving & (back == gap)
        else:
            exact = moving & (back == gap) & (back >= _SHORTEST_LOOP)
            shorter = moving & (back >= _SHORTEST_LOOP) & (back <= gap)
            # Long steps, so that what is repeated is more than one cycle; and what is then left to
            # be added is no loop too short.
            shorter &= (back >= min(gap, n // 3)) & ((gap - back == 0) | (gap - back >= 3))
            allowed = exact if exact.any() else shorter
        costs[~allowed] = np.inf
        order = np.argsort(costs, axis=None)[:3]
        order = order[np.isfinite(costs.flat[order])]
        if not len(order):
            return None
        place = int(order[int(self._random.integers(len(order)))])
        return place // n, place % n

    def _any(self, part: Part, longest: int) -> CodedWindow | None:
        """A window as the part asks it: side, speed and style where there are such."""
        mine = [w for w in self._by_action.get(part.action, ()) if len(w.codes) <= longest]
        found = self._fitting(part, mine)
        if part.action in LASTING:
            found = [w for w in found if len(w.codes) <= _LONGEST_LASTING] or found
        elif part.action in _ONCE:
            found = [w for w in found if w.count < 2] or found
        return self._one_of(found) if found else None

    def _one_of(self, found: Sequence[CodedWindow]) -> CodedWindow:
        return found[int(self._random.integers(len(found)))]

    def _fitting(self, part: Part, found: list[CodedWindow]) -> list[CodedWindow]:
        """Those of a side, speed and style; all of another speed or style where there is none."""
        if part.side in ("left", "right"):
            sided = [w for w in found if w.side == part.side]
            if not sided and any(w.side in ("left", "right") for w in found):
                return []
            found = sided or found
        found = [w for w in found if w.speed == part.speed] or found
        # A style that nobody asked for is shown rarely.
        return [w for w in found if w.style == part.style] or (
            found if not part.style else [w for w in found if not w.style] or found
        )

    def _counted(self, part: Part) -> CodedWindow | None:
        """A window of exactly as many."""
        mine = [w for w in self._by_action.get(part.action, ()) if w.count == part.count]
        found = self._fitting(part, mine)
        return self._one_of(found) if found else None

    def _lasting(self, part: Part) -> CodedWindow | None:
        """A motion of exactly the seconds that a part says."""
        length = part.seconds * FRAMES_PER_SECOND
        mine = [w for w in self._by_action.get(part.action, ()) if len(w.codes) >= min(length, 12)]
        mine = sorted(self._fitting(part, mine), key=lambda w: abs(len(w.codes) - length))
        near = mine[: max(_FEWEST_NEAR, len(mine) // 4)]
        for place in self._random.permutation(len(near))[:_MOST_FITTED]:
            window = near[int(place)]
            while window.action not in LASTING and len(window.codes) < length:
                # What cannot go on is done again, as others do it.
                window = joined([window, self._one_of(near)])
            codes = self.fitted(window, length)
            if codes is not None:
                return window.with_codes(codes)
        return None

    def _from(self, posture: str, window: CodedWindow, before: Codes | None) -> CodedWindow | None:
        """The window led into from a posture: up first, then down, as it begins."""
        if posture in (window.begins, ANY_POSTURE):
            return window
        ways: list[CodedWindow] = []
        if posture != "standing":
            up = self._ways(RISE, posture, "standing")
            if not up:
                return None
            ways.append(self._nearest(up, before))
        if window.begins != "standing":
            down = self._ways(_LOWERED[window.begins], "standing", window.begins)
            if not down:
                return None
            ways.append(self._one_of(down))
        return joined([*ways, window])

    def _ways(self, action: str, begins: str, ends: str) -> list[CodedWindow]:
        mine = self._by_action.get(action, ())
        return [w for w in mine if w.begins == begins and w.ends == ends]
