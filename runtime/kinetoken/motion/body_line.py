"""One body without end: moves one after another, and idle motion between them.

Everything with a clock (a window, the process that sends live motion) has a line of its own. It
asks for idle motion just in time, and calls `back_to` with the poses shown last when it discards
frames.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from .idle import IdleRun, standing_pose
from .skeleton import FPS, N_JOINTS, Array, Array64
from .transition import Transition

_USUAL: Final = Transition()


class BodyLine:
    """The poses of one body. All that it returns is final, unless `back_to` takes it back."""

    def __init__(self, fps: float = float(FPS), transition: Transition = _USUAL) -> None:
        """`fps` is that of all its motion; `transition` says how moves blend into each other."""
        self.fps = fps
        self._run = replace(transition, fps=fps).start()
        self._idle: IdleRun | None = None

    @property
    def shown(self) -> Array64:
        """The last poses (0 to 2, 22, 3), metres."""
        return self._run.shown

    @property
    def idling(self) -> bool:
        """True after idle motion."""
        return self._idle is not None

    def push(self, joints: Array) -> Array64:
        """Place the next frames (n, 22, 3) of the present move in the line; metres.

        The first move keeps its place. After idle motion a move is blended in, new or continued.
        """
        if len(joints) and self._idle is not None:
            self.cut()
            self._idle = None
        return self._run.push(joints)

    def cut(self) -> None:
        """Let the next `push` begin another move, from the last pose and heading."""
        self._run.cut()

    def back_to(self, poses: Array) -> None:
        """Go back to these last poses (1 or 2, 22, 3), which were really shown.

        Everything after them is forgotten, a move under way is over, and the next one blends in
        from them.
        """
        self._run.back_to(poses)
        self._idle = None

    def idle(self, frames: int) -> Array64:
        """The next frames (n, 22, 3) of a body that has nothing to do.

        It comes to stand and stays.
        """
        if frames <= 0:
            return np.zeros((0, N_JOINTS, 3))
        shown = self._run.shown
        if self._idle is None:
            self._idle = IdleRun(shown if len(shown) else standing_pose()[None], self.fps)
        out = self._idle.push(frames)
        self._run.back_to(np.concatenate([shown, out])[-2:])
        return out
