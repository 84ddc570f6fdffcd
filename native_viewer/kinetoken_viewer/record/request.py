"""A picture file to write: its size and rate, and the look of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from kinetoken.base.errors import InputError

from ..render.camera import THREE_QUARTER, CameraView
from ..stage.layers import NO_LAYERS, SceneLayers
from .encode import FASTEST_GIF, STILL_SUFFIXES, check_encoder, picture_suffix

_USUAL_FPS: Final = {".gif": 20.0, ".webp": 25.0, ".mp4": 30.0}
MOST_PICTURES: Final = {".mp4": 500_000, ".gif": 20_000, ".webp": 20_000}  # hours of film
_SIDES: Final = (64, 4096)  # pixels, smallest and largest
_FPS_RANGE: Final = (1.0, 120.0)
_MOST_POSES: Final = 40  # of a strip


class Caption(NamedTuple):
    """Prompt and thought on the pictures from a moment of the motion on."""

    begin: float
    """Seconds."""
    prompt: str
    thought: str


@dataclass(frozen=True)
class RecordRequest:
    """A picture file of one clip, or of several side by side."""

    path: Path
    size: tuple[int, int]
    """Width and height in pixels."""
    fps: float | None = None
    """Pictures per second; None takes the usual rate of the kind of file."""
    camera: CameraView = THREE_QUARTER
    strip: int = 0
    """Poses side by side in one picture; 0: no strip."""
    words: bool = True
    """Write prompt, thought and time on the pictures."""
    layers: SceneLayers = NO_LAYERS
    """Drawn around the bodies."""
    gles: bool = False
    """Draw with OpenGL ES."""
    title: str = ""
    """Name of what is shown, if there is no prompt."""
    prompt: str = ""
    """Prompt that several people answer."""
    begin: float = 0.0
    """Seconds of the motion that were cut off before the clip."""
    sprites: bool = False
    """The poses of a strip in equal cells, cut out of their background."""
    robot: str | None = None
    """A robot beside the body."""
    captions: tuple[Caption, ...] = ()
    """Words that change in the course of the motion, in order; empty: those of the clip."""

    def __post_init__(self) -> None:
        suffix = self.suffix
        if not all(_SIDES[0] <= side <= _SIDES[1] for side in self.size):
            got = "{}x{}".format(*self.size)
            raise InputError(
                f"--size: expected sides of {_SIDES[0]} to {_SIDES[1]} pixels, got {got}"
            )
        high = FASTEST_GIF if suffix == ".gif" else _FPS_RANGE[1]
        if self.fps is not None and not _FPS_RANGE[0] <= self.fps <= high:
            raise InputError(
                f"--film-fps: expected {_FPS_RANGE[0]:g} to {high:g} for {suffix}, got {self.fps:g}"
            )
        if not 0 <= self.strip <= _MOST_POSES:
            raise InputError(f"--strip: expected 1 to {_MOST_POSES} poses, got {self.strip}")
        if self.strip and suffix not in STILL_SUFFIXES:
            raise InputError(
                f"a strip is one picture: give --film a name that ends in {STILL_SUFFIXES[0]}, "
                f"not {suffix}"
            )
        if self.sprites and not self.strip:
            raise InputError("--sprites needs a number of poses: give --strip N too")
        if self.sprites:
            cell, least, most = (
                (self.size[0] // self.strip, self.size[1]),
                _SIDES[0],
                _SIDES[1] // 2,
            )
            if not all(least <= side <= most for side in cell):
                raise InputError(
                    f"--sprites: expected cells with sides of {least} to {most} pixels, got "
                    "{}x{}; give --size WxH, ".format(*cell)
                    + f"W for all {self.strip}"
                )
        check_encoder(suffix)

    @property
    def suffix(self) -> str:
        """Kind of the file: its suffix in lower case."""
        return picture_suffix(self.path)

    @property
    def is_still(self) -> bool:
        """True for one picture, False for a film."""
        return self.suffix in STILL_SUFFIXES

    @property
    def picture_rate(self) -> float:
        """Pictures per second of a film."""
        return self.fps or _USUAL_FPS[self.suffix]
