"""A camera that orbits a target: its matrices, framing, and a smooth follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import InputError
from kinetoken.motion.skeleton import JOINT

from .facing import CLOSE, EASY, Pursuit, facing

_Array = NDArray[np.floating]
_Vector = tuple[float, float, float]

BODY_CENTRE: Final = 0.88  # metres above the floor: the camera looks at this height
# Metres around the root that a live view keeps in the frame: raised arms, a long step.
ENVELOPE: Final = np.array(
    [[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 2.04) for z in (-0.5, 0.5)]
)
_NEAR: Final = 0.05  # metres
_FAR: Final = 80.0
# The eye stays above the floor, short of straight down.
PITCHES: Final = (math.radians(-5.0), math.radians(86.0))
DISTANCES: Final = (0.6, 40.0)  # metres, nearest and farthest
_FOLLOW_SECONDS: Final = 0.28  # time constant of the follow
_STILL_METRES: Final = 0.7  # of travel, below which a recording's camera does not move
_MARGIN: Final = 0.93  # of half the picture that framed points may use

_USUAL: Final = "three-quarter"
# Degrees: yaw 0 looks at the body's face, yaw 90 sees its left side.
PRESETS: Final = {
    _USUAL: (36.0, 13.0),
    "front": (0.0, 10.0),
    "left": (90.0, 10.0),
    "right": (-90.0, 10.0),
    "back": (180.0, 12.0),
    "top": (0.0, 80.0),
}


@dataclass(frozen=True)
class Camera:
    """An eye on a sphere around a target; world metres, radians."""

    target: _Vector = (0.0, BODY_CENTRE, 0.0)
    yaw: float = math.radians(PRESETS[_USUAL][0])
    pitch: float = math.radians(PRESETS[_USUAL][1])
    distance: float = 4.2
    fov: float = math.radians(34.0)
    """Vertical field of view."""

    def axes(self) -> NDArray[np.float64]:
        """(3, 3): rows right, up, and backward (from the target to the eye), world axes."""
        cy, sy, cp, sp = (
            math.cos(self.yaw),
            math.sin(self.yaw),
            math.cos(self.pitch),
            math.sin(self.pitch),
        )
        return np.array([[cy, 0.0, -sy], [-sy * sp, cp, -cy * sp], [sy * cp, sp, cy * cp]])

    def eye(self) -> NDArray[np.float64]:
        """(3,) world position of the eye."""
        place: NDArray[np.float64] = np.asarray(self.target) + self.distance * self.axes()[2]
        return place

    def view(self) -> NDArray[np.float64]:
        """(4, 4) world to camera space; the camera looks along -Z."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.axes()
        matrix[:3, 3] = -self.axes() @ self.eye()
        return matrix

    def projection(self, aspect: float) -> NDArray[np.float64]:
        """(4, 4) camera space to clip space for a picture of aspect width / height."""
        f = 1.0 / math.tan(self.fov / 2)
        matrix = np.zeros((4, 4))
        matrix[0, 0], matrix[1, 1], matrix[3, 2] = f / aspect, f, -1.0
        matrix[2, 2], matrix[2, 3] = (
            (_FAR + _NEAR) / (_NEAR - _FAR),
            2 * _FAR * _NEAR / (_NEAR - _FAR),
        )
        return matrix

    def project(self, points: _Array, width: int, height: int) -> NDArray[np.float64]:
        """World points (n, 3) as pixels from the left and the top, and metres before the eye."""
        local = (np.asarray(points, dtype=np.float64) - self.eye()) @ self.axes().T
        depth = np.maximum(-local[:, 2], 1e-6)
        focal = 0.5 * height / math.tan(self.fov / 2)
        x = 0.5 * width + focal * local[:, 0] / depth
        y = 0.5 * height - focal * local[:, 1] / depth
        return np.stack([x, y, -local[:, 2]], axis=1)

    def orbit(self, yaw: float, pitch: float) -> Camera:
        """The camera turned by radians; the pitch stays within bounds."""
        bounded = min(PITCHES[1], max(PITCHES[0], self.pitch + pitch))
        return replace(self, yaw=math.remainder(self.yaw + yaw, math.tau), pitch=bounded)

    def pan(self, right: float, up: float) -> Camera:
        """The camera moved in the picture's plane, metres."""
        x, y, z = np.asarray(self.target) + right * self.axes()[0] + up * self.axes()[1]
        return replace(self, target=(float(x), float(y), float(z)))

    def zoom(self, factor: float) -> Camera:
        """The camera at its distance times `factor`, within bounds."""
        return replace(self, distance=min(DISTANCES[1], max(DISTANCES[0], self.distance * factor)))

    def at(self, target: _Array) -> Camera:
        """The camera around another target (3,)."""
        return replace(self, target=(float(target[0]), float(target[1]), float(target[2])))

    def fitted(self, offsets: _Array, aspect: float, margin: float = _MARGIN) -> Camera:
        """The camera as near as keeps every point target + offset (n, 3) in the picture."""
        local = np.asarray(offsets, dtype=np.float64) @ self.axes().T
        tangent = math.tan(self.fov / 2) * margin
        need = (
            np.maximum(np.abs(local[:, 0]) / (tangent * aspect), np.abs(local[:, 1]) / tangent)
            + local[:, 2]
        )
        return replace(self, distance=min(DISTANCES[1], max(DISTANCES[0], float(need.max()))))

    def fitted_between(self, offsets: _Array, aspect: float, above: float, below: float) -> Camera:
        """The camera as near, and as high, as keeps the points between two edges of the picture.

        `above`, `below`: shares of half the picture's height that the points may use, 0 to 1; the
        target moves along the picture's height.
        """
        right, up, back = (np.asarray(offsets, dtype=np.float64) @ self.axes().T).T
        tangent = math.tan(self.fov / 2)
        upper = up + above * tangent * back
        lower = up - below * tangent * back
        across = np.abs(right) / (tangent * aspect * _MARGIN) + back
        tall = (float(upper.max()) - float(lower.min())) / ((above + below) * tangent)
        distance = min(DISTANCES[1], max(DISTANCES[0], float(across.max()), tall))
        highest = float(upper.max()) - above * tangent * distance
        lowest = float(lower.min()) + below * tangent * distance
        rise = min(max(0.0, highest), lowest) if highest <= lowest else (highest + lowest) / 2
        moved = np.asarray(self.target) + rise * self.axes()[1]
        return replace(self.at(moved), distance=distance)


class CameraView(NamedTuple):
    """A direction to look from, and a zoom; radians."""

    yaw: float
    pitch: float
    zoom: float = 1.0
    pursuit: Pursuit | None = None
    """Turns after the body, from whose front `yaw` counts; None: from +Z, and stays."""

    def before(self, pose: _Array) -> float:
        """Yaw of a camera that sees the pose (22, 3) from this side, radians."""
        front = 0.0 if self.pursuit is None else facing(pose) or 0.0
        return math.remainder(front + self.yaw, math.tau)

    @classmethod
    def parse(cls, text: str) -> CameraView:
        """Reads a preset's name, "YAW,PITCH" or "YAW,PITCH,ZOOM" in degrees. InputError."""
        if text in PRESETS:
            yaw, pitch = PRESETS[text]
            pursuit = EASY if text == _USUAL else CLOSE
            return cls(math.radians(yaw), math.radians(pitch), pursuit=pursuit)
        try:
            numbers = [float(part) for part in text.split(",")]
            yaw, pitch, zoom = (*numbers, 1.0)[:3] if len(numbers) in (2, 3) else (math.nan,) * 3
        except ValueError:
            yaw = pitch = zoom = math.nan
        low, high = (math.degrees(limit) for limit in PITCHES)
        if not (abs(yaw) <= 360.0 and low <= pitch <= high and 0.1 <= zoom <= 10.0):
            raise InputError(
                f'unknown camera "{text}": use {", ".join(PRESETS)}, '
                "or YAW,PITCH[,ZOOM] in degrees such as 30,15,1.2"
            )
        return cls(math.radians(yaw), math.radians(pitch), zoom)


THREE_QUARTER: Final = CameraView.parse(_USUAL)


def look_at(pose: _Array) -> NDArray[np.float64]:
    """The point to look at for a pose (22, 3): above its root's place, at half its height."""
    root = pose[JOINT["pelvis"]]
    return np.array([root[0], BODY_CENTRE, root[2]], dtype=np.float64)


class Follow:
    """A smooth pursuit of a target."""

    def __init__(self, target: _Array) -> None:
        self._target = np.asarray(target, dtype=np.float64)
        self._velocity = np.zeros(3)

    def push(self, target: _Array, seconds: float) -> NDArray[np.float64]:
        """Moves toward `target` (3,) for `seconds`, critically damped: without jerk or swing."""
        omega = 2.0 / _FOLLOW_SECONDS
        decay = math.exp(-omega * seconds)
        gap = self._target - target
        drive = (self._velocity + omega * gap) * seconds
        self._velocity = (self._velocity - omega * drive) * decay
        self._target = target + (gap + drive) * decay
        return self._target

    def jump(self, target: _Array) -> NDArray[np.float64]:
        """Cuts to `target` (3,) at once: after a seek or a loop."""
        self._target, self._velocity = np.asarray(target, dtype=np.float64), np.zeros(3)
        return self._target


def smooth_path(
    targets: _Array, fps: float, seconds: float = _FOLLOW_SECONDS
) -> NDArray[np.float64]:
    """Targets (T, 3) of a known clip, smoothed to both sides, so that a recording does not lag.

    The filter is Gaussian. A body that stays in one place gets a camera that stands still.
    """
    targets = np.asarray(targets, dtype=np.float64)
    low, high = targets.min(axis=0), targets.max(axis=0)
    if len(targets) < 2 or float(np.linalg.norm(high - low)) < _STILL_METRES:
        return np.broadcast_to((low + high) / 2.0, targets.shape).copy()
    sigma = seconds * fps
    reach = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(targets, ((reach, reach), (0, 0)), mode="edge")
    columns = [
        np.convolve(padded[:, axis], kernel / kernel.sum(), mode="valid") for axis in range(3)
    ]
    return np.stack(columns, axis=1)
