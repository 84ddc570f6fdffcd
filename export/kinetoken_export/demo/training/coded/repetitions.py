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
from ...words.action_names import MOST_ALOUD

_SHORTEST: Final = 2  # code frames of a repetition
_TRIED: Final = (2, 5, 10)  # repetitions that must count right for a motion to be taken apart
# One repetition of these, cut out, begins and ends halfway through the movement.
GO_ON: Final = ("pushups", "situps")
_COUNTED: Final = 150  # code frames of a motion whose repetitions are counted aloud
_Joints = Callable[[Codes], Array]


def repetition_ends(action: str, codes: Codes, count: int, joints: _Joints) -> tuple[int, ...]:
    """Code frames at which all repetitions but the last end; none where they cannot be told apart.

    At each, what lies before counts as so many and what lies behind as the rest. `joints`: codes
    (n, Q) to joints (4n, 22, 3).
    """
    if count < 2 or action not in COUNTERS:
        return ()
    shown = joints(codes)
    places = range(_SHORTEST, len(codes) - _SHORTEST + 1)
    before = {at: times_done(action, shown[: at * STRIDE]) for at in places}
    behind = {at: times_done(action, shown[at * STRIDE :]) for at in places}
    ends: list[int] = []
    for done in range(1, count):
        fit = [at for at in places if before[at] == done and behind[at] == count - done]
        if not fit:
            return ()
        ends.append(fit[len(fit) // 2])
    if min(np.diff([0, *ends, len(codes)])) < _SHORTEST:
        return ()
    pieces = np.split(codes, ends)
    for times in (n for n in _TRIED if n <= 2 or count > 2):
        if times_done(action, joints(np.concatenate(repeated(pieces, times)))) != times:
            return ()
    return tuple(ends)


def repeated(pieces: Sequence[Codes], times: int) -> list[Codes]:
    """The first repetition, those between it and the last over and over, and the last.

    `times` is 2, or more where there is one between them.
    """
    between = pieces[1:-1]
    return [pieces[0], *(between[i % len(between)] for i in range(times - 2)), pieces[-1]]


def fitting_counts(
    action: str, codes: Codes, cuts: Sequence[int], joints: _Joints
) -> dict[int, bool]:
    """How often a motion may be done so that as many are counted and it does not take too long.

    Each with whether it, done so often, still shows its action. `cuts`: where its repetitions end;
    without any, the whole is one.
    """
    out: dict[int, bool] = {}
    most = 2 if len(cuts) == 1 else MOST_ALOUD
    for times in range(2, most + 1):
        pieces = done_over(codes, cuts, times)
        if sum(map(len, pieces)) > _COUNTED:
            break
        shown = joints(np.concatenate(pieces))
        if action not in COUNTERS or times_done(action, shown) == times:
            out[times] = obeys(action, shown)
    return out


def done_over(codes: Codes, cuts: Sequence[int], times: int) -> list[Codes]:
    """A motion done so many times, one piece for each."""
    return repeated(np.split(codes, list(cuts)), times) if cuts else [codes] * times
