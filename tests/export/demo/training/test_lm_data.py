"""What a coded window may teach of counts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken_export.demo.data.exercises import EXERCISE_ACTS
from kinetoken_export.demo.data.makers.script import Script
from kinetoken_export.demo.training.coded.coded_window import CodedWindow
from kinetoken_export.demo.training.lm_data import without_unseen_counts


def test_a_count_is_taught_by_motion_that_still_shows_its_action() -> None:
    script = Script(np.random.default_rng(0), 1.0)
    next(act for act in EXERCISE_ACTS if act.action == "squat").play(script, 1)
    joints = script.joints()
    frames = joints[: len(joints) // 4 * 4].reshape(-1, 4, 22, 3)
    coder = SimpleNamespace(joints=lambda codes: np.concatenate(frames[codes[:, 0]]))
    squat = np.arange(len(frames))[:, None]
    still = np.zeros_like(squat)

    def fits(action: str) -> list[tuple[int, ...]]:
        found = [CodedWindow(codes, action, fits=(2, 3)) for codes in (squat, still)]
        return [window.fits for window in without_unseen_counts(found, coder)]

    assert fits("squat") == [(2, 3), ()]
    # Where no motion shows it, the judge cannot tell, and all stay.
    assert fits("cartwheel") == [(2, 3), (2, 3)]
