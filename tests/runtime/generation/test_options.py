"""Defaults that depend on who asks."""

from __future__ import annotations

import pytest

from kinetoken import GenerateOptions, InputError


@pytest.mark.parametrize(("asked", "locked"), [(None, True), (True, True), (False, False)])
def test_feet_are_locked_on_screen_unless_asked_otherwise(asked: bool | None, locked: bool) -> None:
    options = GenerateOptions(seed=3, foot_lock=asked, smooth=asked)
    assert options.on_screen() == GenerateOptions(seed=3, foot_lock=locked, smooth=locked)


@pytest.mark.parametrize(
    ("keep_up", "detail"), [(True, "full"), (True, "4,2"), (False, "auto"), (True, "coarse")]
)
def test_keep_up_and_a_detail_that_says_otherwise(keep_up: bool, detail: str) -> None:
    with pytest.raises(InputError, match="contradict each other"):
        GenerateOptions(keep_up=keep_up, detail=detail)


def test_motion_that_is_watched_keeps_up_unless_asked_otherwise() -> None:
    assert GenerateOptions().keeping_up().keep_up is True
    for asked in (GenerateOptions(keep_up=False), GenerateOptions(detail="full")):
        assert asked.keeping_up() == asked
    assert GenerateOptions().keeping_up(server=True) == GenerateOptions()
