"""Licences in words."""

from __future__ import annotations

import pytest

from kinetoken.manifest.schema import Licence, licence_in_words


@pytest.mark.parametrize("terms", ["cc-by-nc-4.0", "CC BY-NC-SA 4.0", "cc-by-nc-nd-4.0", "x, nc"])
def test_non_commercial_terms_say_so(terms: str) -> None:
    assert licence_in_words(terms) == f"{terms} (non-commercial use only)"


@pytest.mark.parametrize(
    "terms", ["mit", "unknown", "ncsa", "research, non-commercial", "", "func"]
)
def test_other_terms_stay(terms: str) -> None:
    assert licence_in_words(terms) == terms


def test_both_parts_are_on_one_line() -> None:
    summary = Licence("apache-2.0", "cc-by-nc-4.0").summary
    assert summary == "language model apache-2.0; codec cc-by-nc-4.0 (non-commercial use only)"
