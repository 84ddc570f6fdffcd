"""The programs that made a bundle or a report."""

from __future__ import annotations

from importlib import metadata
from typing import Final

TOOLS: Final = (
    "kinetoken", "torch", "onnx", "onnxruntime", "numpy", "gguf", "llama-cpp-python", "optimum", "optimum-onnx",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Each of them that is installed, to its version."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
