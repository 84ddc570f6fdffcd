"""The codec on held-out clips, with each number of levels: errors, jerk, trembling, fast limbs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import FPS, Array64

from ....codecs.own_model import load_codec
from ...data.augment import to_features
from ...data.clips import Joints, held_out_clips, load_clips
from ...data.motion_measures import (
    bone_error,
    fast_share,
    foot_slide,
    jerk,
    kept_speeds,
    quiet_frames,
    tremble,
)
from ..lm_data import Coder


@dataclass(frozen=True)
class MotionFigures:
    """Figures of one motion, the captured one or what a codec made of it."""

    jerk: float
    """m/s^3."""
    fast_share: float
    """Share of the limbs' motion above 5 Hz."""
    tremble: float
    """mm, while standing still; NaN where nobody does."""
    slide: float
    """m/s, of standing feet."""
    bones: float
    """mm, deviation of bone lengths."""


@dataclass(frozen=True)
class LevelErrors:
    """One held-out clip decoded with the first levels."""

    facing: float
    """mm, in each motion's own facing, so that a turned body does not count."""
    world: float
    """mm, in the world's directions, pelvis on pelvis."""
    drift: float
    """cm per second, of the root."""
    figures: MotionFigures
    kept_speeds: tuple[float, ...]
    """Share of the top speed of each blow and kick."""


@dataclass(frozen=True)
class CodecErrors:
    """One held-out clip: its own figures, and what is left of it with 1, 2, ... levels."""

    clip: str
    frames: int
    captured: MotionFigures
    levels: tuple[LevelErrors, ...]


def codec_errors(work: Path, codec: Path) -> list[CodecErrors]:
    """Errors on every held-out clip of `work`."""
    coder = Coder(*load_codec(codec))
    return [clip_errors(name, joints, coder) for name, joints in held_out_clips(load_clips(work))]


def clip_errors(name: str, joints: Joints, coder: Coder) -> CodecErrors:
    """Errors of one clip (T, 22, 3)."""
    rows = to_features(joints)
    rows = rows[: len(rows) // 4 * 4]
    codes = coder.encode(rows)
    true = recover(rows.astype(np.float64))
    levels = range(1, codes.shape[1] + 1)
    return CodecErrors(
        name,
        len(rows),
        _figures(true, true),
        tuple(_level(coder.features(codes[:, :q]), rows, true) for q in levels),
    )


def _level(decoded: NDArray[np.float32], rows: NDArray[np.float32], true: Array64) -> LevelErrors:
    joints = recover(decoded.astype(np.float64))
    drift = np.linalg.norm(joints[-1, 0, [0, 2]] - true[-1, 0, [0, 2]]) / (len(rows) / FPS)
    return LevelErrors(
        _facing_error(decoded, rows),
        root_relative(joints, true),
        float(drift * 100),
        _figures(joints, true),
        tuple(kept_speeds(joints, true)),
    )


def _figures(joints: Array64, true: Array64) -> MotionFigures:
    return MotionFigures(
        jerk(joints),
        fast_share(joints),
        tremble(joints, quiet_frames(true)),
        foot_slide(joints),
        bone_error(joints),
    )


def root_relative(a: Array64, b: Array64) -> float:
    """Mean distance (mm) of the 22 joints, pelvis on pelvis, in the world's directions."""
    return float(np.linalg.norm((a - a[:, :1]) - (b - b[:, :1]), axis=-1).mean() * 1000)


def _facing_error(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The same in each motion's own facing, so that a turned body does not count."""
    height = np.zeros((len(a), 1, 3))
    height[:, 0, 1] = a[:, 3] - b[:, 3]
    joints = (a[:, 4:67] - b[:, 4:67]).reshape(len(a), 21, 3) - height
    return float(np.linalg.norm(joints, axis=-1).sum(axis=1).mean() / 22 * 1000)


_CLIP_HEADING: Final = """\
### Codec on held-out clips: mean joint error in mm, root-relative

'facing': in each motion's own facing direction, as the features hold it; 'world': directions of the
world kept, so that a heading that drifted over a long clip counts on every joint. Drift: of the
root, cm per second.

| clip | frames | 4 levels, facing | 4 levels, world | level 0, facing | level 0, world | drift |
|---|---:|---:|---:|---:|---:|---:|"""


def codec_table(errors: list[CodecErrors]) -> str:
    """Errors of the codec on held-out clips, in Markdown: clip by clip, then by levels."""
    rows = [(e.frames, e.levels[-1], e.levels[0]) for e in errors]
    numbers = [
        [full.facing, full.world, low.facing, low.world, full.drift] for _, full, low in rows
    ]
    lines = [_CLIP_HEADING]
    for error, mine in zip(errors, numbers, strict=True):
        cells = " | ".join(f"{v:.1f}" for v in mine)
        lines.append(f"| {error.clip} | {error.frames} | {cells} |")
    table = np.array(numbers, dtype=np.float64)
    weights = np.array([frames for frames, _, _ in rows], dtype=np.float64)
    for label, means in (
        ("mean of clips", table.mean(0)),
        ("mean of frames", weights @ table / weights.sum()),
    ):
        lines.append(f"| **{label}** | | " + " | ".join(f"**{v:.1f}**" for v in means) + " |")
    return "\n".join(lines) + "\n\n" + levels_table(errors)


_LEVELS_HEADING: Final = """\
### Motion through the codec, by levels: means over the held-out clips

Jerk: beside the clip's own. Above 5 Hz: share of the limbs' motion. Tremble: mm, where the clip
stands still. Blows and kicks: share of the top speed of wrists and feet, above 3.5 m/s.

| levels | error, facing, mm | error, world, mm | jerk (median) | above 5 Hz | tremble, mm \
| foot slide, m/s | bones, mm | speed of blows and kicks |
|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


def levels_table(errors: list[CodecErrors]) -> str:
    """Means over the clips with each number of levels and of the captured motion, in Markdown."""
    lines = [
        _LEVELS_HEADING,
        _levels_row("captured", [e.captured for e in errors], "", "", "1", "1"),
    ]
    for q in range(len(errors[0].levels)):
        mine = [e.levels[q] for e in errors]
        jerks = [m.figures.jerk / e.captured.jerk for m, e in zip(mine, errors, strict=True)]
        speeds = [speed for m in mine for speed in m.kept_speeds]
        lines.append(
            _levels_row(
                str(q + 1),
                [m.figures for m in mine],
                f"{np.mean([m.facing for m in mine]):.1f}",
                f"{np.mean([m.world for m in mine]):.1f}",
                f"{np.mean(jerks):.2f} ({np.median(jerks):.2f})",
                f"{np.mean(speeds):.0%} of {len(speeds)}" if speeds else "",
            )
        )
    return "\n".join(lines)


def _levels_row(
    label: str, figures: list[MotionFigures], facing: str, world: str, jerks: str, speeds: str
) -> str:
    still = [f.tremble for f in figures if not np.isnan(f.tremble)]
    cells = (
        label,
        facing,
        world,
        jerks,
        f"{np.mean([f.fast_share for f in figures]):.1%}",
        f"{np.mean(still):.2f}" if still else "",
        f"{np.mean([f.slide for f in figures]):.2f}",
        f"{np.mean([f.bones for f in figures]):.1f}",
        speeds,
    )
    return "| " + " | ".join(cells) + " |"
