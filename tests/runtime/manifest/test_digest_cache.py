"""A large file is digested once, and again whenever it could have changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kinetoken import BundleError
from kinetoken.cli.main import main
from kinetoken.generation.bundle import open_manifest
from kinetoken.manifest import digest_cache
from kinetoken.manifest.file_info import FileInfo


@pytest.fixture
def own(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle to be altered, every file of which counts as large and as written long ago."""
    monkeypatch.setattr(digest_cache, "LARGE_FILE", 1)
    monkeypatch.setattr(digest_cache, "SETTLED_SECONDS", -1e9)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "bundle"
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns(".cache"))
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are digested from now on."""
    names: list[str] = []
    whole = FileInfo.of

    def of(path: Path) -> FileInfo:
        names.append(path.name)
        return whole(path)

    monkeypatch.setattr(FileInfo, "of", of)
    return names


def test_the_second_start_reads_nothing(own: Path, read: list[str]) -> None:
    manifest = open_manifest(own)
    assert sorted(read) == sorted(manifest.files)
    read.clear()
    assert open_manifest(own) == manifest
    assert read == []
    assert (own / ".cache" / "digests.json").exists()


def test_asked_to_verify_it_reads_all(
    own: Path, read: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = open_manifest(own)
    read.clear()
    assert main(["inspect", str(own), "--verify"]) == 0
    assert sorted(read) == sorted(manifest.files)
    assert "all whole and unaltered" in capsys.readouterr().out


def rewrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite_with_its_old_time(path: Path) -> None:
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap_for_another_file(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy2(path, other)
    rewrite(other)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewrite, rewrite_with_its_old_time, swap_for_another_file])
def test_a_file_that_was_changed_is_noticed(own: Path, change: Callable[[Path], None]) -> None:
    open_manifest(own)
    change(own / "lm.onnx")
    with pytest.raises(BundleError, match=r"lm\.onnx was altered"):
        open_manifest(own)


def test_a_file_written_a_moment_ago_is_not_remembered(
    own: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest_cache, "SETTLED_SECONDS", 60.0)
    for _ in range(2):
        open_manifest(own)
    assert read.count("lm.onnx") == 2
    assert not (own / ".cache").exists()


def test_small_files_are_always_read(
    own: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest_cache, "LARGE_FILE", 1 << 40)
    for _ in range(2):
        manifest = open_manifest(own)
    assert len(read) == 2 * len(manifest.files)
    assert not (own / ".cache").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"lm.onnx": 3}',
        '{"lm.onnx": [[1], "ff"]}',
        '{"lm.onnx": [[1], "ff", "now"]}',
        "\xff",
        "[" * 100_000,
    ],
)
def test_a_damaged_memory_is_made_again(own: Path, read: list[str], text: str) -> None:
    open_manifest(own)
    (own / ".cache" / "digests.json").write_text(text, encoding="latin-1")
    shutil.rmtree(own.parent / "home", ignore_errors=True)
    read.clear()
    manifest = open_manifest(own)
    assert sorted(read) == sorted(manifest.files)
    assert set(json.loads((own / ".cache" / "digests.json").read_text(encoding="utf-8"))) == set(
        manifest.files
    )


def test_a_bundle_that_cannot_be_written_is_remembered_by_the_user(
    own: Path, tmp_path: Path, read: list[str]
) -> None:
    (own / ".cache").write_text("a file where the folder would be", encoding="utf-8")
    open_manifest(own)
    read.clear()
    open_manifest(own)
    assert read == []
    assert len(list((tmp_path / "home" / "kinetoken").glob("digests-*.json"))) == 1


def test_nowhere_to_remember_is_no_error(
    own: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / ".cache").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(own / ".cache"))
    for _ in range(2):
        manifest = open_manifest(own)
    assert len(read) == 2 * len(manifest.files)


def alter_memory(place: Path, digest: str | None = None, seconds: float = 0.0) -> None:
    """Another digest for all files, or another time."""
    seen = json.loads(place.read_text(encoding="utf-8"))
    changed = {
        name: [marks, digest or known, at + seconds] for name, (marks, known, at) in seen.items()
    }
    place.write_text(json.dumps(changed), encoding="utf-8")


def test_a_wrong_memory_does_not_condemn_a_good_bundle(own: Path, read: list[str]) -> None:
    manifest, place = open_manifest(own), own / ".cache" / "digests.json"
    alter_memory(place, digest="0" * 64)
    read.clear()
    assert open_manifest(own) == manifest
    assert sorted(read) == sorted(manifest.files)
    read.clear()
    open_manifest(own)
    assert read == [], "it was mended"


@pytest.mark.parametrize(
    ("seconds", "again"), [(-6 * 86_400.0, False), (-8 * 86_400.0, True), (3600.0, True)]
)
def test_a_digest_is_believed_for_a_week(
    own: Path, read: list[str], seconds: float, again: bool
) -> None:
    manifest = open_manifest(own)
    alter_memory(own / ".cache" / "digests.json", seconds=seconds)
    read.clear()
    open_manifest(own)
    assert sorted(read) == (sorted(manifest.files) if again else [])


def test_news_elsewhere_count_beside_a_stale_memory_that_cannot_be_written(
    own: Path, tmp_path: Path, read: list[str]
) -> None:
    manifest, place = open_manifest(own), own / ".cache" / "digests.json"
    (own / "lm.onnx").touch()
    stale = place.read_text(encoding="utf-8")
    place.unlink()
    place.parent.rmdir()
    (own / ".cache").write_text("cannot be written", encoding="utf-8")
    open_manifest(own)
    assert list((tmp_path / "home" / "kinetoken").glob("digests-*.json"))
    (own / ".cache").unlink()
    place.parent.mkdir()
    place.write_text(stale, encoding="utf-8")
    read.clear()
    assert open_manifest(own) == manifest
    assert read == []
