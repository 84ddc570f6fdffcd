"""Two of everything at once, as real processes: both whole, or one clear line. About 20 s."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip
from kinetoken.manifest.manifest_file import read_manifest
from tiny_bundle import build_tiny_bundle

AT_ONCE = 3
BRIEF = ("--seconds", "0.6", "--seed", "3")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return build_tiny_bundle(tmp_path / "bundle")


def started(bundle: Path, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kinetoken", *map(str, words)],
        env={
            **os.environ,
            "KINETOKEN_BUNDLE": str(bundle),
            "KINETOKEN_THREADS": "1",
            "XDG_CACHE_HOME": str(bundle.parent / "xdg"),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], typed: str = "") -> tuple[int, str]:
    _, said = process.communicate(typed, timeout=120)
    return process.returncode, said


def turns(path: Path) -> list[str]:
    return [turn["prompt"] for turn in json.loads(path.read_text(encoding="utf-8"))["turns"]]


def test_a_second_chat_on_one_file_is_refused_and_no_turn_is_lost(
    bundle: Path, tmp_path: Path
) -> None:
    file = tmp_path / "talk.json"
    given = ("chat", "--headless", "--json", *BRIEF, "--history-file")
    first = started(bundle, *given, file)
    assert first.stdin is not None
    assert first.stdout is not None
    first.stdin.write("one\n")
    first.stdin.flush()
    assert json.loads(first.stdout.readline())["prompt"] == "one"
    link = tmp_path / "link.json"
    link.symlink_to(file)
    for name in (file, link):
        code, said = ended(started(bundle, *given, name), "other\n")
        assert code == 5
        assert said.splitlines() == [
            f"kinetoken: another chat writes into {name}; end it, or name another file"
        ]
    assert ended(first, "two\n")[0] == 0
    assert turns(file) == ["one", "two"]
    assert ended(started(bundle, *given, file), "three\n")[0] == 0
    assert turns(file) == ["one", "two", "three"]
    assert not list(tmp_path.glob(".*"))


def test_chats_that_begin_together_keep_every_turn_that_was_answered(
    bundle: Path, tmp_path: Path
) -> None:
    file = tmp_path / "talk.json"
    given = ("chat", "--headless", *BRIEF, "--history-file", file)
    chats = [started(bundle, *given) for _ in range(AT_ONCE)]
    codes = [ended(chat, "one\ntwo\n")[0] for chat in chats]
    assert set(codes) <= {0, 5}
    assert codes.count(0) >= 1
    assert turns(file) == ["one", "two"] * codes.count(0)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_chat_holds_nothing(bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    given = ("chat", "--headless", "--json", *BRIEF, "--history-file", file)
    killed = started(bundle, *given)
    assert killed.stdin is not None
    assert killed.stdout is not None
    killed.stdin.write("one\n")
    killed.stdin.flush()
    assert killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    ended(killed)
    assert ended(started(bundle, *given), "two\n")[0] == 0
    assert turns(file) == ["one", "two"]


def test_batches_into_one_folder(bundle: Path, tmp_path: Path) -> None:
    prompts, clips = tmp_path / "prompts.txt", tmp_path / "clips"
    prompts.write_text("walk\nwave\njump\n", encoding="utf-8")
    runs = [started(bundle, "batch", prompts, "-o", clips, *BRIEF) for _ in range(AT_ONCE)]
    found = [ended(run) for run in runs]
    assert {code for code, _ in found} <= {0, 5}
    assert any(code == 0 for code, _ in found)
    for _, said in filter(lambda one: one[0] == 5, found):
        assert "another kinetoken batch writes into" in said.splitlines()[-1]
    assert sorted(path.name for path in clips.glob("*.npz")) == [
        "000001.npz",
        "000002.npz",
        "000003.npz",
    ]
    assert all(len(Clip.load(path)) == 12 for path in clips.glob("*.npz"))
    assert not list(clips.glob("*.part*")) + list(clips.glob(".*"))


BUILDS = """
import sys, time
from pathlib import Path
from kinetoken.base.errors import OutputError
from kinetoken_export.bundle.atomic_folder import new_folder
out, name, force = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "force"
sys.stdin.readline()
try:
    with new_folder(out, force) as folder:
        for number in range(20):
            (folder / str(number)).write_text(name)
            time.sleep(0.005)
except OutputError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("force", ["force", "new"])
def test_exports_into_one_folder(tmp_path: Path, force: str) -> None:
    out = tmp_path / "made"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", BUILDS, str(out), str(number), force],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(AT_ONCE)
    ]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    found = [ended(run) for run in runs]
    assert len({path.read_text() for path in out.iterdir()}) == 1
    assert len(list(out.iterdir())) == 20
    whole = [code for code, _ in found if code == 0]
    assert len(whole) == (AT_ONCE if force == "force" else 1)
    for code, said in found:
        assert code == 0 or "exists: give another folder with -o" in said
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_sessions_on_one_cache(bundle: Path, tmp_path: Path) -> None:
    """Digests and the state of the system prompt are made and read by all of them at once."""
    for _ in range(2):  # with an empty cache, then with one that is there
        runs = [
            started(bundle, "chat", "--headless", *BRIEF, "-o", tmp_path / f"{number}.npz")
            for number in range(AT_ONCE)
        ]
        assert [ended(run, "a person walks\n")[0] for run in runs] == [0] * AT_ONCE
        clips = [Clip.load(tmp_path / f"{number}.npz") for number in range(AT_ONCE)]
        for clip in clips[1:]:
            np.testing.assert_array_equal(clip.joints, clips[0].joints)
    kept = {path.suffix for path in (bundle / ".cache").iterdir()}
    assert kept <= {".json", ".state"}
    assert ".state" in kept
    assert read_manifest(bundle).name == "tiny"
