"""The foot lock of very long clips: just ahead of what is shown, so that the window opens at once.

A file needs all of it, which takes long enough for a progress bar, or only what it shows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.cli.terminal import progress
from kinetoken.live.live_output import LiveOutput
from kinetoken.motion.clip import Clip
from kinetoken.motion.features import CONTACTS
from kinetoken.motion.footlock import FootLock, FootLockRun

from .clip_stage import ClipStage
from .layers import TRAIL_SECONDS
from .playhead import Track

LONG_FRAMES: Final = 6000  # 5 minutes: locking them takes half a second
PIECE_FRAMES: Final = 40  # locked at a time, ahead of the playhead
PROGRESS_FRAMES: Final = 2000  # between two steps of the progress bar
_STILL_SECONDS: Final = TRAIL_SECONDS  # to each side that a still shows
_WARM_UP_SECONDS: Final = 2.0  # before a place, which decide which feet stand there
_AHEAD_SECONDS: Final = 3.0  # before the playhead that are locked already
_BUDGET_SECONDS: Final = 0.006  # of one picture's time


def lock_feet(clip: Clip) -> Clip:
    """`clip.foot_locked()`, with a progress bar if it takes long."""
    if _is_quick(clip):
        return clip.foot_locked()
    run = FootLock.over(clip.joints, clip.fps).start()
    joints = np.empty_like(clip.joints)
    for start in progress(range(0, len(clip), PROGRESS_FRAMES), "keeping feet from sliding"):
        joints[start : start + PROGRESS_FRAMES] = _push(run, clip, start, start + PROGRESS_FRAMES)
    return replace(clip, joints=joints, meta={**clip.meta, "foot_lock": "on"})


def lock_feet_at(clip: Clip, positions: Sequence[float]) -> Clip:
    """Locks the feet at these positions in frames, which are all that is shown."""
    if _is_quick(clip):
        return clip.foot_locked()
    settings, joints = FootLock.over(clip.joints, clip.fps), clip.joints.copy()
    for at in sorted({int(position) for position in positions}):
        run, warm = settings.start(), max(0, at - round(_WARM_UP_SECONDS * clip.fps))
        joints[at : at + 2] = _push(run, clip, warm, at + 2)[at - warm :]
    return replace(clip, joints=joints)


def cut_around_middle(clip: Clip) -> tuple[Clip, float]:
    """The part that a still shows, trail and ghosts included, and the seconds before it."""
    reach = round((_STILL_SECONDS + _WARM_UP_SECONDS) * clip.fps)
    if len(clip) <= max(LONG_FRAMES, 2 * reach + 2):
        return clip, 0.0
    begin = len(clip) // 2 - reach
    part = slice(begin, len(clip) - begin)
    features = None if clip.features is None else clip.features[part]
    return replace(clip, joints=clip.joints[part], features=features, codes=None), begin / clip.fps


def _is_quick(clip: Clip) -> bool:
    return len(clip) <= LONG_FRAMES or clip.meta.get("foot_lock") == "on"


def _push(run: FootLockRun, clip: Clip, start: int, stop: int) -> NDArray[np.floating]:
    contacts = None if clip.features is None else clip.features[start:stop, CONTACTS]
    return run.push(clip.joints[start:stop], contacts)


class FootLockAhead:
    """The foot lock of a track, a little ahead of the playhead wherever that goes."""

    def __init__(self, clip: Clip, track: Track) -> None:
        self._clip, self._track = clip, track
        self._settings = FootLock.over(clip.joints, clip.fps)
        self._run = self._settings.start()
        self._begin = self._end = 0  # the frames that the run has locked

    def reach(self, position: float, budget: float = _BUDGET_SECONDS) -> None:
        """Locks on to some seconds after a position in frames.

        After the first piece it stops when `budget` seconds are spent.
        """
        at, until = int(position), time.perf_counter() + budget
        if not self._begin <= at <= self._end:
            self._start(at)
        goal = min(len(self._track), at + round(_AHEAD_SECONDS * self._clip.fps))
        while self._end < goal:
            stop = min(len(self._track), self._end + PIECE_FRAMES)
            self._track.put(self._end, _push(self._run, self._clip, self._end, stop))
            self._end = stop
            if self._end > at + 1 and time.perf_counter() > until:
                return

    def _start(self, at: int) -> None:
        """Starts a new run, which learns from the frames before `at` which feet stand."""
        self._run = self._settings.start()
        warm = max(0, at - round(_WARM_UP_SECONDS * self._clip.fps))
        if at > warm:
            _push(self._run, self._clip, warm, at)
        self._begin = self._end = at


class LongClipStage(ClipStage):
    """A clip too long to be locked before it is shown."""

    def __init__(
        self, clip: Clip, prompt: str = "", title: str = "", live: LiveOutput | None = None
    ):
        super().__init__(clip, prompt, title=title, live=live)
        self._feet = FootLockAhead(clip, self.track)
        self._feet.reach(0.0)

    def tick(self, seconds: float) -> None:
        """Moves on by one picture's worth of time."""
        super().tick(seconds)
        self._feet.reach(self.playhead.position)

    @property
    def clip(self) -> Clip | None:
        """The whole clip, locked now, which takes its time."""
        return lock_feet(self._clip)
