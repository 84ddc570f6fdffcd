"""Streamed equals offline, over every way of cutting, through the real graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.base.errors import BundleError, EngineError, InputError, TokenError
from kinetoken.codec.codebooks import Codebooks
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.codec.normalizer import Normalizer
from kinetoken.engines.load_options import LoadOptions
from kinetoken.engines.scripted import FunctionSession
from kinetoken.generation.bundle import open_codec
from kinetoken.generation.motion_stream import MotionRun, decode_clip


@pytest.fixture(scope="module")
def decoder(tiny: Path) -> MotionDecoder:
    return open_codec(tiny, LoadOptions(threads=1))[1]


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(1).integers(-1, 16, (23, 4))


def in_one_pass(folder: Path, decoder: MotionDecoder, codes: np.ndarray) -> np.ndarray:
    """The graph run once over the whole motion."""
    session = ort.InferenceSession(str(folder / "decoder.onnx"), providers=["CPUExecutionProvider"])
    out = session.run(None, {"latents": decoder.codebooks.latents(codes)[None]})[0][0]
    return np.asarray(decoder.normalizer.denormalize(out))


def pieces(codes: np.ndarray, cuts: set[int]) -> list[np.ndarray]:
    return np.split(codes, sorted(cuts))


@given(cuts=st.sets(st.integers(0, 23)))
def test_every_cutting_gives_the_features_of_one_pass(
    tiny: Path, decoder: MotionDecoder, codes: np.ndarray, cuts: set[int]
) -> None:
    run = decoder.start()
    streamed = [run.push(piece) for piece in pieces(codes, cuts)]
    features = np.concatenate([*streamed, run.finish()])
    np.testing.assert_allclose(features, in_one_pass(tiny, decoder, codes), atol=1e-5)
    np.testing.assert_array_equal(
        features, decoder.decode(codes)
    )  # and to the last bit among each other


@given(cuts=st.sets(st.integers(0, 23)), lookahead=st.integers(0, 1))
def test_a_smaller_lookahead_streams_as_it_decodes(
    decoder: MotionDecoder, codes: np.ndarray, cuts: set[int], lookahead: int
) -> None:
    sooner = decoder.with_lookahead(lookahead)
    run = sooner.start()
    features = np.concatenate([*(run.push(piece) for piece in pieces(codes, cuts)), run.finish()])
    np.testing.assert_array_equal(features, sooner.decode(codes))
    assert len(sooner.start().push(codes[:3])) == (3 - lookahead) * 4


def test_what_is_not_waited_for_is_taken_as_the_end_of_the_motion(
    decoder: MotionDecoder, codes: np.ndarray
) -> None:
    now = decoder.with_lookahead(0).decode(codes)
    for frame in (0, 5, 22):
        np.testing.assert_array_equal(
            now[4 * frame : 4 * frame + 4], decoder.decode(codes[: frame + 1])[4 * frame :]
        )
    assert np.abs(now[:-4] - decoder.decode(codes)[:-4]).max() > 1e-3


def test_a_lookahead_can_be_chosen_and_taken_back(
    decoder: MotionDecoder, codes: np.ndarray
) -> None:
    back = decoder.with_lookahead(0).with_lookahead(1)
    assert (back.lookahead, back.exact) == (1, 1)
    np.testing.assert_array_equal(back.decode(codes), decoder.decode(codes))
    for wrong in (-1, 2):
        with pytest.raises(InputError, match="expected 0 to 1"):
            decoder.with_lookahead(wrong)
    with pytest.raises(BundleError, match="lookahead"):
        MotionDecoder(decoder.session, decoder.codebooks, decoder.normalizer, 4, 2, 3, 1)


def test_features_come_as_soon_as_the_lookahead_allows(
    decoder: MotionDecoder, codes: np.ndarray
) -> None:
    run = decoder.start()
    assert [len(run.push(codes[i : i + 1])) for i in range(4)] == [0, 4, 4, 4]
    assert len(run.finish()) == 4
    assert len(run.finish()) == 0


def test_the_cost_of_a_frame_stays_flat(decoder: MotionDecoder) -> None:
    """What the graph is given never grows beyond past + 1 + lookahead latents."""
    widths: list[int] = []

    def measured(latents: np.ndarray) -> np.ndarray:
        widths.append(latents.shape[1])
        return np.zeros((1, latents.shape[1] * 4, 263), np.float32)

    run = MotionDecoder(
        FunctionSession(measured), decoder.codebooks, decoder.normalizer, 4, 2, 1
    ).start()
    for _ in range(100):
        run.push(np.zeros((1, 4), np.int64))
    assert len(widths) == 99
    assert max(widths) == 4
    assert len(run._latents) <= 4


@given(cuts=st.sets(st.integers(0, 23)))
def test_chunks_join_to_the_offline_clip(
    decoder: MotionDecoder, codes: np.ndarray, cuts: set[int]
) -> None:
    run = MotionRun(decoder)
    chunks = [
        c
        for c in (*(run.push(p.tolist()) for p in pieces(codes, cuts)), run.finish())
        if c is not None
    ]
    clip = decode_clip(decoder, codes.tolist())
    np.testing.assert_allclose(np.concatenate([c.joints for c in chunks]), clip.joints, atol=1e-6)
    np.testing.assert_array_equal(np.concatenate([c.codes for c in chunks]), codes)
    assert [c.start for c in chunks] == np.cumsum(
        [0, *(len(c.joints) for c in chunks[:-1])]
    ).tolist()
    assert all(len(c.codes) * 4 == len(c.features) == len(c.joints) for c in chunks)


def test_two_motions_at_once_do_not_mix(decoder: MotionDecoder, codes: np.ndarray) -> None:
    one, two = decoder.start(), decoder.start()
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for first, second in zip(codes, codes[::-1], strict=True):
        parts[0].append(one.push(first[None]))
        parts[1].append(two.push(second[None]))
    np.testing.assert_array_equal(np.concatenate([*parts[0], one.finish()]), decoder.decode(codes))
    np.testing.assert_array_equal(
        np.concatenate([*parts[1], two.finish()]), decoder.decode(codes[::-1])
    )


def test_a_missing_level_adds_nothing() -> None:
    table = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    latents = Codebooks(table).latents(np.array([[1, 2], [1, -1], [-1, -1]]))
    np.testing.assert_array_equal(latents, [table[0, 1] + table[1, 2], table[0, 1], [0, 0]])


@pytest.mark.parametrize("codes", [[[3, 0]], [[0, -2]], [[0]], [0, 0]])
def test_codes_of_another_codec_are_refused(codes: list[object]) -> None:
    with pytest.raises(TokenError, match="expected codes"):
        Codebooks(np.zeros((2, 3, 2), np.float32)).latents(np.array(codes))


def test_broken_tables_and_graphs_are_refused(decoder: MotionDecoder) -> None:
    with pytest.raises(BundleError, match="codebooks"):
        Codebooks(np.full((1, 2, 2), np.nan, np.float32))
    with pytest.raises(BundleError, match="mean and std"):
        Normalizer(np.zeros(3, np.float32), np.zeros(4, np.float32))
    with pytest.raises(BundleError, match="NaN"):
        Normalizer(np.full(3, np.inf, np.float32), np.zeros(3, np.float32))
    short = FunctionSession(lambda latents: latents)
    run = MotionDecoder(short, decoder.codebooks, decoder.normalizer, 4, 2, 0).start()
    with pytest.raises(EngineError, match="expected features"):
        run.push(np.zeros((1, 4), np.int64))


def test_a_lookahead_beyond_the_codecs_own_is_refused(tiny: Path) -> None:
    assert open_codec(tiny, LoadOptions(lookahead=0))[1].lookahead == 0
    for wrong in (-1, 2):
        with pytest.raises(InputError, match=f"expected 0 to 1 latent frames, got {wrong}"):
            open_codec(tiny, LoadOptions(lookahead=wrong))
