"""Packs the Blender extension: python extras/blender/build.py [-o FILE.zip]

Install the zip in Blender with Edit > Preferences > Get Extensions > Install from Disk.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "kinetoken_blender"
LICENCE = Path(__file__).parents[2] / "LICENSE"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same zip every time


def manifest() -> dict[str, object]:
    """The manifest of the extension."""
    return tomllib.loads((FOLDER / "blender_manifest.toml").read_text(encoding="utf-8"))


def build(out: Path | None = None) -> Path:
    """Write the zip, into dist/ by default, and return its path."""
    facts = manifest()
    name = f"{facts['id']}-blender-{facts['version']}.zip"
    out = out or Path(__file__).parents[2] / "dist" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    files = [*FOLDER.glob("*.py"), FOLDER / "blender_manifest.toml", LICENCE]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(files, key=lambda path: path.name):
            entry = zipfile.ZipInfo(path.name, _DATE)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, help="the zip (default: in dist/)")
    print(build(parser.parse_args().out))
