"""Actions of keys and mouse on a stage and its view; no window is needed."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from ..render.camera import PRESETS
from ..stage.layers import NO_LAYERS, SceneLayers, moves
from ..stage.playhead import SHORTEST_SPAN
from ..stage.stage import Stage
from .view import View

_NOTE_SECONDS: Final = 4.0
_UNSEEN: Final = {
    "trail": "trail on: the path of a body over the floor, once it walks",
    "ghosts": "ghosts on: poses half a second before and after, once the body moves",
}
"""Said of layers that are switched on while there is nothing to draw."""
_PRESET_KEYS: Final = dict(zip("123456", PRESETS, strict=True))


class StillsAndFilms(Protocol):
    """Anything that saves what is shown."""

    def still(self) -> None:
        """Saves one picture."""
        ...

    def film(self) -> None:
        """Starts a film, or ends it."""
        ...


class Controls:
    """Does what keys mean."""

    def __init__(
        self,
        stage: Stage,
        view: View,
        layers: SceneLayers = NO_LAYERS,
        capture: StillsAndFilms | None = None,
    ) -> None:
        self._stage, self._view = stage, view
        self.layers = layers
        view.widened(ghosts=self.layers.ghosts)
        self.help = False
        self.cut = False
        """Set by a move to another moment, so that the camera cuts too; the window clears it."""
        self._anchor: float | None = None
        self._note, self._note_until = "", 0.0
        self._keys = self._actions()
        if capture is not None:
            self._keys |= {"S": capture.still, "V": capture.film}
        for key, name in _PRESET_KEYS.items():
            action = functools.partial(view.preset, name)
            self._keys[f"_{key}"] = self._keys[f"NUM_{key}"] = action

    def _actions(self) -> dict[str, Callable[[], None]]:
        stage, view, head = self._stage, self._view, self._stage.playhead
        return {
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

    def press(self, key: str) -> bool:
        """Does what a key means, by pyglet's name for it, after SHIFT+ if that is held.

        False for a key without a meaning.
        """
        action = self._keys.get(key) or self._keys.get(key.removeprefix("SHIFT+"))
        if action is not None:
            action()
        return action is not None

    def scrub(self, share: float) -> None:
        """Goes to a share of the time bar, which was clicked or dragged there."""
        self._stage.seek(share)
        self.cut = True

    def select(self, share: float, *, begin: bool) -> None:
        """Plays the part of the time bar between the start of a drag and its present share."""
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
        self.layers = replace(self.layers, **{layer: not getattr(self.layers, layer)})
        self._view.widened(ghosts=self.layers.ghosts)
        self._note = ""
        if layer in _UNSEEN and getattr(self.layers, layer) and not self._would_show(layer):
            self._note, self._note_until = _UNSEEN[layer], time.perf_counter() + _NOTE_SECONDS

    def _would_show(self, layer: str) -> bool:
        head = self._stage.playhead
        return any(
            moves(person, head.position, head.fps, over_floor=layer == "trail")
            for person in self._stage.people()
        )

    def note(self) -> str:
        """The note for the top right of the picture; empty for nothing."""
        return self._note if time.perf_counter() < self._note_until else ""

    def _toggle_lock(self) -> None:
        if self._stage.can_lock:
            self._stage.foot_lock = not self._stage.foot_lock

    def _toggle_loop(self) -> None:
        self._stage.playhead.loop = not self._stage.playhead.loop

    def _toggle_help(self) -> None:
        self.help = not self.help
