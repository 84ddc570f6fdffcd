"""Motion tokens in any text: strictly, with the place of the first mistake, or salvaged, with everything left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.base.errors import TokenError
from kinetoken.tokens.markup import DEFAULT_MARKUP, read_strictly, salvage

FRAME = "<m_0_1><m_1_2>"
FRAMES = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=1, max_size=6)


@given(
    st.lists(FRAMES, min_size=1, max_size=3), st.sampled_from(["", "I bow.\n", "a < b <mov> <m"])
)
def test_blocks_among_words_are_read_back(blocks: list[list[tuple[int, int]]], words: str) -> None:
    text = words + words.join(
        f"<move>{''.join(DEFAULT_MARKUP.spell_frame(f) for f in block)}</move>" for block in blocks
    )
    frames = [frame for block in blocks for frame in block]
    for read in (read_strictly, salvage):
        reading = read(text, 2, 16)
        assert reading.frames == frames
        assert reading.left_out == []
        assert reading.partial == 0


def test_frames_with_fewer_levels_are_padded_with_missing_ones() -> None:
    text = "<move><m_0_3><m_0_4></move>"
    assert read_strictly(text, 3, 16, levels=1).frames == [(3, -1, -1), (4, -1, -1)]
    assert DEFAULT_MARKUP.spell_frame((3, -1, -1)) == DEFAULT_MARKUP.spell(0, 3)


STRICT = [
    ("<m_0_1><m_1_2>", "line 1, column 1: <m_0_1>: expected <move> before it"),
    (f"<move>{FRAME}", "line 1, column 21: the end of the text: expected </move>"),
    (f"<move>{FRAME}<move>", "line 1, column 21: <move>: the block before it is still open"),
    ("words\n</move>", "line 2, column 1: </move>: no block is open"),
    ("<move><m_1_2>", "<m_1_2>: expected level 0 of frame 0"),
    (f"<move>{FRAME}<m_1_2></move>", "<m_1_2>: expected level 0 of frame 1"),
    (
        "<move><m_0_1><m_0_2></move>",
        "frame 0 has 1 of 2 levels; if all frames have 1, give --levels 1",
    ),
    (f"<move>{FRAME}<m_0_1></move>", "</move>: frame 1 has 1 of 2 levels"),
    ("<move><m_2_1></move>", "expected levels 0..1 and codes 0..15"),
    ("<move><m_0_16></move>", "expected levels 0..1 and codes 0..15"),
    ("<move><m_0_></move>", "<m_0_>: expected <m_LEVEL_CODE>"),
    ("<move><m_0_1", "<m_0_1: expected <m_LEVEL_CODE>"),
    ("<move><m_0_99999999999999999999></move>", "expected <m_LEVEL_CODE>"),
    ("<move><m_0_\u0661></move>", "expected <m_LEVEL_CODE>"),
]


@pytest.mark.parametrize(("text", "message"), STRICT)
def test_the_first_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(TokenError) as caught:
        read_strictly(text, 2, 16)
    assert message in str(caught.value)
    assert str(caught.value).endswith("--salvage keeps what fits")


def test_salvage_keeps_what_fits_and_reports_every_token_left_out() -> None:
    text = "<m_0_1><m_1_2> and <move><m_0_3><m_1_4><m_1_5><m_0_6><m_0_7><m_1_99><m_1_8><m_3_1><m_0_"
    reading = salvage(text, 2, 16)
    assert reading.frames == [(1, 2), (3, 4), (6, -1), (7, 8)]
    assert reading.partial == 1
    assert [line.split(": ")[1] for line in reading.left_out] == [
        "<m_1_5>", "<m_1_99>", "<m_3_1>", "<m_0_", "the end of the text",
    ]  # fmt: skip


@given(
    st.lists(
        st.sampled_from(
            ["<move>", "</move>", "<m_", "w", "\n", *(DEFAULT_MARKUP.spell(k, 3) for k in range(4))]
        ),
        max_size=25,
    )
)
def test_salvage_never_fails_and_loses_no_token_silently(parts: list[str]) -> None:
    text = "".join(parts)
    reading = salvage(text, 3, 16)
    kept = sum(code >= 0 for frame in reading.frames for code in frame)
    motion = [part for part in parts if part.startswith("<m_")]
    reported = [line for line in reading.left_out if ": <m_" in line]
    assert kept + len(reported) == len(motion)
    assert all(frame[0] >= 0 for frame in reading.frames)
    try:
        assert read_strictly(text, 3, 16) == reading
    except TokenError:
        assert reading.left_out or reading.partial or kept


class CountedText(str):
    """A text that counts the characters that its methods go through, or copy."""

    __slots__ = ()
    looked_at = 0

    def __getitem__(self, place: Any) -> str:
        found = super().__getitem__(place)
        CountedText.looked_at += len(found)
        return found

    def count(self, *args: Any) -> int:
        CountedText.looked_at += len(range(*slice(*args[1:]).indices(len(self))))
        return super().count(*args)

    def rfind(self, *args: Any) -> int:
        CountedText.looked_at += len(range(*slice(*args[1:]).indices(len(self))))
        return super().rfind(*args)


def test_salvage_goes_through_a_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedText, "looked_at", 0)
    text = CountedText("<m_9_9>\n\n x<m_7_" * 5000)
    left = salvage(text, 4, 8).left_out
    assert len(left) == 10_000
    assert left[-1].startswith("line 10001, column 3: <m_7_")
    assert CountedText.looked_at <= 4 * len(text)
