"""The bundles that were pulled, in the user's cache folder.

    hub/OWNER/NAME/bundles/DIGEST/      a whole bundle: the digest is that of its bundle.json
    hub/OWNER/NAME/parts/DIGEST/        files of one that is being pulled, or was stopped
    hub/OWNER/NAME/revisions/REVISION   the digest and the commit that a branch, tag or commit had
    hub/.locks/OWNER--NAME              held by the process that changes the above

A bundle's folder gets its place by one renaming, so it is whole or not there. Two commits with the
same bundle, say where only a README differs, share a folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ..base.atomic_file import atomic_path, flush_folder, remove_leftovers
from ..base.cache_folder import CACHE_FOLDER, user_cache
from ..base.errors import FormatError, InputError
from ..base.input_file import read_input_text
from ..base.json_text import parse_json
from ..base.operating_system import try_lock
from ..manifest.schema import MANIFEST_NAME
from .bundle_name import MAIN, PREFIX, BundleName

_LOOK_SECONDS: Final = 0.1
"""Between two looks at a lock that another process holds."""
_SHORT_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class StoredBundle:
    """A bundle in the store, or the part of one that has come so far."""

    repository: str
    """OWNER/NAME."""
    digest: str
    revisions: tuple[str, ...]
    """Branches and tags that it was pulled by, main first, then commits."""
    folder: Path
    whole: bool
    bytes: int
    """Size on disk."""

    @property
    def name(self) -> str:
        """The name to open it by."""
        revision = self.revisions[0] if self.revisions else MAIN
        shown = revision[:12] if _COMMIT.fullmatch(revision) else revision
        return PREFIX + self.repository + ("" if shown == MAIN else f"@{shown}")


@dataclass(frozen=True)
class BundleStore:
    """The folder of all bundles that were pulled."""

    root: Path

    @classmethod
    def of_user(cls) -> BundleStore:
        """The one in the user's cache folder. OutputError without a home."""
        return cls(user_cache() / "hub")

    def find(self, name: BundleName) -> Path | None:
        """The folder of a bundle that was pulled whole; None: it was not."""
        digest = self._revisions(name).get(name.wanted)
        if digest is None and _SHORT_COMMIT.fullmatch(name.wanted):
            begun = {
                digest
                for revision, digest in self._revisions(name).items()
                if _COMMIT.fullmatch(revision) and revision.startswith(name.wanted)
            }
            digest = begun.pop() if len(begun) == 1 else None
        if digest is None:
            return None
        folder = self.bundle_folder(name, digest)
        return folder if folder.is_dir() else None

    def bundle_folder(self, name: BundleName, digest: str) -> Path:
        """Where the bundle is once it is whole."""
        return self._home(name) / "bundles" / digest

    def part_folder(self, name: BundleName, digest: str) -> Path:
        """Where its files are until then."""
        return self._home(name) / "parts" / digest

    def note(self, name: BundleName, commit: str | None, digest: str) -> None:
        """Remember that the revision, and its present commit, are this bundle. OutputError."""
        folder = self._home(name) / "revisions"
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        for revision in dict.fromkeys(filter(None, (commit, name.wanted))):
            with atomic_path(folder / _file_name(revision)) as path:
                entry = {"revision": revision, "bundle": digest}
                path.write_text(json.dumps(entry) + "\n", encoding="utf-8")
        with contextlib.suppress(OSError):  # empty where a pull was killed just before its end
            (self._home(name) / "parts").rmdir()

    def accept(self, name: BundleName, digest: str) -> Path:
        """Put a whole part in its place; drop the repository's other parts. OSError."""
        part, folder = self.part_folder(name, digest), self.bundle_folder(name, digest)
        folder.parent.mkdir(parents=True, exist_ok=True)
        flush_folder(part)
        os.replace(part, folder)
        flush_folder(folder.parent)
        shutil.rmtree(part.parent, ignore_errors=True)
        return folder

    def take_back(self, name: BundleName, digest: str) -> None:
        """Make a part of a bundle: it is no longer whole. OSError."""
        part, folder = self.part_folder(name, digest), self.bundle_folder(name, digest)
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, part)
        (part / MANIFEST_NAME).unlink(missing_ok=True)
        shutil.rmtree(part / CACHE_FOLDER, ignore_errors=True)

    def bundles(self) -> list[StoredBundle]:
        """Everything that was pulled, whole or not, by name."""
        homes = sorted(path for path in self.root.glob("[!.]*/[!.]*") if path.is_dir())
        names = [BundleName(home.parent.name, home.name) for home in homes]
        return [bundle for name in names for bundle in self._bundles(name)]

    def remove(self, name: BundleName) -> list[StoredBundle]:
        """Delete a bundle, or all of a repository where no revision is named; what there was.

        InputError where there is none.
        """
        with self.locked(name):
            found = self._named(name)
            if not found:
                raise InputError(f"{name} is not here; `kinetoken list` shows what is")
            for bundle in found:
                if bundle.whole:
                    self.take_back(name, bundle.digest)
                shutil.rmtree(self.part_folder(name, bundle.digest), ignore_errors=True)
                for revision in bundle.revisions:
                    (self._home(name) / "revisions" / _file_name(revision)).unlink(missing_ok=True)
            self._clear(name)
        return found

    @contextlib.contextmanager
    def locked(self, name: BundleName, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """The repository for this process alone; `wait` is called once where another has it."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / f"{name.owner}--{name.name}").open("ab") as file:
            told = False
            while try_lock(file.fileno()) is False:
                if wait is not None and not told:
                    wait()
                told = True
                time.sleep(_LOOK_SECONDS)
            yield  # closing the file gives the lock back, and so does the end of the process

    def _home(self, name: BundleName) -> Path:
        return self.root / name.owner / name.name

    def _revisions(self, name: BundleName) -> dict[str, str]:
        """Revision to digest; what cannot be read counts as nothing."""
        found: dict[str, str] = {}
        for path in (self._home(name) / "revisions").glob("*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, FormatError):
                entry = parse_json(read_input_text(path))
                if re.fullmatch(r"[0-9a-f]+", entry["bundle"]):
                    found[str(entry["revision"])] = entry["bundle"]
        return found

    def _bundles(self, name: BundleName) -> list[StoredBundle]:
        revisions = self._revisions(name)
        out = []
        for kind in ("bundles", "parts"):
            for folder in sorted(self._home(name).glob(f"{kind}/*")):
                known = [r for r, digest in revisions.items() if digest == folder.name]
                known.sort(key=lambda r: (_COMMIT.fullmatch(r) is not None, r != MAIN, r))
                out.append(
                    StoredBundle(
                        name.repository, folder.name, tuple(known), folder,
                        whole=kind == "bundles", bytes=folder_bytes(folder),
                    )
                )  # fmt: skip
        return out

    def _named(self, name: BundleName) -> list[StoredBundle]:
        """Everything of the repository, or the one bundle of the revision that is named."""
        found = self._bundles(name)
        if name.revision is None:
            return found
        folder = self.find(name)
        return [bundle for bundle in found if bundle.folder == folder]

    def _clear(self, name: BundleName) -> None:
        """Remove the repository's folder once no bundle is in it."""
        home = self._home(name)
        if not any(home.glob("bundles/*")) and not any(home.glob("parts/*")):
            shutil.rmtree(home, ignore_errors=True)
            with contextlib.suppress(OSError):
                home.parent.rmdir()


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder; those that go away meanwhile count as nothing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _file_name(revision: str) -> str:
    return f"{quote(revision, safe='')}.json"
