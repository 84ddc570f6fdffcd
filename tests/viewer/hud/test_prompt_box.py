from __future__ import annotations

import itertools

import numpy as np
import pytest

from kinetoken_viewer.hud.panels import word_panels
from kinetoken_viewer.hud.prompt_box import PromptBox
from kinetoken_viewer.hud.time_bar import TimeBar
from kinetoken_viewer.stage.prompt_line import PromptText
from kinetoken_viewer.stage.words import PictureWords

SIZES = [(1280, 720), (480, 320), (320, 240), (3840, 2160)]
LONG = "a person walks in a circle " * 12


@pytest.mark.parametrize("size", SIZES)
def test_the_box_lies_above_the_time_bar_and_nothing_lies_on_it(size: tuple[int, int]) -> None:
    box, bar = PromptBox.of(*size), TimeBar.of(*size)
    assert box.y + box.height < bar.y
    assert box.x > 0
    assert box.x + box.width < size[0]
    status = "   ".join(
        [
            "buffer 12.3 s",
            "60 fps",
            "17 ms",
            "RTF 12.3",
            "240 tokens/s",
            "full detail",
            "seed 1234567890",
        ]
    )
    words = PictureWords(
        "walk",
        "I go.",
        status,
        "the generator has said nothing for 12 s",
        line=PromptText("walk", 4, True),
    )
    placed = word_panels(words, *size)
    assert len(placed) == 5
    for panel in placed:
        assert panel.x >= 0
        assert panel.x + panel.image.width <= size[0]
        touches = panel.y + panel.image.height > box.y
        assert not touches or (panel.x, panel.y) == (box.x, box.y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cursor", [0, 4, 150, len(LONG)])
def test_the_cursor_is_in_sight_and_a_click_finds_its_letter(
    size: tuple[int, int], cursor: int
) -> None:
    box, line = PromptBox.of(*size), PromptText(LONG, cursor, True)
    stroke = box.cursor(line)
    assert box.x <= stroke.x
    assert stroke.x + stroke.image.width <= box.x + box.width
    assert box.y < stroke.y
    assert stroke.y + stroke.image.height < box.y + box.height
    assert box.letters_before(line, stroke.x) == cursor
    assert box.holds(stroke.x, stroke.y)


@pytest.mark.parametrize("size", SIZES)
def test_the_cursor_is_beside_the_hint_not_on_it(size: tuple[int, int]) -> None:
    box, line = PromptBox.of(*size), PromptText("", 0, True, "wave")
    seen = np.asarray(box.panel(line).image).astype(int)
    middle = seen[box.height // 4 : -box.height // 4]
    inside = box.height // 5  # behind the frame, before the letters
    letters = inside + np.flatnonzero((middle != middle[:1, inside]).any(axis=(0, 2))[inside:])
    stroke = box.cursor(line)
    assert stroke.x + stroke.image.width <= box.x + letters[0]
    assert stroke.x > box.x


def test_focus_and_words_change_the_picture() -> None:
    box = PromptBox.of(1280, 720)
    lines = (
        PromptText("", 0, False),
        PromptText("", 0, True),
        PromptText("walk", 4, True),
        PromptText("歩く", 2, True),
    )
    pictures = [np.asarray(box.panel(line).image) for line in lines]
    for first, second in itertools.pairwise(pictures):
        assert first.shape == second.shape
        assert (first != second).any()
    assert not box.holds(640, 360)
    assert box.letters_before(PromptText("", 0, True), 500.0) == 0
