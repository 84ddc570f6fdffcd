"""Caption files: every line is read, exams are kept out, near captions are held out together."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.demo.data.actions import OPEN_ACTIONS
from kinetoken_export.demo.words.requests import (
    Exclusion,
    Part,
    exam_wordings,
    held_out,
    read_captions,
)
from kinetoken_export.demo.words.thought_lines import LINES, UNKNOWN_LINES

CAPTIONS = Path(__file__).parents[4] / "export" / "captions"


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_every_caption_of_the_repository_is_read() -> None:
    captions = read_captions(CAPTIONS)
    lines = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in CAPTIONS.glob("*.tsv"))
    assert len(captions.all()) == lines
    assert set(captions.single) == {*LINES, *OPEN_ACTIONS}
    assert {r.unknown for r in captions.unknown} == set(UNKNOWN_LINES)
    assert all(p.action in captions.single for r in captions.sequences for p in r.parts)


def test_columns_are_what_is_asked(tmp_path: Path) -> None:
    write(tmp_path, "kick_left", "kick it twice\tleft\t2\tfast\tangry", "-\tleft\t-\t-\t-")
    write(tmp_path, "sequences", "walk, then bow\twalk_forward+bow")
    write(tmp_path, "unknown", "juggle\tmotion")
    captions = read_captions(tmp_path)
    first, second = captions.single["kick_left"]
    assert first.parts == (Part("kick_left", "left", 2, "fast", "angry"),)
    assert (second.text, second.parts) == ("-", (Part("kick_left", "left"),))
    assert [p.action for p in captions.sequences[0].parts] == ["walk_forward", "bow"]
    assert (captions.unknown[0].unknown, captions.unknown[0].parts) == ("motion", ())


def test_a_line_of_other_columns_is_one_clear_line(tmp_path: Path) -> None:
    write(tmp_path, "bow", "bow\t-\t-\t-\t-", "bow low\t-\t-")
    with pytest.raises(FormatError, match=r"bow.tsv, line 2: expected tab-separated columns"):
        read_captions(tmp_path)
    with pytest.raises(InputError, match="export/captions"):
        read_captions(tmp_path / "absent")


def test_wordings_of_an_exam_and_five_words_in_a_row_are_kept_out(tmp_path: Path) -> None:
    exam = tmp_path / "exam"
    exam.mkdir()
    write(exam, "old", "wording\texpected", "Walk to the red door!\twalk_forward", "bow\tbow")
    exclusion = Exclusion(exam_wordings(exam))
    assert exclusion.excludes("walk to the red door, please")
    assert exclusion.excludes("BOW.")
    assert not exclusion.excludes("walk to the red house")
    assert not exclusion.excludes("bow low")
    assert exam_wordings(None) == []
    with pytest.raises(InputError, match=r"--exams: expected a folder .* found none at .*absent"):
        exam_wordings(tmp_path / "absent")


def test_one_in_twenty_is_held_out_with_its_near_ones() -> None:
    captions = read_captions(CAPTIONS)
    learnt, kept = held_out(captions)
    assert 0.02 < len(kept.all()) / len(captions.all()) < 0.08
    assert len(learnt.all()) + len(kept.all()) == len(captions.all())
    assert not {r.text for r in learnt.all()} & {r.text for r in kept.all()}
    bags = [
        {" ".join(sorted(set(r.text.lower().split()))) for r in s.single["wave_left"]}
        for s in (learnt, kept)
    ]
    assert not bags[0] & bags[1]
