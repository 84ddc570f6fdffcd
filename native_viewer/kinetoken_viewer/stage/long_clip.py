"""Feet of very long clips: locked just ahead of what is shown, so that the window opens at once; or whole, with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from kinetoken.live.link import Live
from kinetoken.motion.clip import Clip
from kinetoken.motion.features import CONTACTS
from kinetoken.motion.footlock import FootLock, FootLockRun

from .layers import TRAIL_SECONDS
from .playhead import Array, Track
from .stage import Stage

LONG: Final = 6000  # frames, 5 minutes: locking them takes half a second
PIECE: Final = 40  # frames that are locked at a time
STILL_REACH: Final = TRAIL_SECONDS  # seconds to each side that are seen on a still
WARM_UP: Final = 2.0  # seconds before a place that decide which feet stand there
AHEAD: Final = 3.0  # seconds before the playhead that are locked already
BUDGET: Final = 0.006  # seconds of one picture's time
BAR_PIECE: Final = 2000  # frames between two looks at the progress bar


def lock(clip: Clip) -> Clip:
    """`clip.foot_locked()`, with a progress bar where it takes long."""
    if len(clip) <= LONG or clip.meta.get("foot_lock") == "on":
        return clip.foot_locked()
    from ..record.encode import Progress

    run, pieces = FootLock.over(clip.joints, clip.fps).start(), range(0, len(clip), BAR_PIECE)
    progress = Progress("keeping feet from sliding", len(pieces))
    joints = np.empty_like(clip.joints)
    for start in pieces:
        joints[start : start + BAR_PIECE] = _push(run, clip, start, start + BAR_PIECE)
        progress.step()
    return replace(clip, joints=joints, meta={**clip.meta, "foot_lock": "on"})


def around_middle(clip: Clip) -> tuple[Clip, float]:
    """What a still of a long clip needs, as far as trail and ghosts reach; and the seconds before it."""
    reach = round((STILL_REACH + WARM_UP) * clip.fps)
    if len(clip) <= max(LONG, 2 * reach + 2):
        return clip, 0.0
    begin = len(clip) // 2 - reach
    piece = slice(begin, len(clip) - begin)
    features = None if clip.features is None else clip.features[piece]
    return replace(clip, joints=clip.joints[piece], features=features, codes=None), begin / clip.fps


def lock_at(clip: Clip, positions: Sequence[float]) -> Clip:
    """Locked where somebody looks, at these positions in frames; all of it where that is soon done."""
    if len(clip) <= LONG or clip.meta.get("foot_lock") == "on":
        return clip.foot_locked()
    settings, joints = FootLock.over(clip.joints, clip.fps), clip.joints.copy()
    for at in sorted({int(position) for position in positions}):
        run, warm = settings.start(), max(0, at - round(WARM_UP * clip.fps))
        joints[at : at + 2] = _push(run, clip, warm, at + 2)[at - warm :]
    return replace(clip, joints=joints)


def _push(run: FootLockRun, clip: Clip, start: int, stop: int) -> Array:
    contacts = None if clip.features is None else clip.features[start:stop, CONTACTS]
    return run.push(clip.joints[start:stop], contacts)


class Footing:
    """The foot lock of a track, a little ahead of the playhead wherever that goes."""

    def __init__(self, clip: Clip, track: Track) -> None:
        self._clip, self._track = clip, track
        self._settings = FootLock.over(clip.joints, clip.fps)
        self._run = self._settings.start()
        self._begin = self._end = 0  # the frames that the run has locked

    def reach(self, position: float, budget: float = BUDGET) -> None:
        """Locks on to some seconds after a position in frames; at most `budget` seconds of work beyond the first piece."""
        at, until = int(position), time.perf_counter() + budget
        if not self._begin <= at <= self._end:
            self._start(at)
        goal = min(len(self._track), at + round(AHEAD * self._clip.fps))
        while self._end < goal:
            stop = min(len(self._track), self._end + PIECE)
            self._track.put(self._end, _push(self._run, self._clip, self._end, stop))
            self._end = stop
            if self._end > at + 1 and time.perf_counter() > until:
                return

    def _start(self, at: int) -> None:
        """A new run: the frames before `at` tell it which feet stand."""
        self._run = self._settings.start()
        warm = max(0, at - round(WARM_UP * self._clip.fps))
        if at > warm:
            _push(self._run, self._clip, warm, at)
        self._begin = self._end = at


class LongStage(Stage):
    """A clip too long to be locked before it is shown."""

    def __init__(self, prompt: str, clip: Clip, live: Live | None = None, title: str = "") -> None:
        super().__init__(prompt, clip=clip, live=live, title=title)
        self._footing = Footing(clip, self.track)
        self._footing.reach(0.0)

    def tick(self, seconds: float) -> None:
        """One picture's worth of time."""
        super().tick(seconds)
        self._footing.reach(self.playhead.position)

    @property
    def clip(self) -> Clip | None:
        """The whole of it, locked; that takes its time."""
        return None if self._clip is None else lock(self._clip)
