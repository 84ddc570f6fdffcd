"""A bundle from the hub into the store: its manifest, then exactly the files that it lists."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ..base.errors import BundleError, KinetokenError, OutputError
from ..base.input_file import read_input
from ..base.json_text import parse_json
from ..manifest.file_info import FileInfo
from ..manifest.manifest_file import (
    LARGEST_MANIFEST,
    manifest_from_dict,
    read_manifest,
    verify_files,
)
from ..manifest.schema import MANIFEST_NAME, Manifest
from .bundle_name import BundleName
from .bundle_store import BundleStore
from .download import Downloader
from .hub_client import HubClient

_DIGEST_LETTERS: Final = 16
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class PullState:
    """How far a pull is."""

    done: int
    """Bytes that are there."""
    total: int
    """Bytes of the whole bundle."""
    note: str
    """The file under way, or what is waited for."""


Progress = Callable[[PullState], None]


@dataclass(frozen=True)
class Pulled:
    """What a pull found or brought."""

    folder: Path
    new: bool
    """True if anything was downloaded."""
    manifest: Manifest


def pulled_folder(name: BundleName, progress: Progress | None = None) -> Path:
    """The bundle's folder: at once and without the network if it is here, else it is pulled."""
    store = BundleStore.of_user()
    return store.find(name) or pull_bundle(name, progress, store=store, newest=False).folder


def pull_bundle(
    name: BundleName,
    progress: Progress | None = None,
    *,
    hub: HubClient | None = None,
    store: BundleStore | None = None,
    newest: bool = True,
) -> Pulled:
    """Bring a bundle, or what has changed of it since; going on where an earlier pull stopped.

    `newest`: ask the hub even if the bundle is here. DownloadError, BundleError, OutputError.
    """
    hub, store = hub or HubClient.from_environment(), store or BundleStore.of_user()
    progress = progress or _show_nothing
    try:
        with store.locked(name, lambda: progress(PullState(0, 0, "another pull is under way"))):
            if not newest and (folder := store.find(name)):
                return Pulled(folder, False, read_manifest(folder))
            return _pull(name, progress, hub, store)
    except KinetokenError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write into {store.root}: {error.strerror or error}; "
            "free some space there, or set XDG_CACHE_HOME to another folder"
        ) from error


def _show_nothing(state: PullState) -> None:
    pass


def _pull(name: BundleName, progress: Progress, hub: HubClient, store: BundleStore) -> Pulled:
    raw, commit = Downloader(hub, name).read(MANIFEST_NAME, LARGEST_MANIFEST)
    commit = commit if commit and _COMMIT.fullmatch(commit) else None
    try:
        manifest = _checked_manifest(name, raw)
    except BundleError as error:
        raise BundleError(hub.shown(str(error))) from None
    digest = hashlib.sha256(raw).hexdigest()[:_DIGEST_LETTERS]
    folder = store.bundle_folder(name, digest)
    new = not folder.is_dir()
    if not new and not _is_unaltered(folder, manifest, raw):
        store.take_back(name, digest)
        new = True
    if new:
        part = store.part_folder(name, digest)
        part.mkdir(parents=True, exist_ok=True)
        _fetch_files(name.at(commit or name.wanted), manifest, part, hub, progress)
        _write(part / MANIFEST_NAME, raw)
        folder = store.accept(name, digest)
    store.note(name, commit, digest)
    return Pulled(folder, new, manifest)


def _checked_manifest(name: BundleName, raw: bytes) -> Manifest:
    """The manifest, whose file names all stay in the folder. BundleError."""
    try:
        data = parse_json(raw)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise BundleError(
            f"{name} is not a kinetoken bundle: its {MANIFEST_NAME} is not a JSON object"
        )
    try:
        manifest = manifest_from_dict(data)
    except BundleError as error:
        raise BundleError(f"{name}: {error}") from error
    for path, info in manifest.files.items():
        pure = PurePosixPath(path)
        hidden = any(part.startswith(".") for part in pure.parts)
        if pure.as_posix() != path or path == MANIFEST_NAME or hidden:
            raise BundleError(f"{name}: its {MANIFEST_NAME} lists a file {path!r}; tell its owner")
        if info.bytes < 0 or not _SHA256.fullmatch(info.sha256):
            raise BundleError(f"{name}: {path} has no size or no sha256; tell its owner")
    return manifest


def _is_unaltered(folder: Path, manifest: Manifest, raw: bytes) -> bool:
    """True if every file is as listed. All are read: what only looks unchanged may be damaged."""
    try:
        verify_files(folder, manifest)
        return read_input(folder / MANIFEST_NAME) == raw
    except (BundleError, OSError):
        return False


def _fetch_files(
    name: BundleName, manifest: Manifest, part: Path, hub: HubClient, progress: Progress
) -> None:
    """All files into the part's folder. DownloadError, BundleError, OutputError, OSError."""
    total = sum(info.bytes for info in manifest.files.values())
    done = sum(_bytes_there(part / path, info) for path, info in manifest.files.items())
    _check_room(part, total - done)
    for path, info in sorted(manifest.files.items()):

        def step(more: int, note: str, path: str = path) -> None:
            nonlocal done
            done += more
            progress(PullState(done, total, note or path))

        step(0, "")
        Downloader(hub, name, step).fetch(path, part / path, info)


def _write(path: Path, data: bytes) -> None:
    """Write a file that is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _bytes_there(path: Path, expected: FileInfo) -> int:
    """Bytes that need not be fetched again; more than there should be are none."""
    size = path.stat().st_size if path.is_file() else 0
    return size if size <= expected.bytes else 0


def _check_room(folder: Path, needed: int) -> None:
    """OutputError where the disk has less room than the rest of the bundle takes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{needed / 1e6:,.1f} MB are still to come, and {folder} has room for "
            f"{free / 1e6:,.1f} MB: free some space, or set XDG_CACHE_HOME to another disk"
        )
