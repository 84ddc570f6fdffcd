"""Requests of pages, the queue, and kept clips: bounds, and one line for each refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinetoken.base.errors import InputError
from kinetoken.motion.clip import Clip
from kinetoken.web import kept_clips
from kinetoken.web.kept_clips import SUFFIXES, KeptClips
from kinetoken.web.requests import (
    AskMotion,
    SetPeople,
    StopMotion,
    read_file_name,
    read_request,
)
from kinetoken.web.turns import DONE, QUEUE_LIMIT, STOPPED, TurnList
from synthetic_motion import walking


def test_requests_are_read() -> None:
    asked = {"ask": "  a person\n waves ", "person": 2, "seed": str(2**63 - 1), "levels": 2}
    assert read_request(json.dumps(asked)) == AskMotion("a person waves", 1, 2**63 - 1, 2)
    assert read_request('{"ask": "<b>wave</b>"}') == AskMotion("<b>wave</b>", None, None, None)
    assert read_request('{"stop": "all"}') == StopMotion(None)
    assert read_request('{"stop": 7}') == StopMotion(7)
    assert read_request('{"people": 3}') == SetPeople(3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no json", "expected JSON"),
        ("[" * 5000, "expected JSON"),
        ("[]", '"ask", "stop" or "people"'),
        ('{"ask": 3}', "expected words"),
        ('{"ask": "  "}', "prompt is empty"),
        (json.dumps({"ask": "\u200b \u202e"}), "prompt is empty"),
        ('{"ask": "walk.bvh"}', "walk.bvh looks like a file"),
        ('{"ask": "/save walk.npz"}', "the files to save"),
        ('{"ask": "\\ud800"}', "half a character"),
        (json.dumps({"ask": "x" * 501}), "at most 500"),
        ('{"ask": "/dance"}', "/dance is none of the page's words"),
        ('{"ask": "wave", "person": 0}', "1 to 4"),
        ('{"ask": "wave", "person": true}', "1 to 4"),
        ('{"ask": "wave", "seed": 7.5}', '"seed"'),
        ('{"ask": "wave", "seed": "-1"}', '"seed"'),
        ('{"ask": "wave", "levels": 0}', '"levels"'),
        ('{"ask": "wave", "out": "/etc/passwd"}', "unknown key 'out'"),
        ('{"people": 1e9}', '"people"'),
        ('{"people": 5}', "1 to 4"),
        ('{"stop": null}', '"stop"'),
    ],
)
def test_what_is_no_request_is_one_line(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        read_request(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_of_files_are_numbers_and_suffixes() -> None:
    assert read_file_name("clips/12.glb") == (12, ".glb")
    for name in ("clips/../x.glb", "clips/1.GLB", "clips/-1.glb", "x/1.glb", "clips/1.glb/"):
        with pytest.raises(InputError):
            read_file_name(name)


def test_the_queue_has_a_limit_and_serves_whoever_is_free_in_order() -> None:
    turns = TurnList()
    everybody = turns.add(AskMotion("wave", None, 7, None), people=3)
    assert [(turn.person, turn.seed) for turn in everybody] == [(0, 7), (1, 8), (2, 9)]
    for _ in range(QUEUE_LIMIT - 3):
        turns.add(AskMotion("jump", 1, None, None), people=3)
    with pytest.raises(InputError, match="queue is full"):
        turns.add(AskMotion("sit", 0, None, None), people=3)
    with pytest.raises(InputError, match="no person 4"):
        turns.add(AskMotion("sit", 3, None, None), people=3)
    first = turns.next(lambda person: person != 0)
    assert first is not None
    assert first.number == everybody[1].number
    assert turns.next(lambda person: False) is None
    turns.change(first.number, state=STOPPED)
    turns.add(AskMotion("sit", 0, None, None), people=3)


def test_the_history_forgets_only_what_is_over() -> None:
    turns = TurnList()
    (kept,) = turns.add(AskMotion("first", 0, None, None), people=1)
    for _ in range(150):
        (turn,) = turns.add(AskMotion("more", 0, None, None), people=1)
        turns.change(turn.number, state=DONE)
    assert kept.number in turns
    assert len(turns.all) <= 102


def test_clips_are_kept_as_long_as_they_fit_and_come_back_from_their_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clip = Clip(walking(30).astype(np.float32), prompt='wave: "hello" / <b>\n')
    clips = KeptClips()
    assert clips.keep(1, clip) == []
    for suffix in SUFFIXES:
        made = clips.file(1, suffix)
        assert made is not None
        assert made[1] == f"wave-hello-b-1{suffix}"
        path = tmp_path / made[1]
        path.write_bytes(made[0])
        assert len(Clip.load(path)) == 30
    assert clips.file(2, ".glb") is None
    assert clips.file(1, ".exe") is None
    monkeypatch.setattr(kept_clips, "_MOST_BYTES", 2 * clip.joints.nbytes)
    assert clips.keep(2, replace(clip)) == []
    assert clips.keep(3, replace(clip)) == [1]
    assert 1 not in clips
