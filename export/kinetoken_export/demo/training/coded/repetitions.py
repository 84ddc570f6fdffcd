"""Where the repetitions of a counted motion end, and the same motion with more or fewer of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import Array

from ....codecs.source import Codes
from ...data.cutting import STRIDE
from ...data.judges import obeys
from ...data.judges.counting import COUNTERS, times_done
from ...words.action_names import MOST_ALOUD, STEPPED

_SHORTEST: Final = 2  # code frames of a repetition
_TRIED: Final = (2, 5, 10)  # repetitions that must count right for a motion to be taken apart
_TRIED_STEPS: Final = (5, 6, 13, 14)  # the same of steps, of which odd or even ones can be made
# One repetition of these, cut out, begins and ends halfway through the movement.
GO_ON: Final = ("pushups", "situps")
_COUNTED: Final = 150  # code frames of a motion whose repetitions are counted aloud
_Joints = Callable[[Codes], Array]


def repetition_ends(action: str, codes: Codes, count: int, joints: _Joints) -> tuple[int, ...]:
    """Code frames at which all repetitions but the last end; none where they cannot be told apart.

    At each, what lies before counts as so many and what lies behind as the rest; a step that is under
    way may count on both sides. `joints`: codes (n, Q) to joints (4n, 22, 3).
    """
    if count < 2 or action not in COUNTERS:
        return ()
    stepped, shown = action in STEPPED, joints(codes)
    places = range(_SHORTEST, len(codes) - _SHORTEST + 1)
    before = {at: times_done(action, shown[: at * STRIDE]) for at in places}
    behind = {at: times_done(action, shown[at * STRIDE :]) for at in places}
    ends: list[int] = []
    for done in range(1, count):
        near = [at for at in places if before[at] == done]
        fit = [at for at in near if behind[at] == count - done]
        fit = fit or [at for at in near if stepped and behind[at] == count - done + 1]
        if not fit:
            return ()
        ends.append(fit[len(fit) // 2])
    long_enough = min(np.diff([0, *ends, len(codes)])) >= _SHORTEST
    return tuple(ends) if long_enough and _counts_right(action, codes, ends, joints) else ()


def _counts_right(action: str, codes: Codes, ends: Sequence[int], joints: _Joints) -> bool:
    """Tell whether a motion taken apart counts right when it is done more or less often."""
    tried = _TRIED_STEPS if action in STEPPED else _TRIED
    return all(
        times_done(action, joints(np.concatenate(done_over(action, codes, ends, n)))) == n
        for n in tried
        if n in _times_of(action, ends)
    )


def repeated(pieces: Sequence[Codes], times: int, period: int = 1) -> list[Codes]:
    """The first repetition, those between it and the last over and over, and the last.

    `period`: after how many repetitions the body is where it was, 2 of a left and a right step; then
    `times` is as odd or even as the pieces. More than the pieces are only where `period` lie between.
    """
    between = pieces[1:-1]
    cycle = len(between) // period * period
    order = (i if i < len(between) else i % cycle for i in range(times - 2))
    return [pieces[0], *(between[i] for i in order), pieces[-1]]


def fitting_counts(
    action: str, codes: Codes, cuts: Sequence[int], joints: _Joints
) -> dict[int, bool]:
    """How often a motion may be done so that as many are counted and it does not take too long.

    Each with whether it, done so often, still shows its action. `cuts`: where its repetitions end;
    without any, the whole is one.
    """
    out: dict[int, bool] = {}
    for times in _times_of(action, cuts):
        pieces = done_over(action, codes, cuts, times)
        if sum(map(len, pieces)) > _COUNTED:
            break
        shown = joints(np.concatenate(pieces))
        if action not in COUNTERS or times_done(action, shown) == times:
            out[times] = obeys(action, shown)
    return out


def done_over(action: str, codes: Codes, cuts: Sequence[int], times: int) -> list[Codes]:
    """A motion done so many times, one piece for each."""
    if not cuts:
        return [codes] * times
    return repeated(np.split(codes, list(cuts)), times, _period(action))


def _period(action: str) -> int:
    """After how many repetitions the body is where it was: a left step is followed by a right one."""
    return 2 if action in STEPPED else 1


def _times_of(action: str, cuts: Sequence[int]) -> range:
    """How often a motion can be done: any number where it is whole or has a period between its ends."""
    period, count = _period(action), len(cuts) + 1
    if not cuts:
        return range(2, MOST_ALOUD + 1) if period == 1 else range(0)
    most = MOST_ALOUD if count - 2 >= period else count
    return range(2 + (count - 2) % period, most + 1, period)
