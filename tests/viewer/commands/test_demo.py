"""kinetoken demo: the bundle's examples one after another, in a film, over a stream, on a stage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import fake_generators
from kinetoken.cli.main import main
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip
from kinetoken_viewer.commands.demo_stage import REST_SECONDS, DemoStage
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    ModelReady,
    MotionArrived,
)
from kinetoken_viewer.record import recorder
from kinetoken_viewer.record.request import RecordRequest
from scripted_feed import Talk
from tiny_bundle import build_tiny_bundle

PROMPTS = ("walk", "wave", "bow")
BRIEF = ("--seconds", "0.6", "--max-thought", "2", "--seed", "1")
PICTURE = 1 / 60


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A bundle with examples."""
    folder = build_tiny_bundle(tmp_path / "shown")
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, "examples": PROMPTS}))
    return folder


@pytest.mark.usefixtures("own_folder")
def test_the_film_shows_every_action_once(shown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = ("--film", "d.gif", "--size", "96x64", "--film-fps", "10", "-o", "d.npz")
    assert main(["demo", "--bundle", str(shown), *BRIEF, *film]) == 0
    assert "3 actions" in capsys.readouterr().out
    clip = Clip.load("d.npz")
    assert clip.prompt == "walk / wave / bow"
    assert clip.meta["seeds"] == "1 1 1"
    assert clip.seconds == pytest.approx(3 * 0.6 + 3 * REST_SECONDS + REST_SECONDS / 2, abs=0.1)
    with Image.open("d.gif") as image:
        assert image.n_frames == round(10 * clip.seconds)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("own_folder")
def test_a_film_that_nobody_named_is_short_and_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_tiny_bundle(tmp_path / "many")
    manifest = json.loads((folder / "bundle.json").read_text())
    prompts = [*PROMPTS, "run", "sit"]
    (folder / "bundle.json").write_text(json.dumps({**manifest, "examples": prompts}))
    monkeypatch.setattr("kinetoken_viewer.commands.demo.find_spec", lambda name: None)  # no ffmpeg
    seen: list[RecordRequest] = []
    record = recorder.record_clips
    monkeypatch.setattr(
        recorder, "record_clips", lambda clips, asked: seen.append(asked) or record(clips, asked)
    )
    assert main(["demo", "--bundle", str(folder), *BRIEF, "--headless"]) == 0
    told = capsys.readouterr()
    assert "the first 3 of 5 actions; --film FILE takes all" in told.err
    assert "3 actions" in told.out
    with Image.open("demo.gif") as image:
        assert image.size == (480, 270)
    begins = [caption.begin for caption in seen[0].captions]
    assert begins[0] == 0.0  # no picture without its words
    assert begins == sorted(begins)


@pytest.mark.usefixtures("own_folder")
def test_what_cannot_be_shown_is_refused_in_a_line(
    shown: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--bundle", str(tiny_bundle)]) == 3
    assert "names no examples" in capsys.readouterr().err
    assert main(["demo", "--bundle", str(shown), "--film", "d.png"]) == 2
    assert "name a .gif" in capsys.readouterr().err
    assert main(["demo", "--bundle", str(shown), "--film", "d.gif", "--ws", "0"]) == 2
    assert "one after the other" in capsys.readouterr().err


def test_a_stream_goes_round_until_it_is_told_to_end(shown: Path) -> None:
    live = ("--stdout", "--headless", "--rate", "20")
    bare = "import sys; sys.modules['PIL'] = sys.modules['pyglet'] = None; from kinetoken.__main__ import run; sys.exit(run())"
    command = [sys.executable, "-c", bare, "demo", "--bundle", str(shown), *BRIEF, *live]
    done = subprocess.run([*command, "--once"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["prompt"] for line in lines if line.get("prompt")] == [*PROMPTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as on:
        assert on.stdout is not None
        seen: list[str] = []
        while len(seen) < 5:
            line = json.loads(on.stdout.readline())
            seen += [line["prompt"]] if line.get("prompt") else []
        on.terminate()
    assert seen == [*PROMPTS, *PROMPTS[:2]]


def answered(stage: DemoStage, talk: Talk) -> None:
    """One whole answer, and time to show it and to rest."""
    turn, chunk = talk.turn, fake_generators.chunk(0)
    clip = Clip.from_chunks([chunk])
    talk.say(
        ModelReady(20.0),
        AnswerStarted(1, 20.0, turn),
        MotionArrived(chunk, 3.0, turn),
        AnswerEnded(clip, 3.0, turn),
    )
    for _ in range(round((2.0 + REST_SECONDS) / PICTURE)):
        stage.tick(PICTURE)


def test_a_stage_asks_by_itself_until_somebody_types() -> None:
    talk = Talk("walk")
    stage = DemoStage(talk, PROMPTS, GenerateOptions())
    for _ in range(4):
        answered(stage, talk)
    assert [prompt for prompt, _ in talk.asked] == ["wave", "bow", "walk", "wave"]
    assert stage.line is not None
    stage.line.type("sa")
    answered(stage, talk)
    assert len(talk.asked) == 4  # nobody is hurried
    stage.line.type("lute")
    stage.line.send()
    answered(stage, talk)
    answered(stage, talk)
    assert [prompt for prompt, _ in talk.asked][4:] == ["salute"]
    assert stage.message().startswith("your turn")


def test_once_ends_with_an_invitation() -> None:
    talk = Talk("walk")
    stage = DemoStage(talk, PROMPTS, GenerateOptions(), once=True)
    for _ in range(5):
        answered(stage, talk)
    assert [prompt for prompt, _ in talk.asked] == ["wave", "bow"]
    assert stage.message().startswith("your turn")
