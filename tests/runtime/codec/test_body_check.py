"""Frames that are no body are refused, wherever their chunks are cut."""

from __future__ import annotations

import numpy as np
import pytest

from kinetoken.base.errors import EngineError
from kinetoken.codec.body_check import FURTHEST_JOINT, LONGEST_STEP, BodyCheck
from tiny_bundle import STANDING

FRAMES = 12


def _motion() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((FRAMES, 263), np.float32), np.repeat(STANDING[None], FRAMES, 0).astype(float)


def _refused(features: np.ndarray, joints: np.ndarray, cut: int) -> str:
    check, begin = BodyCheck(), 0
    while begin < FRAMES:
        try:
            check.push(features[begin : begin + cut], joints[begin : begin + cut])
        except EngineError as error:
            return str(error)
        begin += cut
    pytest.fail("all frames passed")


@pytest.mark.parametrize("cut", [1, 5, FRAMES])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, 1e7])
def test_numbers_that_are_none(value: float, cut: int) -> None:
    features, joints = _motion()
    features[7, 200] = value
    assert "no body at frame 7" in _refused(features, joints, cut)
    features, joints = _motion()
    joints[7, 3, 1] = value
    assert "no body at frame 7" in _refused(features, joints, cut)


@pytest.mark.parametrize("cut", [1, 5, FRAMES])
def test_a_body_in_pieces_and_leaps(cut: int) -> None:
    features, joints = _motion()
    joints[7, 3] += FURTHEST_JOINT + 1
    assert "no body at frame 7: expected metres from pelvis to joint within 10, got 11" in _refused(
        features, joints, cut
    )
    features, joints = _motion()
    joints[7:] += LONGEST_STEP + 1
    assert "no body at frame 7: expected metres from frame to frame within 10, got 11" in _refused(
        features, joints, cut
    )


def test_a_body_passes_wherever_it_walks() -> None:
    features, joints = _motion()
    joints += np.arange(FRAMES)[:, None, None] * [3.0, 0.0, 3.0]
    check = BodyCheck()
    for frame in range(FRAMES):
        check.push(features[frame : frame + 1], joints[frame : frame + 1])
    check.push(features[:0], joints[:0])
