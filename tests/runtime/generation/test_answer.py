"""An answer that is stopped: whenever and however, its text, its codes and its poses are of the same frames."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np
import pytest

from kinetoken import EngineError, Generation, Generator, MotionChunk
from kinetoken.chat.session import Session
from kinetoken.tokens.markup import read_strictly, salvage
from writers import Breaking

LONG: dict[str, Any] = {
    "min_blocks": 2, "block_code_frames": 4, "code_frames": 8, "max_thought": 5, "max_pause": 4, "temperature": 2.0,
}  # fmt: skip


def check(stream: Generation, generator: Generator, levels: int = 4) -> int:
    """What is left of an answer is one that decodes, of the frames that were handed out; how many."""
    clip, motion = stream.clip(), generator.manifest.motion
    assert clip.text == stream.text
    total, codes = len(motion.levels), motion.levels[0][1] - motion.levels[0][0]
    frames = read_strictly(clip.text, total, codes, levels).frames
    handed = np.zeros((0, total)) if clip.codes is None else clip.codes
    np.testing.assert_array_equal(np.array(frames).reshape(-1, total), handed)
    assert len(clip) == len(handed) * generator.manifest.codec.stride == stream.stats.frames
    assert "<move></move>" not in clip.text
    assert stream.stats.motion_tokens == len(frames) * levels + 2 * clip.text.count("<move>")
    assert list(stream) == []
    return len(frames)


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize("lookahead", [0, None])
def test_ctrl_c_at_every_token(generator: Generator, levels: int, lookahead: int | None) -> None:
    parts = generator.bundle
    if lookahead is not None:
        parts = dataclasses.replace(parts, decoder=parts.decoder.with_lookahead(lookahead))
    counts = []
    for after in range(200):
        breaking = Breaking(parts, after, KeyboardInterrupt())
        stream = Generator(breaking.bundle).stream("walk", seed=3, levels=levels, **LONG)
        try:
            for _ in stream:
                pass
        except KeyboardInterrupt:
            counts.append(check(stream, generator, levels))
            assert breaking.closed
        else:
            break
    assert check(stream, generator, levels) == 8, "the end of the answer"
    assert counts == sorted(counts)
    assert len(counts) >= 8 * levels + 4


@pytest.mark.parametrize("lookahead", [0, None])
def test_closed_at_every_chunk(generator: Generator, lookahead: int | None) -> None:
    parts = generator.bundle
    if lookahead is not None:
        parts = dataclasses.replace(parts, decoder=parts.decoder.with_lookahead(lookahead))
    whole = list(Generator(parts).stream("walk", seed=3, **LONG))
    for count in range(len(whole) + 1):
        stream = Generator(parts).stream("walk", seed=3, **LONG)
        chunks = [next(stream) for _ in range(count)]
        stream.close()
        check(stream, generator)
        assert len(stream.clip()) == sum(
            len(chunk.joints) for chunk in chunks if isinstance(chunk, MotionChunk)
        )
        assert stream.thought == "".join(
            chunk.text for chunk in chunks if not isinstance(chunk, MotionChunk)
        )


def test_one_that_never_began(generator: Generator) -> None:
    breaking = Breaking(generator.bundle, 0, KeyboardInterrupt())
    stream = Generator(breaking.bundle).stream("walk", seed=3)
    stream.close()
    assert check(stream, generator) == 0
    assert (stream.text, breaking.closed) == ("", 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_stopped_in_the_middle_of_a_frame_that_is_decoded(
    generator: Generator, error: type[BaseException]
) -> None:
    """The codes are known, the poses are not yet there."""
    parts = generator.bundle

    class Session:
        left = 5

        def run(self, value: np.ndarray) -> np.ndarray:
            self.left -= 1
            if self.left < 0:
                raise error
            return parts.decoder.session.run(value)

    decoder = dataclasses.replace(parts.decoder, session=Session())
    stream = Generator(dataclasses.replace(parts, decoder=decoder)).stream("walk", seed=3, **LONG)
    with pytest.raises(error):
        for _ in stream:
            pass
    assert check(stream, generator) == 5


def test_an_engine_that_fails_hands_out_all_that_is_whole(generator: Generator) -> None:
    for after in range(0, 40, 3):
        breaking = Breaking(generator.bundle, after, EngineError("it broke"))
        stream = Generator(breaking.bundle).stream("walk", seed=3, **LONG)
        with pytest.raises(EngineError, match="it broke"):
            for _ in stream:
                pass
        assert check(stream, generator) >= (after - 16) // 4


def test_frames_of_any_depth(generator: Generator) -> None:
    for after in range(0, 40, 3):
        breaking = Breaking(generator.bundle, after, KeyboardInterrupt())
        asked: dict[str, Any] = {"frames": "prefix", "seconds": 2.0, "max_thought": 3}
        stream = Generator(breaking.bundle).stream("walk", seed=after, **asked)
        with contextlib.suppress(KeyboardInterrupt):  # or it ended before
            for _ in stream:
                pass
        clip = stream.clip()
        read = salvage(
            clip.text,
            4,
            generator.manifest.motion.levels[0][1] - generator.manifest.motion.levels[0][0],
        )
        assert read.left_out == []
        codes = np.zeros((0, 4)) if clip.codes is None else clip.codes
        np.testing.assert_array_equal(np.array(read.frames).reshape(-1, 4), codes)


def test_a_clip_taken_on_the_way_is_of_one_piece_too(generator: Generator) -> None:
    stream = generator.stream("walk", seed=3, **LONG)
    motion = generator.manifest.motion
    for _ in stream:
        clip = stream.clip()
        frames = read_strictly(clip.text, 4, motion.levels[0][1] - motion.levels[0][0]).frames
        assert len(clip) == len(frames) * generator.manifest.codec.stride
    assert stream.clip().text == stream.text


def test_history_has_all_that_was_written(generator: Generator) -> None:
    """Frames that the decoder held back were written whole: the model is shown them."""
    breaking = Breaking(generator.bundle, 18, KeyboardInterrupt())
    session = Session(Generator(breaking.bundle), keep_state=False)
    turn = session.say("walk", seed=3, **LONG)
    with pytest.raises(KeyboardInterrupt):
        for _ in turn:
            pass
    said = turn.said
    assert said is not None
    starts = generator.bundle.vocabulary.levels[0]
    assert sum(token in starts for token in said.answer) >= check(turn, generator)
    assert session.history == (said,)
