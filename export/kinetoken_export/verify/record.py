"""The report as files of a bundle: parity.json and parity.svg, listed in its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from kinetoken.base.atomic_file import atomic_path, check_writable
from kinetoken.base.errors import OutputError
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import MANIFEST_NAME, Manifest

REPORT: Final = "parity.json"
PLOT: Final = "parity.svg"


def check_report_folder(folder: Path) -> None:
    """Refuse a folder that the report cannot be written to, before the work."""
    if not folder.is_dir():
        raise OutputError(f"{folder}: expected a folder for the report, found none: make it first")
    check_writable(folder / REPORT)


def record_in_bundle(bundle: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a bundle.

    At every moment the manifest lists only what lies there, so the bundle opens even after an
    accident. OutputError where a link would lead what is written elsewhere.
    """
    for name in (*files, MANIFEST_NAME):
        if (bundle / name).is_symlink():
            raise OutputError(
                f"{bundle / name}: expected a file of the bundle, got a link: "
                "remove it, or name a folder for the report with -o"
            )
    manifest = read_manifest(bundle)
    others = {name: info for name, info in manifest.files.items() if name not in files}
    if len(others) < len(manifest.files):
        _write_manifest(bundle, replace(manifest, files=others))
    write_files(bundle, files)
    listed = others | {name: FileInfo.of(bundle / name) for name in files}
    _write_manifest(bundle, replace(manifest, files=dict(sorted(listed.items()))))


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write each file whole or not at all."""
    for name, data in files.items():
        with atomic_path(folder / name) as part:
            part.write_bytes(data)


def _write_manifest(bundle: Path, manifest: Manifest) -> None:
    write_files(
        bundle, {MANIFEST_NAME: (json.dumps(manifest.to_dict(), indent=2) + "\n").encode("utf-8")}
    )
