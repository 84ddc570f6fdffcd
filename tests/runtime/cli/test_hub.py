"""kinetoken pull, list and rm, and --bundle hf:..., in this process and in processes that are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kinetoken
from batch_runs import Run
from fake_hub import FakeHub, serving_hub
from kinetoken import Clip
from kinetoken.cli.pull_bar import PullBar, readable_progress, readable_size
from kinetoken.hub.pull import PullState

ROOTS = Path(__file__).parents[3]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub and an empty cache, which the environment names."""
    with serving_hub() as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.endpoint)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield fake


def test_pull_list_and_rm(run: Run, hub: FakeHub, tiny: Path) -> None:
    assert run("list") == (0, "no bundle was pulled yet: kinetoken pull OWNER/NAME\n", "")
    hub.publish("some/walker", tiny)
    code, said, err = run("pull", "some/walker")
    assert (code, err) == (0, "")
    assert said.startswith("hf:some/walker is here now: ")
    assert said.endswith("licence: language model random numbers; codec random numbers\n")
    assert run("pull", "hf:some/walker")[1].startswith("hf:some/walker is up to date: ")
    code, said, _ = run("list")
    assert code == 0
    assert said.startswith("hf:some/walker     0.")
    assert said.endswith(" MB  qwen2 none (onnx), random numbers\n")
    (entry,) = json.loads(run("list", "--json")[1])
    assert set(entry) == {"name", "revisions", "bytes", "whole", "folder"}
    assert entry["name"] == "hf:some/walker"
    assert run("rm", "some/walker")[:2] == (
        0,
        f"removed hf:some/walker: {readable_size(entry['bytes'])}\n",
    )
    assert run("list")[1].startswith("no bundle")
    code, _, err = run("rm", "some/walker")
    assert code == 2
    assert err == "kinetoken: hf:some/walker is not here; `kinetoken list` shows what is\n"


def test_list_says_what_cannot_be_opened(run: Run, hub: FakeHub, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    run("pull", "some/walker")
    (entry,) = json.loads(run("list", "--json")[1])
    (Path(entry["folder"]) / "bundle.json").write_text('{"format": "\\u001b[2J"}')
    said = run("list")[1]
    assert "cannot be opened: bundle.json: expected" in said
    assert "\x1b" not in said
    assert run("pull", "some/walker")[1].startswith("hf:some/walker is here now")
    assert run("inspect", "hf:some/walker")[0] == 0
    hub.corrupt.add("lm.onnx")
    hub.publish("other/walker", tiny)
    run("pull", "other/walker")
    assert "incomplete: pull it again to go on, or remove it" in run("list")[1]


def test_every_command_takes_a_bundle_by_name(
    run: Run, hub: FakeHub, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish("some/walker", tiny)
    name = "hf:some/walker"
    clip = tmp_path / "x.npz"
    code, _, err = run("generate", "walk", "--seconds", 1, "-o", clip, "--bundle", name)
    assert (code, err) == (0, "")
    hub.asked.clear()
    (tmp_path / "answer.txt").write_text(Clip.load(clip).text)
    (tmp_path / "prompts.txt").write_text("walk\n")
    short = ("--seconds", 1)
    for arguments in (
        ("decode", tmp_path / "answer.txt", "-o", tmp_path / "y.npz", "--bundle", name),
        ("batch", tmp_path / "prompts.txt", "-o", tmp_path / "batch", *short, "--bundle", name),
        ("bench", *short, "--json", "--bundle", name),
        ("inspect", name, "--verify"),
    ):
        assert run(*arguments)[0] == 0, arguments
    monkeypatch.setenv("KINETOKEN_BUNDLE", name)
    assert json.loads(run("inspect", "--json")[1])["name"] == "tiny"
    assert hub.asked == []
    assert len(kinetoken.load().generate("walk", seconds=1)) == 20


def test_a_name_goes_to_other_machines_as_a_name(
    hub: FakeHub, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinetoken.generation.bundle import named_bundle

    monkeypatch.setenv("KINETOKEN_BUNDLE", "hf:some/walker")
    assert named_bundle(None) == named_bundle("") == "hf:some/walker"
    assert named_bundle(tiny) == str(tiny)
    monkeypatch.delenv("KINETOKEN_BUNDLE")
    assert named_bundle(None) is None


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("walker", 2, "expected OWNER/NAME or OWNER/NAME@REVISION, got "),
        ("some/nothing", 7, "has no some/nothing, or it is private (401)"),
        ("some/model", 3, "is not a kinetoken bundle: it has no bundle.json"),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(
    run: Run, hub: FakeHub, name: str, code: int, said: str
) -> None:
    hub.repository("some/model").commit({"config.json": b"{}"})
    for arguments in (
        ("pull", name),
        ("generate", "walk", "--bundle", f"hf:{name}"),
        ("inspect", f"hf:{name}"),
    ):
        got, out, err = run(*arguments)
        assert (got, out) == (code, "")
        assert said in err
        assert err.count("\n") == 1


def environment() -> dict[str, str]:
    roots = [str(ROOTS / name) for name in ("runtime", "export", "native_viewer")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(roots)}


def pulling(name: str = "some/walker") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kinetoken", "pull", name]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True)


def until_sent(hub: FakeHub, count: int) -> None:
    end = time.monotonic() + 30
    while hub.sent < count and time.monotonic() < end:
        time.sleep(0.005)
    assert hub.sent >= count


def test_ctrl_c_stops_and_the_next_pull_goes_on(run: Run, hub: FakeHub, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    total = sum(p.stat().st_size for p in tiny.iterdir() if p.is_file())
    hub.rate = 400_000
    process = pulling()
    until_sent(hub, total // 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "kinetoken: stopped\n")
    assert "incomplete" in run("list")[1]
    hub.rate = None
    sent = hub.sent
    assert run("pull", "some/walker")[0] == 0
    assert hub.sent - sent < total * 0.6 + 70_000  # what was on its way comes again
    assert run("inspect", "hf:some/walker", "--verify")[0] == 0


def test_a_pull_that_is_killed_leaves_nothing_that_opens(
    run: Run, hub: FakeHub, tiny: Path
) -> None:
    hub.publish("some/walker", tiny)
    total = sum(p.stat().st_size for p in tiny.iterdir() if p.is_file())
    hub.rate = 1_000_000
    for share in (0.1, 0.5, 0.9):
        hub.asked.clear()
        process = pulling()
        until_sent(hub, int(total * share * 0.3))
        process.kill()
        process.communicate(timeout=30)
        entries = json.loads(run("list", "--json")[1])
        assert not any(entry["whole"] for entry in entries)
    hub.rate = None
    assert run("pull", "some/walker")[0] == 0
    (entry,) = json.loads(run("list", "--json")[1])
    assert entry["whole"]
    got = {p.name for p in Path(entry["folder"]).iterdir() if p.name != ".cache"}
    assert got == {p.name for p in tiny.iterdir() if p.name != ".cache"}
    assert run("inspect", "hf:some/walker", "--verify")[0] == 0


def test_two_processes_bring_one_bundle(run: Run, hub: FakeHub, tiny: Path) -> None:
    hub.publish("some/walker", tiny)
    total = sum(p.stat().st_size for p in tiny.iterdir() if p.is_file())
    hub.rate = 1_000_000
    processes = [pulling(), pulling()]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(words.split(":")[1].split("/walker ")[1] for words in said) == [
        "is here now", "is up to date",
    ]  # fmt: skip
    assert hub.sent == total + (tiny / "bundle.json").stat().st_size


class Terminal:
    """A standard error with somebody before it."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is held back."""


def test_the_bar_shows_what_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with PullBar() as bar:
        bar.show(PullState(0, 0, "another pull is under way"))
        bar.show(PullState(500_000_000, 2_000_000_000, "lm.gguf"))
    assert "another pull is under way ..." in terminal.text
    assert "downloading [#####...............] 25% | 0.5 of 2.0 GB | lm.gguf" in terminal.text
    assert terminal.text.endswith("\r")
    assert (readable_size(12_800_000), readable_size(3_100_000_000)) == ("12.8 MB", "3.1 GB")
    assert readable_progress(1_000_000, 5_000_000) == "1.0 of 5.0 MB"
