"""What a smaller lookahead costs, and which is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.base.errors import InputError
from kinetoken.codec.codebooks import Codebooks
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.codec.normalizer import Normalizer
from kinetoken.engines.scripted import FunctionSession
from kinetoken.manifest.schema import LookaheadError
from kinetoken.motion.features import POSITIONS, ROOT_HEIGHT, ROOT_VELOCITY, YAW
from kinetoken_export.bundle.measure_lookahead import (
    decoded_poses,
    measure_lookaheads,
    smallest_lookahead,
    table_rows,
)

REACH = 5
WEIGHTS = 0.001 * 0.5 ** np.arange(
    REACH + 1
)  # metres per unit of the latent, halved with each frame of distance


def ahead(latents: np.ndarray) -> np.ndarray:
    """Every position column is a weighted sum over the next latents; the path is wild and must not count."""
    n = latents.shape[1]
    padded = np.concatenate([latents[0, :, 0], np.zeros(REACH)])
    values = np.array([padded[t : t + REACH + 1] @ WEIGHTS for t in range(n)])
    rows = np.zeros((n, 263), np.float32)
    rows[:, POSITIONS] = values[:, None]
    rows[:, ROOT_HEIGHT] = values[:, None]
    rows[:, YAW] = rows[:, ROOT_VELOCITY] = values.sum()
    return np.repeat(rows, 2, axis=0)[None]


@pytest.fixture(scope="module")
def decoder() -> MotionDecoder:
    table = np.arange(4, dtype=np.float32).reshape(1, 4, 1)
    unit = Normalizer(np.zeros(263, np.float32), np.ones(263, np.float32))
    return MotionDecoder(
        FunctionSession(ahead), Codebooks(table), unit, stride=2, past=0, lookahead=REACH
    )


def test_distances_are_those_of_the_missing_latents(decoder: MotionDecoder) -> None:
    codes = np.random.default_rng(0).integers(4, size=(30, 1))
    errors = measure_lookaheads(decoder, [codes[:10], codes[10:], codes[:0]])
    assert [error.lookahead for error in errors] == list(range(REACH + 1))
    for error in errors:
        apart = []
        for clip in (codes[:10, 0], codes[10:, 0]):
            padded = np.concatenate([clip, np.zeros(REACH)])
            apart += [
                padded[t + error.lookahead + 1 : t + REACH + 1] @ WEIGHTS[error.lookahead + 1 :]
                for t in range(len(clip))
            ]
        # The pelvis moves in height alone, the 21 others in all three columns.
        share = (1 + 21 * np.sqrt(3)) / 22
        assert error.mean_mm == pytest.approx(np.mean(apart) * share * 1000, abs=2e-3)
        assert error.largest_mm == pytest.approx(np.max(apart) * np.sqrt(3) * 1000, abs=2e-3)
    assert errors[-1] == LookaheadError(REACH, 0.0, 0.0)


def test_the_exact_one_is_measured_against_even_where_less_is_set(decoder: MotionDecoder) -> None:
    clips = [np.ones((12, 1), np.int64)]
    assert measure_lookaheads(decoder.with_lookahead(1), clips) == measure_lookaheads(
        decoder, clips
    )


def test_a_pose_stands_over_the_origin(decoder: MotionDecoder) -> None:
    joints = decoded_poses(decoder, np.ones((9, 1), np.int64))
    np.testing.assert_array_equal(joints[:, 0, [0, 2]], 0.0)


@pytest.mark.parametrize("clips", [[], [np.zeros((0, 1), np.int64)]])
def test_without_motion_nothing_is_measured(
    decoder: MotionDecoder, clips: list[np.ndarray]
) -> None:
    with pytest.raises(InputError, match="got none"):
        measure_lookaheads(decoder, clips)


def row(lookahead: int, mean: float) -> LookaheadError:
    return LookaheadError(lookahead, mean, 3 * mean)


@pytest.mark.parametrize(
    ("means", "limit", "chosen"),
    [
        ([9, 4, 1, 0], 5.0, 1),
        ([9, 5, 4, 0], 5.0, 2),
        ([4, 3, 1, 0], 5.0, 0),
        ([9, 8, 7, 0], 5.0, 3),
        ([9, 4, 6, 0], 5.0, 3),
        ([9, 4, 1, 0], 0.5, 3),
    ],
)
def test_the_smallest_is_chosen_from_which_on_all_are_near(
    means: list[float], limit: float, chosen: int
) -> None:
    assert smallest_lookahead([row(i, mean) for i, mean in enumerate(means)], limit) == chosen


@given(exact=st.integers(0, 200))
def test_a_table_has_both_ends_and_few_rows(exact: int) -> None:
    rows = table_rows(exact)
    assert rows[0] == 0
    assert rows[-1] == exact
    assert rows == sorted(set(rows))
    assert len(rows) <= 12
