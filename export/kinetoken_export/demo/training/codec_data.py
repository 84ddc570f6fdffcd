"""Feature windows for the codec: training clips, mirrored and time-warped, cut anew each step."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinetoken.base.atomic_file import atomic_path
from kinetoken.cli.terminal import progress

from ..data.augment import bent, to_features, variants
from ..data.clips import load_clips, training_clips

_RATIOS: Final = (1.0, 0.82, 0.91, 1.1, 1.22)
_BENDS: Final = (-50.0, -25.0, 25.0, 50.0)  # degrees per second, for clips that travel straight
_GROUPS: Final = (
    slice(0, 1),
    slice(1, 3),
    slice(3, 4),
    slice(4, 67),
    slice(67, 193),
    slice(193, 259),
    slice(259, 263),
)
_ARMS: Final = (13, 14, 16, 17, 18, 19, 20, 21)
_CHEST: Final = 9


def codec_rows(work: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All training rows (N, 263) and each clip's first row (clips + 1,), made once."""
    path = work / "codec_rows.npz"
    if not path.is_file():
        parts: list[NDArray[np.float32]] = []
        for _, joints in progress(list(training_clips(load_clips(work))), "features"):
            for version in variants(joints, _RATIOS):
                rows = to_features(version)
                parts.append(rows)
                if _travels_straight(rows):
                    parts.append(
                        bent(rows, float(np.random.default_rng(len(parts)).choice(_BENDS)))
                    )
        starts = np.concatenate([[0], np.cumsum([len(p) for p in parts])])
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, rows=np.concatenate(parts), starts=starts)
    with np.load(path) as archive:
        return archive["rows"], archive["starts"]


def _travels_straight(rows: NDArray[np.float32]) -> bool:
    return bool(rows[:, 2].mean() * 20 > 0.6 and abs(rows[:, 0].sum()) < 0.3)


def feature_statistics(
    rows: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and Std (263,) as HumanML3D takes them, Std averaged within each kind of feature."""
    mean = rows.mean(axis=0, dtype=np.float64)
    std = rows.std(axis=0, dtype=np.float64)
    for group in _GROUPS:
        std[group] = std[group].mean()
    return mean.astype(np.float32), std.astype(np.float32)


class Windows:
    """Random windows (B, frames, 263) of the training rows, some with another clip's arms."""

    def __init__(
        self, rows: NDArray[np.float32], starts: NDArray[np.int64], frames: int, seed: int
    ) -> None:
        self.rows, self.frames = rows, frames
        lengths = np.diff(starts)
        # Short clips take part too, repeated until they fill a window.
        self.spans = [
            (int(a), int(n)) for a, n in zip(starts[:-1], lengths, strict=True) if n >= 24
        ]
        weights = np.array([n for _, n in self.spans], dtype=np.float64)
        self.weights = np.maximum(weights, frames) / np.maximum(weights, frames).sum()
        self.random = np.random.default_rng(seed)

    def draw(self, batch: int, swap_arms: float = 0.25) -> Tensor:
        """One batch (B, frames, 263), denormalised."""
        chosen = self.random.choice(len(self.spans), size=batch, p=self.weights)
        out = np.stack([self._window(*self.spans[i]) for i in chosen])
        windows = torch.from_numpy(out)
        swapped = int(batch * swap_arms)
        if swapped:
            windows[:swapped] = with_arms_of(windows[:swapped], windows[-swapped:])
        return windows

    def _window(self, start: int, length: int) -> NDArray[np.float32]:
        if length >= self.frames:
            at = start + int(self.random.integers(length - self.frames + 1))
            return self.rows[at : at + self.frames]
        rows = self.rows[start : start + length]
        return np.concatenate([rows] * (self.frames // length + 1))[: self.frames]


def with_arms_of(body: Tensor, donor: Tensor) -> Tensor:
    """Windows (B, T, 263) of `body` with the arms of `donor`, velocities made to agree."""
    out = body.clone()
    positions = out[..., 4:67].reshape(*out.shape[:2], 21, 3)
    theirs = donor[..., 4:67].reshape(*out.shape[:2], 21, 3)
    for joint in _ARMS:
        positions[..., joint - 1, :] = (
            theirs[..., joint - 1, :] - theirs[..., _CHEST - 1, :] + positions[..., _CHEST - 1, :]
        )
        rotation = slice(67 + (joint - 1) * 6, 67 + joint * 6)
        out[..., rotation] = donor[..., rotation]
    out[..., 4:67] = positions.flatten(2)
    velocities = out[..., 193:259].reshape(*out.shape[:2], 22, 3)
    velocities[:, :-1, list(_ARMS)] = facing_steps(out)[:, :, [j - 1 for j in _ARMS]]
    out[..., 193:259] = velocities.flatten(2)
    return out


def facing_steps(features: Tensor) -> Tensor:
    """Steps (B, T - 1, 21, 3) of joints 1..21 to the next frame, in each frame's own facing."""
    positions = features[..., 4:67].reshape(*features.shape[:2], 21, 3)
    yaw = 2.0 * features[:, :-1, 0]
    c, s = torch.cos(yaw)[..., None], torch.sin(yaw)[..., None]
    ahead = positions[:, 1:] + torch.stack(
        [features[:, :-1, 1], torch.zeros_like(yaw), features[:, :-1, 2]], dim=-1
    ).unsqueeze(2)
    x, y, z = ahead.unbind(-1)
    turned = torch.stack([c * x - s * z, y, s * x + c * z], dim=-1)
    return turned - positions[:, :-1]
