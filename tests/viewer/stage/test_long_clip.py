from __future__ import annotations

import numpy as np
import pytest

from kinetoken.motion.clip import Clip
from kinetoken_viewer.stage import long_clip
from kinetoken_viewer.stage.long_clip import (
    PIECE_FRAMES,
    FootLockAhead,
    LongClipStage,
    cut_around_middle,
    lock_feet,
    lock_feet_at,
)
from kinetoken_viewer.stage.playhead import Track
from synthetic_motion import walking


def sliding(frames: int) -> Clip:
    """A walk whose feet slide where they stand."""
    joints = walking(frames).copy()
    joints[..., 0] += 0.01 * np.sin(np.arange(frames) / 3.0)[:, None]
    return Clip(joints, prompt="a person walks")


@pytest.fixture(autouse=True)
def _short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_clip, "LONG_FRAMES", 100)
    monkeypatch.setattr(long_clip, "PROGRESS_FRAMES", 70)


def test_piece_by_piece_is_the_same_as_at_once() -> None:
    clip = sliding(500)
    whole = lock_feet(clip)
    np.testing.assert_allclose(whole.joints, clip.foot_locked().joints, atol=1e-6)
    assert whole.meta["foot_lock"] == "on"
    assert lock_feet(whole) is whole
    assert np.abs(whole.joints - clip.joints).max() > 0.002


def test_only_what_is_soon_shown_is_locked_before_it_is() -> None:
    clip = sliding(2000)
    stage = LongClipStage(clip)
    locked = clip.foot_locked().joints
    np.testing.assert_array_equal(stage.track.frames[200:], clip.joints[200:])
    for _ in range(120):
        stage.tick(0.1)
        at = int(stage.playhead.position)
        np.testing.assert_allclose(stage.track.frames[at : at + 2], locked[at : at + 2], atol=1e-6)
    assert stage.playhead.position == 240.0
    np.testing.assert_allclose(stage.clip.joints, locked, atol=1e-6)


def test_a_seek_is_locked_where_it_goes() -> None:
    clip = sliding(2000)
    track = Track(clip.joints)
    feet = FootLockAhead(clip, track)
    locked = clip.foot_locked().joints
    for at in (1500, 1501, 300, 1999):
        feet.reach(float(at), budget=0.0)
        np.testing.assert_allclose(track.frames[at : at + 2], locked[at : at + 2], atol=0.02)
    np.testing.assert_array_equal(track.frames[600:1400], clip.joints[600:1400])
    feet.reach(0.0, budget=0.0)
    np.testing.assert_allclose(track.frames[:PIECE_FRAMES], locked[:PIECE_FRAMES], atol=1e-6)


def test_a_still_of_a_long_clip_needs_only_its_middle() -> None:
    clip = Clip(
        np.tile(walking(100), (70, 1, 1)).astype(np.float32),
        features=np.zeros((7000, 263), np.float32),
    )
    piece, begin = cut_around_middle(clip)
    assert len(piece) == len(piece.features) < 500
    assert begin + piece.seconds / 2 == pytest.approx(clip.seconds / 2)
    np.testing.assert_array_equal(piece.joints, clip.joints[round(begin * 20) :][: len(piece)])
    assert cut_around_middle(piece) == (piece, 0.0)


def test_a_strip_of_a_long_clip_is_locked_where_it_looks() -> None:
    clip = Clip(np.tile(walking(100), (70, 1, 1)).astype(np.float32))
    whole, some = clip.foot_locked(), lock_feet_at(clip, [30.0, 6999.0])
    np.testing.assert_allclose(some.joints[30:32], whole.joints[30:32], atol=1e-6)
    np.testing.assert_array_equal(some.joints[32:6999], clip.joints[32:6999])
    assert lock_feet_at(Clip(walking(40)), [3.0]).meta["foot_lock"] == "on"
