"""The command line: what it writes, what it says, and one clear line with an exit code for everything it refuses."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_runs import Run
from kinetoken import Clip
from kinetoken.cli import main as cli
from kinetoken.manifest.manifest_file import manifest_from_dict, read_manifest
from kinetoken.tokens.markup import read_strictly

FRAME = "<m_0_1><m_1_2><m_2_3><m_3_4>"


def test_generate_writes_a_clip_and_says_how_it_went(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.npz"
    code, said, err = run("generate", "a person walks", "-o", out, "--seed", 3, "--seconds", 1.2)
    assert (code, err) == (0, "")
    assert "1.2 s of motion" in said
    assert "x real time, first pose after" in said
    assert said.rstrip().endswith(f"seed 3 -> {out}")
    clip = Clip.load(out)
    assert len(clip) == 24
    assert (clip.prompt, clip.seed) == ("a person walks", 3)
    assert clip.text.endswith("</move>")


def test_feet_are_locked_in_a_file_only_when_asked(run: Run, tmp_path: Path) -> None:
    for name, more in (("plain", []), ("locked", ["--foot-lock"])):
        code, _, _ = run(
            "generate",
            "walk",
            "--seed",
            "4",
            "--seconds",
            "1",
            *more,
            "-o",
            tmp_path / f"{name}.npz",
        )
        assert code == 0
    plain, locked = Clip.load(tmp_path / "plain.npz"), Clip.load(tmp_path / "locked.npz")
    assert "foot_lock" not in plain.meta
    assert locked.meta["foot_lock"] == "on"
    np.testing.assert_allclose(plain.foot_locked().joints, locked.joints, atol=1e-5)


def test_generate_without_an_output_still_reports(run: Run) -> None:
    code, said, err = run("generate", "walk", "--max-seconds", 1, "--levels", 1, "--temperature", 0)
    assert (code, err) == (0, "")
    assert "s of motion" in said
    assert "->" not in said


def test_generate_for_machines(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.bvh"
    code, said, err = run(
        "generate", "walk", "--json", "-o", out, "--seed", 3, "--min-seconds", 1, "--max-seconds", 2, "--top-k", 5,
        "--top-p", 0.9, "--min-p", 0.01, "--max-thought", 3, "--max-tokens", 100, "--threads", 1,
    )  # fmt: skip
    assert (code, err) == (0, "")
    data = json.loads(said)
    assert data["seed"] == 3
    assert data["out"] == str(out)
    assert data["frames"] == data["seconds_of_motion"] * 20
    assert 1 <= data["seconds_of_motion"] <= 2
    assert data["text"].startswith(data["thought"])
    assert data["text_tokens"] <= 3
    assert data["interrupted"] is False
    assert {"rtf", "elapsed", "time_to_first_pose", "tokens_per_second", "prompt"} <= set(data)
    assert out.read_text(encoding="ascii").startswith("HIERARCHY")


def test_decode_reads_back_what_generate_wrote(run: Run, tmp_path: Path) -> None:
    for levels in (4, 1):
        made, text, back = tmp_path / "made.npz", tmp_path / "answer.txt", tmp_path / "back.npz"
        run("generate", "walk", "-o", made, "--seed", 3, "--seconds", 2, "--levels", levels)
        text.write_text(Clip.load(made).text, encoding="utf-8")
        code, said, err = run("decode", text, "-o", back, "--levels", levels)
        assert (code, err) == (0, "")
        assert said == f"10 code frames, 2.0 s of motion -> {back}\n"
        np.testing.assert_array_equal(Clip.load(back).joints, Clip.load(made).joints)


def test_decode_reads_standard_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(f"I bow <move>{FRAME}</move>".encode()))
    )
    code, said, _ = run("decode", "-", "-o", tmp_path / "x.bvh")
    assert (code, said.split(",")[0]) == (0, "1 code frame")


def test_decode_is_strict_unless_told_to_salvage(run: Run, tmp_path: Path) -> None:
    text, out = tmp_path / "answer.txt", tmp_path / "x.npz"
    text.write_text(f"I bow\n<move>{FRAME}<m_2_7><m_0_5></move>", encoding="utf-8")
    code, said, err = run("decode", text, "-o", out)
    assert (code, said) == (3, "")
    assert err == (
        f"kinetoken: {text}: line 2, column 35: <m_2_7>: expected level 0 of frame 1; --salvage keeps what fits\n"
    )
    assert not out.exists()
    code, said, err = run("decode", text, "-o", out, "--salvage")
    assert code == 0
    assert err == "left out: line 2, column 35: <m_2_7>: expected level 0 of frame 1\n"
    assert "2 code frames" in said
    assert "1 frame without their last levels, 1 token left out" in said
    assert Clip.load(out).codes[1].tolist() == [5, -1, -1, -1]  # type: ignore[index]


def test_decode_refuses_what_it_cannot_read(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.npz"
    (tmp_path / "words.txt").write_text("only words", encoding="utf-8")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    cases = {
        ("words.txt", 3): "got none to decode",
        ("bytes.txt", 3): "expected UTF-8 text",
        ("none.txt", 3): "No such file",
    }
    for (name, expected), message in cases.items():
        for extra in ((), ("--salvage",)):
            code, said, err = run("decode", tmp_path / name, "-o", out, *extra)
            assert (code, said, err.count("\n")) == (expected, "", 1)
            assert message in err
    assert run("decode", tmp_path / "words.txt", "-o", out, "--levels", 5)[0] == 2
    assert not out.exists()


def test_convert_goes_between_all_formats(run: Run, tmp_path: Path) -> None:
    first = tmp_path / "first.npz"
    run("generate", "walk", "-o", first, "--seconds", 1)
    chain = [first, tmp_path / "a.npy", tmp_path / "b.npz", tmp_path / "c.bvh", tmp_path / "d.glb"]
    for source, target in itertools.pairwise(chain):
        code, said, err = run("convert", source, target)
        assert (code, said, err) == (0, f"20 frames, 1.0 s of motion -> {target}\n", "")
    np.testing.assert_array_equal(Clip.load(chain[2]).joints, Clip.load(first).joints)
    assert run("convert", first, tmp_path / "e.vrma")[0] == 0
    assert run("convert", first, tmp_path / "f.npy", "--as", "features")[0] == 0
    assert np.load(tmp_path / "f.npy").shape == (20, 263)


def test_inspect_says_what_a_bundle_is(run: Run, tiny: Path) -> None:
    code, said, err = run("inspect", tiny)
    assert (code, err) == (0, "")
    for part in (
        "tiny",
        "qwen2, 2 layers",
        "512 tokens",
        "4 x 16 of motion",
        "lookahead 1",
        "lm.onnx",
        "unaltered",
        f"engine here     onnxruntime {metadata.version('onnxruntime')}",
    ):
        assert part in said
    code, said, _ = run("inspect", tiny, "--json")
    assert manifest_from_dict(json.loads(said)) == read_manifest(tiny)
    assert run("inspect")[0] == 0  # the bundle of the environment


REFUSED: list[tuple[list[str], int, str]] = [
    ([], 2, "give a COMMAND, such as kinetoken web; kinetoken --help"),
    (["dance"], 2, "there is no command 'dance'"),
    (["generate"], 2, "PROMPT"),
    (["generate", ""], 2, "the prompt is empty"),
    (["generate", "  "], 2, "the prompt is empty"),
    (["generate", "walk", "--speed", "3"], 2, "there is no option --speed"),
    (["generate", "walk", "--seconds", "0"], 2, "above 0, got 0"),
    (["generate", "walk", "--seconds", "10000"], 2, "ask for at most"),
    (["generate", "walk", "--seconds", "long"], 2, "'long'"),
    (["generate", "walk", "--seconds", "nan"], 2, "got nan"),
    (["generate", "walk", "--levels", "9"], 2, "expected 1 to 4, got 9"),
    (["generate", "walk", "--temperature", "-1"], 2, "temperature"),
    (["generate", "walk", "--threads", "0"], 2, "threads"),
    (["generate", "walk", "-o", "x.mp4"], 2, "ends in .npz, .bvh, .glb, .vrma, .amass.npz or .npy"),
    (["generate", "walk", "-o", "no/such/folder/x.npz"], 5, "there is no folder"),
    (["generate", "walk", "--bundle", "no/such/bundle"], 3, "nothing there"),
    (["generate", "walk \udcff"], 2, "UTF-8"),
    (["decode", "x"], 2, "-o/--out"),
    (["convert", "none.npz", "x.bvh"], 3, "no such file"),
    (
        ["convert", "none.npz", "x.bvh", "--as", "features"],
        2,
        "x.bvh is another kind; leave out --as",
    ),
    (["convert", "none.mp4", "x.bvh"], 2, "MP4 holds pictures, not motion"),
    (["convert", "x.glb", "y.bvh"], 3, "no such file"),
    (["convert", "x.npz", "y.bvh", "--unit", "ell"], 2, "expected m, cm, mm"),
    (["convert", "x.npz", "y.bvh", "--fps", "0"], 2, "expected 1 to 1000"),
    (["inspect", "no/such/bundle"], 3, "nothing there"),
]


@pytest.mark.parametrize(("arguments", "expected", "message"), REFUSED)
def test_what_is_refused_takes_one_line(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    expected: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, err = run(*arguments)
    assert (code, said) == (expected, "")
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("kinetoken")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_bundle_takes_one_line(run: Run, own_tiny: Path, tmp_path: Path) -> None:
    (own_tiny / "decoder.onnx").write_bytes(b"")
    for arguments in (["generate", "walk", "--bundle", own_tiny], ["inspect", own_tiny]):
        code, said, err = run(*arguments)
        assert (code, said, err.count("\n")) == (3, "", 1)
        assert "decoder.onnx: expected" in err


def interrupted_after(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as so many frames have come."""
    from kinetoken.generation.generator import Generation

    real = Generation.__next__

    def next_(self: Generation) -> Any:
        if self.stats.frames >= frames:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(Generation, "__next__", next_)


def test_ctrl_c_keeps_what_was_generated(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    interrupted_after(8, monkeypatch)
    out = tmp_path / "x.npz"
    code, said, err = run("generate", "walk", "-o", out, "--seconds", 4, "--seed", 1)
    assert code == 130
    assert err == f"kinetoken: stopped; the 0.4 s of motion so far are in {out}\n"
    assert len(Clip.load(out)) == 8
    code, said, err = run("generate", "walk", "--json", "--seconds", 4, "--seed", 1)
    assert code == 130
    assert json.loads(said)["interrupted"] is True
    assert "nothing was saved (no -o was given)" in err


def test_an_engine_that_fails_half_way_keeps_what_was_generated(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from kinetoken.base.errors import EngineError
    from kinetoken.engines.onnx.model import OnnxRun

    real = OnnxRun.push

    def push(self: OnnxRun, *arguments: Any) -> Any:
        if self.length > 120:
            raise EngineError("the engine broke")
        return real(self, *arguments)

    monkeypatch.setattr(OnnxRun, "push", push)
    out = tmp_path / "x.npz"
    code, _, err = run("generate", "walk", "-o", out, "--seconds", 4, "--seed", 1)
    seconds = Clip.load(out).seconds
    assert (code, err) == (
        6,
        f"kinetoken: the engine broke; the {seconds:.1f} s of motion so far are in {out}\n",
    )


def test_ctrl_c_before_any_motion_leaves_no_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    interrupted_after(0, monkeypatch)
    code, _, err = run("generate", "walk", "-o", tmp_path / "x.npz")
    assert (code, err) == (130, "kinetoken: stopped; no motion had come yet\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_loading_takes_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kinetoken.generation.generator.open_bundle", stopped)
    assert run("generate", "walk") == (130, "", "kinetoken: stopped\n")


def test_a_full_disk_takes_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_space(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", no_space)
    code, _, err = run("generate", "walk", "--seconds", 1, "-o", tmp_path / "x.npz")
    assert code == 5
    assert err.endswith("No space left on device; free some space or choose another place\n")
    assert list(tmp_path.iterdir()) == []


def test_out_of_memory_takes_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("kinetoken.generation.generator.open_bundle", no_memory)
    code, _, err = run("generate", "walk")
    assert (code, err.count("\n")) == (6, 1)


def environment(tiny: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "KINETOKEN_BUNDLE": str(tiny),
        "COLUMNS": "80",
    }


def test_the_module_runs_as_a_program(tiny: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kinetoken", "generate", "walk", "--seconds", "1"],
        env=environment(tiny), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "1.0 s of motion" in done.stdout


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_a_missing_package_takes_one_line_with_the_install_command(
    tiny: Path, package: str
) -> None:
    code = f"import sys; sys.modules[{package!r}] = None\nfrom kinetoken.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "generate", "walk"],
        env=environment(tiny), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, "")
    assert (
        done.stderr
        == f"kinetoken: this needs {package}, which is not installed: pip install {package}\n"
    )


def test_a_reader_that_goes_away_is_no_error(tiny: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kinetoken", "inspect"],
        env=environment(tiny), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), err) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_report_that_cannot_be_written_takes_one_line(tiny: Path) -> None:
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kinetoken", "inspect"],
            env=environment(tiny), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 5
    assert (
        done.stderr
        == "kinetoken: cannot write the report: No space left on device; free some space\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_sees_a_live_line_and_ctrl_c_stops_it(tiny: Path, tmp_path: Path) -> None:
    """The real signal, on a real terminal, in the middle of a long generation."""
    import pty

    out, (main_end, child_end) = tmp_path / "x.npz", pty.openpty()
    script = (
        "import sys, time\nfrom kinetoken.cli import main as cli\nfrom kinetoken.engines.onnx.model import OnnxRun\n"
        "push = OnnxRun.push\n"
        "OnnxRun.push = lambda self, *a: (time.sleep(0.02), push(self, *a))[1]\n"
        f"sys.exit(cli.main(['generate', 'walk', '--seconds', '15', '--seed', '1', '-o', {str(out)!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment(tiny), stdout=child_end, stderr=child_end
    )
    os.close(child_end)
    seen: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(main_end, 4096):
                seen.append(piece)
        except OSError:  # how Linux says that the other end is gone
            pass

    reader = threading.Thread(target=read)
    reader.start()
    limit = time.monotonic() + 60
    while b" 0.6 s of motion" not in b"".join(seen) and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    reader.join(10)
    os.close(main_end)
    text = b"".join(seen).decode()
    assert "x real time" in text
    assert "Traceback" not in text
    assert f"so far are in {out}" in text
    clip = Clip.load(out)
    assert 8 <= len(clip) < 300
    assert clip.codes is not None
    assert read_strictly(clip.text, 4, 512).frames == [
        tuple(frame) for frame in clip.codes.tolist()
    ]


def test_a_command_of_a_part_that_is_broken_says_so_when_called(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint

    broken = EntryPoint("juggle", "kinetoken_no_such_part.cli:add_command", cli.COMMANDS_GROUP)
    shadow = EntryPoint("inspect", "kinetoken_no_such_part.cli:add_command", cli.COMMANDS_GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [broken, shadow])
    code, _, err = run("juggle")
    assert (code, err.count("\n")) == (1, 1)
    assert "the command juggle cannot be loaded" in err
    assert run("inspect")[0] == 0


def test_warnings_take_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    def warn() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("two engines", RuntimeWarning, stacklevel=1)

    monkeypatch.setattr("kinetoken.engines.onnx.session.warn_of_two_packages", warn)
    code, _, err = run("generate", "walk", "--seconds", 1)
    assert (code, err) == (0, "kinetoken: warning: two engines\n")


EVIL = "\x1b]0;evil\x07\x1b[31m"


@pytest.mark.parametrize("salvage", [[], ["--salvage"]])
def test_an_answer_with_escape_codes_is_shown_escaped(
    run: Run, tmp_path: Path, salvage: list[str]
) -> None:
    answer = f"walk{EVIL}<move><m_0_1><m_1_1><m_2_1><m_3_1><m_0_{EVIL}></move>"
    (tmp_path / f"a{EVIL[-5:]}.txt").write_text(answer, encoding="utf-8")
    source, out = str(tmp_path / f"a{EVIL[-5:]}.txt"), str(tmp_path / f"{EVIL[-5:]}.npz")
    _, said, err = run("decode", source, "-o", out, *salvage)
    shown = said + err
    assert r"\u001b[31m" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_names_and_words_with_escape_codes_are_shown_escaped(run: Run, tmp_path: Path) -> None:
    for words in (
        ["convert", EVIL + ".npz", "x.bvh"],
        ["generate", EVIL, "--seconds", "0.4", "-o", str(tmp_path / f"{EVIL[-5:]}.npz")],
        ["generate", "walk", "--" + EVIL],
        ["inspect", EVIL],
    ):
        _, said, err = run(*words)
        shown = said + err
        assert shown
        assert all(c.isprintable() or c == "\n" for c in shown), words
