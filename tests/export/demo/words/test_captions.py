"""Captions: varied, conjugated, and never a wording of the exam."""

from __future__ import annotations

import numpy as np
import pytest

from kinetoken_export.demo.data.actions import OPEN_ACTIONS
from kinetoken_export.demo.data.cutting import Window
from kinetoken_export.demo.data.judges import JUDGES
from kinetoken_export.demo.words.captions import Captions, normalized
from kinetoken_export.demo.words.exam import FIRST_EXAM, FORBIDDEN, SECOND_EXAM
from kinetoken_export.demo.words.phrases import PHRASES, THOUGHTS

NOTHING = np.zeros((4, 263), np.float32)


def window(action: str) -> Window:
    return Window(action, NOTHING, "clip", side="left", style="salsa")


@pytest.mark.parametrize("action", PHRASES)
def test_captions_are_filled_in_and_varied(action: str) -> None:
    captions = Captions(1, FORBIDDEN)
    drawn = [captions.caption(window(action)) for _ in range(200)]
    assert not any(mark in text for text in drawn for mark in "{}~")
    assert len(set(drawn)) > 150
    assert not {normalized(text) for text in drawn} & FORBIDDEN


def test_a_forbidden_wording_is_drawn_again() -> None:
    free = Captions(3)
    first = free.caption(window("jump"))
    assert Captions(3, frozenset({normalized(first)})).caption(window("jump")) != first


def test_verbs_are_conjugated() -> None:
    captions = Captions(0)
    texts = " ".join(captions.caption(window("run")) for _ in range(300)).lower()
    assert " runs " in texts
    assert "running" in texts
    assert "runing" not in texts


def test_every_action_has_a_thought_and_every_exam_action_a_judge() -> None:
    assert set(PHRASES) == set(THOUGHTS)
    assert set(FIRST_EXAM) <= set(JUDGES) | set(OPEN_ACTIONS)
    assert all(len(prompts) >= 3 for prompts in FIRST_EXAM.values())
    assert set(SECOND_EXAM) == set(FIRST_EXAM)
    assert len(FORBIDDEN) == sum(
        len(prompts) for exam in (FIRST_EXAM, SECOND_EXAM) for prompts in exam.values()
    )


def test_thoughts_speak_in_the_first_person() -> None:
    assert all(thought.startswith("I ") for thoughts in THOUGHTS.values() for thought in thoughts)
