"""kinetoken chat: prompts from a pipe or a terminal, a stop by typing on, a chat that is kept, and one line for each mistake."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetoken
from kinetoken import Clip
from kinetoken.cli import chat
from kinetoken.cli.parser import CommandParser
from tiny_bundle import build_tiny_bundle

FOREIGN = {
    "format": "kinetoken-chat",
    "version": 1,
    "model": "other",
    "tokens": "0",
    "turns": [],
    "poses": [],
}
SHORT = ("--seconds", "0.6", "--max-thought", "4")


@pytest.fixture
def environment(tiny: Path, tmp_path: Path) -> dict[str, str]:
    path = os.pathsep.join(p for p in sys.path if p)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TERM": "dumb"}
    return {
        **os.environ,
        **cache,
        "PYTHONPATH": path,
        "KINETOKEN_BUNDLE": str(tiny),
        "KINETOKEN_THREADS": "1",
    }


def start(
    environment: dict[str, str], *arguments: object, stdin: Any = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kinetoken", "chat", *map(str, arguments)]
    out = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=stdin, stdout=out, stderr=out)


def run(environment: dict[str, str], typed: bytes, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    with start(environment, *arguments) as process:
        out, err = process.communicate(typed, timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_a_file_s_name_in_a_pipe_is_no_prompt(environment: dict[str, str]) -> None:
    code, said, err = run(environment, b"walk.bvh\nwalk\n", *SHORT, "--json")
    first, second = map(json.loads, said.splitlines())
    assert code == 2
    assert "walk.bvh looks like a file" in first["error"]
    assert first["error"] in err
    assert second["frames"] == 12


def test_each_line_is_a_turn_of_one_body(environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "chat.npz"
    typed = b"walk\n\n  wave  \n\xff\xfe jump\n"
    code, said, err = run(
        environment, typed, *SHORT, "--json", "--seed", 3, "-o", out, "--history", 2
    )
    assert code == 0, err
    turns = [json.loads(line) for line in said.splitlines()]
    assert [turn["prompt"] for turn in turns] == ["walk", "wave", "\ufffd\ufffd jump"]
    assert all(
        turn["frames"] == 12 and turn["notes"] == [] and not turn["interrupted"] for turn in turns
    )
    clip = Clip.load(out)
    assert len(clip) == 36
    assert clip.prompt == "walk / wave / \ufffd\ufffd jump"
    again = kinetoken.load(environment["KINETOKEN_BUNDLE"], threads=1).session(
        seconds=0.6, max_thought=4, seed=3, history=2
    )
    joints = []
    for turn in turns:
        answer = again.say(turn["prompt"])
        for _ in answer:
            pass
        assert answer.text == turn["text"]
        joints.append(answer.clip().joints)
    np.testing.assert_allclose(clip.joints, np.concatenate(joints), atol=1e-4)


def test_a_chat_goes_on_where_it_was_left(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "chat.json"
    for typed in (b"walk\nwave\n", b"jump\n"):
        code, _, err = run(environment, typed, *SHORT, "--history-file", kept)
        assert code == 0, err
    assert [turn["prompt"] for turn in json.loads(kept.read_text())["turns"]] == [
        "walk",
        "wave",
        "jump",
    ]


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--history", "-1"), "history: expected a whole number of 0 or more", 2),
        (("--history", "few"), "--history", 2),
        (("--history-file", "{folder}"), "not a regular file", 5),
        (("--history-file", "{folder}/none/chat.json"), "no folder", 5),
        (("--history-file", "{folder}/text"), "not a chat", 3),
        (("--history-file", "{folder}/foreign.json"), "another model", 3),
        (("-o", "{folder}/chat.mp3"), "mp3", 2),
        (("--levels", "9"), "levels", 2),
        (("--vmc", "host:port"), "expected HOST or HOST:PORT", 2),
        (
            ("--bundle", "{folder}/small"),
            "system prompt takes 76 tokens and the context holds 40",
            3,
        ),
    ],
)
def test_mistakes_are_one_line(
    environment: dict[str, str], tmp_path: Path, options: tuple[str, ...], words: str, code: int
) -> None:
    (tmp_path / "text").write_text("no chat at all")
    (tmp_path / "foreign.json").write_text(json.dumps(FOREIGN))
    if "small" in options[-1]:
        build_tiny_bundle(tmp_path / "small", context=40)
    got, out, err = run(
        environment, b"walk\n", *(option.format(folder=tmp_path) for option in options)
    )
    assert got == code, err
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_prompt_that_cannot_be_answered_does_not_end_the_chat(
    environment: dict[str, str],
) -> None:
    typed = b"walk " * 2000 + b"\nwave\n"
    code, out, err = run(environment, typed, *SHORT, "--json")
    assert code == 2
    refused, answered = (json.loads(line) for line in out.splitlines())
    assert answered["prompt"] == "wave"
    assert list(refused) == ["prompt", "error"]
    assert refused["prompt"] == typed.splitlines()[0].decode().strip()
    assert "write a shorter one" in refused["error"]
    assert refused["error"] in err


def test_a_chat_with_another_model_is_refused_before_this_one_is_loaded(
    environment: dict[str, str], own_tiny: Path, tmp_path: Path
) -> None:
    (own_tiny / "lm.onnx").unlink()
    (tmp_path / "foreign.json").write_text(json.dumps(FOREIGN))
    code, _, err = run(
        environment, b"walk\n", "--bundle", own_tiny, "--history-file", tmp_path / "foreign.json"
    )
    assert (code, "another model" in err) == (3, True), err


def test_what_is_typed_is_sent_live_one_answer_after_another(environment: dict[str, str]) -> None:
    code, out, err = run(environment, b"walk\nwave\n", *SHORT, "--stdout", "--json", "--rate", "60")
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    frames = [line for line in lines if "frame" in line]
    assert lines[-1] == {"end": True, "frames": len(frames)}
    asked = [line for line in lines if line.keys() == {"prompt", "seed"}]
    assert [line["prompt"] for line in asked] == ["walk", "wave"]
    times = np.array([frame["time"] for frame in frames])
    assert (
        times[-1] - times[0] >= 2 * 0.6
    )  # seconds of motion, however few frames a busy machine sends
    joints = np.array([frame["joints"] for frame in frames])
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=-1)
    assert (steps / np.diff(times)).max() < 25.0  # m/s
    reports = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [report["prompt"] for report in reports] == ["walk", "wave"]
    assert [str(report["seed"]) for report in reports] == [line["seed"] for line in asked]


@pytest.mark.parametrize(
    ("options", "locked"),
    [
        ((), None),
        (("--stdout",), True),
        (("--stdout", "--no-foot-lock"), False),
        (("--foot-lock",), True),
    ],
)
def test_feet_are_locked_where_the_chat_is_watched(
    options: tuple[str, ...], locked: bool | None, tiny: Path
) -> None:
    parser = CommandParser(prog="chat")
    request = chat.add_arguments(parser)
    session = chat.open_session(request(parser.parse_args(["--bundle", str(tiny), *options])))
    assert session.options.foot_lock is locked
    assert session.options.smooth is (True if "--stdout" in options else None)


class Typist:
    """A chat at a terminal of its own."""

    def __init__(self, environment: dict[str, str], *arguments: object) -> None:
        pty = pytest.importorskip("pty", reason="needs pseudo terminals")
        self._master, slave = pty.openpty()
        self.process = start(environment, *arguments, stdin=slave)
        os.close(slave)
        self.read = b""

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def until(self, words: bytes, times: int = 1) -> None:
        """Read standard output and error until the words came so often."""
        pipes = [self.process.stdout, self.process.stderr]
        end = time.monotonic() + 60
        while self.read.count(words) < times:
            assert time.monotonic() < end, self.read.decode(errors="replace")
            for pipe in select.select(pipes, [], [], 1.0)[0]:
                assert pipe is not None
                self.read += os.read(pipe.fileno(), 65536)
            assert self.process.poll() is None or self.read.count(words) >= times, self.read.decode(
                errors="replace"
            )

    def end(self) -> int:
        out, err = self.process.communicate(timeout=60)
        self.read += out + err
        os.close(self._master)
        return self.process.returncode


def test_typing_on_stops_the_answer(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "chat.json"
    typist = Typist(
        environment, "--json", "--seconds", "18", "--max-thought", "4", "--history-file", kept
    )
    typist.until(b"/bye ends the chat")
    typist.type(b"walk on and on\nwave\n")
    typist.until(b'"interrupted": true')
    typist.until(b'"prompt": "wave"')
    typist.type(b"\x04")
    assert typist.end() == 0
    turns = json.loads(kept.read_text())["turns"]
    assert [turn["prompt"] for turn in turns][-1] == "wave"
    lines = [line.lstrip("> ") for line in typist.read.decode().splitlines()]
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    assert reports[0]["seconds_of_motion"] < 18


def test_ctrl_c_stops_an_answer_and_then_the_chat(
    environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "chat.npz"
    typist = Typist(
        environment, "--json", "--seconds", "18", "--max-thought", "4", "-o", out, "--stdout"
    )
    typist.until(b"/bye ends the chat")
    typist.type(b"walk on and on\n")
    typist.until(b'{"say":')
    typist.process.send_signal(signal.SIGINT)
    typist.until(b'"interrupted": true')
    typist.process.send_signal(signal.SIGINT)
    assert typist.end() == 130
    assert b"Traceback" not in typist.read
    assert b"kinetoken: stopped" in typist.read
    if b"s of motion ->" in typist.read:
        assert 0 < len(Clip.load(out)) < 18 * 20


def test_words_for_the_chat_are_not_danced(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    typed = f"/help\n/dance\n/seed 5\nwalk\n/again\n/history\n/save {kept}\nexit\nwave\n"
    code, said, err = run(environment, typed.encode(), *SHORT, "--json")
    assert code == 0, err
    turns = [json.loads(line) for line in said.splitlines()]
    assert [(turn["prompt"], turn["seed"]) for turn in turns] == [("walk", 5), ("walk", 5)]
    for told in ("/levels [N]", "there is no /dance", "2. walk (0.6 s, seed 5)", str(kept)):
        assert told in err
    assert len(Clip.load(kept)) == 12
