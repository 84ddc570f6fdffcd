"""A finished clip on show, with a foot lock that can be switched."""

from __future__ import annotations

from kinetoken.live.live_output import LiveOutput
from kinetoken.motion.clip import Clip

from .layers import Person, ground, with_robot
from .playhead import Track
from .stage import Stage
from .standing_pose import STANDING
from .words import thought_of


class ClipStage(Stage):
    """One clip."""

    def __init__(
        self,
        clip: Clip,
        prompt: str = "",
        *,
        unlocked: Clip | None = None,
        title: str = "",
        live: LiveOutput | None = None,
    ) -> None:
        """`unlocked`: the same clip without its foot lock; None: the lock cannot be switched."""
        super().__init__(prompt or clip.prompt, title=title, live=live)
        self._clip, self._unlocked = clip, unlocked
        self._unlocked_track = None if unlocked is None else Track(unlocked.joints)
        self._place = ground(clip.joints)
        self.can_lock = unlocked is not None
        self.finished = True
        self.playhead.fps = clip.fps
        self.track.append(clip.joints)

    def tick(self, seconds: float) -> None:
        """Moves on by one picture's worth of time."""
        self.jumped = self.playhead.advance(seconds, len(self.track), finished=True)
        self.show_live()

    def people(self) -> list[Person]:
        """The one body."""
        track = self.track
        if self._unlocked_track is not None and not self.foot_lock:
            track = self._unlocked_track
        body = Person(track if len(track) else STANDING, self._place)
        return with_robot([body], self.robot)

    @property
    def clip(self) -> Clip | None:
        """The clip as it is shown."""
        return self._clip if self._unlocked is None or self.foot_lock else self._unlocked

    def thought(self) -> str:
        """The words of the clip's text."""
        return thought_of(self._clip)

    def facts(self) -> list[str]:
        """The seed."""
        return [] if self._clip.seed is None else [f"seed {self._clip.seed}"]
