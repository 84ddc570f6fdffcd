"""Python packages of the export: which are missing, and the versions of those that took part."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from typing import Final

from kinetoken.base.errors import MissingPackageError
from kinetoken.engines.llamacpp.bindings.packages import find_llama_package, require_llama_package

LLAMA_PACKAGE: Final = "llama_cpp"
"""Stands for any package that brings llama.cpp."""
_ALWAYS_NEEDED: Final = ("torch", "onnx", "safetensors")
_TOOLS: Final = (
    "kinetoken",
    "torch",
    "onnx",
    "onnxruntime",
    "numpy",
    "gguf",
    "optimum",
    "optimum-onnx",
)


def require_packages(more: Iterable[tuple[str, str]] = ()) -> None:
    """Raise MissingPackageError for the first missing package.

    `more`: packages beside those that every export needs, each with the extra that installs it.
    """
    for package, extra in (*((package, "export") for package in _ALWAYS_NEEDED), *more):
        if package == LLAMA_PACKAGE:
            require_llama_package()
        elif find_spec(package) is None:
            raise MissingPackageError(package, extra)


def installed_versions() -> dict[str, str]:
    """Return the version of every installed package that takes part in an export."""
    found = {}
    for name in _TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    llama = find_llama_package()
    return found if llama is None else found | {llama.name: llama.version}
