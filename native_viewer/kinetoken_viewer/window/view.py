"""The camera of one window: it follows the body until told not to."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..render.camera import BODY_CENTRE, ENVELOPE, Camera, CameraView, Follow, look_at
from ..render.facing import CameraTurn, facing
from ..stage.layers import Person, pose
from ..stage.stage import Stage

_ORBIT_RADIANS: Final = 0.007  # per pixel of a drag
_ZOOM: Final = 0.9  # of the distance, per notch of the wheel
_SKIN_METRES: Final = 0.2  # around the joints, which a picture of everything keeps in the frame
_LINE_METRES: Final = 0.5  # below the feet, which a prompt line and its words take
_GHOST_ROOM: Final = 2.4  # times the room around a body, for its ghosts
_SMALL_METRES: Final = (0.7, 1.0)  # above and below, in a picture so small that words fill it
_FRAMED_POSES: Final = 400  # of a long motion, which decide how far back the camera must go


class View:
    """Follows the body, and is moved by keys and mouse."""

    def __init__(self, stage: Stage, direction: CameraView, aspect: float) -> None:
        self._stage, self._zoom, self._aspect = stage, direction.zoom, aspect
        self.following = True
        self._follow = Follow(self.middle())
        self._above, self._below = _room(stage, small=False)
        self._home = np.array([0.0, (self._above - self._below) / 4, 0.0])
        self._offset = self._home
        self._touched = False
        self._wide = 1.0
        self._turn: CameraTurn | None = None
        self.camera = self._directed(direction)
        self.resized(aspect)

    def _directed(self, direction: CameraView) -> Camera:
        """The camera that looks from there, at the body's own side if it turns after the body.

        Several people face several ways: then it is the room's.
        """
        body = pose(self._stage.people()[0], self._stage.playhead.position)
        alone = len(self._stage.people()) == 1
        self._turn = None
        if direction.pursuit is not None and alone:
            self._turn = CameraTurn(facing(body) or 0.0, direction.pursuit)
        yaw = direction.before(body) if alone else direction.yaw
        return Camera(yaw=yaw, pitch=direction.pitch)

    def _facing(self) -> float | None:
        """The direction that the body faces, radians from +Z towards +X."""
        return facing(pose(self._stage.people()[0], self._stage.playhead.position))

    def middle(self) -> NDArray[np.float64]:
        """(3,) the point between everybody on show, at the height of a body's middle."""
        at = self._stage.playhead.position
        places = np.array([look_at(pose(person, at)) for person in self._stage.people()])
        middle: NDArray[np.float64] = (places.min(axis=0) + places.max(axis=0)) / 2.0
        return middle

    def spread(self) -> float:
        """Factor by which the floor must reach farther than for one body."""
        return max(1.0, self.camera.distance / 6.0)

    def resized(self, aspect: float, *, small: bool = False) -> None:
        """Frames everybody anew in a window of another shape, unless the user chose a distance.

        `small`: the words take much of the picture.
        """
        before, self._aspect = self._home, aspect
        self._above, self._below = _room(self._stage, small=small)
        self._home = np.array([0.0, (self._above - self._below) / 4, 0.0])
        self._offset = self._offset + self._home - before
        if not self._touched:
            self._frame()

    def widened(self, *, ghosts: bool) -> None:
        """Makes room for ghosts, or takes it back, unless the user chose a distance."""
        self._wide = _GHOST_ROOM if ghosts else 1.0
        if not self._touched:
            self._frame()

    def _frame(self) -> None:
        middle, at = self.middle(), self._stage.playhead.position
        room = ENVELOPE * (self._wide, 1.0, self._wide) - (ENVELOPE[:, 1:2] == 0.0) * np.array(
            [0.0, self._below, 0.0]
        )
        room = room + (ENVELOPE[:, 1:2] > 0.0) * np.array([0.0, self._above, 0.0])
        room = room - np.array([0.0, BODY_CENTRE, 0.0]) - self._home
        targets = [look_at(pose(person, at)) for person in self._stage.people()]
        offsets = [room + target - middle for target in targets]
        self.camera = self.camera.fitted(np.concatenate(offsets), self._aspect).zoom(
            1.0 / self._zoom
        )

    def tick(self, seconds: float, *, cut: bool) -> None:
        """Follows the body for one picture; `cut` jumps to it."""
        if self.following:
            target = (
                self._follow.jump(self.middle())
                if cut
                else self._follow.push(self.middle(), seconds)
            )
            self.camera = self.camera.at(target + self._offset)
            self._turn_after(seconds)

    def _turn_after(self, seconds: float) -> None:
        """Turns after the body, while it moves: a picture that stands still stays."""
        turn = self._turn
        if turn is None or not self._stage.playhead.playing:
            return
        before = turn.angle
        if self._stage.jumped:
            turn.jump(self._facing())
        else:
            turn.push(self._facing(), seconds)
        self.camera = self.camera.orbit(turn.angle - before, 0.0)

    def frame_all(self) -> None:
        """Stands still and sees everything so far, and all of a finished motion."""
        points = np.concatenate([_framed_points(person) for person in self._stage.people()])
        low, high = points.min(axis=0) - _SKIN_METRES, points.max(axis=0) + _SKIN_METRES
        corners = np.array(
            [
                [x, y, z]
                for x in (low[0], high[0])
                for y in (0.0, high[1])
                for z in (low[2], high[2])
            ]
        )
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2.0
        self.following, self._touched = False, True
        self.camera = self.camera.at(middle).fitted(corners - middle, self._aspect)

    def orbit(self, dx: float, dy: float) -> None:
        """Turns the camera by a drag of so many pixels right and up."""
        self.camera = self.camera.orbit(-_ORBIT_RADIANS * dx, -_ORBIT_RADIANS * dy)

    def pan(self, dx: float, dy: float, height: int) -> None:
        """Moves the camera by a drag of so many pixels right and up in a window of this height."""
        metres = 2.0 * self.camera.distance * math.tan(self.camera.fov / 2) / height
        moved = self.camera.pan(-dx * metres, -dy * metres)
        self._offset = self._offset + (np.asarray(moved.target) - np.asarray(self.camera.target))
        self.camera = moved

    def zoom(self, notches: float) -> None:
        """Moves the camera nearer by so many notches of the wheel."""
        self._touched = True
        self.camera = self.camera.zoom(_ZOOM**notches)

    def preset(self, name: str) -> None:
        """Turns to a named direction and back to the body."""
        self._offset, self._touched, self.following = self._home, False, True
        self.camera = self._directed(CameraView.parse(name))
        self.camera = self.camera.at(self._follow.jump(self.middle()) + self._home)
        self._frame()

    def toggle_follow(self) -> None:
        """Follows the body, or stays."""
        self.following = not self.following
        if self.following:
            self._follow.jump(np.asarray(self.camera.target) - self._offset)
            if self._turn is not None:
                self._turn.take(self._facing())


def _framed_points(person: Person) -> NDArray[np.float64]:
    """(n, 3) joints of a motion, of a long one only in some frames."""
    step = 1 + len(person.track) // _FRAMED_POSES
    points: NDArray[np.float64] = person.track.frames[::step] + np.array(person.place)
    return points.reshape(-1, 3)


def _room(stage: Stage, *, small: bool) -> tuple[float, float]:
    """Metres above and below a body that the words take, with a prompt line."""
    if stage.line is None:
        return 0.0, 0.0
    return _SMALL_METRES if small else (0.0, _LINE_METRES)
