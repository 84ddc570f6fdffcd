"""Filters keep what they say, and any logits whatever give a choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from kinetoken.sampling import filters
from kinetoken.sampling.sampler import Sampler

ANY_LOGITS = npst.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32))
LOGITS = npst.arrays(np.float64, st.integers(1, 40), elements=st.floats(-50, 50))
SAMPLERS = st.builds(
    Sampler,
    temperature=st.sampled_from([0.0, 1e-300, 0.5, 1.0, 100.0]),
    top_k=st.none() | st.integers(1, 50),
    top_p=st.none() | st.floats(1e-9, 1.0),
    min_p=st.none() | st.floats(1e-9, 1.0),
)


def probabilities(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


@given(SAMPLERS, ANY_LOGITS, st.integers(0, 2**63 - 1))
def test_any_logits_give_a_choice_that_is_not_nan(
    sampler: Sampler, logits: np.ndarray, seed: int
) -> None:
    index = sampler.start(seed).pick(logits)
    assert 0 <= index < len(logits)
    if not np.isnan(logits).all():
        assert not np.isnan(logits[index])
    if np.isfinite(logits).any():
        assert logits[index] != -np.inf


def test_infinity_wins_and_nothing_left_is_a_fair_draw() -> None:
    run = Sampler(temperature=1.0).start(0)
    assert {run.pick(np.array([1, np.inf, np.nan, np.inf])) for _ in range(50)} == {1, 3}
    assert {run.pick(np.full(3, -np.inf)) for _ in range(60)} == {0, 1, 2}
    assert {run.pick(np.full(3, np.nan)) for _ in range(60)} == {0, 1, 2}


def test_temperature_0_is_greedy_and_the_first_of_equals_wins() -> None:
    run = Sampler(temperature=0.0).start(1)
    assert [run.pick(np.array([0.0, 3.0, 3.0, 1.0])) for _ in range(5)] == [1] * 5


def test_one_draw_per_token_whatever_the_choice_was() -> None:
    """Forced and greedy tokens draw too, so engines and options stay in step."""
    free = np.zeros(7)
    for first in (np.zeros(1), np.zeros(3), np.full(9, np.nan)):
        run = Sampler(temperature=1.0).start(5)
        run.pick(first)
        again = np.random.Generator(np.random.PCG64(5))
        again.random()
        assert run.pick(free) == int(again.random() * 7)


@pytest.mark.parametrize("draw", [0.0, 1.0 - 2.0**-53])
def test_the_ends_of_the_draw_never_hit_what_is_impossible(
    draw: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fixed:
        def random(self, count: int) -> NDArray[np.float64]:
            return np.full(count, draw)

    monkeypatch.setattr("numpy.random.Generator", lambda bits: Fixed())
    run = Sampler(temperature=1.0).start(0)
    assert run.pick(np.array([-np.inf, 0.0, -np.inf])) == 1


def test_frequencies_follow_the_probabilities() -> None:
    logits, run = np.log(np.array([0.5, 0.3, 0.2])), Sampler(temperature=1.0).start(2)
    counts = np.bincount([run.pick(logits) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(counts, [0.5, 0.3, 0.2], atol=0.03)


@given(LOGITS, st.integers(1, 40))
def test_top_k_keeps_the_best(logits: np.ndarray, k: int) -> None:
    kept = np.isfinite(filters.keep_top_k(logits, k))
    limit = np.sort(logits)[::-1][min(k, len(logits)) - 1]
    np.testing.assert_array_equal(kept, logits >= limit)


@given(LOGITS, st.floats(1e-6, 1.0))
def test_top_p_keeps_the_fewest_that_suffice(logits: np.ndarray, p: float) -> None:
    kept = np.isfinite(filters.keep_top_p(logits, p))
    share = probabilities(logits)
    assert share[kept].sum() >= p - 1e-9
    least = share[kept].min()
    assert share[share > least].sum() < p + 1e-9
    assert least >= share[~kept].max(initial=0.0)


@given(LOGITS, st.floats(1e-6, 1.0))
def test_min_p_keeps_what_is_near_the_best(logits: np.ndarray, p: float) -> None:
    share = probabilities(logits)
    kept = np.isfinite(filters.keep_min_p(logits, p))
    sure = np.abs(share / share.max() - p) > 1e-9
    np.testing.assert_array_equal(kept[sure], (share / share.max() >= p)[sure])


@pytest.mark.parametrize("rule", [filters.keep_top_k, filters.keep_top_p, filters.keep_min_p])
def test_filters_leave_their_input_alone(rule: object) -> None:
    logits = np.array([3.0, 1.0, 2.0])
    rule(logits, 1)  # type: ignore[operator]
    np.testing.assert_array_equal(logits, [3.0, 1.0, 2.0])


@pytest.mark.parametrize("spread", [1.0, 8.0, 60.0])
@pytest.mark.parametrize(
    "sampler",
    [
        Sampler(0.5),
        Sampler(1.0, top_k=40),
        Sampler(0.5, top_p=0.9),
        Sampler(0.7, min_p=0.05),
        Sampler(100.0),
    ],
)
def test_a_large_vocabulary_is_sampled_as_if_all_of_it_were_weighed(
    sampler: Sampler, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).normal(0, spread, (20, 20_000)).astype(np.float32)
    rows[5, :] = -np.inf
    rows[5, [7, 9]] = 1.0
    rows[6, 3] = np.nan
    few = sampler.start(3)
    chosen = [few.pick(row) for row in rows]
    monkeypatch.setattr(filters, "LARGE_VOCABULARY", 10**9)
    whole = sampler.start(3)
    assert chosen == [whole.pick(row) for row in rows]
