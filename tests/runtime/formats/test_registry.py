"""One table of formats: what the help texts, the checks and the pages say follows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip, InputError
from kinetoken.formats.registry import FORMATS, READABLE, WRITABLE, in_words, writer_for
from synthetic_motion import walking

ROOT = Path(__file__).parents[3]


def test_suffixes_are_lower_case_and_unique() -> None:
    assert len({each.suffix for each in FORMATS}) == len(FORMATS)
    assert all(each.suffix.startswith(".") and each.suffix.islower() for each in FORMATS)


@pytest.mark.parametrize("suffix", WRITABLE)
def test_every_format_is_written_and_comes_back(suffix: str, tmp_path: Path) -> None:
    clip, path = Clip(walking(24), prompt="walk"), tmp_path / f"x{suffix.upper()}"
    clip.save(path)
    assert path.stat().st_size > 1000
    assert suffix in READABLE
    np.testing.assert_allclose(Clip.load(path).joints, clip.joints, atol=0.1)


def test_the_page_of_formats_names_every_one() -> None:
    text = (ROOT / "docs" / "avatars.md").read_text(encoding="utf-8")
    for each in FORMATS:
        assert each.suffix in text, each.suffix


def test_suffixes_in_words() -> None:
    assert in_words((".a", ".b", ".c")) == ".a, .b or .c"
    assert in_words((".a",)) == ".a"
    with pytest.raises(InputError, match=f"ends in {in_words(WRITABLE)}, got '.csv'"):
        writer_for("x.csv")
