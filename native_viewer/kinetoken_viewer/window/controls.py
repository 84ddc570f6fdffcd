"""What keys and mouse do to a stage and its view; no window here, so it is tested without one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..render.camera import BODY_CENTRE, ENVELOPE, PRESETS, Camera, Follow, look_at
from ..stage.layers import Layers, pose
from ..stage.playhead import SHORTEST_SPAN
from ..stage.stage import Stage

ORBIT: Final = 0.007  # radians per pixel of a drag
ZOOM: Final = 0.9  # of the distance, per notch of the wheel
PRESET_KEYS: Final = dict(
    zip("123456", ("three-quarter", "front", "left", "right", "back", "top"), strict=True)
)
SKIN: Final = 0.2  # metres around the joints that a picture of everything keeps in the frame
LINE_ROOM: Final = 0.5  # metres below the feet that a prompt line and its words take
GHOST_ROOM: Final = 2.4  # times the room around a body, that its ghosts take
SMALL_ROOM: Final = (
    0.7,
    1.0,
)  # the same above and below, where the picture is so small that words fill much of it
FRAMED_POSES: Final = 400  # of a long motion so many decide how far back the camera must go


class View:
    """One window's camera: it follows the body until told not to."""

    def __init__(self, stage: Stage, camera: Camera, zoom: float, aspect: float) -> None:
        self._stage, self._zoom, self._aspect = stage, zoom, aspect
        self.following = True
        self._follow = Follow(self.middle())
        self._above, self._below = _room(stage, small=False)
        self._home = np.array([0.0, (self._above - self._below) / 4, 0.0])
        self._offset = self._home
        self._touched = False
        self._wide = 1.0
        self.camera = camera
        self.resized(aspect)

    def middle(self) -> NDArray[np.float64]:
        """(3,) between everybody on show, at the height of a body's middle."""
        at = self._stage.playhead.position
        places = np.array([look_at(pose(person, at)) for person in self._stage.people()])
        middle: NDArray[np.float64] = (places.min(axis=0) + places.max(axis=0)) / 2.0
        return middle

    def spread(self) -> float:
        """How much farther the floor must reach than for one body."""
        return max(1.0, self.camera.distance / 6.0)

    def resized(self, aspect: float, *, small: bool = False) -> None:
        """The window has another shape: frames everybody anew unless the user chose a distance. `small`: words are near."""
        before, self._aspect = self._home, aspect
        self._above, self._below = _room(self._stage, small=small)
        self._home = np.array([0.0, (self._above - self._below) / 4, 0.0])
        self._offset = self._offset + self._home - before
        if not self._touched:
            self._frame()

    def widened(self, *, ghosts: bool) -> None:
        """Ghosts are on or off: with them more must fit into the picture, unless the user chose a distance."""
        self._wide = GHOST_ROOM if ghosts else 1.0
        if not self._touched:
            self._frame()

    def _frame(self) -> None:
        middle, at = self.middle(), self._stage.playhead.position
        room = ENVELOPE * (self._wide, 1.0, self._wide) - (ENVELOPE[:, 1:2] == 0.0) * np.array(
            [0.0, self._below, 0.0]
        )
        room = room + (ENVELOPE[:, 1:2] > 0.0) * np.array([0.0, self._above, 0.0])
        offsets = [room - np.array([0.0, BODY_CENTRE, 0.0]) - self._home + look_at(pose(person, at)) - middle
                   for person in self._stage.people()]  # fmt: skip
        self.camera = self.camera.fitted(np.concatenate(offsets), self._aspect).zoom(
            1.0 / self._zoom
        )

    def tick(self, seconds: float, *, cut: bool) -> None:
        """Follows for one picture; `cut` jumps there."""
        if self.following:
            target = (
                self._follow.jump(self.middle())
                if cut
                else self._follow.push(self.middle(), seconds)
            )
            self.camera = self.camera.at(target + self._offset)

    def frame_all(self) -> None:
        """Stands still, where it sees everything that was and, of a finished motion, will be."""
        frames = [person.track.frames[:: 1 + len(person.track) // FRAMED_POSES] + np.array(person.place)
                  for person in self._stage.people()]  # fmt: skip
        points = np.concatenate([each.reshape(-1, 3) for each in frames])
        low, high = points.min(axis=0) - SKIN, points.max(axis=0) + SKIN
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
        """Pixels right and up."""
        self.camera = self.camera.orbit(-ORBIT * dx, -ORBIT * dy)

    def pan(self, dx: float, dy: float, height: int) -> None:
        """Pixels right and up in a window of this height."""
        metres = 2.0 * self.camera.distance * math.tan(self.camera.fov / 2) / height
        moved = self.camera.pan(-dx * metres, -dy * metres)
        self._offset = self._offset + (np.asarray(moved.target) - np.asarray(self.camera.target))
        self.camera = moved

    def zoom(self, notches: float) -> None:
        """Nearer for positive notches."""
        self._touched = True
        self.camera = self.camera.zoom(ZOOM**notches)

    def preset(self, name: str) -> None:
        """Turns to a named direction and back to the body."""
        yaw, pitch = PRESETS[name]
        self._offset, self._touched, self.following = self._home, False, True
        self.camera = Camera(self.camera.target, math.radians(yaw), math.radians(pitch))
        self.camera = self.camera.at(self._follow.jump(self.middle()) + self._home)
        self._frame()

    def toggle_follow(self) -> None:
        """Follow the body, or stay."""
        self.following = not self.following
        if self.following:
            self._follow.jump(np.asarray(self.camera.target) - self._offset)


def _room(stage: Stage, *, small: bool) -> tuple[float, float]:
    """Metres above and below a body that the words of a stage with a prompt line take."""
    if stage.line is None:
        return 0.0, 0.0
    return SMALL_ROOM if small else (0.0, LINE_ROOM)


class Takes(Protocol):
    """Keeps what is shown."""

    def still(self) -> None:
        """One picture."""
        ...

    def film(self) -> None:
        """Begins a film, or ends it."""
        ...


class Controls:
    """Key names to actions. `press` tells whether a key meant anything."""

    def __init__(
        self, stage: Stage, view: View, layers: Layers | None = None, takes: Takes | None = None
    ) -> None:
        self._stage, self._view = stage, view
        self.layers = layers or Layers()
        view.widened(ghosts=self.layers.ghosts)
        self.help = False
        self.cut = False
        """Set by what moves to another moment: the camera cuts too; the window clears it."""
        self._anchor: float | None = None
        head = stage.playhead
        self._keys: dict[str, Callable[[], None]] = {
            "SPACE": lambda: head.toggle(len(stage.track), finished=stage.finished),
            "LEFT": lambda: self._step(-1),
            "RIGHT": lambda: self._step(1),
            "SHIFT+LEFT": lambda: self._leap(-1.0),
            "SHIFT+RIGHT": lambda: self._leap(1.0),
            "UP": lambda: head.change_speed(1),
            "DOWN": lambda: head.change_speed(-1),
            "R": self._restart,
            "HOME": self._restart,
            "END": lambda: self._seek(math.inf),
            "L": self._toggle_loop,
            "BACKSPACE": stage.stop,
            "I": lambda: head.mark(start=head.position),
            "O": lambda: head.mark(stop=head.position),
            "X": self._whole,
            "F": view.toggle_follow,
            "A": view.frame_all,
            "T": lambda: self._switch("trail"),
            "G": lambda: self._switch("ghosts"),
            "C": lambda: self._switch("contacts"),
            "K": self._toggle_lock,
            "H": self._toggle_help,
        }
        if takes is not None:
            self._keys |= {"S": takes.still, "V": takes.film}
        for key, name in PRESET_KEYS.items():
            self._keys[f"_{key}"] = self._keys[f"NUM_{key}"] = lambda name=name: view.preset(name)  # type: ignore[misc]

    def press(self, key: str) -> bool:
        """One key by pyglet's name for it, with SHIFT+ before it where that is held and means something."""
        action = self._keys.get(key) or self._keys.get(key.removeprefix("SHIFT+"))
        if action is not None:
            action()
        return action is not None

    def scrub(self, share: float) -> None:
        """The time bar was clicked or dragged at a share of its width."""
        self._stage.seek(share)
        self.cut = True

    def select(self, share: float, *, begin: bool) -> None:
        """The part of the time bar between where a drag began and where it is now becomes the part that is played."""
        head = self._stage.playhead
        at = self._stage.frame_at(share)
        if begin or self._anchor is None:
            self._anchor = at
        elif abs(at - self._anchor) >= SHORTEST_SPAN:
            head.span = (min(at, self._anchor), max(at, self._anchor))
            self._seek(head.span[0])

    def _step(self, frames: int) -> None:
        self._stage.playhead.step(frames, len(self._stage.track), finished=self._stage.finished)

    def _leap(self, seconds: float) -> None:
        self._seek(self._stage.playhead.position + seconds * self._stage.playhead.fps)

    def _seek(self, position: float) -> None:
        self._stage.playhead.seek(position, len(self._stage.track), finished=self._stage.finished)
        self.cut = True

    def _restart(self) -> None:
        self._stage.restart()
        self.cut = True

    def _whole(self) -> None:
        self._stage.playhead.span = None

    def _switch(self, layer: str) -> None:
        setattr(self.layers, layer, not getattr(self.layers, layer))
        self._view.widened(ghosts=self.layers.ghosts)

    def _toggle_lock(self) -> None:
        if self._stage.can_lock:
            self._stage.foot_lock = not self._stage.foot_lock

    def _toggle_loop(self) -> None:
        self._stage.playhead.loop = not self._stage.playhead.loop

    def _toggle_help(self) -> None:
        self.help = not self.help
