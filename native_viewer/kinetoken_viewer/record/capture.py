"""Pictures and films of a window, on the wall clock, written beside the drawing."""

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

from ..render.pixels import Pixels
from .encode import check_encoder, write_endless_film, write_still

_FILM_FPS: Final = 30.0
_GIF_FPS: Final = 12.5  # Pillow's encoder keeps up with this
MOST_WAITING: Final = 12  # pictures before the encoder; while they are, others are left out
_NOTE_SECONDS: Final = 4.0  # that the picture says what was saved
_STOP_SECONDS: Final = 20.0  # to wait for the encoder at the end
_PATIENCE: Final = 0.1  # seconds between two looks whether it still lives


class WindowCapture:
    """Takes stills and films of a window; `see` gets every picture."""

    def __init__(self, free_path: Callable[[str], Path]) -> None:
        """`free_path` makes a new path from a suffix."""
        self._free_path = free_path
        self._still_wanted = False
        self._film: WindowFilm | None = None
        self._note, self._note_until = "", 0.0

    @property
    def wants(self) -> bool:
        """True if it wants to see the next picture."""
        return self._still_wanted or self._film is not None

    def still(self) -> None:
        """Saves the next picture."""
        self._still_wanted = True

    def film(self) -> None:
        """Starts a film with the next picture, or ends the one that runs."""
        if self._film is not None:
            self._say(self._film.stop())
            self._film = None
            return
        suffix, fps = ".mp4", _FILM_FPS
        try:
            check_encoder(suffix)
        except KinetokenError:  # without ffmpeg
            suffix, fps = ".gif", _GIF_FPS
        self._film = WindowFilm(self._free_path(suffix), fps)

    def see(self, pixels: Pixels, now: float) -> None:
        """Takes a picture (h, w, 3) on its way to the screen, at a time of time.perf_counter."""
        if self._film is not None:
            self._film.push(pixels, now)
            if self._film.failure:
                self.film()
        if self._still_wanted:
            self._still_wanted = False
            path = self._free_path(".png")
            try:
                write_still(path, pixels)
                self._say(f"saved {path}")
            except KinetokenError as error:
                self._say(str(error))

    def note(self) -> str:
        """The note for the top right of the picture."""
        if self._film is not None:
            return f"recording {self._film.path.name}  {self._film.seconds:.1f} s"
        return self._note if time.perf_counter() < self._note_until else ""

    def close(self) -> None:
        """Ends a film that runs."""
        if self._film is not None:
            self.film()

    def _say(self, words: str) -> None:
        self._note, self._note_until = words, time.perf_counter() + _NOTE_SECONDS
        print(f"kinetoken: {words}", flush=True)


class WindowFilm:
    """One film; a thread feeds the encoder, and mostly waits for its process."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self._fps = path, fps
        self._began: float | None = None
        self._size: tuple[int, int] | None = None
        self._count = 0
        # The last picture left out, as the window showed it, and how often it is due.
        self._left_out: tuple[Pixels, int] | None = None
        self.failure = ""
        self._waiting: queue.Queue[tuple[Pixels, int] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="kinetoken-film", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Pictures that wait for the encoder, at most MOST_WAITING."""
        return self._waiting.qsize()

    @property
    def seconds(self) -> float:
        """Length so far, in seconds."""
        return self._count / self._fps

    def push(self, pixels: Pixels, now: float) -> None:
        """Adds a picture as often as the clock needs it.

        While the encoder is behind, pictures are left out; the next one that it has time for, or at
        the end the last of them, is shown in their place: the film lasts as long as it was taken.
        """
        if self._began is None:
            self._began, self._size = now, (pixels.shape[1], pixels.shape[0])
        due = int((now - self._began) * self._fps) + 1 - self._count
        if due < 1:
            return
        if self._waiting.full():
            self._left_out = pixels, due
            return
        self._waiting.put_nowait((self._fitted(pixels), due))
        self._left_out = None
        self._count += due

    def _fitted(self, pixels: Pixels) -> Pixels:
        """The picture in the size of the film: the window may have another by now."""
        if self._size is None or (pixels.shape[1], pixels.shape[0]) == self._size:
            return pixels
        return np.asarray(Image.fromarray(pixels).resize(self._size))

    def stop(self) -> str:
        """Ends the film; returns the note for the user."""
        deadline = time.monotonic() + _STOP_SECONDS
        if self._left_out is not None:
            pixels, due = self._left_out
            if self._hand_over((self._fitted(pixels), due), deadline):
                self._count += due
        self._hand_over(None, deadline)
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self.failure = self.failure or "the encoder does not answer"
        if self.failure:
            return f"the film ended early: {self.failure}"
        return (
            f"saved {self.path}, {self.seconds:.1f} s"
            if self._count
            else "nothing was shown, nothing recorded"
        )

    def _hand_over(self, item: tuple[Pixels, int] | None, deadline: float) -> bool:
        """Give the thread an item, or the end; False if it has died or has no room in time."""
        while self._thread.is_alive() and not self.failure and time.monotonic() < deadline:
            try:
                self._waiting.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def _write(self) -> None:
        try:
            first = self._waiting.get()
            if first is not None:
                write_endless_film(self.path, self._fps, self._pictures(first))
        except Exception as error:  # a full disk or a dead encoder must not end the window
            self.failure = " ".join(str(error).split())[:200] or type(error).__name__

    def _pictures(self, first: tuple[Pixels, int]) -> Iterator[Pixels]:
        item: tuple[Pixels, int] | None = first
        while item is not None:
            for _ in range(item[1]):
                yield item[0]
            item = self._waiting.get()
