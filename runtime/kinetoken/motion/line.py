"""One body without end: moves one after another, and idle motion between them.

Whoever has a clock (a window, the process that sends live motion) has a line of its own, asks it for idle motion just in
time, and tells it with `back_to` what was shown when frames in hand are thrown away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .idle import IdleRun, standing_pose
from .skeleton import FPS, N_JOINTS
from .transition import Transition

Array = NDArray[np.floating]
_USUAL: Final = Transition()


class BodyLine:
    """The poses of one body. Everything that is handed out is final, unless `back_to` takes it back."""

    def __init__(self, fps: float = float(FPS), transition: Transition = _USUAL) -> None:
        """`fps` of all its motion; how moves go over into each other."""
        self.fps = fps
        self._run = replace(transition, fps=fps).start()
        self._idle: IdleRun | None = None

    @property
    def shown(self) -> NDArray[np.float64]:
        """The last poses (0 to 2, 22, 3), metres."""
        return self._run.shown

    @property
    def idling(self) -> bool:
        """Whether the last frames were idle motion."""
        return self._idle is not None

    def push(self, joints: Array) -> NDArray[np.float64]:
        """The next frames (n, 22, 3) of the present move, metres, to where they are in the line, (n, 22, 3).

        The first ones ever stay where they are. After idle motion a move is blended in, whether it is new or goes on.
        """
        if len(joints) and self._idle is not None:
            self.cut()
            self._idle = None
        return self._run.push(joints)

    def cut(self) -> None:
        """The next `push` begins another move: it goes on from the last pose, place and heading carried over."""
        self._run.cut()

    def back_to(self, poses: Array) -> None:
        """Only these last poses (1 or 2, 22, 3) were really shown: what came after them is forgotten, a move that was
        under way is over, and what comes next is blended in from them."""
        self._run.back_to(poses)
        self._idle = None

    def idle(self, frames: int) -> NDArray[np.float64]:
        """The next frames (n, 22, 3) of a body that has nothing to do: it comes to stand and stays where it is."""
        if frames <= 0:
            return np.zeros((0, N_JOINTS, 3))
        shown = self._run.shown
        if self._idle is None:
            self._idle = IdleRun(shown if len(shown) else standing_pose()[None], self.fps)
        out = self._idle.push(frames)
        self._run.back_to(np.concatenate([shown, out])[-2:])
        return out
