"""Scripts of blows, kicks, dodges, rolls, flips and swimming."""

from __future__ import annotations

from typing import Any, Final

from ..judges import LEFT
from .exercise_scripts import crouch_to_leap
from .poses import ANKLE, arm, foot, hand, leg
from .script import Act, Script

_COUNTED: Final = (("", 1.0), ("slow", 1.4), ("fast", 0.8))
_BLOWS: Final = (("", 1.0), ("slow", 1.6), ("fast", 0.8))


# --- blows ----------------------------------------------------------------------------------------


def _guard(s: Script, seconds: float, front: str = LEFT) -> dict[str, Any]:
    """Step into a stance, `front` foot ahead, fists up; the changes that lead back to it."""
    sign = 1.0 if front == LEFT else -1.0
    deep = s.u(0.16, 0.26)
    chin = arm(-0.22, s.u(-0.05, 0.15), 0.5, (0.5, -1.0, -0.1))
    ahead = arm(-0.1, s.u(0.0, 0.15), 0.62, (0.5, -1.0, -0.1))
    lead, rear = ("left", "right") if front == LEFT else ("right", "left")
    guard: dict[str, Any] = {
        "y": s.upright.y - s.u(0.05, 0.1), "z": 0.0, "x": 0.0, "turn": -sign * s.u(18, 32),
        "lean": s.u(2, 7), "bend": s.u(4, 12), "twist": 0.0, "nod": s.u(0, 8), "tilt": 0.0,
        "look": sign * 18.0, f"{lead}_arm": ahead, f"{rear}_arm": chin,
    }  # fmt: skip
    s.step(rear, (-sign * 0.13, -deep), seconds * 0.5, y=guard["y"], turn=guard["turn"] / 2)
    s.step(lead, (sign * 0.12, deep), seconds * 0.5, **guard)
    return guard


def _blow(s: Script, side: str, guard: dict[str, Any], height: float) -> None:
    """Straighten one arm ahead at shoulder height, and come back to the guard."""
    sign = 1.0 if side == LEFT else -1.0
    turned = guard["turn"]
    rear = sign * turned > 0  # the shoulder that is behind comes further round
    name = f"{side}_arm"
    loaded = s.pose.left_arm if side == LEFT else s.pose.right_arm
    x, y, z = loaded.at
    s.go(0.13, twist=sign * 8.0, **{name: arm(x + 0.02, y - 0.1, z - 0.14, loaded.pole)})
    way = -sign * (34.0 if rear else 20.0)
    s.go(0.13, steady=s.tempo < 1.3, twist=way, z=guard["z"] + 0.05, look=guard["look"] - way * 0.5,
         turn=turned + (0.35 * way if rear else 0.2 * way),
         **{name: hand(sign * s.u(0.0, 0.06), height, 0.78, (0.5, -0.9, -0.2))})  # fmt: skip
    s.hold(0.05)
    s.go(0.24, **guard)


def _one_sided(s: Script, count: int, side: str, front: str) -> None:
    count = s.times(count, 1, 1, 2)
    guard = _guard(s, 0.5, front)
    height = s.upright.y + s.u(0.38, 0.5)
    for k in range(count):
        if k:
            s.hold(s.u(0.0, 0.12))
        _blow(s, side, guard, height)
    s.hold(s.u(0.05, 0.3))
    _from_guard(s)


def _from_guard(s: Script) -> None:
    a = s.upright
    s.step(LEFT, (a.left_leg.at[0], 0.0), 0.28, turn=s.pose.turn / 2, y=a.y - 0.02)
    s.step("right", (a.right_leg.at[0], 0.0), 0.26, turn=0.0, lean=0.0, twist=0.0, look=0.0,
           left_arm=a.left_arm, right_arm=a.right_arm)  # fmt: skip
    s.stand(0.2)


def jab_left(s: Script, count: int) -> None:
    _one_sided(s, count, LEFT, LEFT)


def cross_left(s: Script, count: int) -> None:
    _one_sided(s, count, LEFT, "right")


def square_left(s: Script, count: int) -> None:
    """From the hip, feet side by side, as in a karate class."""
    count = s.times(count, 1, 1, 2)
    height = s.upright.y + s.u(0.36, 0.46)
    at_hip = arm(0.12, -0.42, -0.25, (0.2, -0.3, -1.0))
    s.go(0.4, y=s.upright.y - 0.06, arms=at_hip, legs=foot(0.14, 0.0), lean=2.0)
    for _ in range(count):
        s.go(0.15, twist=-8.0)
        s.go(0.14, steady=s.tempo < 1.3, twist=-28.0, turn=-4.0, look=24.0,
             left_arm=hand(s.u(0.0, 0.08), height, 0.75, (0.4, -1.0, 0.0)))  # fmt: skip
        s.hold(s.u(0.05, 0.15))
        s.go(0.26, twist=0.0, turn=0.0, look=0.0, left_arm=at_hip)
    s.go(0.3, left_arm=s.upright.left_arm, right_arm=s.upright.right_arm, y=s.upright.y)
    s.stand(0.25)


def boxing(s: Script, count: int) -> None:
    guard = _guard(s, 0.5)
    height = s.upright.y + s.u(0.38, 0.48)
    for k in range(count or int(s.draw.integers(4, 7))):
        if s.u(0, 1) < 0.35:
            s.go(0.16, y=guard["y"] - 0.05, x=s.u(-0.05, 0.05), tilt=s.u(-6, 6))
            s.go(0.14, **guard)
        side = LEFT if k % 2 == 0 or s.u(0, 1) < 0.15 else "right"
        _blow(s, side, guard, height + s.u(-0.06, 0.06))
    _from_guard(s)


# --- kicks ----------------------------------------------------------------------------------------


def kick_left(s: Script, count: int) -> None:
    """Lift the knee, snap the foot ahead, and take it back."""
    count = s.times(count, 1, 1, 1, 2)
    up = s.u(-0.38, 0.12)
    arms = arm(0.2, s.u(-0.5, -0.1), 0.4, (0.5, -0.9, -0.2))
    s.go(0.3, x=-0.06, y=s.upright.y - 0.02, tilt=-2.0, right_leg=foot(-0.08, 0.0, out=25.0),
         arms=arms, left_leg=foot(0.09, -0.05, ANKLE + 0.04, 25.0))  # fmt: skip
    for k in range(count):
        if k:
            s.go(0.22, left_leg=foot(0.09, 0.02, ANKLE + 0.03, 15.0), lean=0.0, z=0.0, bend=2.0)
        s.go(
            0.2, left_leg=leg(0.0, -0.42, 0.28, 25.0, (0.1, 0.4, 1.0)), lean=-6.0, z=-0.03, bend=8.0
        )
        s.go(0.15, steady=s.tempo < 1.3, left_leg=leg(0.0, up, 0.93, 20.0, (0.1, 0.5, 1.0)),
             lean=-16.0 - 18 * up, z=0.0, bend=18.0, twist=6.0)  # fmt: skip
        s.go(
            0.19,
            left_leg=leg(0.0, -0.48, 0.28, 20.0, (0.1, 0.4, 1.0)),
            lean=-5.0,
            bend=8.0,
            twist=0.0,
        )
    s.go(0.25, left_leg=foot(0.1, 0.04, ANKLE + 0.03, 10.0), lean=2.0, bend=3.0)
    s.stand(0.35, x=0.0, z=0.0)


def round_kick_left(s: Script, count: int) -> None:
    """Swing the leg round at the height of the hip from a guard, turning on the other foot."""
    count = s.times(count, 1)
    guard = _guard(s, 0.5, "right")
    up = s.u(-0.1, 0.3)
    for _ in range(count):
        old = s.pose.left_leg
        s.go(
            0.2,
            x=-0.05,
            z=0.08,
            turn=-10.0,
            tilt=-10.0,
            left_leg=leg(0.35, -0.45, 0.05, 25.0, (0.8, 0.3, 0.6)),
        )
        s.go(0.15, steady=s.tempo < 1.3, turn=-70.0, tilt=-34.0 - 20 * up, lean=0.0, look=60.0,
             left_leg=leg(0.86, up - 0.3, 0.42, 35.0, (0.5, 0.4, 0.8)),
             right_leg=foot(-0.12, 0.2, ANKLE, 0.0, 60.0))  # fmt: skip
        s.go(0.2, turn=-30.0, tilt=-12.0, look=25.0, left_leg=leg(0.25, -0.5, 0.2, 20.0))
        s.go(0.28, left_leg=old, right_leg=foot(-0.12, 0.2), **guard)
    _from_guard(s)


def kick_ball(s: Script, count: int) -> None:
    """Kick at a ball on the floor with the right foot, after a short run-up."""
    ahead, arms = s.u(0.25, 0.4), arm(0.35, -0.8, 0.1, (0.6, -0.3, -0.8))
    up, z = s.upright.y, 0.0
    for k in range(max(1, count)):
        if k == 0 or s.u(0, 1) < 0.5:
            s.step("right", (-0.09, z + 0.5 * ahead), 0.3, z=z + 0.3 * ahead, lean=5.0, y=up - 0.03)
            z += ahead
        s.go(0.14, z=z - 0.1, left_leg=foot(0.09, z, ANKLE + 0.06), left_arm=arm(0.5, -0.5, 0.5))
        s.go(0.12, z=z - 0.06, y=up - 0.07, left_leg=foot(0.09, z + 0.05), arms=arms, twist=-10.0,
             turn=-12.0, right_leg=leg(0.05, -0.72, -0.42, 40.0, (0.15, 0, 1)))  # fmt: skip
        s.go(0.11, steady=s.tempo < 1.3, z=z - 0.01, y=up - 0.06, twist=4.0, turn=0.0, lean=2.0,
             right_leg=leg(0.0, -0.88, 0.12, 40.0))  # fmt: skip
        s.go(0.12, steady=s.tempo < 1.3, z=z + 0.04, y=up - 0.03, lean=-6.0, bend=14.0, turn=10.0,
             right_leg=leg(-0.12, -0.78, s.u(0.45, 0.6), 40.0), left_arm=arm(0.4, -0.5, 0.6),
             right_arm=arm(0.3, -0.8, -0.4))  # fmt: skip
        s.go(0.28, z=z + 0.05, lean=0.0, bend=4.0, twist=0.0, turn=2.0,
             right_leg=foot(-0.1, z + 0.16, ANKLE + 0.03, 5.0))  # fmt: skip
        s.go(0.12, right_leg=foot(-0.1, z + 0.12), z=z + 0.06)
        z += 0.05
    s.step("right", (s.upright.right_leg.at[0], z), 0.26, z=z, turn=0.0)
    s.stand(0.3, x=0.0, z=z)


# --- dodges ---------------------------------------------------------------------------------------


def dodge_left(s: Script, count: int) -> None:
    """Spring to the left, low, and straighten."""
    far, low = s.u(0.3, 0.6), s.u(0.1, 0.26)
    x, up = 0.0, s.upright.y
    arms = arm(s.u(-0.1, 0.3), -0.2, 0.55, (0.6, -0.9, -0.1))
    a = s.upright
    for _ in range(max(1, count)):
        s.go(0.12, y=up - 0.06, tilt=-3.0, x=x - 0.02)
        s.go(0.14, steady=True, x=x + 0.55 * far, y=up - 0.05, tilt=16.0, sway=8.0, arms=arms,
             left_leg=foot(x + 0.7 * far, 0.0, ANKLE + 0.08, 10.0))  # fmt: skip
        s.go(0.14, steady=True, x=x + far, y=up - low, tilt=6.0, sway=14.0, bend=14.0,
             left_leg=foot(x + far + 0.2, 0.0, out=20.0),
             right_leg=foot(x + 0.4 * far - 0.1, 0.0, ANKLE + 0.03, 20.0))  # fmt: skip
        s.hold(s.u(0.08, 0.3))
        x += far
        s.go(0.28, x=x, y=up - 0.02, tilt=0.0, sway=0.0, bend=3.0, arms=a.left_arm,
             right_leg=foot(x - 0.08, 0.0, ANKLE + 0.03, 10.0), left_leg=foot(x + 0.13, 0.0))  # fmt: skip
        s.go(0.1, right_leg=foot(x - 0.1, 0.0))
    s.stand(0.3, x=x + 0.02, z=0.0)


def slip_left(s: Script, count: int) -> None:
    """Lean out of the way to the left with the feet in place."""
    arms = arm(-0.1, -0.15, 0.5, (0.5, -1.0, -0.1))
    s.step(LEFT, (0.22, 0.0), 0.24, x=0.04)
    for _ in range(max(1, count)):
        s.go(0.2, x=s.u(0.14, 0.22), y=s.upright.y - s.u(0.1, 0.22), tilt=10.0, sway=s.u(28, 42),
             bend=14.0, twist=s.u(-10, 10), arms=arms, look=-6.0)  # fmt: skip
        s.hold(s.u(0.1, 0.35))
        s.go(0.32, x=0.06, y=s.upright.y - 0.02, tilt=0.0, sway=0.0, bend=3.0, twist=0.0, look=0.0)
    s.step(LEFT, (s.upright.left_leg.at[0], 0.0), 0.26, x=0.0)
    s.stand(0.3)


def dodge_back(s: Script, count: int) -> None:
    far, low = s.u(0.35, 0.65), s.u(0.08, 0.2)
    z, up = 0.0, s.upright.y
    arms = arm(s.u(0.0, 0.4), s.u(-0.3, 0.1), 0.6, (0.6, -0.8, -0.2))
    for _ in range(max(1, count)):
        s.go(0.1, y=up - 0.07, z=z + 0.02, lean=4.0)
        s.go(0.14, steady=True, z=z - 0.5 * far, y=up - 0.04, lean=-10.0, bend=8.0, arms=arms,
             right_leg=foot(-0.1, z - 0.75 * far, ANKLE + 0.07, 20.0))  # fmt: skip
        s.go(0.14, steady=True, z=z - far, y=up - low, lean=-12.0, bend=24.0,
             right_leg=foot(-0.12, z - far - 0.2, out=15.0),
             left_leg=foot(0.1, z - 0.5 * far, ANKLE + 0.04, 28.0))  # fmt: skip
        s.hold(s.u(0.1, 0.35))
        z -= far + 0.2
        s.go(0.16, z=z + 0.08, y=up - 0.03, lean=-4.0, bend=10.0,
             left_leg=foot(0.1, z + 0.14, ANKLE + 0.08, 12.0))  # fmt: skip
        s.go(0.18, z=z, y=up - 0.01, lean=0.0, bend=2.0, left_leg=foot(0.09, z),
             arms=s.upright.left_arm)  # fmt: skip
    s.stand(0.25, x=0.0, z=z)


# --- rolls, flips ---------------------------------------------------------------------------------

_TUCK: Final = leg(0.06, -0.36, 0.3, 20.0, (0.15, 0.3, 1.0))


def forward_roll(s: Script, count: int) -> None:
    z = 0.0
    for k in range(max(1, count)):
        at = 360.0 * k
        s.go(0.38, y=0.42, z=z + 0.0, lean=at + 55.0, bend=42.0, nod=20.0, arms=arm(0.15, -0.4, 0.8),
             legs=foot(0.11, z, 0.1, 35.0))  # fmt: skip
        s.go(0.22, y=0.55, z=z + 0.18, lean=at + 95.0, bend=55.0, nod=35.0,
             arms=hand(0.22, 0.05, z + 0.55), legs=foot(0.11, z + 0.02, 0.12, 55.0))  # fmt: skip
        s.go(0.2, y=0.56, z=z + 0.48, lean=at + 150.0, bend=75.0, nod=40.0,
             arms=hand(0.24, 0.05, z + 0.58), legs=leg(0.06, -0.72, 0.35, 40.0, (0.1, 0.2, 1)))  # fmt: skip
        s.go(
            0.2,
            y=0.3,
            z=z + 0.86,
            lean=at + 222.0,
            bend=72.0,
            arms=arm(0.1, -0.45, 0.75),
            legs=_TUCK,
        )
        s.go(0.17, y=0.12, z=z + 1.08, lean=at + 280.0, bend=60.0, nod=25.0, legs=_TUCK)
        s.go(0.2, y=0.13, z=z + 1.3, lean=at + 332.0, bend=46.0, nod=5.0, arms=arm(0.05, -0.3, 0.85),
             legs=foot(0.12, z + 1.52, 0.1, 0.0))  # fmt: skip
        z += 1.5
        s.go(0.26, y=0.4, z=z - 0.12, lean=at + 408.0, bend=32.0, nod=-8.0, legs=foot(0.12, z))
    s.go(0.34, y=0.72, z=z - 0.08, lean=at + 394.0, bend=22.0, arms=arm(0.1, -0.85, 0.4))
    _whole_turns(s, 360.0 * max(1, count), z, 0.5)


def _whole_turns(s: Script, lean: float, z: float, seconds: float) -> None:
    """Stand after whole turns over the head."""
    a = s.upright
    s.go(seconds, x=0.0, y=a.y, z=z, lean=lean, bend=a.bend, nod=a.nod, twist=0.0, tilt=0.0,
         left_arm=a.left_arm, right_arm=a.right_arm, legs=foot(0.1, z))  # fmt: skip
    s.hold(s.u(0.15, 0.3), steady=True)


def backflip(s: Script, count: int) -> None:
    z, tall = 0.0, s.u(0.32, 0.48)
    up = s.upright.y
    for k in range(max(1, count)):
        at = -360.0 * k
        crouch_to_leap(s, at, z)
        s.go(0.18, steady=True, y=up + 0.1, z=z - 0.06, lean=at - 18.0, bend=-8.0, nod=-20.0,
             arms=arm(0.15, 0.95, 0.1), legs=foot(0.11, z, 0.15, 50.0))  # fmt: skip
        s.go(0.2, steady=True, y=up + 0.1 + 0.8 * tall, z=z - 0.22, lean=at - 105.0, bend=30.0, nod=5.0,
             legs=_TUCK, arms=arm(0.05, -0.55, 0.5))  # fmt: skip
        s.go(
            0.16, steady=True, y=up + 0.1 + tall, z=z - 0.36, lean=at - 205.0, bend=42.0, legs=_TUCK
        )
        s.go(0.16, steady=True, y=up + 0.02 + 0.7 * tall, z=z - 0.5, lean=at - 290.0, bend=30.0, nod=-10.0,
             legs=leg(0.06, -0.75, 0.2, 25.0), arms=arm(0.3, -0.5, 0.5))  # fmt: skip
        z -= s.u(0.5, 0.7)
        s.go(0.17, steady=True, y=up - 0.02, z=z - 0.02, lean=at - 340.0, bend=16.0,
             legs=foot(0.12, z, ANKLE + 0.01, 5.0))  # fmt: skip
        s.go(0.17, steady=True, y=up - s.u(0.28, 0.4), z=z - 0.08, lean=at - 322.0, bend=22.0, nod=-15.0,
             legs=foot(0.12, z), arms=arm(0.3, -0.4, 0.7))  # fmt: skip
    _whole_turns(s, -360.0 * max(1, count), z, 0.55)


# --- swimming -------------------------------------------------------------------------------------


def swim_level(s: Script, count: int) -> None:
    """Tip over until the body floats level, pull with arm after arm, and come upright again."""
    high, pace = s.u(0.6, 0.8), s.u(0.3, 0.5)
    s.go(0.5, y=0.86, z=0.1, lean=40.0, bend=8.0, nod=-20.0, arms=arm(0.1, 0.5, 0.7))
    s.go(0.4, y=high, z=0.35, lean=80.0, bend=0.0, nod=-38.0, legs=leg(0.03, -0.96, -0.08, 55.0),
         arms=arm(0.05, 0.95, 0.1))  # fmt: skip
    z, kick = 0.35, 1.0
    for k in range(2 * (count or int(s.draw.integers(2, 4)))):
        side, other = ("left", "right") if k % 2 else ("right", "left")
        roll = 12.0 if side == "right" else -12.0
        for part in (
            arm(0.12, -0.15, 0.8),
            arm(0.15, -0.9, 0.05),
            arm(0.45, 0.1, -0.45),
            arm(0.05, 0.95, 0.1),
        ):
            z += pace / 4
            kick = -kick
            s.go(0.2, z=z, tilt=roll * 0.6, twist=roll * 0.4, **{
                f"{side}_arm": part, f"{other}_arm": arm(0.05, 0.95, 0.1),
                "left_leg": leg(0.03, -0.95, -0.1 + 0.13 * kick, 55.0),
                "right_leg": leg(0.03, -0.95, -0.1 - 0.13 * kick, 55.0),
            })  # fmt: skip
    _upright(s, z)


def swim_breast(s: Script, count: int) -> None:
    """Float level, sweep both arms out and back, draw the legs up and kick."""
    high, pace = s.u(0.55, 0.75), s.u(0.5, 0.8)
    s.go(0.5, y=0.84, z=0.1, lean=40.0, bend=8.0, nod=-20.0, arms=arm(0.1, 0.5, 0.7))
    s.go(0.4, y=high, z=0.35, lean=80.0, bend=0.0, nod=-38.0, legs=leg(0.04, -0.95, -0.06, 55.0),
         arms=arm(0.05, 0.95, 0.15))  # fmt: skip
    z = 0.35
    for _ in range(count or int(s.draw.integers(2, 4))):
        s.go(0.28, z=z + 0.2 * pace, arms=arm(0.75, 0.35, 0.2, (0.3, 0.2, -0.8)), lean=76.0)
        s.go(0.25, z=z + 0.3 * pace, arms=arm(0.3, -0.3, 0.4, (0.9, -0.2, -0.3)), lean=70.0, nod=-45.0,
             legs=leg(0.22, -0.6, 0.0, 10.0, (0.8, 0.1, 0.6)))  # fmt: skip
        s.go(0.22, z=z + 0.55 * pace, arms=arm(-0.15, 0.4, 0.4, (0.9, -0.4, 0.2)), lean=78.0,
             legs=leg(0.4, -0.85, -0.05, 40.0, (0.6, 0.1, 0.8)))  # fmt: skip
        s.go(0.3, z=z + pace, arms=arm(0.03, 0.95, 0.15), lean=82.0, nod=-34.0,
             legs=leg(0.04, -0.95, -0.06, 55.0))  # fmt: skip
        z += pace
    _upright(s, z)


def _upright(s: Script, z: float) -> None:
    s.go(0.45, y=0.8, z=z + 0.12, lean=45.0, bend=10.0, tilt=0.0, twist=0.0, nod=-15.0,
         legs=foot(0.1, z + 0.2, ANKLE + 0.1, 30.0), arms=arm(0.15, -0.3, 0.8))  # fmt: skip
    s.go(0.3, y=0.88, z=z + 0.16, lean=20.0, legs=foot(0.1, z + 0.2), arms=arm(0.15, -0.8, 0.4))
    s.stand(0.4, x=0.0, z=z + 0.2)


SPORT_ACTS: Final = (
    Act("punch_left", jab_left, (0, 1, 2, 3), each=2, tempi=_BLOWS, side=LEFT, sided=True),
    Act("punch_left", cross_left, (0, 1, 2, 3), each=2, tempi=_BLOWS, side=LEFT, sided=True),
    Act("punch_left", square_left, (0, 1, 2, 3), each=1, tempi=_BLOWS, side=LEFT, sided=True),
    Act("boxing", boxing, (0, 0, 4, 5, 6), each=3, tempi=_BLOWS),
    Act("kick_left", kick_left, (0, 1, 2, 3), each=2, tempi=_BLOWS, side=LEFT, sided=True),
    Act("kick_left", round_kick_left, (0, 1, 2), each=1, tempi=_BLOWS, side=LEFT, sided=True),
    Act("kick_ball", kick_ball, (0, 0, 1, 2, 3), each=2, tempi=_BLOWS, side="right"),
    Act("dodge_left", dodge_left, (0, 0, 1, 2, 3), each=2, tempi=_COUNTED, side=LEFT, sided=True),
    Act("dodge_left", slip_left, (0, 1, 2), each=1, tempi=_COUNTED, side=LEFT, sided=True),
    Act("dodge_back", dodge_back, (0, 0, 1, 2, 3), each=2, tempi=_COUNTED),
    Act("forward_roll", forward_roll, (0, 0, 1, 2), each=3, tempi=_COUNTED),
    Act("backflip", backflip, (0, 0, 1, 2), each=3, tempi=(("", 1.0), ("fast", 0.8))),
    Act("swim", swim_level, (0, 2, 3), each=3, tempi=_COUNTED),
    Act("swim", swim_breast, (0, 2, 3), each=3, tempi=_COUNTED),
)  # fmt: skip
