"""Feature windows for the codec: training clips, mirrored and time-warped, cut anew each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from kinetoken.base.atomic_file import atomic_path
from kinetoken.cli.terminal import progress
from kinetoken.motion.features import CONTACTS, POSITIONS

from ...data.augment import Features, bent, to_features, variants
from ...data.clips import load_clips, training_clips
from ...data.cutting import Window
from ..loading import loaded

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
_USUAL: Final = 64  # frames: shorter clips are drawn as often as clips of this length
_SHORTEST: Final = 16  # frames; less is no motion
_ACTIONS_SHARE: Final = 0.35  # of what is drawn: windows of actions, the rest is whole clips
# Heads and shoulders follow the body in most of the capture. Drawn like the others, these come out
# of the codec as standing still.
_SMALL_GESTURES: Final = frozenset({"nod", "shake_head", "look_around", "shrug", "shiver"})
_OFTEN: Final = 12.0
_BLEND: Final = 8  # frames over which a repetition is led in


@dataclass(frozen=True)
class CodecRows:
    """Feature rows of many motions, and how often each motion is drawn."""

    rows: Features
    """(N, 263), one motion after the other."""
    starts: NDArray[np.int64]
    """(motions + 1,): each motion's first row, and N."""
    shares: NDArray[np.float64]
    """(motions,), of sum 1."""


def codec_rows(work: Path, windows: Iterable[Window] = ()) -> CodecRows:
    """All training motions of `work`: its clips, varied, and the windows of actions; made once."""
    path = work / "codec_rows.npz"
    if not path.is_file():
        clips = list(_clip_rows(work))
        actions = list(windows)
        counts = Counter(w.action for w in actions)
        lengths = np.array([max(len(p), _USUAL) for p in clips], np.float64)
        # Every action alike would tire the few windows of rare ones.
        often = np.array([_OFTEN if w.action in _SMALL_GESTURES else 1.0 for w in actions])
        rare = often / np.sqrt([counts[w.action] for w in actions])
        share = _ACTIONS_SHARE if actions else 0.0
        shares = [lengths / lengths.sum() * (1 - share), rare / max(rare.sum(), 1e-9) * share]
        parts = clips + [w.features for w in actions]
        starts = np.concatenate([[0], np.cumsum([len(p) for p in parts])])
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, rows=np.concatenate(parts), starts=starts, shares=np.concatenate(shares))
    with np.load(path) as archive:
        return CodecRows(archive["rows"], archive["starts"], archive["shares"])


def _clip_rows(work: Path) -> Iterator[Features]:
    bends = np.random.default_rng(3)
    for _, joints in progress(list(training_clips(load_clips(work))), "features"):
        for version in variants(joints, _RATIOS):
            rows = to_features(version)
            yield rows
            if _travels_straight(rows):
                yield bent(rows, float(bends.choice(_BENDS)))


def _travels_straight(rows: NDArray[np.float32]) -> bool:
    return bool(rows[:, 2].mean() * 20 > 0.6 and abs(rows[:, 0].sum()) < 0.3)


def feature_statistics(rows: Features) -> tuple[Features, Features]:
    """Mean and Std (263,) as HumanML3D takes them, Std averaged within each kind of feature."""
    mean = rows.mean(axis=0, dtype=np.float64)
    std = rows.std(axis=0, dtype=np.float64)
    for group in _GROUPS:
        std[group] = std[group].mean()
    return mean.astype(np.float32), std.astype(np.float32)


class Windows:
    """Random windows (B, frames, 263) of the training motions, some with another motion's arms."""

    def __init__(self, motions: CodecRows, frames: int, seed: int) -> None:
        self.rows, self.frames = motions.rows, frames
        lengths = np.diff(motions.starts)
        long_enough = lengths >= _SHORTEST
        spans = np.stack([motions.starts[:-1], lengths], axis=1)[long_enough]
        self.spans = [(int(a), int(n)) for a, n in spans]
        self.shares = motions.shares[long_enough] / motions.shares[long_enough].sum()
        self.random = np.random.default_rng(seed)

    def draw(self, batch: int, swap_arms: float = 0.25) -> Tensor:
        """One batch (B, frames, 263), denormalised."""
        chosen = self.random.choice(len(self.spans), size=batch, p=self.shares)
        out = np.stack([self._window(*self.spans[i]) for i in chosen])
        windows = torch.from_numpy(out)
        swapped = int(batch * swap_arms)
        if swapped:
            windows[:swapped] = with_arms_of(windows[:swapped], windows[-swapped:])
        return windows

    def _window(self, start: int, length: int) -> Features:
        if length >= self.frames:
            at = start + int(self.random.integers(length - self.frames + 1))
            return self.rows[at : at + self.frames]
        rows = self.rows[start : start + length]
        # Short motions are repeated until they fill a window, each time led in from where the last
        # one ended: a seam would teach the codec to jump.
        parts = [rows] + [_led_in(rows[-1], rows)] * (self.frames // length)
        return np.concatenate(parts)[: self.frames]


class _DrawnWindows(IterableDataset[Tensor]):
    """Endless batches of windows; each worker process draws others."""

    def __init__(self, windows: Windows, batch: int) -> None:
        self._windows, self._batch = windows, batch
        self._seed = int(windows.random.integers(2**62))

    def __iter__(self) -> Iterator[Tensor]:
        worker = get_worker_info()
        if worker is not None:
            self._windows.random = np.random.default_rng((self._seed, worker.id))
        while True:
            yield self._windows.draw(self._batch)


def drawn_windows(windows: Windows, batch: int, workers: int) -> Iterator[Tensor]:
    """Endless batches (B, frames, 263), drawn by `workers` processes, or by this one if 0."""
    return loaded(_DrawnWindows(windows, batch), workers)


def _led_in(end: Features, rows: Features) -> Features:
    """Rows (T, 263) whose difference from the row `end` fades in over the first frames."""
    out = rows.copy()
    fade = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, _BLEND + 2)[1:-1, None])
    out[:_BLEND] += (end - rows[0]) * fade.astype(np.float32)
    out[:_BLEND, CONTACTS] = rows[:_BLEND, CONTACTS]
    return out


def with_arms_of(body: Tensor, donor: Tensor) -> Tensor:
    """Windows (B, T, 263) of `body` with the arms of `donor`, velocities made to agree."""
    out = body.clone()
    positions = out[..., POSITIONS].reshape(*out.shape[:2], 21, 3)
    theirs = donor[..., POSITIONS].reshape(*out.shape[:2], 21, 3)
    for joint in _ARMS:
        positions[..., joint - 1, :] = (
            theirs[..., joint - 1, :] - theirs[..., _CHEST - 1, :] + positions[..., _CHEST - 1, :]
        )
        rotation = slice(67 + (joint - 1) * 6, 67 + joint * 6)
        out[..., rotation] = donor[..., rotation]
    out[..., POSITIONS] = positions.flatten(2)
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
