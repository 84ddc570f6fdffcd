"""Files that the user names are opened in one place, which refuses pipes and devices at once."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("runtime/kinetoken", "export/kinetoken_export", "native_viewer/kinetoken_viewer")
OWN_FILES = {
    "runtime/kinetoken/base/atomic_file.py": "what it writes itself",
    "runtime/kinetoken/base/file_lock.py": "locks",
    "runtime/kinetoken/base/input_file.py": "the one place",
    "runtime/kinetoken/bench/machine.py": "/proc and /sys",
    "runtime/kinetoken/engines/memory.py": "/proc",
    "runtime/kinetoken/engines/llamacpp/adaptive_threads.py": "/proc",
    "runtime/kinetoken/engines/llamacpp/weights.py": "/proc",
    "runtime/kinetoken/live/page_files.py": "the page in the package",
    "runtime/kinetoken/batch/folder.py": "a folder's handle, to lock it",
    "runtime/kinetoken/batch/worker.py": "a clip that it has just written",
    "runtime/kinetoken/hub/download.py": "parts of a download, in a locked folder",
    "runtime/kinetoken/hub/bundle_store.py": "locks",
    "export/kinetoken_export/bundle/atomic_folder.py": "what it writes itself",
    "export/kinetoken_export/checkpoint/reference_model.py": "/proc",
    "export/kinetoken_export/demo/data/clips.py": "asks is_file() before",
    "export/kinetoken_export/demo/training/codec_data.py": "what it writes itself",
    "export/kinetoken_export/demo/training/lm_data.py": "what it writes itself",
}
"""Modules that may open files to read them, and what they open."""
READS = ("read_bytes", "read_text", "open", "fromfile", "memmap", "genfromtxt", "loadtxt")
WRITING = ("'wb'", "'w'", "'a'", "'x'")
NO_FILES = ("ServerLink", "RemoteLanguageModel", "opener", "folder", "archive", "pillow")
"""What else has a method of such a name."""


def _reads(tree: ast.Module) -> list[int]:
    """Lines of calls that may open a file for reading by its path."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        owner, _, name = ast.unparse(node.func).rpartition(".")
        first = ast.unparse(node.args[0]) if node.args else ""
        if name == "load":
            opens = owner == "np" and first != "stream" and not first.startswith("io.BytesIO")
        else:
            opens = name in READS and (bool(owner) or name == "open")
        writes = first == "os.devnull" or any(ast.unparse(a) in WRITING for a in node.args)
        if opens and not writes and owner.split(".")[-1] not in NO_FILES:
            found.append(node.lineno)
    return found


def test_no_other_module_opens_files_by_itself() -> None:
    odd = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in OWN_FILES
        for line in _reads(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert odd == [], "open it with kinetoken.base.input_file"
