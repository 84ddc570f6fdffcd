"""Texts may come from a pipe that the shell has opened: `<(command)`, and /dev/stdin behind one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_runs import Run
from kinetoken.base import input_file
from kinetoken.base.errors import FormatError
from kinetoken.base.input_file import read_typed
from kinetoken.batch.prompts import read_prompts_file
from kinetoken.generation.options import GenerateOptions

pytestmark = pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")


@pytest.fixture
def piped(request: pytest.FixtureRequest) -> Iterator[str]:
    """The path of a pipe that holds the bytes of the test's parameter."""
    reading, writing = os.pipe()
    os.write(writing, request.param)
    os.close(writing)
    yield f"/dev/fd/{reading}"
    os.close(reading)


@pytest.mark.parametrize("piped", [b"walk\nwave\n"], indirect=True)
def test_prompts_come_from_a_pipe(piped: str) -> None:
    prompts = read_prompts_file(Path(piped), GenerateOptions())
    assert [job.prompt for job in prompts.jobs] == ["walk", "wave"]
    assert prompts.sha256 == hashlib.sha256(b"walk\nwave\n").hexdigest()


@pytest.mark.parametrize("piped", [b'\xef\xbb\xbf{"prompt": "walk", "seed": 5}\n'], indirect=True)
def test_a_pipe_of_objects_is_told_by_its_first_letter(piped: str) -> None:
    (job,) = read_prompts_file(Path(piped), GenerateOptions()).jobs
    assert (job.prompt, job.options.seed) == ("walk", 5)


@pytest.mark.parametrize("piped", [b"a text without motion"], indirect=True)
def test_decode_reads_a_pipe(piped: str, tmp_path: Path, run: Run) -> None:
    code, _, told = run("decode", piped, "-o", tmp_path / "x.npz")
    assert (code, "expected motion tokens" in told) == (3, True), told


@pytest.mark.parametrize("piped", [b"y\n" * 40], indirect=True)
def test_a_pipe_without_end_is_refused(piped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_file, "LARGEST_TEXT", 64)
    with pytest.raises(FormatError, match="expected at most 64 bytes"):
        read_typed(piped, None)


def test_a_number_that_is_no_open_file_is_told_in_one_line(tmp_path: Path, run: Run) -> None:
    code, _, told = run("batch", "/dev/fd/987", "-o", tmp_path / "out")
    assert (code, told.count("\n")) == (3, 1), told
