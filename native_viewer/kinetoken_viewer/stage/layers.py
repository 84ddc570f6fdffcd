"""What is drawn around a body: where it went, how it stood, which feet stand, its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.contacts import feet_standing, floor_of
from kinetoken.motion.skeleton import CONTACT_JOINTS, JOINT

from ..render import theme
from ..render.body_shape import parts
from ..render.camera import Camera
from ..render.shot import MARK_COLUMNS, Shot, no_marks, no_parts
from .playhead import Track

Array = NDArray[np.floating]
Rows = NDArray[np.float32]

TRAIL_SECONDS: Final = (
    10.0  # to each side of the moment: a stream without end keeps a trail of bounded length
)
TRAIL_STEP: Final = 0.1  # seconds between two points of the trail
TRAIL_WIDTH: Final = 0.015  # metres, half
TRAIL_AHEAD: Final = 0.72  # how far the trail of what is still to come is washed out
GHOST_STEP: Final = (
    0.5  # seconds between two ghosts: they stay where they are, the body moves through them
)
GHOST_REACH: Final = 3  # ghosts to each side of the moment at most
GHOST_REACH_OF_MANY: Final = 1  # the same, where several people would be lost among them
GHOST_TINT: Final = 0.9  # how much of its own colours a ghost gives up
GHOST_FADE: Final = 0.2  # how much nearer to the floor's colour each ghost farther away is
SOLE: Final = 0.058  # metres, half the width of a contact's mark
SPEED_WINDOW: Final = 0.05  # seconds to each side, over which a foot's speed is measured
NAME_RISE: Final = 0.27  # metres from the head's joint to just above the crown
NOWHERE: Final = (0.0, 0.0, 0.0)


class Person(NamedTuple):
    """One body on show."""

    track: Track
    place: tuple[float, float, float] = NOWHERE
    """Metres by which it is moved to stand beside others."""
    name: str = ""
    """Written over its head; empty where it is alone."""


@dataclass
class Layers:
    """What is on; keys switch it."""

    trail: bool = False
    ghosts: bool = False
    contacts: bool = False


def ground(joints: Array) -> tuple[float, float, float]:
    """The place of a finished motion (T, 22, 3) that puts its floor on the one that is drawn."""
    return (0.0, -floor_of(joints), 0.0)


def pose(person: Person, position: float) -> NDArray[np.float64]:
    """(22, 3) where it stands on the stage, at a position in frames; its last pose once it is through."""
    moved: NDArray[np.float64] = person.track.sample(position) + np.array(person.place)
    return moved


def over_heads(people: list[Person], position: float) -> NDArray[np.float64]:
    """(n, 3) where everybody's name is to stand."""
    heads = [pose(person, position)[JOINT["head"]] + (0.0, NAME_RISE, 0.0) for person in people]
    return np.array(heads, dtype=np.float64)


def shot(
    people: list[Person],
    position: float,
    fps: float,
    layers: Layers,
    camera: Camera,
    spotlight: float = 1.0,
) -> Shot:
    """Everybody at a moment (position in frames), with the layers that are on. Each has a frame at least."""
    bodies = np.concatenate([parts(pose(person, position)) for person in people])
    reach = ghost_reach(len(people))
    ghosts = [ghost_parts(person, position, fps, reach) for person in people if layers.ghosts]
    marks = [trail_marks(person, position, fps) for person in people if layers.trail]
    marks += [contact_marks(person, position, fps) for person in people if layers.contacts]
    return Shot(
        camera, bodies, spotlight,
        np.concatenate([no_parts(), *ghosts]), np.concatenate([no_marks(), *marks]),
    )  # fmt: skip


def ghost_reach(people: int) -> int:
    """Ghosts to each side of the moment, of so many people."""
    return GHOST_REACH if people == 1 else GHOST_REACH_OF_MANY


def ghost_parts(person: Person, position: float, fps: float, reach: int = GHOST_REACH) -> Rows:
    """(m, 11) bodies at every half second around the moment, fainter the farther away; one tint for past, one for future."""
    step = GHOST_STEP * fps
    nearest = round(position / step)
    rows = [no_parts()]
    for number in range(nearest - reach, nearest + reach + 1):
        away = abs(number * step - position) / step
        if 0.25 < away <= reach and 0 <= number * step <= len(person.track) - 1:
            tint = theme.GHOST_PAST if number * step < position else theme.GHOST_FUTURE
            colour = theme.mixed(
                tint, theme.FLOOR, GHOST_FADE * (away - 1.0 if away > 1.0 else 0.0)
            )
            rows.append(parts(pose(person, number * step), GHOST_TINT, colour))
    return np.concatenate(rows)


def trail_marks(person: Person, position: float, fps: float) -> Rows:
    """(k, 10) the pelvis's way over the floor: bright up to the moment, faint from there on."""
    reach, step = TRAIL_SECONDS * fps, TRAIL_STEP * fps
    first, last = max(0.0, position - reach), min(len(person.track) - 1.0, position + reach)
    past = np.append(np.arange(np.ceil(first / step) * step, position, step), position)
    coming = np.append(np.arange(np.ceil(position / step) * step, last, step), last)
    faded = (past - past[0]) / max(past[-1] - past[0], 1e-9)
    return np.concatenate([
        _line(person, np.concatenate([[position], coming]), np.full(len(coming), TRAIL_AHEAD)),
        _line(person, past, 0.75 * (1.0 - faded[1:]) ** 2),
    ])  # fmt: skip


def _line(person: Person, positions: Array, fades: Array) -> Rows:
    """Strokes (n - 1, 10) between the pelvis's places at positions (n,), washed out by fades (n - 1,)."""
    pelvis = np.array([person.track.sample(float(p))[0] for p in positions]) + np.array(
        person.place
    )
    rows = np.zeros((len(positions) - 1, MARK_COLUMNS), np.float32)
    rows[:, 0:2], rows[:, 2:4], rows[:, 4] = pelvis[:-1, ::2], pelvis[1:, ::2], TRAIL_WIDTH
    bright, floor = (np.array(theme.linear(colour)) for colour in (theme.TRAIL, theme.FLOOR))
    rows[:, 5:8] = bright + (floor - bright) * fades[:, None]
    rows[:, 8:10] = 1.0
    return rows


def contact_marks(person: Person, position: float, fps: float) -> Rows:
    """(k, 10) a footprint under every foot that stands; one under the toes where only they do."""
    points = pose(person, position)[list(CONTACT_JOINTS)]
    stands = standing_points(person, position, fps)
    rows = []
    for ankle, toe in ((0, 1), (2, 3)):
        if not (stands[ankle] or stands[toe]):
            continue
        along = points[toe, ::2] - points[ankle, ::2]
        unit = along / max(float(np.linalg.norm(along)), 1e-6)
        heel = points[ankle, ::2] - 0.02 * unit if stands[ankle] else points[toe, ::2] - 0.01 * unit
        tip = points[toe, ::2] + 0.05 * unit if stands[toe] else points[ankle, ::2] + 0.02 * unit
        rows.append([*heel, *tip, SOLE, *theme.linear(theme.CONTACT), 0.35, 0.95])
    return np.array(rows, np.float32).reshape(-1, MARK_COLUMNS)


def standing_points(person: Person, position: float, fps: float) -> NDArray[np.bool_]:
    """(4,) of left ankle, left toe, right ankle, right toe."""
    reach, last = SPEED_WINDOW * fps, len(person.track) - 1.0
    before, now, after = (
        pose(person, at)[list(CONTACT_JOINTS)]
        for at in (position - reach, position, position + reach)
    )
    seconds = (min(position + reach, last) - max(position - reach, 0.0)) / fps
    moved = np.linalg.norm((after - before)[:, ::2], axis=1)
    return feet_standing(now, moved / seconds if seconds > 0 else np.zeros(4))
