"""The bundle that ships: it obeys, it streams, it repeats itself."""

from __future__ import annotations

import numpy as np
import pytest

import kinetoken
from kinetoken_export.demo.data.judges import Evidence
from kinetoken_export.demo.words.exam import FIRST_EXAM
from shipped_judges import SHIPPED_JUDGES


@pytest.fixture(scope="module")
def demo() -> kinetoken.Generator:
    """The demo bundle, on one thread."""
    return kinetoken.load(threads=1)


def test_it_obeys_wordings_it_was_never_trained_on(demo: kinetoken.Generator) -> None:
    """One sample of every action. The full examination is `kinetoken demo evaluate`; this one catches a broken export."""
    failed = [
        action
        for action, prompts in FIRST_EXAM.items()
        if not SHIPPED_JUDGES[action](Evidence(demo.generate(prompts[1], seed=1).joints))
    ]
    assert len(failed) <= 4, failed


@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_left_is_left(demo: kinetoken.Generator, side: str, sign: int) -> None:
    turns = [
        Evidence(demo.generate(f"a person walks in a circle to the {side}", seed=s).joints).turn
        for s in range(3)
    ]
    assert all(sign * turn > 60 for turn in turns), turns


def test_level_0_alone_still_walks(demo: kinetoken.Generator) -> None:
    clip = demo.generate("a person walks forward", seed=2, levels=1, seconds=4)
    assert Evidence(clip.joints).along > 0.4
    assert clip.codes is not None
    assert (clip.codes[:, 1:] == -1).all()


def test_the_answer_is_a_thought_and_then_motion(demo: kinetoken.Generator) -> None:
    generation = demo.stream("someone jumps", seed=3)
    kinds = [type(chunk) for chunk in generation]
    assert kinds[0] is kinetoken.TextChunk
    assert generation.thought.startswith("I ")
    assert generation.text.count("<move>") == generation.text.count("</move>") >= 1


def test_streamed_motion_is_what_the_decoder_gives_in_one_piece(demo: kinetoken.Generator) -> None:
    clip = demo.generate("a person dances", seed=4, seconds=5)
    assert clip.codes is not None
    run = demo.bundle.decoder.start()
    whole = np.concatenate([run.push(clip.codes), run.finish()])
    np.testing.assert_allclose(clip.features, whole, atol=1e-5)
    assert len(clip) == 100


def test_the_same_seed_gives_the_same_clip(demo: kinetoken.Generator) -> None:
    first, second = (demo.generate("a person waves", seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.joints, second.joints)
    assert first.text == second.text


def test_the_manifest_says_where_it_comes_from(demo: kinetoken.Generator) -> None:
    assert "mocap.cs.cmu.edu" in demo.manifest.licence.acknowledgement
    assert demo.manifest.codec.lookahead <= 1
    assert len(demo.manifest.motion.levels) == 4
