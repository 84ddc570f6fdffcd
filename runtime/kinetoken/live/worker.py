"""The process that sends: it takes motion in as it comes and lets every frame leave on the stroke of the clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from ..base.errors import KinetokenError
from ..motion.skeleton import N_JOINTS
from .clock import Clock
from .endless import EndlessTimeline
from .messages import (
    Asked,
    Begin,
    End,
    Finish,
    Gone,
    Motion,
    Order,
    Ready,
    Refused,
    Report,
    Rested,
    Shown,
    Words,
)
from .rig import RigRun
from .settings import LiveSettings
from .target import Frame, LostError, Target
from .timeline import Pose, Timeline

TAKING: Final = 0.25  # of a period at most goes into what has arrived; the rest waits for the next


def work(settings: LiveSettings, pipe: Connection) -> None:
    """All the process does. It ends with its last frame, or when the other side closes the pipe."""
    with contextlib.suppress(
        BrokenPipeError, ConnectionResetError
    ):  # nobody is left to hear how it went
        try:
            targets = open_targets(settings)
        except KinetokenError as error:
            pipe.send(Refused(str(error), error.exit_code))
            return
        pipe.send(Ready(tuple(target.note for target in targets)))
        Sender(settings, targets, pipe).run()


def open_targets(settings: LiveSettings) -> list[Target]:
    """Every way out that is asked for; where one cannot be had, its error, and those before it are closed again."""
    opened: list[Target] = []
    try:
        for make in _makers(settings):
            opened.append(make(settings))
    except BaseException:
        for target in opened:
            target.close()
        raise
    return opened


def _makers(settings: LiveSettings) -> list[Callable[[LiveSettings], Target]]:
    makers: list[Callable[[LiveSettings], Target]] = []
    if settings.vmc is not None:
        from .vmc import VmcTarget

        makers.append(VmcTarget)
    if settings.ws is not None:
        from .server import PageTarget

        makers.append(PageTarget)
    if settings.stdout:  # the last: nothing is written where another is refused
        from .lines import LinesTarget

        makers.append(LinesTarget)
    return makers


class Sender:
    """One motion on its way to all targets."""

    def __init__(self, settings: LiveSettings, targets: list[Target], pipe: Connection) -> None:
        self._settings, self._targets, self._pipe = settings, targets, pipe
        self._endless = EndlessTimeline(settings.fps) if settings.endless else None
        self._timeline = self._endless or Timeline(
            settings.fps, loop=settings.loop, to_come=settings.expected
        )
        self._rested = 0
        self._rig = RigRun()
        self._rig.push(
            np.zeros((1, N_JOINTS, 3))
        )  # the first one takes long: it loads the linear algebra
        self._clock = Clock(settings.rate)
        self._shown: Shown | None = None
        self._pose: Pose | None = None  # of what a window shows
        self._sent = 0
        self._alone = False

    def run(self) -> None:
        """The loop: take in, prepare, wait for the stroke, send."""
        passed = self._clock.period
        while not self._over:
            self._listen()
            frame = self._next(passed)
            passed = self._wait()
            if frame is not None:
                self._send(frame)
            self._say_rested()
        self._end()

    def _say_rested(self) -> None:
        """The other side hears when an answer of an endless motion has been shown."""
        if self._endless is not None and self._endless.rested > self._rested:
            self._rested = self._endless.rested
            with contextlib.suppress(OSError):  # that nobody listens is found out when listening
                self._pipe.send(Rested(self._rested))

    @property
    def _over(self) -> bool:
        if self._alone or not self._targets:
            return True
        return self._timeline.over and (self._sent > 0 or self._timeline.pose() is None)

    def _wait(self) -> float:
        """To the next stroke; a window that says what is shown is the clock itself."""
        if self._shown is None:
            return self._clock.wait()
        self._pipe.poll(self._clock.period)
        return 0.0

    def _next(self, passed: float) -> Frame | None:
        if self._shown is not None:
            assert self._pose is not None
            return Frame(self._sent, self._pose, self._shown.waiting)
        if self._sent:  # the first pose is the first frame's, however much has come before it
            self._timeline.advance(passed)
        pose = self._timeline.pose()
        return None if pose is None else Frame(self._sent, pose, self._timeline.waiting)

    def _listen(self) -> None:
        end = time.perf_counter() + TAKING * self._clock.period
        try:
            while self._timeline.hungry and self._pipe.poll() and time.perf_counter() < end:
                self._take(self._pipe.recv())
        except (EOFError, OSError):
            self._alone = True

    def _take(self, order: Order) -> None:
        if isinstance(order, Motion):
            self._timeline.push(order.joints, order.rtf)
        elif isinstance(order, Words):
            for target in self._targets:
                target.say(order.text)
        elif isinstance(order, Asked):
            for target in self._targets:
                target.ask(order.prompt, order.seed)
        elif isinstance(order, Shown):
            joints = order.joints.astype(np.float64)
            self._shown, self._pose = (
                order,
                Pose(order.time, joints, self._rig.push(joints[None])[0]),
            )
        elif isinstance(order, Begin) and self._endless is not None:
            self._endless.begin(order.expected)
        elif isinstance(order, End) and self._endless is not None:
            self._endless.end()
        elif isinstance(order, Finish):
            self._shown = None
            self._timeline.finish()

    def _send(self, frame: Frame) -> None:
        for target in list(self._targets):
            with self._noting(target):
                target.send(frame)
        self._sent += 1

    @contextlib.contextmanager
    def _noting(self, target: Target) -> Iterator[None]:
        """A target that is lost is left out from now on, and the other side told."""
        try:
            yield
        except LostError as lost:
            self._targets.remove(target)
            self._pipe.send(Gone(str(lost), lost.exit_code))

    def _end(self) -> None:
        for target in list(self._targets):
            with self._noting(target):
                target.close()
        late, most = self._clock.lateness()
        self._pipe.send(Report(self._sent, self._timeline.holds, late, most))
