"""--version: kinetoken, the engines that are installed, and what they run on."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from typing import Any, Final

from ... import __version__

_ENGINES: Final = ("onnxruntime", "onnxruntime-gpu", "llama-cpp-python", "xllamacpp")
"""Distributions of engines; nothing is imported to name their versions."""
_LIBRARIES: Final = ("tokenizers", "numpy", "pyglet", "torch")
"""Others whose version a report of a fault should name."""


class PrintVersions(argparse.Action):
    """--version: prints it, and leaves."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, nargs=0, default=argparse.SUPPRESS)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print a line for kinetoken, one for the engines, one for the rest."""
        print("\n".join(version_lines()))
        parser.exit()


def version_lines() -> list[str]:
    """Versions in words, kinetoken first."""
    engines = _installed(_ENGINES)
    around = [*_installed(_LIBRARIES), f"Python {platform.python_version()}"]
    machine = f"{platform.system()} {platform.machine()}"
    return [
        f"kinetoken {__version__}",
        f"engines: {', '.join(engines) or 'none'}",
        f"with: {', '.join(around)}, on {machine}",
    ]


def _installed(names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found
