"""Places of several people, so that neighbours do not touch and the camera sees everybody."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip

from .layers import Person, ground
from .playhead import Track

CLEAR_METRES: Final = 0.6  # between the joints of neighbours when they are nearest
_LEAST_METRES: Final = 1.0  # between the places of two people
_MOST_METRES: Final = 4.0  # people who wander may meet rather than be out of sight
_LIVE_METRES: Final = 1.7  # between the places of people whose motion is not known yet
_ROW_METRES: Final = 2.4  # between two rows
_TWO_ROWS: Final = 6  # people, from whom on they stand in two rows


class NamedClip(NamedTuple):
    """A clip and its name beside others."""

    name: str
    clip: Clip


def place_people(
    clips: Sequence[NamedClip], *, foot_lock: bool = False
) -> tuple[list[Person], float]:
    """Everybody at a place, and the frame rate of their common clock: that of the first."""
    shown = [named.clip.foot_locked() if foot_lock else named.clip for named in clips]
    fps = shown[0].fps
    tracks = [track_at(clip, fps) for clip in shown]
    grounded = [
        (place[0], ground(clip.joints)[1], place[2])
        for place, clip in zip(places_of(tracks), shown, strict=True)
    ]
    return [
        Person(track, place, named.name)
        for track, place, named in zip(tracks, grounded, clips, strict=True)
    ], fps


def track_at(clip: Clip, fps: float) -> Track:
    """The clip's frames as a track of another rate."""
    if clip.fps == fps:
        return Track(clip.joints)
    own = Track(clip.joints)
    count = max(1, int((len(clip) - 1) / clip.fps * fps + 1e-6) + 1)
    return Track(np.array([own.sample(index * clip.fps / fps) for index in range(count)]))


def places_of(tracks: Sequence[Track]) -> list[tuple[float, float, float]]:
    """Places around the origin where neighbours never come nearer than CLEAR_METRES."""
    across = [_across(track, max(len(t) for t in tracks)) for track in tracks]
    out = []
    for row in _rows(len(tracks)):
        xs = [0.0]
        for before, after in itertools.pairwise(across[row.start : row.stop]):
            need = float((before[1] - after[0]).max()) + CLEAR_METRES
            xs.append(xs[-1] + min(_MOST_METRES, max(_LEAST_METRES, need)))
        out.append(xs)
    return _centred(out)


def live_places(count: int) -> list[tuple[float, float, float]]:
    """Places for people whose motion is still to come."""
    return _centred([[_LIVE_METRES * index for index in range(len(row))] for row in _rows(count)])


def _rows(count: int) -> list[range]:
    """People in each row, the back row first, whose people are seen between those before them."""
    if count < _TWO_ROWS:
        return [range(count)]
    return [range(count // 2), range(count // 2, count)]


def _centred(rows: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    """Places along each row, moved around the origin; rows of equal length are staggered."""
    out, aside = [], 0.0
    if len(rows) > 1 and len(rows[0]) == len(rows[1]):
        aside = 0.25 * (rows[0][1] - rows[0][0])
    for number, xs in enumerate(rows):
        middle = (xs[0] + xs[-1]) / 2.0 + (aside if number else -aside)
        out += [(x - middle, 0.0, _ROW_METRES * (number - (len(rows) - 1) / 2.0)) for x in xs]
    return out


def _across(track: Track, length: int) -> NDArray[np.float64]:
    """(2, length): the smallest and the largest X of every frame; the last frame goes on."""
    xs = track.frames[..., 0]
    ends = np.stack([xs.min(axis=1), xs.max(axis=1)])
    return np.pad(ends, ((0, 0), (0, length - len(track))), mode="edge")
