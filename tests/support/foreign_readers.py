"""Readers of avatar files that others wrote, in Node: Khronos' validator, three.js, pixiv's VRM animation.

The packages are installed once, into the user's cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PACKAGES = (
    "three@0.187.0", "gltf-validator@2.0.0-dev.3.10", "@pixiv/three-vrm-core@3.5.5", "@pixiv/three-vrm-animation@3.5.5",
)  # fmt: skip
SCRIPT = Path(__file__).with_name("foreign_readers.mjs")
SECONDS = 120


@cache
def folder() -> Path | str:
    """The folder with the packages, or why there is none."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kinetoken-tests"
    place = home / f"npm-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:12]}"
    if place.is_dir():
        return place
    try:
        home.mkdir(parents=True, exist_ok=True)
        return _installed(home, place)
    except (OSError, subprocess.SubprocessError) as error:
        return f"npm could not install {PACKAGES[0]} and others ({type(error).__name__})"


def _installed(home: Path, place: Path) -> Path:
    """Whole or not at all, so that two runs at once do no harm."""
    with tempfile.TemporaryDirectory(dir=home) as part:
        new = Path(part) / "new"
        new.mkdir()
        (new / "package.json").write_text('{"private": true}', encoding="ascii")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
        subprocess.run(command, cwd=new, check=True, capture_output=True, timeout=SECONDS)
        if not place.is_dir():
            new.rename(place)
    return place


def read(what: str, path: Path, *more: Path) -> Any:
    """What the reader `what` (validate, glb, bvh, vrma) makes of a file; skips where there is no Node."""
    place = folder()
    if isinstance(place, str):
        pytest.skip(place)
    script = path.with_suffix(".mjs")
    script.write_bytes(SCRIPT.read_bytes())
    modules = script.parent / "node_modules"
    if not modules.exists():
        modules.symlink_to(place / "node_modules")  # Node looks for packages beside the script
    command = ["node", str(script), what, str(path), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
