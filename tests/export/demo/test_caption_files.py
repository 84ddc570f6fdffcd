"""The captions in export/captions: well formed, and each with one meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "export" / "captions"
ACTIONS = sorted(set(FOLDER.glob("*.tsv")) - {FOLDER / "sequences.tsv", FOLDER / "unknown.tsv"})


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_a_caption_says_side_count_speed_and_style(path: Path) -> None:
    for caption, side, count, speed, style in rows(path):
        assert caption.strip() == caption != ""
        assert side in {"left", "right", "both", "-"}
        assert count == "-" or count.isdigit()
        assert speed in {"slow", "fast", "-"}
        assert style
        assert " " not in style


def test_a_sequence_names_known_actions_in_order() -> None:
    known = {path.stem for path in ACTIONS}
    for _, actions in rows(FOLDER / "sequences.tsv"):
        assert "+" in actions
        parts = [re.fullmatch(r"(\w+)([*@][1-9]\d*)?", part) for part in actions.split("+")]
        assert all(part is not None and part[1] in known for part in parts), actions


def test_the_unknown_is_sorted_by_kind() -> None:
    kinds = {kind for _, kind in rows(FOLDER / "unknown.tsv")}
    assert kinds == {"motion", "talk", "nonsense", "other"}


def test_no_caption_means_two_things() -> None:
    meaning: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.tsv")):
        for caption, *_ in rows(path):
            words = re.sub(r"\W+", " ", caption.lower()).strip()
            assert meaning.setdefault(words, path.stem) == path.stem, caption
