"""bundle.json as a file: reading it, and checking the files that it lists."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from ..base.errors import BundleError
from ..base.input_file import read_input_text
from ..base.json_text import parse_json
from .checks import check_manifest
from .file_info import FileInfo, FileInfoReader, check_file
from .json_dataclass import from_json
from .schema import BUNDLE_FORMAT, BUNDLE_FORMAT_VERSION, MANIFEST_NAME, Manifest

LARGEST_MANIFEST: Final = 16 << 20
"""Bytes of a bundle.json; that of 100,000 files has half of them."""
_HUB_NAME: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle folder; see `verify_files` for its files."""
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing there"
        name = folder.as_posix()
        hub = f", or give hf:{name} for one of the hub" if _HUB_NAME.fullmatch(name) else ""
        raise BundleError(
            f"expected a bundle folder at {folder}, got {got}: check the path given as the bundle{hub}"
        )
    _check_place(folder, MANIFEST_NAME)
    try:
        data = parse_json(read_input_text(path, LARGEST_MANIFEST))
    except FileNotFoundError:
        message = (
            f"{folder} is no bundle: it has no {MANIFEST_NAME}; make one with `kinetoken export`"
        )
        raise BundleError(message) from None
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    except ValueError as error:
        raise BundleError(
            f"{path} is not valid JSON ({error}); export or copy the bundle again"
        ) from error
    if not isinstance(data, dict):
        raise BundleError(
            f"{path}: expected a JSON object, got {type(data).__name__}; export the bundle again"
        )
    return manifest_from_dict(data)


def manifest_from_dict(data: Mapping[str, Any]) -> Manifest:
    """The inverse of `Manifest.to_dict`.

    BundleError if a key is unknown or missing, or its value makes no sense.
    """
    _check_format(data)
    manifest: Manifest = from_json(Manifest, data, MANIFEST_NAME)
    check_manifest(manifest)
    return manifest


def verify_files(
    folder: Path,
    manifest: Manifest,
    only: Collection[str] | None = None,
    look: FileInfoReader | None = None,
) -> None:
    """Check size and digest of all files, or of some.

    BundleError names the first that is missing, cut, altered or outside. `look` gives a file's size and
    digest; None: they are computed.
    """
    for name in manifest.files if only is None else only:
        _check_place(folder, name)
        check_file(folder / name, manifest.files[name], look or FileInfo.of)


def _check_place(folder: Path, name: str) -> None:
    """Refuse a file that a link takes out of the folder, and out of the hub's cache if it is there.

    The hub's own clients keep files under models--OWNER--NAME/blobs, and links to them under
    models--OWNER--NAME/snapshots/COMMIT.
    """
    path, real = folder / name, Path(os.path.realpath(folder / name))
    home = Path(os.path.realpath(folder))
    if real.is_relative_to(home):
        return
    for snapshots in home.parents:
        model = snapshots.parent
        if snapshots.name == "snapshots" and model.name.startswith("models--"):
            if real.parent == model / "blobs":
                return
            break
    raise BundleError(
        f"{path} leads out of the bundle's folder, to {real}; "
        "put the file itself there, if you trust it"
    )


def _check_format(data: Mapping[str, Any]) -> None:
    if data.get("format") != BUNDLE_FORMAT:
        raise BundleError(
            f'{MANIFEST_NAME}: expected "format": "{BUNDLE_FORMAT}", got {data.get("format")!r}; '
            "this is not a bundle"
        )
    if data.get("format_version") != BUNDLE_FORMAT_VERSION:
        got = data.get("format_version")
        message = f"{MANIFEST_NAME}: expected format_version {BUNDLE_FORMAT_VERSION}, got {got!r}"
        raise BundleError(
            f"{message}; export the bundle again, or install the kinetoken that it was written for"
        )
