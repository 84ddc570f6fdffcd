"""Chunks of motion as they are made, and the finished clip."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..base.read_only import freeze_arrays
from .features import CONTACTS
from .footlock import FootLock
from .skeleton import FPS, N_JOINTS
from .smooth import Smoothing
from .smpl.parameters import amass_arrays

if TYPE_CHECKING:
    from ..robots.robot_run import RobotMotion


@dataclass(frozen=True)
class TextChunk:
    """Text of the model's thought, in the order written."""

    text: str


@dataclass(frozen=True)
class MotionChunk:
    """Consecutive frames that will not change any more: its arrays are read-only."""

    start: int
    """Index of the first frame of the chunk in its clip."""
    joints: NDArray[np.float32]
    """(n, 22, 3) world positions, metres, Y up."""
    features: NDArray[np.float32]
    """(n, 263) HumanML3D features, denormalised."""
    codes: NDArray[np.int64]
    """(k, Q) code frames that end in this chunk, -1 for levels not generated.

    k * stride == n, unless the motion is smoothed or a block is cut.
    """

    def __post_init__(self) -> None:
        freeze_arrays(self, "joints", "features", "codes")


Chunk = TextChunk | MotionChunk


@dataclass(frozen=True)
class Clip:
    """A finished motion. Its arrays are read-only; `numpy.array(clip.joints)` is a copy to change."""

    joints: NDArray[np.float32]
    """(T, 22, 3) world positions, metres, Y up."""
    fps: float = float(FPS)
    prompt: str = ""
    text: str = ""
    """The whole answer, thought and motion tokens, as the model wrote it; or a caption."""
    seed: int | None = None
    features: NDArray[np.float32] | None = None
    """(T, 263), where the motion came as features."""
    codes: NDArray[np.int64] | None = None
    """(n, Q), where the motion came as codes; -1 for levels not generated."""
    meta: dict[str, str] = field(default_factory=dict)
    """Free notes, written along: model name, runtime version."""

    def __post_init__(self) -> None:
        if not isinstance(self.joints, np.ndarray):
            kind = type(self.joints).__name__
            raise ValueError(f"expected joints (T, {N_JOINTS}, 3) as a numpy array, got {kind}")
        if self.joints.ndim != 3 or self.joints.shape[1:] != (N_JOINTS, 3):
            raise ValueError(f"expected joints (T, {N_JOINTS}, 3), got {self.joints.shape}")
        freeze_arrays(self, "joints", "features", "codes")

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def seconds(self) -> float:
        """Duration in seconds: frames over frames per second."""
        return len(self.joints) / self.fps

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file in the format of its suffix, whole or not at all.

        InputError, OutputError.
        """
        from ..formats import registry  # a door upward, for the caller's convenience

        registry.save_clip(self, path)

    def foot_locked(self) -> Clip:
        """The same clip with feet that do not slide; features and codes stay.

        A locked clip is kept.
        """
        if self.meta.get("foot_lock") == "on":
            return self
        contacts = None if self.features is None else self.features[:, CONTACTS]
        joints = FootLock.over(self.joints, self.fps).apply(self.joints, contacts)
        return replace(
            self, joints=joints.astype(np.float32), meta={**self.meta, "foot_lock": "on"}
        )

    def smoothed(self) -> Clip:
        """The same clip with joints that do not tremble; features and codes stay.

        A smoothed clip is kept. Feet that were locked are locked again.
        """
        if "smooth" in self.meta:
            return self
        smoothing = Smoothing(fps=self.fps)
        joints = smoothing.apply(self.joints).astype(np.float32)
        locked = self.meta.get("foot_lock") == "on"
        rest = {key: value for key, value in self.meta.items() if key != "foot_lock"}
        clip = replace(self, joints=joints, meta=rest | smoothing.note)
        return clip.foot_locked() if locked else clip

    def show(self) -> None:
        """Play the clip below the cell of a notebook. InputError elsewhere."""
        from ..formats import clip_page

        clip_page.show_in_notebook(self)

    def _repr_html_(self) -> str | None:
        """A player, for notebooks; it needs no network."""
        from ..formats import clip_page

        return clip_page.clip_frame(self) if len(self) else None

    def to_amass(self) -> dict[str, NDArray[np.float64] | str | float]:
        """SMPL-H parameters as in AMASS: poses (T, 156) axis-angle, trans (T, 3) metres, Z up.

        For SMPL's neutral body of mean shape, whose legs are 5 % shorter: `trans` is scaled by
        them. Hands are zero. `poses`, `trans`, `betas`, `gender`, `mocap_framerate`,
        `surface_model_type`, and GMR's `root_orient`, `pose_body`, `mocap_frame_rate`.
        """
        return amass_arrays(self.joints, self.fps)

    def to_robot(self, robot: str, rate: float | None = None) -> RobotMotion:
        """The motion of a robot, "g1" or "h1", at `rate` or the clip's own frames a second.

        References for a tracking policy, not commands: docs/robots.md. InputError.
        """
        from ..robots.robot_files import robot_motion

        return robot_motion(self, robot, rate)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        unit: str | None = None,
        up: str | None = None,
        animation: str | None = None,
    ) -> Clip:
        """Read a file in the format of its suffix. InputError, FormatError.

        The file, or the body in it, tells its `unit` ("m", "cm", "in", ... or metres of one unit),
        the axis that points `up` ("y", "z") and the first `animation`; give what it tells wrong.
        """
        from ..formats import registry

        return registry.load_clip(path, registry.ReadOptions.parsed(unit, up, animation))

    @classmethod
    def from_chunks(
        cls, chunks: Iterable[Chunk], *, prompt: str = "", seed: int | None = None
    ) -> Clip:
        """All chunks of a stream as one clip; its text is the thought alone."""
        text: list[str] = []
        motion: list[MotionChunk] = []
        for chunk in chunks:
            if isinstance(chunk, TextChunk):
                text.append(chunk.text)
            else:
                motion.append(chunk)
        empty = np.zeros((0, N_JOINTS, 3), np.float32)
        return cls(
            joints=np.concatenate([m.joints for m in motion]) if motion else empty,
            prompt=prompt,
            text="".join(text),
            seed=seed,
            features=np.concatenate([m.features for m in motion]) if motion else None,
            codes=np.concatenate([m.codes for m in motion]) if motion else None,
        )
