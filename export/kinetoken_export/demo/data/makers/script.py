"""A script of poses played with human variety: tempo, amplitude, sway and breath are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..augment import to_features
from ..clips import Joints, mirrored
from ..cutting import STRIDE, Window
from ..judges import LEFT, RIGHT
from .poses import ANKLE, HANGING, STAND, LimbPose, Pose, foot, pose_motion

_OTHER: Final = {LEFT: RIGHT, RIGHT: LEFT}
# Of each playing: usual, slow, fast; seconds are multiplied by these.
TEMPI: Final = (("", 1.0), ("", 1.0), ("slow", 1.5), ("fast", 0.72))


class Script:
    """Poses at seconds, built step by step from a pose (standing unless given)."""

    def __init__(self, draw: np.random.Generator, tempo: float = 1.0, pose: Pose | None = None):
        self.draw = draw
        self.tempo = tempo
        self.now = 0.0
        self.upright = standing(draw)
        self.pose = pose or self.upright
        self.keys: list[tuple[float, Pose]] = [(0.0, self.pose)]
        self.hold(self.u(0.12, 0.25), steady=True)

    def u(self, low: float, high: float) -> float:
        """Draw a number between two."""
        return float(self.draw.uniform(low, high))

    def times(self, count: int, *usual: int) -> int:
        """Return a count that was asked for, or draw one of what is usual."""
        return count or int(self.draw.choice(usual))

    def go(self, seconds: float, /, **changes: Any) -> Script:
        """Move to the last pose with changes; `steady=True` keeps the seconds from the tempo."""
        steady = bool(changes.pop("steady", False))
        self.now += seconds * (1.0 if steady else self.tempo * self.u(0.92, 1.08))
        self.pose = self.pose.but(**changes)
        self.keys.append((self.now, self.pose))
        return self

    def hold(self, seconds: float, steady: bool = False) -> Script:
        """Rest in the pose."""
        return self.go(seconds, steady=steady)

    def stand(self, seconds: float, **changes: Any) -> Script:
        """Return to standing where the body now is, and rest for some frames."""
        x, z = (self.pose.x, self.pose.z) if not changes else (changes["x"], changes["z"])
        a = self.upright
        self.go(
            seconds, x=x, y=a.y, z=z, turn=a.turn, lean=0.0, tilt=0.0, bend=a.bend, twist=0.0,
            sway=0.0, nod=a.nod, look=0.0, left_arm=a.left_arm, right_arm=a.right_arm,
            left_leg=foot(x + a.left_leg.at[0], z), right_leg=foot(x + a.right_leg.at[0], z),
        )  # fmt: skip
        return self.hold(self.u(0.15, 0.3), steady=True)

    def step(self, side: str, to: tuple[float, float], seconds: float, **changes: Any) -> Script:
        """Lift a foot and set it down at X, Z; the body changes meanwhile, half of it midway."""
        name = f"{side}_leg"
        old: LimbPose = getattr(self.pose, name)
        x, z = to
        middle = foot((old.at[0] + x) / 2, (old.at[2] + z) / 2, ANKLE + 0.09, down=20.0)
        half = {
            n: (getattr(self.pose, n) + v) / 2 for n, v in changes.items() if isinstance(v, float)
        }
        self.go(seconds / 2, **{name: middle}, **half)
        return self.go(seconds / 2, **{name: foot(x, z)}, **changes)

    def joints(self) -> Joints:
        """Play it."""
        return pose_motion(self.keys, self.draw)


def standing(draw: np.random.Generator) -> Pose:
    """Draw a way to stand: upright, feet together, arms down."""
    wide = float(draw.uniform(0.078, 0.095))
    out, up, ahead = HANGING.at
    arms = LimbPose(
        (out + float(draw.uniform(-0.02, 0.03)), up, ahead + float(draw.uniform(-0.04, 0.03))),
        HANGING.pole,
    )
    return STAND.but(
        y=float(draw.uniform(0.948, 0.96)), bend=float(draw.uniform(-2, 2)),
        nod=float(draw.uniform(-7, 2)), arms=arms, left_leg=foot(wide, 0.0), right_leg=foot(-wide, 0.0),
    )  # fmt: skip


@dataclass(frozen=True)
class Act:
    """What a script shows: how it is played, and what a caption may say of it."""

    action: str
    play: Callable[[Script, int], None]
    """Adds to a script; gets the count (0 where there is none)."""
    counts: tuple[int, ...] = (0,)
    each: int = 6
    """Playings per count and tempo."""
    begins: str = "standing"
    ends: str = "standing"
    start: Callable[[np.random.Generator], Pose] | None = None
    side: str = ""
    sided: bool = False
    """The mirror image is the action ending in _right."""
    tempi: tuple[tuple[str, float], ...] = TEMPI
    style: str = ""


def act_windows(acts: tuple[Act, ...], seed: int, mirror: bool) -> Iterator[Window]:
    """Windows of every act; those of the mirror are drawn anew."""
    for number, act in enumerate(acts):
        draw = np.random.default_rng([seed, number, int(mirror)])
        for count in act.counts:
            for speed, tempo in act.tempi:
                for _ in range(act.each):
                    script = Script(draw, tempo, act.start(draw) if act.start else None)
                    act.play(script, count)
                    yield _window(act, script, count, speed, mirror)


def _window(act: Act, script: Script, count: int, speed: str, mirror: bool) -> Window:
    joints = script.joints()
    action, side = act.action, act.side
    if mirror:
        joints = mirrored(joints)
        side = _OTHER.get(side, side)
        if act.sided:
            action = action.replace(LEFT, RIGHT)
    return posed_window(
        Window(action, to_features(joints), "posed", side=side, count=count, speed=speed,
               begins=act.begins, ends=act.ends, style=act.style)
    )  # fmt: skip


def posed_window(window: Window) -> Window:
    """Bring a window to whole latent frames, its last pose held where rows are missing."""
    rows = window.features
    missing = -len(rows) % STRIDE
    if missing:
        rest = np.repeat(rows[-1:], missing, axis=0)
        rest[:, :3] = 0.0
        rest[:, 193:259] = 0.0
        rows = np.concatenate([rows, rest])
    return Window(**{**window.__dict__, "features": rows})
