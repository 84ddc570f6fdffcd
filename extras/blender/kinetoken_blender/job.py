"""One run of the installed kinetoken in a process of its own; knows nothing of Blender."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

_INSTALL = (
    "kinetoken was not found. Install it (pip install kinetoken), then give the path of its program "
    "in Edit > Preferences > Add-ons > kinetoken"
)
_STOP_SECONDS = 5.0


class JobError(Exception):
    """One line for the user."""


@dataclass(frozen=True)
class JobRequest:
    """What the panel asks for."""

    prompt: str
    seconds: float
    """0: as long as the model likes."""
    seed: int
    """Negative: another one each time."""
    levels: int
    """0: all."""
    program: str = ""
    """Path of the program; empty: the one on PATH."""

    def command(self, out: Path) -> list[str]:
        """The command line that writes the motion to `out`. JobError."""
        if not self.prompt.strip():
            raise JobError("Type a movement first, such as: a person waves")
        words = [find_program(self.program), "generate", "--progress", "-o", str(out)]
        options = {
            "--seconds": (self.seconds > 0, f"{self.seconds:g}"),
            "--seed": (self.seed >= 0, str(self.seed)),
            "--levels": (self.levels > 0, str(self.levels)),
        }
        for name, (given, value) in options.items():
            words += [name, value] if given else []
        return [*words, "--as-prompt", "--", self.prompt]


def find_program(path: str) -> str:
    """The program that the preferences name, or the one on PATH. JobError."""
    if not path.strip():
        found = shutil.which("kinetoken")
        if found is None:
            raise JobError(_INSTALL)
        return found
    wanted = Path(path.strip()).expanduser()
    if wanted.is_dir():  # of a virtual environment
        places = [wanted / part / "kinetoken" for part in ("", "bin", "Scripts")]
        found = next((f for place in places if (f := shutil.which(str(place)))), None)
    else:
        found = shutil.which(str(wanted))
    if found is None:
        raise JobError(f"{wanted} is not a program; {_INSTALL[0].lower()}{_INSTALL[1:]}")
    return found


class Job:
    """A run that goes on by itself; look at it now and then."""

    def __init__(self, request: JobRequest) -> None:
        """Start it. JobError where the program is missing or cannot be started."""
        self._folder = Path(tempfile.mkdtemp(prefix="kinetoken-"))
        self.out = self._folder / "motion.glb"
        self.seconds = 0.0
        """Seconds of motion so far."""
        self.expected = request.seconds
        """Their number at the end; 0: nobody knows."""
        self._lines: deque[str] = deque(maxlen=20)
        try:
            self._process = subprocess.Popen(
                request.command(self.out),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_clean_environment(),
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except (OSError, ValueError) as error:  # the latter for a null byte in the prompt
            self.clean()
            raise JobError(f"kinetoken cannot be started: {error}") from error
        except JobError:
            self.clean()
            raise
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def progress(self) -> float:
        """0 to 1; 0 where the length is not known."""
        return min(1.0, self.seconds / self.expected) if self.expected else 0.0

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self._process.poll() is None

    def result(self) -> Path:
        """The file of a run that has ended. JobError with kinetoken's own line."""
        self._reader.join(_STOP_SECONDS)
        if self._process.returncode or not self.out.exists():
            said = self._lines[-1] if self._lines else f"exit code {self._process.returncode}"
            raise JobError(f"kinetoken: {said.removeprefix('kinetoken: ')}")
        return self.out

    def cancel(self) -> None:
        """End it now, and forget what it made."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.clean()

    def clean(self) -> None:
        """Remove its files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        """Take in its lines: progress as JSON, and words for people."""
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                if line.startswith("{"):
                    told = json.loads(line)
                    self.seconds = float(told["seconds"])
                    self.expected = self.expected or float(told["expected"] or 0.0)
                elif line.strip():
                    self._lines.append(line.strip())


def _clean_environment() -> dict[str, str]:
    """The environment without what leads another Python to Blender's own packages."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
