"""What keys and mouse do to a stage and its view; no window here, so it is tested without one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .camera import BODY_CENTRE, ENVELOPE, PRESETS, Camera, Follow, look_at
from .stage import Stage

ORBIT: Final = 0.007  # radians per pixel of a drag
ZOOM: Final = 0.9  # of the distance, per notch of the wheel
PRESET_KEYS: Final = dict(zip("12345", ("three-quarter", "front", "left", "back", "top"), strict=True))


class View:
    """One window's camera: it follows the body until told not to."""

    def __init__(self, stage: Stage, camera: Camera, zoom: float, aspect: float) -> None:
        self._stage, self._zoom = stage, zoom
        self.following = True
        self._follow = Follow(look_at(stage.pose()))
        self._offset = np.zeros(3)
        self._touched = False
        self.camera = camera
        self.resized(aspect)

    def resized(self, aspect: float) -> None:
        """The window has another shape: frames the body anew unless the user chose a distance."""
        if not self._touched:
            offsets = ENVELOPE - np.array([0.0, BODY_CENTRE, 0.0])
            self.camera = self.camera.fitted(offsets, aspect).zoom(1.0 / self._zoom)

    def tick(self, pose: NDArray[np.float64], seconds: float, *, cut: bool) -> None:
        """Follows the body for one picture; `cut` jumps after it."""
        if self.following:
            target = self._follow.jump(look_at(pose)) if cut else self._follow.push(look_at(pose), seconds)
            self.camera = self.camera.at(target + self._offset)

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
        self._offset = np.zeros(3)
        self.camera = Camera(self.camera.target, math.radians(yaw), math.radians(pitch), self.camera.distance)

    def toggle_follow(self) -> None:
        """Follow the body, or stay."""
        self.following = not self.following


class Controls:
    """Key names to actions. `press` tells whether a key meant anything."""

    def __init__(self, stage: Stage, view: View) -> None:
        self._stage, self._view = stage, view
        self.help = False
        self.cut = False
        """Set by what moves to another moment: the camera cuts too; the window clears it."""
        head = stage.playhead
        self._keys: dict[str, Callable[[], None]] = {
            "SPACE": lambda: head.toggle(len(stage.track), finished=stage.finished),
            "LEFT": lambda: self._step(-1),
            "RIGHT": lambda: self._step(1),
            "UP": lambda: head.change_speed(1),
            "DOWN": lambda: head.change_speed(-1),
            "R": self._restart,
            "HOME": self._restart,
            "L": self._toggle_loop,
            "F": view.toggle_follow,
            "H": self._toggle_help,
        }
        for key, name in PRESET_KEYS.items():
            self._keys[f"_{key}"] = self._keys[f"NUM_{key}"] = lambda name=name: view.preset(name)  # type: ignore[misc]

    def press(self, key: str) -> bool:
        """One key by pyglet's name for it."""
        action = self._keys.get(key)
        if action is not None:
            action()
        return action is not None

    def scrub(self, share: float) -> None:
        """The time bar was clicked or dragged at a share of its width."""
        self._stage.seek(share)
        self.cut = True

    def _step(self, frames: int) -> None:
        self._stage.playhead.step(frames, len(self._stage.track), finished=self._stage.finished)

    def _restart(self) -> None:
        self._stage.restart()
        self.cut = True

    def _toggle_loop(self) -> None:
        self._stage.playhead.loop = not self._stage.playhead.loop

    def _toggle_help(self) -> None:
        self.help = not self.help
