"""Words that are no prompts, options that nothing reads, objects of the wrong kind: each is told in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kinetoken
from batch_runs import Run
from kinetoken import Clip, GenerateOptions, InputError, LoadOptions
from kinetoken.cli.shell.doubtful_prompt import path_found
from kinetoken.cli.terminal import ProgressBar, counted, progress, real_time
from kinetoken.engines.registry import ENGINES, SERVER

BRIEF = ("--seconds", "0.6", "--max-thought", "2", "--seed", "1")


@pytest.mark.parametrize(
    "words",
    [
        "README.MD",
        r"C:\x\my walk.fbx",
        r"\\server\walk",
        "./walk",
        "~/walk.npz",
        "a/b",
        "my jump.bvh",
    ],
)
def test_what_looks_like_a_file_is_no_prompt_unless_told(run: Run, words: str) -> None:
    code, out, err = run("generate", words, *BRIEF)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--as-prompt" in err
    assert run("generate", words, *BRIEF, "--as-prompt")[0] == 0


def test_a_folder_is_no_prompt_unless_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dance").mkdir()
    assert '"dance" is a folder here' in run("generate", "dance", *BRIEF)[2]
    assert '"dance" is a folder here' in run("play", "dance", *BRIEF)[2]
    assert run("generate", "dance", *BRIEF, "--as-prompt")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        "jump",
        "He walks. Then he sits.",
        "walk and/or run",
        "turn left/right twice",
        "walk 2.5 m",
        "go!",
    ],
)
def test_words_are_words(words: str) -> None:
    assert path_found(words) is None


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"\n", 2)])
def test_at_a_terminal_it_is_asked(tiny: Path, answer: bytes, code: int) -> None:
    pty = pytest.importorskip("pty", reason="needs terminals of POSIX")
    ours, theirs = pty.openpty()
    env = {
        **os.environ,
        "KINETOKEN_BUNDLE": str(tiny),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, "-m", "kinetoken", "generate", "README.MD", *BRIEF]
    out = subprocess.PIPE
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=out, env=env) as process:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1000)
        os.write(ours, answer)
        assert process.wait(60) == code
    os.close(ours)


def test_an_option_that_no_other_engine_reads_is_refused_by_name(run: Run, tiny: Path) -> None:
    assert {name for engine in ENGINES.values() for name in engine.reads} == {"exact", "gpu_layers"}
    assert not SERVER.reads
    code, _, err = run("generate", "walk", "--gpu-layers", 3)
    assert code == 2
    assert "gpu-layers is an option of llamacpp, and this bundle runs on onnx; leave it out" in err
    with pytest.raises(InputError, match="a server answers"):
        kinetoken.load(tiny, gpu_layers=3, engine="http://127.0.0.1:9")


def test_a_size_needs_its_unit(run: Run) -> None:
    code, _, err = run("inspect", "--fit", "8")
    assert code == 2
    assert "as in 8GB or 8MB" in err
    assert run("inspect", "--fit", "8GB")[0] == 0


WRONG: dict[str, Callable[[kinetoken.Generator], Any]] = {
    "generate None": lambda g: g.generate(None),  # type: ignore[arg-type]
    "generate bytes": lambda g: g.generate(b"walk"),  # type: ignore[arg-type]
    "stream list": lambda g: g.stream(["walk"]),  # type: ignore[arg-type]
    "say None": lambda g: g.session().say(None),  # type: ignore[arg-type]
    "options text": lambda g: g.generate("walk", "fast"),  # type: ignore[arg-type]
    "options dict": lambda g: g.generate("walk", {"seconds": 1}),  # type: ignore[arg-type]
    "session options": lambda g: g.session({"seconds": 1}),  # type: ignore[arg-type]
    "foot_lock text": lambda g: GenerateOptions(foot_lock="off"),  # type: ignore[arg-type]
    "idle text": lambda g: g.session().idle("x"),  # type: ignore[arg-type]
    "idle negative": lambda g: g.session().idle(-1),
    "save None": lambda g: g.session().save(None),  # type: ignore[arg-type]
    "load 5": lambda g: kinetoken.load(5),  # type: ignore[arg-type]
    "load options": lambda g: kinetoken.load(None, "x"),  # type: ignore[arg-type]
    "lookahead text": lambda g: LoadOptions(lookahead="1"),  # type: ignore[arg-type]
    "gpu_layers text": lambda g: LoadOptions(gpu_layers="1"),  # type: ignore[arg-type]
    "engine number": lambda g: LoadOptions(engine=3),  # type: ignore[arg-type]
    "timeout text": lambda g: LoadOptions(engine="http://a", engine_timeout="x"),  # type: ignore[arg-type]
    "Clip.load None": lambda g: Clip.load(None),  # type: ignore[arg-type]
    "clip.save 5": lambda g: g.generate("walk", seconds=0.6, max_thought=1).save(5),  # type: ignore[arg-type]
    "robot rate": lambda g: g.generate("walk", seconds=0.6, max_thought=1).to_robot("g1", "x"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_an_object_of_the_wrong_kind_is_an_input_error(
    generator: kinetoken.Generator, name: str
) -> None:
    with pytest.raises(InputError, match="expected"):
        WRONG[name](generator)


def test_a_log_ends_with_all_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinetoken.cli.terminal.LOG_SECONDS", 0.0)
    assert list(progress(range(3), "blocks")) == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "kinetoken: blocks 3 of 3"
    monkeypatch.setattr("kinetoken.cli.terminal.LOG_SECONDS", 60.0)
    list(progress(range(3), "blocks"))
    assert capsys.readouterr().err == ""  # nothing was said before, so nothing has to end
    with ProgressBar("steps", 2) as bar:
        bar.step()
        bar.step()


def test_numbers_are_said_as_people_say_them() -> None:
    assert [counted(n, "code frame") for n in (0, 1, 1200)] == [
        "0 code frames",
        "1 code frame",
        "1,200 code frames",
    ]
    assert [real_time(x) for x in (0.0, 0.034, 0.96, 38.21)] == [
        "",
        "0.034x real time",
        "0.96x real time",
        "38.2x real time",
    ]


def test_one_code_frame_is_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("<move><m_0_1><m_1_1><m_2_1><m_3_1></move>")
    code, out, _ = run("decode", tmp_path / "one.txt", "-o", tmp_path / "one.npz")
    assert code == 0
    assert out.startswith("1 code frame, ")
    assert "1 frame," not in run("convert", tmp_path / "one.npz", tmp_path / "one.bvh")[1]
