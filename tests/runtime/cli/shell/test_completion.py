"""--print-completion in real shells, which complete a line that is typed."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from kinetoken.cli.main import main
from kinetoken.cli.shell.completion import SHELLS

pytest.importorskip("shtab")
pty = pytest.importorskip("pty", reason="needs terminals of POSIX")

LINES = (
    ("kinetoken insp", "kinetoken inspect"),
    ("kinetoken train-demo prep", "kinetoken train-demo prepare"),  # a step of another package's
    ("kinetoken play --seco", "kinetoken play --seconds"),
    ("kinetoken play --provider ten", "kinetoken play --provider tensorrt"),
    ("kinetoken convert my-w", "kinetoken convert my-walk.npz"),
    ("kinetoken play my-w", "kinetoken play my-walk.npz"),
    ("kinetoken generate walk --bundle my-b", "kinetoken generate walk --bundle my-bundle/"),
)
"""What is typed, and what the shell makes of it."""
_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a script for each shell, and something to complete."""
    for shell in SHELLS:
        with pytest.raises(SystemExit) as left:
            main(["--print-completion", shell])
        assert left.value.code == 0
        (tmp_path / f"script.{shell}").write_text(capsys.readouterr().out)
    (tmp_path / "my-walk.npz").touch()
    (tmp_path / "my-bundle").mkdir()
    return tmp_path


def shell_or_skip(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


class Typist:
    """Somebody at the terminal of a shell."""

    def __init__(self, *command: str, folder: Path) -> None:
        self.ours, theirs = pty.openpty()
        env = {**os.environ, "TERM": "dumb", "PS1": "> ", "HOME": str(folder), "COLUMNS": "400"}
        self.shell = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def until(self, wanted: str) -> str:
        """All that is shown, up to the words wanted."""
        shown, end = "", time.monotonic() + _SECONDS
        while wanted not in shown and time.monotonic() < end:
            if select.select([self.ours], [], [], 1.0)[0]:
                shown += os.read(self.ours, 4096).decode(errors="replace")
        assert wanted in shown, shown
        return shown

    def close(self) -> None:
        self.shell.kill()
        self.shell.wait()
        os.close(self.ours)


def complete(typist: Typist, begin: str, whole: str) -> None:
    """Type the beginning and Tab; the shell writes the rest."""
    typist.type(begin)
    typist.until(begin)
    typist.type("\t")
    typist.until(whole.removeprefix(begin))
    typist.type("\x15")  # the line goes


def test_bash_completes_a_line(folder: Path) -> None:
    typist = Typist(shell_or_skip("bash"), "--norc", "--noprofile", "-i", folder=folder)
    try:
        typist.type("bind 'set enable-bracketed-paste off'; source script.bash; echo re''ady\n")
        typist.until("ready")
        for begin, whole in LINES:
            complete(typist, begin, whole)
    finally:
        typist.close()


def test_zsh_completes_a_line(folder: Path) -> None:
    typist = Typist(shell_or_skip("zsh"), "-f", "-i", folder=folder)
    try:
        start = "autoload -U compinit; compinit -u; unsetopt zle_bracketed_paste; unset zle_bracketed_paste"
        typist.type(
            f"{start}; source script.zsh; compdef _shtab_kinetoken kinetoken; echo re''ady\n"
        )
        typist.until("ready")
        for begin, whole in LINES:
            complete(typist, begin, whole)
    finally:
        typist.close()


def test_fish_completes_a_line(folder: Path) -> None:
    fish = shell_or_skip("fish")
    for begin, whole in LINES:
        script = f"source script.fish; complete --do-complete '{begin}'"
        done = subprocess.run(
            [fish, "--no-config", "-c", script],
            cwd=folder, capture_output=True, text=True, timeout=_SECONDS,
            env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
        words = [line.split("\t")[0] for line in done.stdout.splitlines()]
        assert whole.split()[-1] in words, (begin, done.stdout, done.stderr)
