"""The process that sends: it takes in motion as it comes and sends every frame on time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from ..base.errors import KinetokenError
from ..motion.idle import standing_pose
from ..motion.skeleton import N_JOINTS
from ..robots.robot_model import robot_named
from ..robots.robot_run import RobotRun
from .avatar_rotations import RigRun
from .clock import Clock
from .messages import (
    AnswerBegins,
    AnswerEnds,
    AnswersShown,
    Finish,
    Motion,
    NewPrompt,
    PageFile,
    PageNews,
    PeopleNumber,
    SenderOrder,
    SenderReport,
    TargetLost,
    TargetsOpen,
    TargetsRefused,
    ThoughtText,
    WindowPose,
)
from .people import People
from .settings import LiveSettings
from .target import LiveFrame, LostError, PromptTarget, Target
from .timeline import MAX_STEP, TimedPose, Timeline

_LISTEN_SHARE: Final = 0.25  # share of a period for taking in motion; the rest waits for the next


def run_sender(settings: LiveSettings, pipe: Connection) -> None:
    """Run the process. It ends with its last frame, or when the other side closes the pipe."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the other side is gone
        try:
            targets = open_targets(settings)
        except KinetokenError as error:
            pipe.send(TargetsRefused(str(error), error.exit_code))
            return
        page = "".join(target.url for target in targets if isinstance(target, PromptTarget))
        pipe.send(TargetsOpen(tuple(target.note for target in targets), page))
        Sender(settings, targets, pipe).run()


def open_targets(settings: LiveSettings) -> list[Target]:
    """Open every target of the settings, or none. InputError, MissingPackageError."""
    opened: list[Target] = []
    try:
        for make in target_makers(settings):
            opened.append(make(settings))
    except BaseException:
        for target in opened:
            target.close()
        raise
    return opened


def target_makers(settings: LiveSettings) -> list[Callable[[LiveSettings], Target]]:
    """The classes of all targets of the settings. MissingPackageError."""
    makers: list[Callable[[LiveSettings], Target]] = []
    if settings.vmc is not None:
        from .osc.vmc import VmcTarget

        makers.append(VmcTarget)
    if settings.vrchat is not None:
        from .osc.vrchat import VrchatTarget

        makers.append(VrchatTarget)
    if settings.sonic is not None:
        from .sonic import SonicTarget

        makers.append(SonicTarget)
    if settings.ws is not None:
        from .browser.page_server import PageTarget

        makers.append(PageTarget)
    if settings.stdout:  # last: nothing is written where another one is refused
        from .json_lines import LinesTarget

        makers.append(LinesTarget)
    return makers


class Sender:
    """Sends one motion to all targets."""

    def __init__(self, settings: LiveSettings, targets: list[Target], pipe: Connection) -> None:
        self._settings, self._targets, self._pipe = settings, targets, pipe
        fps, robot = settings.fps, settings.moving_robot
        self._people = People(fps, robot) if settings.endless else None
        self._single = Timeline(fps, loop=settings.loop, to_come=settings.expected, robot=robot)
        self._timeline = self._people or self._single
        self._page = next((t for t in targets if isinstance(t, PromptTarget)), None)
        self._rested = () if self._people is None else self._people.rested
        self._rig = RigRun()
        self._rig.push(np.zeros((1, N_JOINTS, 3)))  # the first call is slow: it loads LAPACK
        made = None if robot is None else robot_named(robot)
        self._robot = None if made is None else RobotRun(made, settings.rate)
        if self._robot is not None:  # the first pose is slow: tens of milliseconds
            self._robot.next(standing_pose())
        self._clock = Clock(settings.rate)
        self._shown: WindowPose | None = None
        self._pose: TimedPose | None = None  # of what a window shows
        self._sent = 0
        self._alone = False

    def run(self) -> None:
        """Take in, prepare, wait for the clock, send, until the end."""
        passed = self._clock.period
        while not self._over:
            self._listen()
            frame = self._next(passed)
            passed = self._wait()
            if frame is not None:
                self._send(frame)
            with contextlib.suppress(OSError):  # found out when listening
                self._say_rested()
                for request in self._page.taken() if self._page is not None else ():
                    self._pipe.send(request)
        self._end()

    def _say_rested(self) -> None:
        """Tell the other side when an answer of endless motion has been shown."""
        if self._people is not None and self._people.rested != self._rested:
            self._rested = self._people.rested
            self._pipe.send(AnswersShown(self._rested))

    @property
    def _over(self) -> bool:
        if self._alone or not self._targets:
            return True
        return self._timeline.over and (self._sent > 0 or self._timeline.pose() is None)

    def _wait(self) -> float:
        """Wait for the clock; a window that sends its poses is the clock itself."""
        if self._shown is None:
            return self._clock.wait()
        self._pipe.poll(self._clock.period)
        return 0.0

    def _next(self, passed: float) -> LiveFrame | None:
        if self._shown is not None:
            assert self._pose is not None
            return LiveFrame(self._sent, self._pose, self._shown.waiting)
        if self._sent:  # the first frame sends the first pose
            self._timeline.advance(passed)
        pose = self._timeline.pose()
        if pose is None:
            return None
        others = () if self._people is None else self._people.others()
        periods = max(1, round(min(passed, MAX_STEP) / self._clock.period))
        return LiveFrame(self._sent, pose, self._timeline.waiting, periods, others)

    def _listen(self) -> None:
        end = time.perf_counter() + _LISTEN_SHARE * self._clock.period
        try:
            while self._timeline.hungry and self._pipe.poll() and time.perf_counter() < end:
                self._take(self._pipe.recv())
        except (EOFError, OSError):
            self._alone = True

    def _take(self, order: SenderOrder) -> None:
        if isinstance(order, Motion):
            if self._people is None:
                self._single.push(order.joints, order.rtf)
            else:
                self._people.push(order.person, order.joints, order.rtf)
        elif isinstance(order, ThoughtText):
            for target in self._targets:
                target.say(order.text)
        elif isinstance(order, NewPrompt):
            for target in self._targets:
                target.ask(order.prompt, order.seed)
        elif isinstance(order, WindowPose):
            joints = order.joints.astype(np.float64)
            robot = None if self._robot is None else self._robot.next(joints)
            turned = self._rig.push(joints[None])[0]
            self._shown, self._pose = order, TimedPose(order.time, joints, turned, robot)
        elif isinstance(order, AnswerBegins | AnswerEnds | PeopleNumber):
            self._take_people(order)
        elif isinstance(order, PageNews | PageFile):
            self._take_page(order)
        elif isinstance(order, Finish):
            self._shown = None
            self._timeline.finish()

    def _take_people(self, order: AnswerBegins | AnswerEnds | PeopleNumber) -> None:
        if self._people is None:
            return
        if isinstance(order, AnswerBegins):
            self._people.begin(order.person, order.expected)
        elif isinstance(order, AnswerEnds):
            self._people.end(order.person)
        else:
            self._people.set_number(order.number)

    def _take_page(self, order: PageNews | PageFile) -> None:
        if self._page is None:
            return
        if isinstance(order, PageNews):
            self._page.tell(order)
        else:
            self._page.give(order)

    def _send(self, frame: LiveFrame) -> None:
        for target in list(self._targets):
            with self._noting(target):
                target.send(frame)
        self._sent += 1

    @contextlib.contextmanager
    def _noting(self, target: Target) -> Iterator[None]:
        """Drop a target that fails, and tell the other side."""
        try:
            yield
        except LostError as lost:
            self._targets.remove(target)
            self._pipe.send(TargetLost(str(lost), lost.exit_code))

    def _end(self) -> None:
        for target in list(self._targets):
            with self._noting(target):
                target.close()
        late, most = self._clock.lateness()
        self._pipe.send(SenderReport(self._sent, self._timeline.holds, late, most))
