"""Locks: one holder at a time, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kinetoken.base import file_lock
from kinetoken.base.errors import OutputError
from kinetoken.base.file_lock import sole_writer, try_lock


def test_a_file_has_one_holder(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as first, (tmp_path / "x").open("rb") as second:
        if try_lock(first.fileno()) is None:
            pytest.skip("this file system has no locks")
        assert try_lock(second.fileno()) is False
        first.close()
        assert try_lock(second.fileno()) is True


def test_one_writer_by_whatever_name(tmp_path: Path) -> None:
    target, link = tmp_path / "talk.json", tmp_path / "link.json"
    link.symlink_to(target)
    with sole_writer(target, "another chat"):
        for name in (target, link):
            with (
                pytest.raises(OutputError, match=r"another chat writes into .*; end it, or name"),
                sole_writer(name, "another chat"),
            ):
                pass
        with sole_writer(tmp_path / "other.json", "another chat"):
            pass
    with sole_writer(link, "another chat"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["link.json"]


def test_a_lock_that_is_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one's end removes the file between our opening it and locking it."""
    lock, calls = tmp_path / ".talk.json.lock", []

    def locked(handle: int) -> bool | None:
        if not calls:
            lock.unlink()
        calls.append(handle)
        return try_lock(handle)

    monkeypatch.setattr(file_lock, "try_lock", locked)
    with sole_writer(tmp_path / "talk.json", "another chat"):
        assert len(calls) == 2
        assert lock.exists()
    assert not lock.exists()


def test_without_locks_everybody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lock, "try_lock", lambda handle: None)
    with (
        sole_writer(tmp_path / "talk.json", "another chat"),
        sole_writer(tmp_path / "talk.json", "another chat"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="there is no folder"),
        sole_writer(tmp_path / "none" / "talk.json", "another chat"),
    ):
        pass
    before = set(os.listdir(tmp_path))
    (tmp_path / ".talk.json.lock").mkdir()
    with (
        pytest.raises(OutputError, match=r"cannot write .*talk\.json"),
        sole_writer(tmp_path / "talk.json", "another chat"),
    ):
        pass
    assert not before
