"""The bundle that ships: it obeys, it streams, it repeats itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinetoken
from kinetoken_export.demo.data.judges import Evidence
from kinetoken_export.demo.training.exam_verdicts import admits, does
from kinetoken_export.demo.words.exam_questions import read_questions

EXAM = Path(__file__).parents[1] / "export" / "exam" / "eighth"


@pytest.fixture(scope="module")
def demo() -> kinetoken.Generator:
    """The demo bundle, on one thread."""
    return kinetoken.load(threads=1)


def test_it_obeys_the_wordings_of_the_last_exam(demo: kinetoken.Generator) -> None:
    """One sample of every wording of an old action: six in seven obey, on any processor.

    The full examination is `kinetoken train-demo evaluate`; this one catches a broken export.
    """
    asked = [q for q in read_questions(EXAM) if q.part == "old"]
    failed = [q.wording for q in asked if not does(q, demo.generate(q.wording, seed=1), "")]
    assert len(asked) >= 100
    assert len(failed) <= len(asked) / 7, failed


def test_it_says_what_it_cannot_do(demo: kinetoken.Generator) -> None:
    asked = [q for q in read_questions(EXAM) if q.part == "unknown"][::10]
    honest = [q.wording for q in asked if admits(_thought(demo, q.wording))]
    assert len(honest) >= 0.6 * len(asked), honest


def _thought(demo: kinetoken.Generator, prompt: str) -> str:
    generation = demo.stream(prompt, seed=1, seconds=2)
    for _ in generation:
        pass
    return generation.thought


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
