"""Defaults that depend on who asks."""

from __future__ import annotations

import pytest

from kinetoken import GenerateOptions


@pytest.mark.parametrize(("asked", "locked"), [(None, True), (True, True), (False, False)])
def test_feet_are_locked_on_screen_unless_asked_otherwise(asked: bool | None, locked: bool) -> None:
    options = GenerateOptions(seed=3, foot_lock=asked, smooth=asked)
    assert options.on_screen() == GenerateOptions(seed=3, foot_lock=locked, smooth=locked)
