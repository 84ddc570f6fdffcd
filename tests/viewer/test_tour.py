"""The script of the README's tour runs: the demo answers, prompts are typed, keys are pressed."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest

from kinetoken_viewer.render.software.painter import Painter

SCRIPT = Path(__file__).parents[2] / "docs" / "make_tour.py"
SIZE = (160, 90)


def test_two_minutes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_tour", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    tour = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_tour", tour)
    spec.loader.exec_module(tour)
    parts = list(tour.scenes(SIZE))
    assert 100 < sum(scene.seconds for scene in parts) < 130
    seen = [picture for picture, _ in tour.pictures(parts, Painter(*SIZE), 80)]
    assert len(seen) == sum(len(range(0, round(scene.seconds * tour.FPS), 80)) for scene in parts)
    assert all((a != b).any() for a, b in itertools.pairwise(seen))
    talk = parts[0].rehearsal.stage
    assert talk.prompt == "he walks in a circle to the left"
    assert talk.clip is not None
    assert len(talk.clip) > 60
