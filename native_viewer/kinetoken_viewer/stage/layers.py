"""People on the floor, and what is drawn around them: trail, ghost poses, foot contacts, names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.contacts import feet_standing, floor_of
from kinetoken.motion.skeleton import CONTACT_JOINTS, JOINT
from kinetoken.robots.robot_shape import BESIDE

from ..render import theme
from ..render.body_shape import body_cones
from ..render.camera import Camera
from ..render.shot import MARK_COLUMNS, Shot, no_cones, no_marks
from .playhead import Track
from .robot_beside import RobotBeside

_Array = NDArray[np.floating]
_Rows = NDArray[np.float32]

TRAIL_SECONDS: Final = 10.0  # to each side of the moment, so that an endless trail stays bounded
GHOST_SECONDS: Final = 0.5  # between two ghosts, which stay while the body moves through them
GHOST_REACH: Final = 3  # ghosts to each side of the moment at most
_GHOST_REACH_OF_MANY: Final = 1  # the same, if several people would be lost among them
_GHOST_TINT: Final = 0.9  # share of its own colours that a ghost gives up
_GHOST_FADE: Final = 0.2  # nearer to the floor's colour for each ghost farther away
_TRAIL_STEP_SECONDS: Final = 0.1  # between two points of the trail
_TRAIL_RADIUS: Final = 0.015  # metres
_TRAIL_AHEAD: Final = 0.72  # how far the trail of what is still to come is washed out
_SOLE_RADIUS: Final = 0.058  # metres, of a contact's mark
_SPEED_SECONDS: Final = 0.05  # to each side, over which a foot's speed is measured
_NAME_RISE: Final = 0.27  # metres from the head's joint to just above the crown
_SEEN_METRES: Final = 0.15  # of motion, that a trail or a ghost shows
_ORIGIN: Final = (0.0, 0.0, 0.0)


class Person(NamedTuple):
    """One body on show."""

    track: Track
    place: tuple[float, float, float] = _ORIGIN
    """Metres by which it is moved to stand beside others."""
    name: str = ""
    """Written over its head; empty for a body alone."""
    robot: RobotBeside | None = None
    """Drawn instead of the body, whose poses it follows."""


@dataclass(frozen=True)
class SceneLayers:
    """Layers that are on."""

    trail: bool = False
    ghosts: bool = False
    contacts: bool = False


NO_LAYERS: Final = SceneLayers()


def ground(joints: _Array) -> tuple[float, float, float]:
    """The place that puts the floor of a finished motion (T, 22, 3) on the one that is drawn."""
    return (0.0, -floor_of(joints), 0.0)


def pose(person: Person, position: float) -> NDArray[np.float64]:
    """(22, 3) on the stage at a position in frames; the last pose once the motion is over."""
    moved: NDArray[np.float64] = person.track.sample(position) + np.array(person.place)
    return moved


def name_points(people: list[Person], position: float) -> NDArray[np.float64]:
    """(n, 3) points over the heads, for everybody's name."""
    heads = [pose(person, position)[JOINT["head"]] + (0.0, _NAME_RISE, 0.0) for person in people]
    return np.array(heads, dtype=np.float64)


def compose_shot(
    people: list[Person],
    position: float,
    fps: float,
    layers: SceneLayers,
    camera: Camera,
    spotlight: float = 1.0,
) -> Shot:
    """Everybody at a moment (position in frames), with the layers that are on.

    Each person has a frame at least.
    """
    bodies = np.concatenate([_cones(person, position, fps) for person in people])
    reach = ghost_reach(len(people))
    ghosts = [
        ghost_cones(person, position, fps, reach)
        for person in people
        if layers.ghosts and person.robot is None
    ]
    marks = [trail_marks(person, position, fps) for person in people if layers.trail]
    marks += [contact_marks(person, position, fps) for person in people if layers.contacts]
    return Shot(
        camera, bodies, spotlight,
        np.concatenate([no_cones(), *ghosts]), np.concatenate([no_marks(), *marks]),
    )  # fmt: skip


def with_robot(people: list[Person], robot: RobotBeside | None) -> list[Person]:
    """The people, and a robot beside the first of them."""
    if robot is None:
        return people
    first = people[0]
    x, y, z = (a + b for a, b in zip(first.place, BESIDE, strict=True))
    return [*people, Person(first.track, (x, y, z), robot=robot)]


def moves(person: Person, position: float, fps: float, *, over_floor: bool = False) -> bool:
    """True if there is motion to see around a moment (position in frames), within two seconds.

    `over_floor`: counts the way of the pelvis alone.
    """
    around = position + fps * np.arange(-2.0, 2.1, GHOST_SECONDS)
    inside = np.append(around[(around >= 0) & (around <= len(person.track) - 1)], position)
    poses = np.array([person.track.sample(float(at)) for at in inside])
    seen = poses[:, :1, ::2] if over_floor else poses
    moved = np.linalg.norm(seen - seen[-1], axis=-1).max()
    return bool(moved > _SEEN_METRES)


def _cones(person: Person, position: float, fps: float) -> _Rows:
    """The body of a person, or the robot in its place."""
    if person.robot is None:
        return body_cones(pose(person, position))
    return person.robot.cones(person.track.sample(position), person.place, position / fps)


def ghost_reach(people: int) -> int:
    """Ghosts to each side of the moment, for each of so many people."""
    return GHOST_REACH if people == 1 else _GHOST_REACH_OF_MANY


def ghost_cones(person: Person, position: float, fps: float, reach: int = GHOST_REACH) -> _Rows:
    """(m, 11) bodies at every half second around the moment, one tint for past, one for future.

    The farther away, the fainter.
    """
    step = GHOST_SECONDS * fps
    nearest = round(position / step)
    rows = [no_cones()]
    for number in range(nearest - reach, nearest + reach + 1):
        away = abs(number * step - position) / step
        if 0.25 < away <= reach and 0 <= number * step <= len(person.track) - 1:
            tint = theme.GHOST_PAST if number * step < position else theme.GHOST_FUTURE
            fade = _GHOST_FADE * (away - 1.0 if away > 1.0 else 0.0)
            colour = theme.mixed(tint, theme.FLOOR, fade)
            rows.append(body_cones(pose(person, number * step), _GHOST_TINT, colour))
    return np.concatenate(rows)


def trail_marks(person: Person, position: float, fps: float) -> _Rows:
    """(k, 10) the path of the pelvis over the floor: bright behind, faint ahead."""
    reach, step = TRAIL_SECONDS * fps, _TRAIL_STEP_SECONDS * fps
    first, last = max(0.0, position - reach), min(len(person.track) - 1.0, position + reach)
    past = np.append(np.arange(np.ceil(first / step) * step, position, step), position)
    coming = np.append(np.arange(np.ceil(position / step) * step, last, step), last)
    faded = (past - past[0]) / max(past[-1] - past[0], 1e-9)
    return np.concatenate([
        _strokes(person, np.concatenate([[position], coming]), np.full(len(coming), _TRAIL_AHEAD)),
        _strokes(person, past, 0.75 * (1.0 - faded[1:]) ** 2),
    ])  # fmt: skip


def _strokes(person: Person, positions: _Array, fades: _Array) -> _Rows:
    """Strokes (n - 1, 10) between the pelvis's places at positions (n,), faded by (n - 1,)."""
    pelvis = np.array([person.track.sample(float(p))[0] for p in positions])
    pelvis = pelvis + np.array(person.place)
    rows = np.zeros((len(positions) - 1, MARK_COLUMNS), np.float32)
    rows[:, 0:2], rows[:, 2:4], rows[:, 4] = pelvis[:-1, ::2], pelvis[1:, ::2], _TRAIL_RADIUS
    bright, floor = (np.array(theme.linear(colour)) for colour in (theme.TRAIL, theme.FLOOR))
    rows[:, 5:8] = bright + (floor - bright) * fades[:, None]
    rows[:, 8:10] = 1.0
    return rows


def contact_marks(person: Person, position: float, fps: float) -> _Rows:
    """(k, 10) a footprint under every foot that stands; one under the toes if only they do."""
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
        rows.append([*heel, *tip, _SOLE_RADIUS, *theme.linear(theme.CONTACT), 0.35, 0.95])
    return np.array(rows, np.float32).reshape(-1, MARK_COLUMNS)


def standing_points(person: Person, position: float, fps: float) -> NDArray[np.bool_]:
    """(4,) for left ankle, left toe, right ankle, right toe: True for those that stand."""
    reach, last = _SPEED_SECONDS * fps, len(person.track) - 1.0
    before, now, after = (
        pose(person, at)[list(CONTACT_JOINTS)]
        for at in (position - reach, position, position + reach)
    )
    seconds = (min(position + reach, last) - max(position - reach, 0.0)) / fps
    moved = np.linalg.norm((after - before)[:, ::2], axis=1)
    return feet_standing(now, moved / seconds if seconds > 0 else np.zeros(4))
