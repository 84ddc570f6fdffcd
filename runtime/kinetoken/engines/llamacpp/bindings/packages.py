"""Packages that bring llama.cpp's library: which are installed, and which one is used.

llama-cpp-python is compiled for the machine that it runs on, or comes from its author's index of
wheels; xllamacpp is a wheel on PyPI with one library for all processors of a kind. The first is
used where both are installed: it has every kernel that the processor can run. KINETOKEN_LLAMA names
the other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ....base.errors import EngineError, InputError, MissingPackageError

LLAMA_VARIABLE: Final = "KINETOKEN_LLAMA"
COMPILED, PREBUILT = "llama-cpp-python", "xllamacpp"
_MODULES: Final = {COMPILED: "llama_cpp", PREBUILT: "xllamacpp"}
"""Package to the module that it installs, the preferred one first."""


@dataclass(frozen=True)
class LlamaPackage:
    """An installed package that has llama.cpp's library."""

    name: str
    version: str
    folder: Path
    """Of its module."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def prebuilt(self) -> bool:
        """True for xllamacpp: its one library holds ggml, llama.cpp and libmtmd."""
        return self.name == PREBUILT


def find_llama_package() -> LlamaPackage | None:
    """The package that is used; None if none is installed. Nothing is imported.

    InputError if KINETOKEN_LLAMA names an unknown one.
    """
    wanted = os.environ.get(LLAMA_VARIABLE) or None
    if wanted not in (None, *_MODULES):
        names = " or ".join(_MODULES)
        raise InputError(f"{LLAMA_VARIABLE}: expected {names}, got {wanted!r}")
    for name, module in _MODULES.items():
        if wanted in (None, name) and (found := find_spec(module)) and found.origin:
            return LlamaPackage(name, _version(name), Path(found.origin).parent)
    return None


def require_llama_package() -> LlamaPackage:
    """The package that is used. MissingPackageError, InputError."""
    found = find_llama_package()
    if found is None:
        wanted = os.environ.get(LLAMA_VARIABLE)
        extras = {COMPILED: ("llama",), PREBUILT: ("llama-wheel",)}
        raise MissingPackageError(
            wanted or "llama.cpp", *extras.get(wanted or "", ("llama", "llama-wheel"))
        )
    return found


def prebuilt_library(package: LlamaPackage) -> Path:
    """xllamacpp's library, which is a Python extension as well. EngineError if it is not there."""
    for suffix in EXTENSION_SUFFIXES:
        path = package.folder / f"xllamacpp{suffix}"
        if path.is_file():
            return path
    raise EngineError(f"{package.folder} has no library of llama.cpp: install xllamacpp again")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "of unknown version"
