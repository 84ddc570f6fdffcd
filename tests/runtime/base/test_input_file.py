"""Files that may be read, and those that would hold the program up."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kinetoken.base.errors import FormatError
from kinetoken.base.input_file import check_regular, open_input, read_input, read_input_text

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")


@pytest.fixture
def odd_files(tmp_path: Path) -> list[Path]:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    listening.close()
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: opened the usual way, it waits for ever
    return [tmp_path / "pipe", Path("/dev/zero"), tmp_path / "socket", tmp_path]


def test_what_is_no_file_is_refused_at_once(odd_files: list[Path]) -> None:
    kinds = ("a pipe", "a device", "a socket", "a folder")
    for path, kind in zip(odd_files, kinds, strict=True):
        for read in (open_input, read_input, read_input_text, check_regular):
            with pytest.raises(OSError, match=f"it is {kind}, not a file"):
                read(path)


def test_text_is_read_as_python_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("a\r\nb\rc\nü".encode())
    assert read_input_text(path) == path.read_text(encoding="utf-8") == "a\nb\nc\nü"
    with pytest.raises(FormatError, match="at most 3 bytes"):
        read_input(path, 3)
