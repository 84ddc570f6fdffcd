"""Scripts that lead to the floor, along it, and up from it."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..judges import LEFT, RIGHT
from .poses import ANKLE, LimbPose, Pose, arm, foot, hand, knee_down
from .script import Act, Script

_CROSSED: Final = 0.8  # share of those who sit on the floor with crossed legs
_AT_SIDES: Final = arm(0.3, -0.92, 0.0, (1.0, 0.0, 0.0))


# --- poses low down -------------------------------------------------------------------------------


def lying(draw: np.random.Generator) -> Pose:
    """Lie on the back, legs straight, arms at the sides; the head where it points to -Z."""
    wide = float(draw.uniform(0.09, 0.16))
    return Pose(
        y=0.1, z=-0.5, lean=-90.0, bend=float(draw.uniform(-3, 3)), nod=float(draw.uniform(-4, 6)),
        left_leg=foot(wide, 0.39, 0.07, down=-55.0, out=20.0),
        right_leg=foot(-wide, 0.39, 0.07, down=-55.0, out=20.0),
    ).but(arms=_AT_SIDES)  # fmt: skip


def on_floor(draw: np.random.Generator) -> Pose:
    """Sit on the floor: legs crossed mostly, else knees up, hands on the shins."""
    nod = float(draw.uniform(-5, 10))
    if draw.uniform() < _CROSSED:
        ahead = float(draw.uniform(0.48, 0.56))
        return Pose(
            y=0.1, z=-0.44, lean=-8.0, bend=16.0, nod=nod,
            left_leg=_folded(-0.09, -0.23), right_leg=_folded(0.06, -0.1),
        ).but(arms=arm(float(draw.uniform(0.1, 0.2)), -0.66, ahead, (0.4, -0.8, -0.3)))  # fmt: skip
    return Pose(y=0.11, z=-0.42, lean=-18.0, bend=30.0, nod=nod).but(
        legs=foot(0.13, 0.06), arms=arm(-0.05, -0.42, 0.72)
    )


def _folded(x: float, z: float) -> LimbPose:
    return LimbPose((x, 0.055, z), (0.8, 0.5, 0.9), floor=True, toe=(15.0, -62.0))


def seated(draw: np.random.Generator) -> Pose:
    """Sit on a chair, hands on the thighs."""
    return Pose(
        y=float(draw.uniform(0.5, 0.54)), z=-0.4, lean=float(draw.uniform(-6, 2)),
        bend=float(draw.uniform(2, 10)), nod=float(draw.uniform(-3, 8)),
    ).but(legs=foot(float(draw.uniform(0.1, 0.15)), 0.02), arms=arm(0.02, -0.72, 0.5))  # fmt: skip


def crouch(s: Script, seconds: float) -> None:
    """Go down to a crouch, hips over the heels."""
    s.go(
        seconds, y=s.u(0.42, 0.48), z=-0.14, lean=38.0, bend=28.0, nod=-10.0,
        arms=arm(0.1, -0.75, 0.55),
    )  # fmt: skip


def sit(s: Script, seconds: float) -> None:
    """From standing to sitting on the floor, one hand behind for support."""
    crouch(s, 0.55 * seconds)
    x = s.u(0.2, 0.3)
    s.go(
        0.45 * seconds, y=0.12, z=-0.44, lean=-14.0, bend=34.0, nod=0.0, legs=foot(0.12, 0.04),
        right_arm=hand(-x, 0.06, -0.68), left_arm=arm(0.05, -0.45, 0.7),
    )  # fmt: skip


# --- lying, sitting, kneeling ---------------------------------------------------------------------


def lie_down(s: Script, _: int) -> None:
    sit(s, 1.25)
    low = lying(s.draw)
    s.go(0.6, y=0.11, lean=-55.0, bend=35.0, nod=15.0, left_leg=foot(0.12, 0.24, 0.075, -25.0),
         arms=arm(0.4, -0.6, -0.2, (0.8, -0.3, -0.5)))  # fmt: skip
    s.go(0.7, **low.__dict__)
    s.hold(s.u(0.4, 0.9))


def fall_back(s: Script, _: int) -> None:
    s.go(0.22, y=0.86, z=-0.08, lean=-8.0, bend=-10.0, nod=-15.0, arms=arm(0.7, 0.05, 0.55))
    s.go(0.28, y=0.42, z=-0.38, lean=-25.0, bend=22.0, arms=arm(0.75, 0.2, 0.35),
         legs=foot(0.14, 0.1, 0.08, -20.0))  # fmt: skip
    s.go(0.14, y=0.12, z=-0.5, lean=-42.0, bend=40.0, nod=20.0, arms=arm(0.8, -0.3, -0.1),
         left_leg=foot(0.15, 0.26, 0.2, -40.0), right_leg=foot(-0.15, 0.26, 0.14, -40.0))  # fmt: skip
    low = lying(s.draw)
    s.go(0.22, **(low.__dict__ | {"nod": -6.0, "left_leg": foot(0.2, 0.3, 0.35, -50.0)}))
    out = s.u(0.35, 0.75)
    arms = arm(out, -((0.88 - out**2) ** 0.5), -0.02, (0.6, 0.6, -0.05))
    s.go(0.3, **low.but(arms=arms, left_leg=foot(s.u(0.15, 0.3), 0.36, 0.07, -55, 25)).__dict__)
    s.hold(s.u(0.5, 1.1), steady=True)


def fall_aside(s: Script, _: int) -> None:
    """The knees give way to the right; the body lands on a hand and hip and rolls on its back."""
    x, z = s.u(-0.36, -0.26), s.u(-0.5, -0.4)
    s.go(0.25, y=0.87, x=-0.05, tilt=-8.0, sway=-12.0, bend=8.0, arms=arm(0.6, -0.3, 0.4))
    s.go(0.28, y=0.48, x=0.6 * x, z=-0.16, tilt=-26.0, sway=-14.0, bend=20.0, nod=-10.0,
         right_arm=hand(x - 0.36, 0.05, -0.2), left_arm=arm(0.7, 0.1, 0.4))  # fmt: skip
    s.go(0.2, y=0.17, x=x, z=z + 0.12, tilt=-48.0, lean=-30.0, bend=26.0, sway=-6.0, nod=14.0,
         left_leg=foot(0.06, 0.18, 0.1, -10.0), right_leg=foot(-0.1, 0.16, 0.06, -10.0),
         right_arm=hand(x - 0.42, 0.05, -0.55))  # fmt: skip
    low = lying(s.draw)
    legs = {
        side: foot(x + limb.at[0], z + 0.89, 0.07, -55.0, 22.0)
        for side, limb in (("left_leg", low.left_leg), ("right_leg", low.right_leg))
    }
    s.go(0.34, **(low.__dict__ | {"x": x, "z": z} | legs))
    s.hold(s.u(0.5, 1.1), steady=True)


def get_up(s: Script, _: int) -> None:
    s.go(0.55, lean=-38.0, bend=40.0, nod=18.0, arms=arm(0.15, -0.6, 0.6),
         left_leg=foot(0.12, 0.2, 0.075, -20.0))  # fmt: skip
    s.go(0.5, y=0.12, lean=-10.0, bend=38.0, nod=5.0, left_leg=foot(0.13, -0.06),
         right_leg=foot(-0.12, 0.02), right_arm=hand(-0.3, 0.06, -0.62))  # fmt: skip
    _up_from_seat(s)


def _up_from_seat(s: Script) -> None:
    side = s.u(-0.06, 0.06)
    s.go(0.5, x=side, y=0.36, z=-0.24, lean=48.0, bend=32.0, nod=-12.0,
         left_leg=foot(0.14, -0.1), right_leg=foot(-0.13, -0.06), left_arm=arm(0.1, -0.5, 0.75),
         right_arm=hand(-0.27, 0.08, 0.02))  # fmt: skip
    s.go(0.45, y=0.66, z=-0.14, lean=36.0, bend=26.0, nod=-8.0, arms=arm(0.12, -0.8, 0.42))
    s.stand(0.55, x=0.0, z=-0.09)


def get_up_from_sitting(s: Script, _: int) -> None:
    s.go(
        0.3,
        y=0.115,
        lean=-8.0,
        bend=26.0,
        left_leg=foot(0.12, -0.02, 0.08),
        right_leg=foot(-0.12, 0.02, 0.08),
    )
    s.go(
        0.35,
        y=0.12,
        lean=-4.0,
        bend=36.0,
        legs=foot(0.13, -0.04),
        right_arm=hand(-0.28, 0.06, -0.6),
    )
    _up_from_seat(s)


def get_up_by_knees(s: Script, _: int) -> None:
    """From the back over sitting to one knee, and up with a hand on it."""
    s.go(0.55, lean=-38.0, bend=42.0, nod=15.0, right_leg=foot(-0.12, 0.2, 0.075, -20.0),
         left_arm=hand(0.35, 0.06, -0.85), right_arm=arm(-0.1, -0.5, 0.6))  # fmt: skip
    s.go(0.5, y=0.13, lean=-8.0, bend=38.0, left_arm=hand(0.32, 0.06, -0.6), legs=foot(0.13, 0.0))
    s.go(0.35, x=-0.06, y=0.3, z=-0.36, lean=30.0, bend=30.0, left_leg=foot(0.38, -0.3, 0.07, 0, 50),
         right_arm=hand(-0.3, 0.06, -0.25))  # fmt: skip
    s.go(0.4, x=0.0, y=0.44, z=-0.2, lean=50.0, bend=25.0, left_leg=knee_down(0.15, -0.62, 0.09),
         right_leg=foot(-0.12, 0.0), arms=hand(0.24, 0.06, 0.2))  # fmt: skip
    s.go(0.5, x=0.02, y=0.52, z=-0.16, lean=14.0, bend=14.0, right_arm=arm(-0.1, -0.55, 0.6),
         left_arm=arm(0.15, -0.8, 0.2))  # fmt: skip
    s.go(0.4, y=0.76, z=-0.08, lean=24.0, bend=16.0, left_leg=foot(0.11, -0.3, 0.16, 40.0))
    s.stand(0.5, x=0.0, z=-0.04)


def half_kneel(s: Script, _: int) -> None:
    """Go down on the right knee."""
    back = s.u(0.4, 0.48)
    s.step(LEFT, (0.13, s.u(0.32, 0.4)), 0.45, z=0.1, y=0.88, lean=6.0)
    s.go(0.75, y=s.u(0.49, 0.52), z=0.03, lean=s.u(0, 8), bend=s.u(4, 16), nod=s.u(-5, 20),
         right_leg=knee_down(-0.11, -back, 0.09),
         left_arm=arm(-0.02, -0.62, 0.62), right_arm=arm(0.08, -0.95, 0.12))  # fmt: skip
    s.hold(s.u(0.6, 1.8))


def kneel_both(s: Script, _: int) -> None:
    s.step(RIGHT, (-0.12, -0.32), 0.5, y=0.82, z=-0.06, lean=8.0)
    s.go(0.6, y=0.51, z=0.02, lean=8.0, bend=10.0, left_leg=foot(0.13, 0.3),
         right_leg=knee_down(-0.12, -0.42, 0.09))  # fmt: skip
    s.go(0.5, z=0.0, y=0.5, lean=2.0, bend=4.0, legs=knee_down(0.12, -0.44, 0.09, 58.0), arms=arm(s.u(0.0, 0.15), -0.85, 0.25))  # fmt: skip
    if s.u(0, 1) < 0.5:
        s.go(0.35, y=0.485, z=-0.16, lean=10.0, bend=8.0)
        s.go(0.4, y=0.315, z=-0.345, lean=4.0, bend=8.0, arms=arm(0.0, -0.62, 0.5))
    s.hold(s.u(0.6, 1.5))


def sit_down_on_floor(s: Script, _: int) -> None:
    sit(s, s.u(1.1, 1.4))
    s.go(0.6, **on_floor(s.draw).__dict__)
    s.hold(s.u(0.5, 1.5))


def meditate(s: Script, _: int) -> None:
    sit(s, s.u(1.1, 1.3))
    s.go(0.6, y=0.1, z=-0.44, lean=-8.0, bend=16.0, left_leg=_folded(-0.09, -0.23),
         right_leg=_folded(0.06, -0.1), arms=arm(0.15, -0.66, 0.5, (0.4, -0.8, -0.3)))  # fmt: skip
    if s.u(0, 1) < 0.4:
        s.go(0.5, lean=-6.0, bend=8.0, nod=6.0, arms=arm(-0.2, -0.6, 0.5, (0.6, -0.7, -0.2)))
    else:
        s.go(0.5, lean=-6.0, bend=8.0, nod=s.u(0, 10),
             arms=arm(0.3, -0.62, 0.56, (0.4, -0.8, -0.3)))  # fmt: skip
    s.hold(s.u(1.2, 2.6), steady=True)


def sit_on_chair(s: Script, _: int) -> None:
    s.go(0.5, y=0.76, z=-0.22, lean=34.0, bend=18.0, nod=-8.0, arms=arm(0.08, -0.8, 0.5))
    s.go(0.45, y=0.53, z=-0.4, lean=22.0, bend=16.0)
    s.go(0.5, **seated(s.draw).__dict__)
    s.hold(s.u(0.4, 1.3))


def stand_up_from_chair(s: Script, _: int) -> None:
    s.hold(s.u(0.1, 0.5))
    s.go(0.45, z=-0.36, lean=28.0, bend=22.0, nod=-10.0, arms=arm(0.05, -0.75, 0.55),
         legs=foot(0.12, -0.06))  # fmt: skip
    s.go(0.4, y=0.72, z=-0.2, lean=32.0, bend=16.0, arms=arm(0.08, -0.85, 0.4))
    s.stand(0.55, x=0.0, z=-0.06)


# --- crawling -------------------------------------------------------------------------------------


def on_all_fours(s: Script, seconds: float, z: float = 0.0) -> None:
    """From standing to hands and knees."""
    s.go(0.5 * seconds, y=0.5, z=z - 0.05, lean=50.0, bend=30.0, nod=-12.0,
         arms=arm(0.1, -0.7, 0.65), legs=foot(0.11, -0.02, 0.1, 35.0))  # fmt: skip
    s.go(0.5 * seconds, y=0.47, z=z + 0.18, lean=78.0, bend=8.0, nod=-40.0,
         arms=hand(0.17, 0.05, z + 0.6), legs=knee_down(0.11, -0.26))  # fmt: skip


def crawl(s: Script, count: int) -> None:
    on_all_fours(s, 1.1)
    z, length = 0.18, s.u(0.24, 0.34)
    low = {"left": -0.26, "right": -0.26}
    reach = {"left": 0.6, "right": 0.6}
    for k in range(s.draw.integers(5, 8)):
        side, other = (LEFT, RIGHT) if k % 2 else (RIGHT, LEFT)
        last = z
        z += length / 2
        sign = 1 if side == LEFT else -1
        reach[side], low[other] = z + 0.52, z - 0.38
        s.go(0.19, z=last + length / 4, y=0.46, twist=-sign * 4.0, sway=-sign * 4.0, **{
            f"{side}_arm": hand(sign * 0.17, 0.13, z + 0.38),
            f"{other}_leg": knee_down(-sign * 0.11, low[other] - 0.1, 0.1, 62.0),
        })  # fmt: skip
        s.go(0.19, z=z, **{
            f"{side}_arm": hand(sign * 0.17, 0.05, reach[side]),
            f"{other}_leg": knee_down(-sign * 0.11, low[other]),
        })  # fmt: skip
    s.go(0.45, y=0.5, z=z + 0.02, lean=62.0, bend=30.0, twist=0.0, sway=0.0, nod=-10.0,
         legs=foot(0.12, z - 0.02, 0.1, 35.0), arms=hand(0.16, 0.05, z + 0.42))  # fmt: skip
    s.go(0.45, y=0.7, lean=42.0, bend=25.0, legs=foot(0.11, z, ANKLE), arms=arm(0.1, -0.85, 0.4))
    s.stand(0.5, x=0.0, z=z)


FLOOR_ACTS: Final = (
    Act("lie_down", lie_down, ends="lying", each=7),
    Act("fall_down", fall_back, ends="lying", each=5, tempi=(("", 1.0), ("", 1.12), ("fast", 0.85))),
    Act("fall_down", fall_aside, ends="lying", each=5, tempi=(("", 1.0), ("", 1.12), ("fast", 0.85))),
    Act("get_up_from_floor", get_up, begins="lying", start=lying, each=4),
    Act("get_up_from_floor", get_up_by_knees, begins="lying", start=lying, each=3),
    Act("get_up_from_floor", get_up_from_sitting, begins="on_floor", start=on_floor, each=3),
    Act("kneel", half_kneel, ends="kneeling", each=4, side=RIGHT),
    Act("kneel", kneel_both, ends="kneeling", each=3, side="both"),
    Act("sit_on_floor", sit_down_on_floor, ends="on_floor", each=7),
    Act("meditate", meditate, ends="on_floor", each=7),
    Act("sit_on_chair", sit_on_chair, ends="seated", each=6),
    Act("stand_up_from_chair", stand_up_from_chair, begins="seated", start=seated, each=6),
    Act("crawl", crawl, each=6),
)  # fmt: skip
