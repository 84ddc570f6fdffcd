"""A block that stands for fewer frames than its codes decode to: the rest is cut, streamed or not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kinetoken
from kinetoken import Generator
from kinetoken.base.errors import InputError
from kinetoken.cli.main import main
from kinetoken.generation.motion_stream import MotionRun, decode_clip
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.tokens.markup import read_strictly
from tiny_bundle import STRIDE, build_tiny_bundle

FRAMES = 10  # of a block of three code frames, which decode to twelve
SIZE = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build_tiny_bundle(tmp_path_factory.mktemp("blocks") / "bundle")
    path = folder / "bundle.json"
    data = json.loads(path.read_text())
    data["codec"]["block_frames"] = FRAMES
    path.write_text(json.dumps(data))
    return folder


@pytest.fixture(scope="module")
def blocks(folder: Path) -> Generator:
    return kinetoken.load(folder)


def test_seconds_count_what_comes_out(blocks: Generator) -> None:
    for seconds in (0.5, 1.0, 2.5):
        clip = blocks.generate("walk", seconds=seconds, seed=1, max_thought=2)
        assert clip.seconds == seconds
        assert clip.codes is not None
        assert len(clip.codes) == SIZE * seconds * 2
    free = blocks.generate("walk", seed=2, max_thought=2)
    assert len(free) % FRAMES == 0
    assert len(free) / 20 <= blocks.manifest.defaults.max_seconds
    least = blocks.generate("walk", min_seconds=1.0, max_seconds=1.7, seed=2, max_thought=2)
    assert 1.0 <= least.seconds <= 1.7


def test_streamed_is_offline_over_every_cut(blocks: Generator) -> None:
    decoder = blocks.bundle.decoder
    codes = np.random.default_rng(3).integers(0, 16, (8, 4)).tolist()
    numbers = [0, 0, 0, 0, 1, 1, 2, 2]  # longer than a block stands for, and shorter
    whole = decode_clip(replace(decoder, block_frames=None), codes)
    assert whole.features is not None
    kept = [*range(FRAMES), *range(4 * STRIDE, 8 * STRIDE)]
    for lookahead in range(decoder.exact + 1):
        aside = decoder.with_lookahead(lookahead)
        whole = decode_clip(replace(aside, block_frames=None), codes)
        expected = decode_clip(aside, codes, numbers)
        assert whole.features is not None
        assert expected.features is not None
        assert np.array_equal(expected.features, whole.features[kept])
        for cuts in range(2**7):
            run, chunks, at = MotionRun(aside), list[MotionChunk | None](), 0
            for end in range(1, 9):
                if end == 8 or cuts >> (end - 1) & 1 or numbers[end] != numbers[end - 1]:
                    chunks.append(run.push(codes[at:end], numbers[at]))
                    at = end
            clip = Clip.from_chunks(c for c in (*chunks, run.finish()) if c is not None)
            assert np.array_equal(clip.features, expected.features)
            assert np.allclose(clip.joints, expected.joints, atol=1e-6)
            assert np.array_equal(clip.codes, codes)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60))
def test_an_answer_that_is_stopped_agrees_with_itself(blocks: Generator, after: int) -> None:
    stream = blocks.stream("walk", seed=4, seconds=2.0, max_thought=2)
    for _ in range(after):
        if next(stream, None) is None:
            break
    stream.close()
    clip = stream.clip()
    frames = read_strictly(clip.text, 4, 16).frames
    assert clip.codes is None or np.array_equal(clip.codes, frames)
    assert len(clip) == stream.stats.frames
    full, rest = divmod(len(frames), SIZE)
    assert len(clip) == full * FRAMES + rest * STRIDE


def test_decode_cuts_as_the_answer_did(blocks: Generator, folder: Path, tmp_path: Path) -> None:
    clip = blocks.generate("walk", seconds=1.5, seed=5, max_thought=2)
    (tmp_path / "answer.txt").write_text(clip.text, encoding="utf-8")
    out = tmp_path / "again.npz"
    asked = ["decode", str(tmp_path / "answer.txt"), "-o", str(out), "--bundle", str(folder)]
    assert main(asked) == 0
    again = Clip.load(out)
    assert np.allclose(again.joints, clip.joints, atol=1e-5)
    assert np.array_equal(again.codes, clip.codes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code_frames": 4}, "in blocks of 3 code frames; ask for a multiple"),
        ({"block_seconds": 1.0}, "every block of this model is 0.5 s long"),
        ({"seconds": 0.1}, "less than one step of motion; ask for at least 0.5"),
    ],
)
def test_lengths_that_no_block_has_are_refused(
    blocks: Generator, options: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        blocks.generate("walk", **options)  # type: ignore[arg-type]
