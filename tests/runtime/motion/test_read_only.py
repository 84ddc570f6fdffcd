"""Arrays that are handed out are read-only: who writes into a chunk does not change the clip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kinetoken
from kinetoken.motion.transition import Transition
from synthetic_motion import walking


def _arrays(owner: Any, *names: str) -> Iterator[np.ndarray]:
    for name in names:
        array = getattr(owner, name)
        assert array is not None
        yield array


def _check(arrays: Iterator[np.ndarray]) -> None:
    for array in arrays:
        assert array.size
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_chunks_and_clips(generator: kinetoken.Generator) -> None:
    generation = generator.stream("a person waves", seed=3, seconds=1)
    for chunk in generation:
        if isinstance(chunk, kinetoken.MotionChunk):
            _check(_arrays(chunk, "joints", "features", "codes"))
    clip = generation.clip()
    _check(_arrays(clip, "joints", "features", "codes"))
    _check(_arrays(clip.foot_locked(), "joints"))


def test_a_clip_does_not_freeze_the_arrays_of_its_maker() -> None:
    joints = np.asarray(walking(4), np.float32).copy()
    clip = kinetoken.Clip(joints)
    joints[0, 0, 0] = 5.0  # still its maker's
    _check(_arrays(clip, "joints"))


def test_what_is_loaded_and_where_the_body_stands(generator: kinetoken.Generator) -> None:
    decoder = generator.bundle.decoder
    _check(_arrays(decoder.codebooks, "table"))
    _check(_arrays(decoder.normalizer, "mean", "std"))
    run = Transition().start()
    run.push(walking(4))
    _check(_arrays(run, "shown"))
