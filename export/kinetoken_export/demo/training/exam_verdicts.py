"""Whether an answer of the exam does what its question asks for, by physics and by honesty."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip

from ..data.actions import OPEN_ACTIONS
from ..data.judges import Evidence, obeys
from ..data.judges.counting import COUNTERS, times_done
from ..data.judges.stance import LAST_FRAMES, lies, sits_high, sits_low, stands
from ..words.exam_questions import Question
from ..words.thoughts import only_counts

_Joints = NDArray[np.float64]
_HONEST: Final = re.compile(
    r"\b(not|never|cannot|can't|don't|haven't|unable|unknown to me)\b", re.IGNORECASE
)
_CLOSE: Final = 1.0  # frame: how exactly a length is kept
_STILL: Final = 0.3  # m/s: a body that says it cannot does not go anywhere
# How the body is held where an action begins that does not begin upright.
_BEGIN_LOW: Final = {"get_up_from_floor": (lies, sits_low), "stand_up_from_chair": (sits_high,)}
_HELD: Final = 4  # frames
_SETTLED: Final = 8  # frames from where it is first held so to where the way ends
_SHORTEST: Final = 16  # frames of a motion behind a way


def admits(thought: str) -> bool:
    """Tell whether a thought says that the body cannot do what was asked."""
    return bool(_HONEST.search(thought))


def does(question: Question, clip: Clip, thought: str) -> bool:
    """Tell whether the clip is what the question asks for: actions in order, count, length."""
    joints = clip.joints.astype(np.float64)
    if not question.actions:
        return admits(thought) and Evidence(joints).path_speed < _STILL
    if question.seconds and abs(len(joints) - question.seconds * clip.fps) > _CLOSE:
        return False
    if judges_count(question) and times_done(question.actions[0], joints) != question.count:
        return False
    parts = [joints] if len(question.actions) == 1 else _blocks(clip, joints)
    if len(parts) != len(question.actions):
        return False
    if not (shows_asked(question.actions[0], parts[0]) or _shows_each(question, clip, joints)):
        return False
    return all(
        shows_after(before, action, part)
        for action, (before, part) in zip(question.actions[1:], pairwise(parts), strict=True)
    )


def judges_count(question: Question) -> bool:
    """Tell whether the question says how often, and physics can tell whether that is met."""
    return bool(question.count) and len(question.actions) == 1 and question.actions[0] in COUNTERS


def shows_asked(action: str, joints: _Joints) -> bool:
    """Tell whether joints show an action, any that fits where its name leaves a side open."""
    return any(obeys(one, joints) for one in OPEN_ACTIONS.get(action, (action,)))


def _shows_each(question: Question, clip: Clip, joints: _Joints) -> bool:
    """Tell whether there are as many blocks as are asked for, each of which shows the action.

    Two turns to the left end where one does not: only each of them is a turn to the left.
    """
    if question.count < 2 or len(question.actions) > 1:
        return False
    each = _blocks(clip, joints, apart=True)
    return len(each) == question.count and all(
        len(one) > 0 and shows_asked(question.actions[0], one) for one in each
    )


def shows_after(before: _Joints, action: str, joints: _Joints) -> bool:
    """Tell whether a part shows its action behind another part.

    A body that is down first rises to what begins upright, and lowers itself to what begins low:
    the action may begin after that way.
    """
    if shows_asked(action, joints):
        return True
    if action not in _BEGIN_LOW and stands(Evidence(before), LAST_FRAMES):
        return False
    return shows_asked(action, _behind_way(action, joints))


def _behind_way(action: str, joints: _Joints) -> _Joints:
    """A part from where its body is held as the action begins; all of it where it never is."""
    evidence, ready = Evidence(joints), _BEGIN_LOW.get(action, (stands,))
    for at in range(len(joints) - _SHORTEST - _SETTLED):
        if any(holds(evidence, slice(at, at + _HELD)) for holds in ready):
            return joints[at + _SETTLED :]
    return joints


def _blocks(clip: Clip, joints: _Joints, *, apart: bool = False) -> list[_Joints]:
    """The motion of each part of the answer, `apart`: of each of its repetitions.

    A block without words before it goes on with the last; one with a number that counts on too,
    unless it is taken apart.
    """
    stride = 0 if clip.codes is None else len(joints) // max(1, len(clip.codes))
    ends, frames = [0], 0
    for words, block in re.findall(r"([^<]*)<move>(.*?)</move>", clip.text, re.DOTALL):
        count = len(re.findall(r"<m_0_\d+>", block))
        frames += count
        new = words.strip() and (apart or not only_counts(words))
        if new or len(ends) == 1:
            ends.append(frames * stride)
        else:
            ends[-1] = frames * stride
    return [joints[a:b] for a, b in pairwise(ends)]
