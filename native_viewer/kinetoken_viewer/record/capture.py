"""What a window shows, kept: pictures, and films on the wall clock that are written beside the drawing."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from kinetoken.base.errors import KinetokenError

from ..render.shot import Pixels
from .encode import check_packages, write_live, write_still

FILM_FPS: Final = 30.0
GIF_FPS: Final = 12.5  # what Pillow's encoder keeps up with
WAITING: Final = (
    12  # pictures that may wait for the encoder; while it is full, pictures are shown but not kept
)
NOTE_SECONDS: Final = 4.0  # how long it is said what was saved
STOP_SECONDS: Final = 20.0  # patience with the encoder at the end


class Capture:
    """The window's camera: `still` and `film` are its keys, `see` is told every picture."""

    def __init__(self, name: Callable[[str], Path]) -> None:
        """`name`: a suffix to a file name that is free."""
        self._name = name
        self._still_wanted = False
        self._film: Film | None = None
        self._note, self._note_until = "", 0.0

    @property
    def wants(self) -> bool:
        """Whether the next picture is to be seen."""
        return self._still_wanted or self._film is not None

    def still(self) -> None:
        """The next picture becomes a file."""
        self._still_wanted = True

    def film(self) -> None:
        """Begins a film with the next picture, or ends the one that runs."""
        if self._film is not None:
            self._say(self._film.stop())
            self._film = None
            return
        suffix, fps = ".mp4", FILM_FPS
        try:
            check_packages(suffix)
        except KinetokenError:  # without ffmpeg
            suffix, fps = ".gif", GIF_FPS
        self._film = Film(self._name(suffix), fps)

    def see(self, pixels: Pixels, now: float) -> None:
        """One picture (h, w, 3) on its way to the screen, at a moment of time.perf_counter."""
        if self._film is not None:
            self._film.push(pixels, now)
            if self._film.failure:
                self.film()
        if self._still_wanted:
            self._still_wanted = False
            path = self._name(".png")
            try:
                write_still(path, pixels)
                self._say(f"saved {path}")
            except KinetokenError as error:
                self._say(str(error))

    def note(self) -> str:
        """What to say at the top right."""
        if self._film is not None:
            return f"recording {self._film.path.name}  {self._film.seconds:.1f} s"
        return self._note if time.perf_counter() < self._note_until else ""

    def close(self) -> None:
        """Ends a film that runs."""
        if self._film is not None:
            self.film()

    def _say(self, words: str) -> None:
        self._note, self._note_until = words, time.perf_counter() + NOTE_SECONDS
        print(f"kinetoken: {words}", flush=True)


class Film:
    """One film, encoded in a thread of its own, which mostly waits for the encoder's process."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self._fps = path, fps
        self._began: float | None = None
        self._size: tuple[int, int] | None = None
        self._count = 0
        self.failure = ""
        self._waiting: queue.Queue[tuple[Pixels, int] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write, name="kinetoken-film", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self._count / self._fps

    def push(self, pixels: Pixels, now: float) -> None:
        """A picture; it is kept as often as it takes to stay with the clock, or not at all."""
        if self._began is None:
            self._began, self._size = now, (pixels.shape[1], pixels.shape[0])
        due = int((now - self._began) * self._fps) + 1 - self._count
        if due < 1 or self._waiting.full():
            return
        self._waiting.put_nowait((self._fitted(pixels), due))
        self._count += due

    def _fitted(self, pixels: Pixels) -> Pixels:
        """In the size that the film began with: the window may have another by now."""
        if self._size is None or (pixels.shape[1], pixels.shape[0]) == self._size:
            return pixels
        return np.asarray(Image.fromarray(pixels).resize(self._size))

    def stop(self) -> str:
        """Ends it; what to say about it."""
        try:
            self._waiting.put(None, timeout=STOP_SECONDS)
        except queue.Full:
            self.failure = self.failure or "the encoder does not answer"
        self._thread.join(STOP_SECONDS)
        if self.failure:
            return f"the film ended early: {self.failure}"
        return (
            f"saved {self.path}, {self.seconds:.1f} s"
            if self._count
            else "nothing was shown, nothing recorded"
        )

    def _write(self) -> None:
        try:
            first = self._waiting.get()
            if first is not None:
                write_live(self.path, self._fps, self._pictures(first))
        except Exception as error:  # a full disk or a dead encoder must not end the window
            self.failure = " ".join(str(error).split())[:200] or type(error).__name__

    def _pictures(self, first: tuple[Pixels, int]) -> Iterator[Pixels]:
        item: tuple[Pixels, int] | None = first
        while item is not None:
            for _ in range(item[1]):
                yield item[0]
            item = self._waiting.get()
