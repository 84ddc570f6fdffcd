"""kinetoken: a text-to-motion language model on a small machine, prompt in, moving body out.

    import kinetoken
    generator = kinetoken.load()
    for chunk in generator.stream("a person walks forward", seconds=4):
        ...                                     # TextChunk.text or MotionChunk.joints (n, 22, 3)
    generator.generate("a person waves").save("wave.bvh")

Importing this loads no inference engine: names come from their modules when first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own takes longer to import than all of this module
if TYPE_CHECKING:
    from typing import Any

    from .base.errors import (
        BundleError,
        DownloadError,
        EngineError,
        FormatError,
        InputError,
        KinetokenError,
        MissingPackageError,
        OutputError,
        TokenError,
    )
    from .chat.session import Session, Turn
    from .engines.load_options import LoadOptions
    from .generation.chat_format import Said
    from .generation.generator import Generation, Generator, load
    from .generation.options import GenerateOptions
    from .generation.stats import Stats
    from .motion.body_line import BodyLine
    from .motion.clip import Chunk, Clip, MotionChunk, TextChunk

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(("Generation", "Generator", "load"), "generation.generator"),
    **dict.fromkeys(("Chunk", "Clip", "MotionChunk", "TextChunk"), "motion.clip"),
    "BodyLine": "motion.body_line",
    "GenerateOptions": "generation.options",
    "LoadOptions": "engines.load_options",
    "Stats": "generation.stats",
    "Said": "generation.chat_format",
    **dict.fromkeys(("Session", "Turn"), "chat.session"),
    **dict.fromkeys(
        (
            "BundleError",
            "DownloadError",
            "EngineError",
            "FormatError",
            "InputError",
            "KinetokenError",
            "MissingPackageError",
            "OutputError",
            "TokenError",
        ),
        "base.errors",
    ),
}

__all__ = [
    "BodyLine",
    "BundleError",
    "Chunk",
    "Clip",
    "DownloadError",
    "EngineError",
    "FormatError",
    "GenerateOptions",
    "Generation",
    "Generator",
    "InputError",
    "KinetokenError",
    "LoadOptions",
    "MissingPackageError",
    "MotionChunk",
    "OutputError",
    "Said",
    "Session",
    "Stats",
    "TextChunk",
    "TokenError",
    "Turn",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
