"""Decoders that take a fixed number of latent frames: streamed equals offline, over every cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.base.errors import BundleError
from kinetoken.codec.codebooks import Codebooks
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.codec.normalizer import Normalizer
from kinetoken.engines.scripted import FunctionSession

WINDOW, STRIDE, CODES = 7, 2, 50
WEIGHTS = np.random.default_rng(3).normal(size=(WINDOW * STRIDE, WINDOW))


def window_features(latents: np.ndarray) -> np.ndarray:
    """Every output depends on every latent, and on its place in the window."""
    n = latents.shape[1]
    assert latents.shape == (1, n, 1)
    return (WEIGHTS[: n * STRIDE, :n] @ latents[0]).astype(np.float32)[None]


def whole_window_features(latents: np.ndarray) -> np.ndarray:
    assert latents.shape == (1, WINDOW, 1)
    return window_features(latents)


def make_decoder(lookahead: int = WINDOW - 1, padding: str = "repeat") -> MotionDecoder:
    table = np.random.default_rng(1).normal(size=(1, CODES, 1)).astype(np.float32)
    unit = Normalizer(np.zeros(1, np.float32), np.ones(1, np.float32))
    session = FunctionSession(window_features if padding == "none" else whole_window_features)
    decoder = MotionDecoder(
        session,
        Codebooks(table),
        unit,
        STRIDE,
        WINDOW - 1,
        WINDOW - 1,
        WINDOW - 1,
        WINDOW,
        padding,
    )
    return decoder.with_lookahead(lookahead)


def draw_codes(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).integers(CODES, size=(frames, 1))


@given(
    frames=st.integers(0, 30),
    lookahead=st.integers(0, WINDOW - 1),
    padding=st.sampled_from(["none", "repeat", "zero"]),
    data=st.data(),
)
def test_every_cutting_gives_the_same_features(
    frames: int, lookahead: int, padding: str, data: st.DataObject
) -> None:
    decoder, codes = make_decoder(lookahead, padding), draw_codes(frames)
    cuts = data.draw(st.sets(st.integers(0, frames)))
    run = decoder.start()
    parts = [run.push(piece) for piece in np.split(codes, sorted(cuts))]
    features = np.concatenate([*parts, run.finish()])
    assert features.shape == (frames * STRIDE, 1)
    np.testing.assert_array_equal(features, decoder.decode(codes))


@given(frames=st.integers(1, 30), padding=st.sampled_from(["none", "repeat", "zero"]))
def test_offline_is_the_graph_over_whole_windows(frames: int, padding: str) -> None:
    """One pass where the motion fits, else the nearest centred window."""
    decoder, codes = make_decoder(padding=padding), draw_codes(frames)
    latents = decoder.codebooks.latents(codes)
    if padding != "none":
        filler = np.repeat(latents[-1:], max(0, WINDOW - frames), axis=0)
        latents = np.concatenate([latents, filler * (padding == "repeat")])
    wanted = []
    for frame in range(frames):
        start = min(max(0, frame - WINDOW // 2), max(0, frames - WINDOW))
        out = window_features(latents[None, start : start + WINDOW])[0]
        wanted.append(out[(frame - start) * STRIDE : (frame - start + 1) * STRIDE])
    np.testing.assert_array_equal(decoder.decode(codes), np.concatenate(wanted))


@pytest.mark.parametrize("lookahead", range(WINDOW))
def test_a_frame_waits_for_its_lookahead_and_no_longer(lookahead: int) -> None:
    run, codes = make_decoder(lookahead).start(), draw_codes(40)
    done = 0
    for pushed in range(1, 41):
        done += len(run.push(codes[pushed - 1 : pushed])) // STRIDE
        waits = pushed - done
        assert waits <= lookahead
        if pushed > 2 * WINDOW:
            assert waits == min(lookahead, WINDOW - 1 - WINDOW // 2)
        assert len(run._latents) <= 2 * WINDOW


def test_a_window_shorter_than_the_lookahead_is_refused() -> None:
    good = make_decoder()
    with pytest.raises(BundleError, match="lookahead below the window"):
        MotionDecoder(good.session, good.codebooks, good.normalizer, STRIDE, 6, 7, 7, WINDOW)
