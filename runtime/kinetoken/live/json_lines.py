"""Frames as lines of JSON on standard output, for robots and scripts."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from typing import Final

from ..base.errors import BROKEN_PIPE, OutputError
from .settings import LiveSettings
from .target import LiveFrame, LostError, prompt_facts, robot_header, robot_line, stream_header

_QUEUE_SECONDS: Final = 2.0
"""Seconds of frames in hand.

A reader that falls further behind misses frames, as their numbers show.
"""
_CLOSE_SECONDS: Final = 1.0  # for the reader to take the rest


class LinesTarget:
    """Writes from a thread of its own, so that a slow reader holds up nothing else."""

    def __init__(self, settings: LiveSettings, handle: int = 1) -> None:
        self.note = f"frames as lines of JSON to standard output, {settings.rate:g} Hz"
        self._handle = handle
        self._frames = 0
        self._queue: queue.Queue[str | None] = queue.Queue(int(_QUEUE_SECONDS * settings.rate) + 2)
        self._lost: LostError | None = None
        self._robot = settings.robot is not None
        self._put(json.dumps((robot_header if self._robot else stream_header)(settings)))
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def send(self, frame: LiveFrame) -> None:
        """Queue one line. LostError where the reader is gone."""
        if self._lost is not None:
            raise self._lost
        if self._put(robot_line(frame) if self._robot else frame.to_json()):
            self._frames += 1

    def ask(self, prompt: str, seed: int | None) -> None:
        """Queue a line with the prompt."""
        self._put(json.dumps(prompt_facts(prompt, seed)))

    def say(self, text: str) -> None:
        """Queue a line with the text."""
        self._put(json.dumps({"say": text}))

    def close(self) -> None:
        """Write the last line, which says so. LostError where it did not arrive."""
        with contextlib.suppress(queue.Full):
            self._queue.put(
                json.dumps({"end": True, "frames": self._frames}), timeout=_CLOSE_SECONDS
            )
            self._queue.put(None, timeout=_CLOSE_SECONDS)
        self._thread.join(_CLOSE_SECONDS)
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
                    "the reader of standard output is gone; --stdout ends", BROKEN_PIPE
                )
                return
            except OSError as error:
                self._lost = LostError(
                    f"cannot write to standard output: {error.strerror}; --stdout ends",
                    OutputError.exit_code,
                )
                return
