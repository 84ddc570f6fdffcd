"""One motion on show, without a window: its poses, its clock, and the words about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from kinetoken.motion.skeleton import FPS

from .layers import Person
from .playhead import Playhead, Track, last_position
from .robot_beside import RobotBeside
from .words import STATUS_GAP, PictureWords

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kinetoken.live.live_output import LiveOutput
    from kinetoken.motion.clip import Clip

    from ..generator.messages import GeneratorFailed
    from .prompt_line import PromptLine


class Stage(ABC):
    """Everything a window shows and its keys change, whatever the motion comes from."""

    def __init__(self, prompt: str, *, title: str = "", live: LiveOutput | None = None) -> None:
        """`title`: name of a motion without a prompt. `live`: gets every pose that is shown."""
        self.prompt, self.title = prompt, title
        self.about: tuple[tuple[str, str], ...] = ()
        """Parts of the bundle in use and their licences."""
        self.track = Track()
        self.playhead = Playhead(float(FPS))
        self.finished = False
        """No more motion will come."""
        self.jumped = False
        """The last tick cut to another moment, so the camera must cut too."""
        self.can_lock = False
        """The foot lock can be switched."""
        self.foot_lock = True
        self._live = live
        self.robot: RobotBeside | None = None
        """Stands beside the body."""

    @abstractmethod
    def tick(self, seconds: float) -> None:
        """Moves on by one picture's worth of time."""

    @abstractmethod
    def people(self) -> list[Person]:
        """Everybody on show, first from the left."""

    @property
    @abstractmethod
    def clip(self) -> Clip | None:
        """All motion so far, to be saved; None if there is none."""

    @property
    def line(self) -> PromptLine | None:
        """Prompt line of a stage that takes prompts."""
        return None

    @property
    def failure(self) -> GeneratorFailed | None:
        """The reason why no more motion will come."""
        return None

    @property
    def busy(self) -> bool:
        """True while a generator needs the processor too."""
        return False

    @property
    def hopeless(self) -> bool:
        """True if nothing can ever be shown, so that the terminal should say why, not a window."""
        return False

    @property
    def dismissed(self) -> bool:
        """True once a person has asked for the end."""
        return False

    @property
    def waiting(self) -> bool:
        """True while the picture holds still because the generator is behind."""
        return False

    def pose(self) -> NDArray[np.float64]:
        """The pose (22, 3) on show."""
        return self.people()[0].track.sample(self.playhead.position)

    def show_live(self) -> None:
        """Sends the pose on show to the live output, if there is one."""
        if self._live is not None and len(self.track):
            seconds = self.playhead.position / self.playhead.fps
            self._live.show(self.pose(), seconds, waiting=self.waiting)

    def restart(self) -> None:
        """Plays from the beginning again."""
        self.playhead.position = self.playhead.span[0] if self.playhead.span is not None else 0.0
        self.playhead.playing = True

    def stop(self) -> None:  # noqa: B027 - most stages have nothing to stop
        """Gives up what is being generated, if more can be asked."""

    def close(self) -> None:  # noqa: B027 - most stages have nothing to close
        """Ends what runs beside the stage."""

    def shares(self) -> tuple[float, float]:
        """Shares of the time bar, 0 to 1: played and arrived."""
        _, whole = self.bar()
        end = last_position(len(self.track), finished=True)
        return (self.playhead.position / whole, end / whole) if whole > 0 else (0.0, 0.0)

    def span(self) -> tuple[float, float] | None:
        """Shares of the time bar, 0 to 1, from A to B; None if all is played."""
        (begin, whole), span = self.bar(), self.playhead.span
        if span is None or whole <= 0:
            return None
        a, b = (min(1.0, max(0.0, (frame - begin) / whole)) for frame in span)
        return a, b

    def frame_at(self, share: float) -> float:
        """The frame at a share of the time bar."""
        begin, whole = self.bar()
        return begin + share * whole

    def seek(self, share: float) -> None:
        """Goes to a share of the time bar."""
        self.playhead.seek(self.frame_at(share), len(self.track), finished=self.finished)

    def bar(self) -> tuple[float, float]:
        """First frame of the time bar, and its length in frames."""
        return 0.0, last_position(len(self.track), finished=True)

    def words(self, picture_rate: float, *, help_shown: bool = False) -> PictureWords:
        """The words to write at this moment."""
        return PictureWords(
            self.prompt,
            self.thought(),
            self._status(picture_rate),
            self.message(),
            help_shown,
            None if self.line is None else self.line.line,
            "" if self.prompt else self.title,
            about=self.about,
        )

    def thought(self) -> str:
        """The thought so far."""
        return ""

    def message(self) -> str:
        """Anything that needs attention at this moment; empty for nothing."""
        return ""

    def _status(self, picture_rate: float) -> str:
        head = self.playhead
        parts = [
            *self.times(),
            f"{picture_rate:.0f} fps",
            f"{1000.0 / max(picture_rate, 1e-3):.0f} ms",
            *self.facts(),
        ]
        if self.can_lock and not self.foot_lock:
            parts.append("no foot lock")
        if head.span is not None:
            parts.append("A-B")
        if head.speed != 1.0:
            parts.append(f"speed {head.speed:g}")
        if not head.playing:
            parts.append("paused")
        return STATUS_GAP.join([*parts, *self.modes(), "H: keys"])

    def times(self) -> list[str]:
        """Parts of the status: the position in the motion, and the seconds in hand."""
        head = self.playhead
        length = len(self.track) / head.fps
        return [
            f"{head.position / head.fps:.2f} / {length:.1f} s",
            f"frame {int(head.position + 1e-6)}",
        ]

    def facts(self) -> list[str]:
        """Parts of the status: pace, detail and seed."""
        return []

    def modes(self) -> list[str]:
        """Parts of the status: how often the motion is played."""
        return ["loop" if self.playhead.loop else "once"]
