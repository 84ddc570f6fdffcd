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
    "runtime/kinetoken/base/operating_system.py": "/proc and /sys",
    "runtime/kinetoken/live/browser/page_files.py": "the page in the package",
    "runtime/kinetoken/batch/folder.py": "a folder's handle, to lock it",
    "runtime/kinetoken/batch/worker.py": "a clip that it has just written",
    "runtime/kinetoken/hub/download.py": "parts of a download, in a locked folder",
    "runtime/kinetoken/hub/bundle_store.py": "locks",
    "export/kinetoken_export/bundle/atomic_folder.py": "what it writes itself",
    "export/kinetoken_export/demo/data/clips.py": "asks is_file() before",
    "export/kinetoken_export/demo/training/codec/codec_data.py": "what it writes itself",
    "export/kinetoken_export/demo/training/coded/coded_window.py": "what it writes itself",
}
"""Modules that may open files to read them, and what they open."""
READS = ("read_bytes", "read_text", "open", "fromfile", "memmap", "genfromtxt", "loadtxt")
WRITING = ("'wb'", "'w'", "'a'", "'x'", "os.devnull")
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
        words = [ast.unparse(argument) for argument in node.args]
        writes = any(word in WRITING or "O_WRONLY" in word for word in words)
        packaged = owner.startswith("resources.files(")
        if opens and not writes and not packaged and owner.split(".")[-1] not in NO_FILES:
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


LIBRARIES = (
    "safe_open", "load_file", "GGUFReader", "from_file", "InferenceSession", "is_zipfile",
    "spec_from_file_location", "llama_model_load_from_file", "mtmd_init_from_file",
)  # fmt: skip
"""Functions of libraries that open a path themselves."""
CHECKED = {
    "runtime/kinetoken/engines/onnx/session.py": "digested before, with the bundle",
    "runtime/kinetoken/engines/llamacpp/weights.py": "digested before, with the bundle",
    "runtime/kinetoken/engines/llamacpp/vision.py": "digested before, with the bundle",
    "export/kinetoken_export/checkpoint/adapter.py": "is_file()",
    "export/kinetoken_export/checkpoint/slow_tokenizer.py": "is_file()",
    "export/kinetoken_export/checkpoint/weights/stored_tensor.py": "check_regular()",
    "export/kinetoken_export/codecs/files.py": "check_regular()",
    "export/kinetoken_export/codecs/own_model.py": "check_regular()",
    "export/kinetoken_export/codecs/python_file.py": "is_file()",
    "export/kinetoken_export/demo/data/clips.py": "is_file()",
    "export/kinetoken_export/demo/training/lm_steps.py": "what it writes itself",
    "export/kinetoken_export/demo/words/word_vectors.py": "is_file()",
    "export/kinetoken_export/gguf/importance.py": "read before, for its first bytes",
    "export/kinetoken_export/gguf/split_file.py": "is_file()",
}
"""Modules that have libraries open a path, and how they know that it is a file."""


def test_libraries_open_what_is_known_to_be_a_file() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in LIBRARIES
    }
    assert found == set(CHECKED)
