from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from kinetoken.motion.clip import Clip
from kinetoken.tokens.markup import SPELLING_NOTE
from kinetoken_viewer.hud import key_help
from kinetoken_viewer.hud.key_help import ALL_KEYS
from kinetoken_viewer.hud.name_tags import name_panels
from kinetoken_viewer.hud.panels import THOUGHT_LINES, word_panels
from kinetoken_viewer.hud.text import scale_of, stamp, wrap
from kinetoken_viewer.hud.time_bar import TimeBar
from kinetoken_viewer.stage.words import PictureWords, thought_of

STANDING = np.zeros((1, 22, 3), np.float32)
FULL = PictureWords("a person walks", "I look ahead and go.", "1.0 s", "buffering", note="saved")


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        ("I go. <move><m_0_1><m_1_7></move> There.", "I go. There."),
        ("I go.\n\n<move><m_0_1>", "I go."),
        ("<m_0_5><m_1_6>", ""),
        ("a < b, <moved>", "a < b, <moved>"),
    ],
)
def test_spoken_leaves_the_words(text: str, thought: str) -> None:
    assert thought_of(Clip(STANDING, text=text)) == thought


def test_a_clip_says_how_its_text_spells_motion() -> None:
    text = "I go. <Motion><Motion_3><Motion_7></Motion> There <move>."
    notes = {SPELLING_NOTE: "<Motion_{code}> <Motion> </Motion>"}
    assert thought_of(Clip(STANDING, text=text, meta=notes)) == "I go. There <move>."
    bare = Clip(
        STANDING, text="I <|motion_3|><|motion_7|> go.", meta={SPELLING_NOTE: "<|motion_{code}|>"}
    )
    assert thought_of(bare) == "I go."
    assert thought_of(Clip(STANDING, text=text, meta={SPELLING_NOTE: "{code}"})).endswith("There")


@pytest.mark.parametrize("size", [(1280, 720), (320, 240), (3840, 2160)])
def test_words_lie_inside_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    placed = word_panels(FULL, width, height)
    assert len(placed) == 5
    for panel in placed:
        assert panel.x >= 0
        assert panel.y >= 0
        assert panel.x + panel.image.width <= width
        assert panel.y + panel.image.height <= height


@pytest.mark.parametrize("size", [(1280, 720), (480, 320), (320, 240)])
def test_the_key_help_stands_alone_and_can_be_read(size: tuple[int, int]) -> None:
    (panel,) = word_panels(replace(FULL, help=True), *size)
    assert panel.x >= 0
    assert panel.y >= 0
    assert panel.image.width <= size[0]
    assert panel.image.height <= size[1]
    assert np.asarray(panel.image)[panel.image.height // 2, :, 3].min() > 240
    small = key_help.fitted(key_help.FEW_KEYS, (1,), scale_of(size[1]), *size)[0]
    assert (
        max(small, key_help.fitted(ALL_KEYS, (1, 2), scale_of(size[1]), *size)[0])
        >= key_help.LEGIBLE_PIXELS
    )


@pytest.mark.parametrize("size", [(1280, 720), (480, 320), (320, 240)])
def test_the_key_help_ends_with_the_licences(size: tuple[int, int]) -> None:
    about = (
        ("licence, model", "cc-by-nc-4.0 (non-commercial use only)"),
        ("licence, codec", "cc-by-nc-4.0 (non-commercial use only)"),
    )
    plain, told = (
        word_panels(replace(FULL, help=True, about=rows), *size)[0].image for rows in ((), about)
    )
    assert told.width <= size[0]
    assert told.height <= size[1]
    assert told.tobytes() != plain.tobytes()


def test_a_small_panel_leaves_the_middle_to_the_body() -> None:
    words = PictureWords(
        "a person walks in a circle and sits down " * 3,
        "I lean forward and go round. " * 20,
        "1.0 s",
        "thinking " * 9,
    )
    placed = word_panels(words, 320, 240)
    assert all(
        p.y + p.image.height < 0.4 * 240 or p.y > 0.6 * 240 or p.x > 0.6 * 320 for p in placed
    )


def test_quotation_marks_are_for_prompts() -> None:
    asked, named = (
        word_panels(words, 640, 480)[0].image
        for words in (PictureWords("walk.npz"), PictureWords(title="walk.npz"))
    )
    assert asked.width > named.width


def test_names_that_would_cover_each_other_are_staggered() -> None:
    heads = np.array([[100.0 + 12 * i, 120.0, 5.0 + 0.1 * i] for i in range(4)])
    boxes = [
        (p.x, p.y, p.x + p.image.width, p.y + p.image.height)
        for p in name_panels(["seed 1"] * 4, heads, 480)
    ]
    assert len(boxes) == 4
    for one, two in itertools.combinations(boxes, 2):
        assert one[0] >= two[2] or two[0] >= one[2] or one[1] >= two[3] or two[1] >= one[3]


def test_nothing_to_say_is_nothing_drawn() -> None:
    assert word_panels(PictureWords(), 640, 360) == []
    picture = np.full((48, 64, 3), 7, np.uint8)
    np.testing.assert_array_equal(stamp(picture, []), picture)


def test_words_change_the_picture_only_where_they_stand() -> None:
    picture = np.full((360, 640, 3), 40, np.uint8)
    placed = word_panels(PictureWords(prompt="a person walks"), 640, 360)
    changed = (stamp(picture, placed) != picture).any(axis=-1)
    assert changed.sum() > 200
    box = placed[0]
    changed[box.y : box.y + box.image.height, box.x : box.x + box.image.width] = False
    assert not changed.any()


def test_a_long_thought_shows_its_end() -> None:
    words = PictureWords(thought="one two three four five six seven eight nine ten " * 40)
    short, long = (
        word_panels(PictureWords(thought="one line"), 640, 360)[0],
        word_panels(words, 640, 360)[0],
    )
    assert long.image.height < short.image.height * (THOUGHT_LINES + 0.5)


def test_wrap_breaks_lines_and_long_words() -> None:
    lines = wrap("a bb ccc " + "x" * 300, 16, 200)
    assert lines[0].startswith("a bb ccc")
    assert "".join(lines).replace(" ", "") == "abbccc" + "x" * 300
    assert wrap("   ", 16, 100) == []


def test_time_bar_maps_the_mouse() -> None:
    bar = TimeBar.of(1280, 720)
    assert bar.share(bar.x) == 0.0
    assert bar.share(bar.x + bar.width / 2) == pytest.approx(0.5)
    assert bar.share(-99) == 0.0
    assert bar.share(9999) == 1.0
    assert bar.holds(640, bar.y + 2)
    assert not bar.holds(640, 300)
    widths = [item.width for item in bar.bars(0.25, 0.5)[:3]]
    assert widths == pytest.approx([bar.width, bar.width / 2, bar.width / 4])


def test_key_help_names_every_control() -> None:
    named = " ".join(key for key, _ in ALL_KEYS)
    for word in ("space", "left / right", "R", "L", "F", "H", "drag", "Esc"):
        assert word in named
