"""One body's line of poses, which never ends: motion of answers, and idle motion between them."""

from __future__ import annotations

import math
from typing import Final

from kinetoken.motion.body_line import BodyLine
from kinetoken.motion.clip import MotionChunk

from .playhead import Playhead, Track, last_position

IDLE_LEAD_FRAMES: Final = 4  # idle frames laid before the playhead: one latent frame, soon over
REMEMBERED_FRAMES: Final = 12_000  # 10 minutes of the line; beyond it the older half is forgotten


class LivingBody:
    """Lays motion before the playhead; only what was not shown yet can be taken back."""

    def __init__(self, track: Track, playhead: Playhead) -> None:
        self._track, self._playhead = track, playhead
        self._line = BodyLine(playhead.fps)
        self._cut = False
        self.idle = True
        """The end of the line is idle motion."""
        self.shown = 0.0
        """The furthest position, in frames, that was on the screen."""

    @property
    def ahead(self) -> float:
        """Frames of an answer that are laid and were not shown yet."""
        if self.idle:
            return 0.0
        return max(0.0, last_position(len(self._track), finished=False) - self.shown)

    def lay(self, chunk: MotionChunk) -> int:
        """Appends motion that blends over from the line's end; the frame where it begins."""
        self.idle = False
        begin = len(self._track)
        self._track.append(self._line.push(chunk.joints))
        return begin

    def lay_idle(self) -> None:
        """Appends idle motion if the playhead has almost reached the end."""
        missing = IDLE_LEAD_FRAMES - (len(self._track) - 1 - math.floor(self.shown))
        if missing > 0:
            self.idle = True
            self._track.append(self._line.idle(missing))

    def take_back(self) -> int:
        """Forgets what was not shown yet; the number of frames that stay.

        The two frames that the picture lies between stay. A playhead that looked back returns to
        the present.
        """
        kept = min(len(self._track), math.ceil(self.shown) + 1)
        self._track.truncate(kept)
        self._line.back_to(self._track.frames[-2:])
        self.idle = True
        if self._playhead.position < self.shown:
            self._playhead.position, self._cut = self.shown, True
        return kept

    def advance(self, seconds: float) -> bool:
        """Moves the playhead; True if the picture jumps to another moment."""
        again = self._playhead.advance(seconds, len(self._track), finished=False)
        jumped, self._cut = self._cut or again, False
        return jumped

    def remember_shown(self) -> int:
        """Notes what is on the screen; the number of oldest frames that were forgotten for it."""
        self.shown = max(self.shown, self._playhead.position)
        if min(self.shown, self._playhead.position) <= REMEMBERED_FRAMES:
            return 0
        forgotten = REMEMBERED_FRAMES // 2
        self._track.forget(forgotten)
        self._playhead.position -= forgotten
        self._playhead.span = None
        self.shown -= forgotten
        return forgotten

    def set_rate(self, fps: float) -> None:
        """Changes to the model's frame rate, once it is known."""
        if fps != self._playhead.fps:
            self._playhead.fps = fps
            self._line = BodyLine(fps)
            self._line.back_to(self._track.frames[-2:])
