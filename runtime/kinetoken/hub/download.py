"""Files of a bundle from the hub: exactly those of its manifest, resumed where they were left."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..base.errors import BundleError, DownloadError
from ..manifest.file_info import FileInfo
from .bundle_name import BundleName
from .hub_client import (
    CHUNK_BYTES,
    ENDPOINT_VARIABLE,
    FEWEST_BYTES,
    ConnectionLostError,
    HubClient,
    UnreachableError,
)

Step = Callable[[int, str], None]
"""Called with the change in the number of bytes that are there, and a note for the user."""


@dataclass(frozen=True)
class Downloader:
    """Fetches files of a repository; tries again, for a while, where the connection breaks."""

    hub: HubClient
    name: BundleName
    step: Step = lambda more, note: None

    def read(self, path: str, most: int) -> tuple[bytes, str | None]:
        """A small file and its commit, if the hub names it. DownloadError, BundleError."""
        raw, commit = bytearray(), None

        def go_on() -> None:
            nonlocal raw, commit
            with self.hub.open(self.name, path) as body:
                raw, commit = bytearray(), body.commit
                while chunk := body.read(most + 1 - len(raw)):
                    raw += chunk
                if body.total is not None and len(raw) < min(body.total, most + 1):
                    raise ConnectionLostError(f"the connection broke in the middle of {path}")

        self._keep_trying(go_on, lambda: 0, at_once=UnreachableError)
        if len(raw) > most:
            raise BundleError(f"{self.name}: {path} has more than {most:,} bytes; tell its owner")
        return bytes(raw), commit

    def fetch(self, path: str, target: Path, expected: FileInfo) -> None:
        """Bring the file, going on with what is there; it is on the disk when this returns.

        DownloadError, or BundleError where the hub's file is another; OSError where it cannot be
        written.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = target.exists()
        if self._is_fetched(path, target, expected):
            return
        target.unlink()
        self.step(-expected.bytes, "")
        if resumed:  # what was there was damaged: from the beginning
            self.fetch(path, target, expected)
            return
        raise BundleError(
            f"{self.name}: {path} from the hub is not the file that its manifest lists "
            "(wrong sha256); try again, or tell its owner"
        )

    def _is_fetched(self, path: str, target: Path, expected: FileInfo) -> bool:
        """Bring the file; False if it has the wrong digest."""
        with target.open("ab+") as file:
            if file.tell() > expected.bytes:
                file.truncate(0)
            part = _Part(file, self.step)
            part.read()
            if part.bytes < expected.bytes:
                self._keep_trying(
                    lambda: self._go_on(path, part, expected.bytes), lambda: part.bytes
                )
            file.flush()
            os.fsync(file.fileno())
            return part.sha256 == expected.sha256

    def _go_on(self, path: str, part: _Part, size: int) -> None:
        """The rest of the file, over one connection. ConnectionLostError where it ends early."""
        with self.hub.open(self.name, path, part.bytes) as body:
            if body.total is not None and body.total != size:
                raise BundleError(
                    f"{self.name}: {path} has {body.total:,} bytes on the hub and {size:,} in its "
                    "manifest; tell its owner"
                )
            if body.start != part.bytes:
                part.restart()
            while part.bytes < size:
                chunk = body.read(size - part.bytes)
                if not chunk:
                    raise ConnectionLostError(f"the connection broke in the middle of {path}")
                part.write(chunk)

    def _keep_trying(
        self, go_on: Callable[[], None], there: Callable[[], int], at_once: Any = ()
    ) -> None:
        """Call `go_on` until it ends well; DownloadError once all waits brought no byte more.

        `there` counts the bytes; errors of `at_once` are not worth a wait.
        """
        tries = 0
        while True:
            before = there()
            try:
                go_on()
                return
            except ConnectionLostError as error:
                tries = 0 if there() - before >= FEWEST_BYTES else tries
                if isinstance(error, at_once):
                    raise DownloadError(
                        f"{error}; check the network and ${ENDPOINT_VARIABLE}"
                    ) from error
                if tries == len(self.hub.waits):
                    raise DownloadError(
                        f"{self.name}: {error}; run the same command again later to continue from here"
                    ) from error
                self.step(0, f"{error}; next try in {self.hub.waits[tries]:g} s")
                time.sleep(self.hub.waits[tries])
                tries += 1


class _Part:
    """The beginning of a file, and the digest of it."""

    def __init__(self, file: IO[bytes], step: Step) -> None:
        self._file, self._step = file, step
        self.bytes = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of all that is there."""
        return self._digest.hexdigest()

    def read(self) -> None:
        """Digest what is there; the caller has counted it already."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._digest.update(chunk)
            self.bytes += len(chunk)

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self.bytes += len(chunk)
        self._step(len(chunk), "")

    def restart(self) -> None:
        """Forget what is there: the hub sends files from their beginning only."""
        self._file.truncate(0)
        self._step(-self.bytes, "")
        self.bytes = 0
        self._digest = hashlib.sha256()
