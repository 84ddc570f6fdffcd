"""The codec's report: what its measures say of motions that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken.motion.skeleton import BONE_LENGTHS, FPS, JOINT, PARENTS, Array64
from kinetoken_export.codecs.own_model import load_codec
from kinetoken_export.demo.data.motion_measures import (
    bone_error,
    fast_share,
    in_place,
    jerk,
    kept_speeds,
    quiet_frames,
    tremble,
)
from kinetoken_export.demo.training.codec.codec_report import clip_errors, codec_table
from kinetoken_export.demo.training.lm_data import Coder
from synthetic import walker

DEMO = Path(__file__).parents[5] / "export" / "checkpoints" / "demo" / "codec"


def swinging(hertz: float, metres: float, frames: int = 80) -> Array64:
    """A body whose left wrist swings to and fro along X."""
    bones = np.zeros((22, 3))
    bones[1:, 1] = BONE_LENGTHS[1:]
    pose = np.zeros((22, 3))
    for joint in range(1, 22):
        pose[joint] = pose[PARENTS[joint]] + bones[joint]
    joints = np.repeat(pose[None], frames, axis=0)
    joints[:, JOINT["left_wrist"], 0] += metres * np.sin(
        2 * np.pi * hertz * np.arange(frames) / FPS
    )
    return joints


def test_limbs_that_swing_fast_count_above_5_hz() -> None:
    assert fast_share(swinging(2.0, 0.3)) < 0.01
    assert fast_share(swinging(8.0, 0.3)) > 0.99


def test_jerk_is_that_of_a_sine() -> None:
    size = 0.3 * (2 * np.pi) ** 3
    assert jerk(swinging(1.0, 0.3, 401)) == pytest.approx(size * 2 / np.pi / 22, rel=0.05)


def test_standing_trembles_by_what_is_added() -> None:
    still = swinging(0.0, 0.0)
    noise = np.random.default_rng(0).normal(0, 0.001, still.shape)
    assert quiet_frames(still).all()
    assert not quiet_frames(swinging(2.0, 0.5)).any()
    assert tremble(still, quiet_frames(still)) == pytest.approx(0.0, abs=1e-9)
    assert 1.0 < tremble(still + noise, quiet_frames(still)) < 2.0
    assert np.isnan(tremble(still, np.zeros(len(still), bool)))


def test_half_a_blow_keeps_half_its_speed() -> None:
    whole, half = swinging(2.0, 0.6), swinging(2.0, 0.3)
    assert kept_speeds(half, whole) == pytest.approx([0.5] * len(kept_speeds(whole, whole)))
    slow = swinging(1.0, 0.3)
    assert kept_speeds(slow, slow) == []  # 3.5 m/s is never reached


def test_bones_and_place() -> None:
    body = swinging(0.0, 0.0)
    assert bone_error(body) == pytest.approx(0.0, abs=1e-9)
    assert bone_error(body * 1.1) == pytest.approx(BONE_LENGTHS[1:].mean() * 100)
    away = body + np.array([3.0, 0.0, 1.0])
    np.testing.assert_allclose(in_place(away), in_place(body), atol=1e-12)


def test_the_report_names_every_number_of_levels() -> None:
    coder = Coder(*load_codec(DEMO))
    errors = [clip_errors("a_walk", walker(80), coder)]
    facing = [level.facing for level in errors[0].levels]
    assert facing == sorted(facing, reverse=True)
    table = codec_table(errors)
    assert "| a_walk | 76 |" in table
    for label in ("captured", "1", "2", "3", "4"):
        assert f"\n| {label} | " in table
