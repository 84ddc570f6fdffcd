"""Frames as lines of JSON on standard output, for robots and scripts."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from typing import Final

from .settings import LiveSettings
from .target import Frame, LostError, asked, header

BROKEN_PIPE: Final = 141
UNWRITABLE: Final = 5
SECONDS_KEPT: Final = (
    2.0  # of frames: a reader that falls further behind misses frames, as their numbers show
)
CLOSING: Final = 1.0  # seconds that a reader has for the rest


class LinesTarget:
    """A thread writes, so that a slow reader holds up nothing else."""

    def __init__(self, settings: LiveSettings, handle: int = 1) -> None:
        self.note = f"frames as lines of JSON to standard output, {settings.rate:g} Hz"
        self._handle = handle
        self._frames = 0
        self._queue: queue.Queue[str | None] = queue.Queue(int(SECONDS_KEPT * settings.rate) + 2)
        self._lost: LostError | None = None
        self._put(json.dumps(header(settings)))
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def send(self, frame: Frame) -> None:
        """One line, as soon as the reader takes it. LostError where there is no reader any more."""
        if self._lost is not None:
            raise self._lost
        if self._put(frame.to_json()):
            self._frames += 1

    def ask(self, prompt: str, seed: int | None) -> None:
        """So does every prompt."""
        self._put(json.dumps(asked(prompt, seed)))

    def say(self, text: str) -> None:
        """Words have a line of their own."""
        self._put(json.dumps({"say": text}))

    def close(self) -> None:
        """The last line says that it is the last. LostError where it did not arrive."""
        with contextlib.suppress(queue.Full):
            self._queue.put(json.dumps({"end": True, "frames": self._frames}), timeout=CLOSING)
            self._queue.put(None, timeout=CLOSING)
        self._thread.join(CLOSING)
        if self._lost is not None:
            raise self._lost

    def _put(self, line: str) -> bool:
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            return False
        return True

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            rest = line.encode() + b"\n"
            try:
                while rest:
                    rest = rest[os.write(self._handle, rest) :]
            except BrokenPipeError:
                self._lost = LostError(
                    "whoever read standard output is gone; --stdout ends", BROKEN_PIPE
                )
                return
            except OSError as error:
                self._lost = LostError(
                    f"cannot write to standard output: {error.strerror}; --stdout ends", UNWRITABLE
                )
                return
