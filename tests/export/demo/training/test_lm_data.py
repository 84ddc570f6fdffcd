"""What a coded window may teach of counts."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken_export.demo.training.coded.coded_window import CodedWindow
from kinetoken_export.demo.training.lm_data import without_unseen_counts


def test_a_count_is_taught_by_motion_that_still_shows_its_action() -> None:
    squat, turn = (CodedWindow(np.zeros((8, 4), np.int64), a) for a in ("squat", "turn_left"))
    found = [(squat, {2: True, 3: True}), (squat, {2: True, 3: False}), (turn, {2: True, 3: False})]
    # Where no motion of the action shows it, the judge cannot tell, and the count stays.
    assert [window.fits for window in without_unseen_counts(found)] == [(2, 3), (2,), (2, 3)]
