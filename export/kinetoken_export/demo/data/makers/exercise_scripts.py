"""Scripts of exercises on the spot: squats, push-ups, sit-ups, jacks, jumps, hops."""

from __future__ import annotations

from typing import Any, Final

from ..judges import LEFT
from .floor_scripts import sit
from .poses import ANKLE, LimbPose, arm, foot, hand, leg
from .script import Act, Script

_COUNTED: Final = (("", 1.0), ("slow", 1.35), ("fast", 0.78))


def _widen(s: Script, x: float, seconds: float = 0.35) -> None:
    """Set the feet apart, one after the other."""
    s.step(LEFT, (x, 0.0), seconds, x=0.03)
    s.step("right", (-x, 0.0), seconds, x=0.0)


def squat(s: Script, count: int) -> None:
    count = s.times(count, 1, 1, 2)
    depth, wide = s.u(0.34, 0.5), s.u(0.14, 0.19)
    quick = 0.8 if count > 3 else 1.0
    arms = s.pose.left_arm if s.u(0, 1) < 0.25 else arm(s.u(-0.1, 0.15), s.u(-0.1, 0.15), 0.93)
    up = s.pose.y - 0.01
    _widen(s, wide, 0.26)
    for _ in range(count):
        s.go(0.62 * quick, y=up - depth, z=-0.3 * depth, lean=50 * depth + 6, bend=14.0, nod=-12.0,
             arms=arms)  # fmt: skip
        s.hold(s.u(0.02, 0.15))
        s.go(0.55 * quick, y=up, z=0.0, lean=0.0, bend=2.0, nod=0.0, left_arm=s.upright.left_arm,
             right_arm=s.upright.right_arm)  # fmt: skip
    s.step(LEFT, (s.upright.left_leg.at[0], 0.0), 0.24)
    s.step("right", (s.upright.right_leg.at[0], 0.0), 0.24)
    s.stand(0.2)


def _tucked(x: float, z: float) -> LimbPose:
    """A foot on its ball, heel up, in front of the hands."""
    return foot(x, z, 0.11, 40.0, 2.0)


def _plank(x: float) -> LimbPose:
    return LimbPose((x, 0.125, -0.83), (0.05, -1.0, 0.2), floor=True, toe=(42.0, 0.0))


def pushups(s: Script, count: int) -> None:
    count = s.times(count, 2, 2, 3)
    wide, quick = s.u(0.22, 0.32), 0.72 if count > 2 else 0.95
    low = s.u(0.17, 0.21)
    s.go(0.5, y=0.55, z=-0.05, lean=60.0, bend=48.0, nod=-20.0, arms=arm(0.1, -0.7, 0.6),
         legs=_tucked(0.1, 0.0))  # fmt: skip
    s.go(0.25, y=0.52, lean=68.0, bend=46.0, arms=hand(wide, 0.05, 0.45, (0.75, 0.3, -0.6)))
    back = {"y": 0.5, "lean": 66.0, "bend": 24.0, "z": 0.0}
    s.go(0.25, left_leg=foot(0.1, -0.45, 0.2, 40.0, 0.0), **back)
    s.go(0.2, left_leg=_plank(0.1), y=0.47, lean=70.0, bend=8.0, nod=-25.0,
         right_leg=foot(-0.1, -0.4, 0.2, 40.0, 0.0))  # fmt: skip
    s.go(0.2, right_leg=_plank(-0.1), y=0.43, lean=72.0, bend=0.0)
    for _ in range(count):
        s.go(0.45 * quick, y=low, z=0.05, lean=86.0, bend=-3.0, nod=-18.0)
        s.go(0.42 * quick, y=0.43, z=0.0, lean=72.0, bend=0.0, nod=-25.0)
    s.go(0.22, left_leg=foot(0.1, -0.4, 0.2, 40.0, 0.0), y=0.5, lean=68.0, bend=22.0)
    s.go(0.22, left_leg=_tucked(0.1, 0.0), right_leg=foot(-0.1, -0.4, 0.2, 40.0, 0.0), bend=38.0,
         y=0.54, z=-0.04)  # fmt: skip
    s.go(0.22, right_leg=_tucked(-0.1, 0.0), lean=66.0, bend=46.0, nod=-10.0)
    s.go(0.35, y=0.72, lean=45.0, bend=32.0, arms=arm(0.1, -0.85, 0.45), legs=foot(0.1, 0.0))
    s.stand(0.45, x=0.0, z=0.0)


def situps(s: Script, count: int) -> None:
    count = s.times(count, 1, 2, 2)
    quick = 0.75 if count > 2 else 1.0
    crossed = s.u(0, 1) < 0.4
    arms = (
        arm(-0.42, -0.28, 0.45, (0.8, -0.6, 0.1))
        if crossed
        else arm(0.0, 0.42, 0.16, (1.0, 0.15, 0.35))
    )
    sit(s, 1.0)
    feet = foot(0.12, s.u(0.0, 0.08))
    s.go(0.55, y=0.1, z=-0.46, lean=-84.0, bend=10.0, nod=8.0, arms=arms, legs=feet)
    s.hold(0.1)
    for _ in range(count):
        s.go(0.5 * quick, y=0.11, lean=s.u(-24, -14), bend=s.u(34, 44), nod=16.0)
        s.go(0.5 * quick, y=0.1, lean=-86.0, bend=6.0, nod=8.0)
    s.go(0.5, y=0.12, lean=-10.0, bend=40.0, nod=4.0, legs=foot(0.13, -0.04),
         arms=arm(0.05, -0.4, 0.8))  # fmt: skip
    s.go(0.4, y=0.42, z=-0.2, lean=46.0, bend=28.0, nod=-10.0)
    s.go(0.3, y=0.72, z=-0.1, lean=34.0, bend=20.0, arms=arm(0.1, -0.85, 0.4))
    s.stand(0.45, x=0.0, z=-0.04)


def jumping_jacks(s: Script, count: int) -> None:
    count = s.times(count, 2, 3, 4)
    wide, quick, up = s.u(0.3, 0.42), s.u(1.05, 1.3), s.pose.y
    high = arm(s.u(0.1, 0.3), 0.92, 0.1, (0.8, 0.1, -0.5))
    side = arm(0.95, 0.05, 0.15, (0.2, -0.5, -0.8))
    down = s.upright.left_arm
    for _ in range(count):
        s.go(0.14 * quick, y=up - 0.07, lean=5.0, bend=4.0)
        s.go(0.14 * quick, y=up + 0.04, lean=0.0, arms=side, legs=_lifted(wide / 2 + 0.05, 0.1))
        s.go(0.14 * quick, y=up - 0.1, arms=high, legs=foot(wide, 0.0, out=14.0))
        s.go(0.14 * quick, y=up - 0.14, lean=4.0)
        s.go(0.15 * quick, y=up + 0.03, lean=0.0, arms=side, legs=_lifted(wide / 2 + 0.05, 0.1))
        s.go(0.15 * quick, y=up - 0.03, arms=down, legs=foot(0.1, 0.0))
    s.stand(0.25)


def _lifted(x: float, y: float, z: float = 0.0) -> LimbPose:
    return foot(x, z, ANKLE + y, down=30.0 if y < 0.15 else 42.0)


def _leap(
    s: Script, high: float, ahead: float, arms: tuple[LimbPose, LimbPose, LimbPose], quick: float
) -> None:
    """Crouch, fly over `ahead` metres, land."""
    up, x = s.upright.y, s.pose.left_leg.at[0]
    z = s.pose.left_leg.at[2]
    back, swung, landing = arms
    s.go(
        0.38 * quick, y=up - s.u(0.24, 0.34), z=z - 0.05, lean=34.0, bend=20.0, nod=-15.0, arms=back
    )
    s.go(0.22, steady=True, y=up + 0.05, z=z + 0.1 * ahead, lean=6.0 + 6 * ahead, bend=2.0,
         arms=arm(0.25, -0.7, 0.45), legs=foot(x, z, 0.13, 46.0))  # fmt: skip
    rise = (2 * high / 9.81) ** 0.5
    s.go(rise, steady=True, y=up + 0.05 + high, z=z + 0.5 * ahead, lean=4 + 8 * ahead, arms=swung,
         legs=_lifted(x, high + 0.06 + 0.1 * ahead, z + 0.42 * ahead))  # fmt: skip
    s.go(rise, steady=True, y=up - 0.03, z=z + 0.9 * ahead, lean=5.0, arms=landing,
         legs=foot(x, z + ahead, ANKLE + 0.02, 8.0))  # fmt: skip
    s.go(0.16, steady=True, y=up - s.u(0.2, 0.3), z=z + ahead - 0.02, lean=28.0, bend=18.0,
         legs=foot(x, z + ahead))  # fmt: skip
    s.go(0.3 * quick, y=up - 0.01, z=z + ahead, lean=0.0, bend=2.0, nod=0.0,
         left_arm=s.upright.left_arm, right_arm=s.upright.right_arm)  # fmt: skip


_BACK: Final = arm(0.18, -0.75, -0.5, (0.4, -0.2, -0.9))


def crouch_to_leap(s: Script, lean: float, z: float) -> None:
    """Bend the knees and swing the arms back, `lean` degrees already turned over."""
    s.go(0.4, y=s.upright.y - s.u(0.28, 0.36), z=z - 0.06, lean=lean + 34.0, bend=20.0, nod=-15.0,
         arms=_BACK, legs=foot(0.11, z))  # fmt: skip


def jump_up(s: Script, count: int) -> None:
    count = s.times(count, 1, 1, 1, 2)
    swung = arm(0.15, s.u(0.2, 0.9), 0.45) if s.u(0, 1) < 0.75 else arm(0.3, -0.7, 0.4)
    high = s.u(0.22, 0.42)
    for _ in range(count):
        _leap(s, high, 0.0, (_BACK, swung, arm(0.3, -0.6, 0.5)), 0.75 if count > 2 else 1.0)
    s.stand(0.2)


def jump_forward(s: Script, count: int) -> None:
    count = s.times(count, 1)
    high, ahead = s.u(0.2, 0.32), s.u(0.6, 1.15) * (0.8 if count > 1 else 1.0)
    for _ in range(count):
        _leap(s, high, ahead, (_BACK, arm(0.15, s.u(0.0, 0.6), 0.7), arm(0.25, -0.5, 0.7)),
              0.75 if count > 2 else 1.0)  # fmt: skip
    s.stand(0.2, x=0.0, z=s.pose.left_leg.at[2])


def hop(s: Script, count: int) -> None:
    """Hop on the left leg, the right one folded behind or lifted in front."""
    folded = (
        leg(0.0, -0.62, s.u(-0.42, -0.3), 30.0) if s.u(0, 1) < 0.6 else leg(0.02, -0.62, 0.3, 20.0)
    )
    arms = arm(s.u(0.35, 0.7), -0.4, 0.3, (0.4, -0.8, -0.4))
    up, ahead = s.upright.y, s.u(0.0, 0.22)
    z, x, high = 0.0, 0.05, s.u(0.09, 0.17)
    s.go(0.35, x=x, y=up - 0.03, tilt=2.0, right_leg=folded, left_leg=foot(0.07, 0.0), arms=arms)
    for _ in range(count or int(s.draw.integers(3, 7))):
        s.go(0.17, y=up - 0.13, lean=9.0, bend=10.0, left_leg=foot(0.07, z))
        s.go(0.11, steady=True, y=up, z=z + 0.3 * ahead, left_leg=foot(0.07, z, 0.12, 42.0))
        rise = (2 * high / 9.81) ** 0.5
        z += ahead
        s.go(
            rise,
            steady=True,
            y=up + high,
            z=z - 0.4 * ahead,
            lean=4.0,
            left_leg=_lifted(0.07, high + 0.05, z - 0.3 * ahead),
        )
        s.go(rise, steady=True, y=up - 0.02, z=z, left_leg=foot(0.07, z, ANKLE + 0.03, 20.0))
    s.go(0.16, y=up - 0.1, lean=8.0, left_leg=foot(0.07, z))
    s.go(0.2, y=up - 0.02, lean=0.0, right_leg=foot(-0.1, z, ANKLE + 0.1, 20.0))
    s.stand(0.3, x=0.0, z=z)


def duck(s: Script, count: int) -> None:
    low, quick = s.u(0.32, 0.5), s.u(0.7, 1.1)
    over = s.u(0, 1) < 0.45
    arms = arm(-0.05, 0.42, 0.38, (0.8, 0.2, 0.5)) if over else arm(s.u(-0.1, 0.15), -0.55, 0.6)
    for _ in range(max(1, count)):
        s.go(0.38 * quick, y=0.94 - low, z=-0.08, lean=44.0, bend=s.u(32, 46), nod=18.0, arms=arms,
             left_leg=foot(0.13, 0.0), right_leg=foot(-0.12, -0.02))  # fmt: skip
        s.hold(s.u(0.15, 1.2 if count < 2 else 0.3))
        s.go(0.5 * quick, y=0.92, z=0.0, lean=3.0, bend=5.0, nod=0.0, left_arm=s.upright.left_arm,
             right_arm=s.upright.right_arm)  # fmt: skip
    s.stand(0.25)


def climb_ladder(s: Script, count: int) -> None:
    """Climb on the spot: hands take rungs that come down, feet step up and sink."""
    rung = s.u(0.24, 0.32)
    reach, low = arm(-0.06, 0.5, 0.62, (0.8, -0.7, 0.0)), arm(-0.02, -0.25, 0.62, (0.7, -0.8, -0.2))
    up = s.upright.y
    s.go(0.35, left_arm=reach, right_arm=low, z=0.02, lean=2.0, nod=-15.0)
    for k in range(2 * count if count else int(s.draw.integers(4, 8))):
        side, other = ("right", "left") if k % 2 == 0 else ("left", "right")
        sign = 1.0 if side == "left" else -1.0
        lifted: dict[str, Any] = {f"{side}_leg": foot(sign * 0.11, 0.2, ANKLE + rung + 0.06, 10.0)}
        s.go(0.22, y=up + 0.02, tilt=-sign * 3.0, twist=sign * 5.0, **lifted,
             **{f"{side}_arm": arm(0.0, 0.2, 0.55)})  # fmt: skip
        s.go(
            0.16,
            y=up + 0.04,
            **{f"{side}_arm": reach, f"{side}_leg": foot(sign * 0.11, 0.16, ANKLE + rung)},
        )
        s.go(
            0.34,
            y=up,
            tilt=0.0,
            twist=0.0,
            **{f"{other}_arm": low, f"{side}_leg": foot(sign * 0.1, 0.0)},
        )
    s.stand(0.45)


EXERCISE_ACTS: Final = (
    Act("squat", squat, (0, 1, 2, 3, 4, 5), each=2, tempi=_COUNTED),
    Act("pushups", pushups, (0, 1, 2, 3, 4, 5), each=2, tempi=_COUNTED),
    Act("situps", situps, (0, 1, 2, 3, 4, 5), each=2, tempi=_COUNTED),
    Act("jumping_jacks", jumping_jacks, (0, 0, 1, 2, 3, 4, 5), each=2, tempi=_COUNTED),
    Act("jump_up", jump_up, (0, 1, 2, 3, 4, 5), each=2, tempi=_COUNTED),
    Act("jump_forward", jump_forward, (0, 1, 2, 3, 4), each=2, tempi=_COUNTED),
    Act("hop_one_leg", hop, (0, 1, 2, 3, 4, 5), each=2, tempi=_COUNTED, side=LEFT),
    Act("duck_crouch", duck, (0, 1, 2, 3), each=3, tempi=_COUNTED),
    Act("climb_ladder", climb_ladder, (0, 2, 3), each=4, tempi=_COUNTED),
)  # fmt: skip
