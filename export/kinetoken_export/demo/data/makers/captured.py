"""Windows cut from captured and hand-keyed clips, each from a stand to a stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from kinetoken.motion.skeleton import Array

from ..augment import to_features, warped
from ..clips import Joints, take_id
from ..cutting import Window, passing_windows
from ..joining import from_standing, repeat, to_standing
from ..judges import LEFT, RIGHT, Evidence
from .script import posed_window


class Piece(NamedTuple):
    """A part of a clip that shows an action whole."""

    action: str
    clip: str
    first: int | None = None
    last: int | None = None
    side: str = ""
    counts: tuple[int, ...] = (0,)
    """How often the part is repeated; 0 is once, and not counted."""
    begins: str = "standing"
    ends: str = "standing"
    more: int = 0
    """How often the action is done beside the repetitions: a loop begins and ends amid it."""
    pace: float = 1.0
    """Times the frames of the clip: what is usual for the action."""


PIECES: Final = (
    Piece("jump_up", "cmu_13_39"), Piece("jump_up", "cmu_13_40"), Piece("jump_up", "cmu_13_41"),
    Piece("jump_forward", "cmu_13_11"), Piece("jump_forward", "cmu_13_13"),
    Piece("jump_forward", "cmu_13_19"),
    Piece("squat", "cmu_13_30", 240, 280, counts=(0, 1, 2)), Piece("squat", "cmu_13_30", 236, 322, counts=(1,), more=1),
    Piece("jumping_jacks", "cmu_13_30", 0, 46, counts=(0,)),
    Piece("jumping_jacks", "m2m_Jumping_Jacks", counts=(1, 2, 3), more=1),
    Piece("cartwheel", "cmu_49_08", 0, 44, LEFT, (0, 1)), Piece("cartwheel", "cmu_49_08", 48, 95, LEFT, (0, 1)),
    Piece("cartwheel", "cmu_49_08", None, None, LEFT, (2,)),
    Piece("sit_on_chair", "cmu_14_31", 0, 60, ends="seated"),
    Piece("sit_on_chair", "cmu_14_31", 0, 44, ends="seated"),
    Piece("sit_on_chair", "m2q_Sitting_Enter", ends="seated"),
    Piece("stand_up_from_chair", "m2q_Sitting_Exit", begins="seated"),
    Piece("stand_up_from_chair", "cmu_14_31", 140, 182, begins="seated"),
    Piece("stand_up_from_chair", "cmu_14_31", 280, 330, begins="seated"),
    Piece("kneel", "m2q_Fixing_Kneeling", 0, 44, RIGHT, ends="kneeling"),
    Piece("climb_ladder", "cmu_13_33", pace=0.5), Piece("climb_ladder", "cmu_14_33", pace=0.5),
    Piece("climb_ladder", "cmu_14_34", pace=0.5), Piece("climb_ladder", "cmu_14_35", pace=0.5),
    Piece("punch_left", "m2q_Punch_Jab", counts=(0, 1, 2), side=LEFT),
    Piece("punch_right", "m2q_Punch_Cross", counts=(0, 1, 2), side=RIGHT),
    Piece("punch_left", "m2m_Fighting_Left_Jab", counts=(0, 1, 2), side=LEFT),
    Piece("punch_right", "m2m_Fighting_Right_Jab", counts=(0, 1, 2), side=RIGHT),
)  # fmt: skip
_PACES: Final = (("", 1.0), ("", 0.92), ("", 1.1), ("slow", 1.4), ("fast", 0.8))
_KICKS: Final = ("cmu_135_04", "cmu_135_07", "cmu_135_10")
_BALLS: Final = ("cmu_10_", "cmu_11_01", "cs_train_soccer")
_LUNGES: Final = ("cmu_135_09", "cmu_02_05")


def captured_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of PIECES, of kicks, of kicks at a ball, and of blows, where the judges agree."""
    yield from passing_windows(_pieces(pool, mirror))
    yield from passing_windows(_kicks(pool))
    yield from passing_windows(_balls(pool))
    yield from passing_windows(_lunges(pool))


def _pieces(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    for piece in PIECES:
        if piece.clip not in pool:
            continue
        joints = pool[piece.clip][piece.first : piece.last]
        action, side = piece.action, piece.side
        if mirror and side:
            side = LEFT if side == RIGHT else RIGHT
            if action.endswith((LEFT, RIGHT)):
                action = f"{action.rpartition('_')[0]}_{side}"
        for speed, ratio in _PACES:
            played = warped(joints, ratio * piece.pace)
            for count in piece.counts:
                yield _whole(
                    Window(
                        action, to_features(played), piece.clip, side, "",
                        count + piece.more if count else 0, speed, piece.begins, piece.ends,
                    ),
                    played if piece.clip.startswith("cmu_49") else repeat(played, max(1, count)),
                )  # fmt: skip


def _whole(window: Window, motion: Array) -> Window:
    """Put a stand before and after, where the window begins and ends standing."""
    joints = np.asarray(motion, np.float64)
    if window.begins == "standing":
        joints = from_standing(joints)
    if window.ends == "standing":
        joints = to_standing(joints)
    return posed_window(
        Window(**{**window.__dict__, "features": to_features(joints.astype(np.float32))})
    )


def _around(joints: Joints, at: int, before: int, after: int) -> Joints:
    return joints[max(0, at - before) : at + after]


def _kicks(pool: dict[str, Joints]) -> Iterator[Window]:
    for name in (n for n in pool if take_id(n) in _KICKS):
        for speed, ratio in (("", 1.0), ("", 1.1), ("slow", 1.35)):
            joints = warped(pool[name], ratio)
            e = Evidence(joints)
            for side in (LEFT, RIGHT):
                for peak in _peak_frames(e.height(f"{side}_foot"), 0.7, apart=20):
                    piece = _around(joints, peak, 12, 13)
                    window = Window(f"kick_{side}", to_features(piece), name, side, "", 1, speed)
                    yield _whole(window, piece)


def _balls(pool: dict[str, Joints]) -> Iterator[Window]:
    for name in (n for n in pool if n.startswith(_BALLS)):
        for speed, ratio in (("", 1.0), ("", 1.1), ("slow", 1.3)):
            joints = warped(pool[name], ratio)
            e = Evidence(joints)
            best = {s: float(e.speed(f"{s}_foot").max()) for s in (LEFT, RIGHT)}
            side = max(best, key=lambda s: best[s])
            peak = int(e.speed(f"{side}_foot").argmax())
            for before, after in ((24, 18), (34, 26)):
                piece = _around(joints, peak, before, after)
                window = Window("kick_ball", to_features(piece), name, side, "", 1, speed)
                yield _whole(window, piece)


def _lunges(pool: dict[str, Joints]) -> Iterator[Window]:
    for name in _LUNGES:
        for speed, ratio in (("", 1.0), ("slow", 1.35)):
            joints = warped(pool[name], ratio)
            e = Evidence(joints)
            for side in (LEFT, RIGHT):
                for peak in _peak_frames(e.speed(f"{side}_wrist"), 3.4 / ratio, apart=24):
                    piece = _around(joints, peak, 11, 12)
                    window = Window(f"punch_{side}", to_features(piece), name, side, "", 1, speed)
                    yield _whole(window, piece)


def _peak_frames(values: Array, above: float, apart: int) -> list[int]:
    """Indices of the highest values over a bound, at least `apart` from each other."""
    out: list[int] = []
    for at in np.argsort(-values):
        if values[at] < above:
            break
        if all(abs(int(at) - other) >= apart for other in out):
            out.append(int(at))
    return sorted(out)
