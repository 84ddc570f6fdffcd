"""A check that a GGUF is the one that the manifest describes.

It comes before llama.cpp sees the file, as llama.cpp ends the process on some others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...base.errors import EngineError
from ...manifest.architectures import ARCHITECTURES
from ...manifest.schema import LanguageModelInfo, MotionInfo
from .gguf_header import Header, read_header
from .gguf_numbers import check_language_model_keys, check_tower_keys
from .gguf_tensors import check_language_model_tensors, check_tower_tensors

_PROJECTORS: Final = [entry.vision.projector for entry in ARCHITECTURES.values() if entry.vision]
_ZEROS: Final = re.compile(r"(?<!\d)0+(?=\d)")
"""Leading zeros of a number."""


def checked_header(path: Path, info: LanguageModelInfo, motion: MotionInfo | None = None) -> Header:
    """What the file says of itself. EngineError if it is not the manifest's GGUF.

    `motion`: where the motion tokens have to be; None: not checked.
    """
    try:
        header = read_header(path)
        said = header.said
        architecture = bytes(said.get("general.architecture", b"")).decode(errors="replace")
        facts = tuple(_facts(said, architecture, info))
    except OSError as error:
        raise EngineError(
            f"cannot read {path}: {error.strerror}; export the bundle again"
        ) from error
    except ValueError as error:
        raise EngineError(f"{path}: {error}; copy or export the bundle again") from error
    except TypeError as error:  # a list where a number should stand
        raise EngineError(
            f"{path}: expected a GGUF's own keys, got others; export the bundle again"
        ) from error
    known = _gguf_names(info.architecture)
    if architecture not in known:
        raise EngineError(
            f"{path}: expected a model of {' or '.join(known)}, got {architecture!r}; "
            "export the bundle again"
        )
    for what, expected, got in facts:
        if expected != got:
            raise EngineError(
                f"{path}: expected {expected:,} {what} as in the manifest, got {got}; "
                "export it again"
            )
    _check_inside(path, header, architecture)
    if motion is not None:
        _check_motion(path, said["tokenizer.ggml.tokens"], motion)
    return header


def _check_inside(path: Path, header: Header, architecture: str) -> None:
    """Raise EngineError for keys and tensors that llama.cpp does not take from this file."""
    try:
        check_language_model_keys(header, architecture)
        check_language_model_tensors(header, path.stat().st_size, architecture)
    except ValueError as error:
        raise EngineError(f"{path}: {error}; copy or export the bundle again") from error


def checked_tower(path: Path) -> Mapping[str, Any]:
    """What the file of a vision tower says of itself. EngineError if it is none that is known."""
    try:
        header = read_header(path)
        projector = header.said.get("clip.projector_type", b"")
        if projector not in [name.encode() for name in _PROJECTORS]:
            raise ValueError(
                f"expected a vision tower of {' or '.join(_PROJECTORS)}, got {projector!r}"
            )
        check_tower_keys(header)
        check_tower_tensors(header, path.stat().st_size)
    except OSError as error:
        raise EngineError(
            f"cannot read {path}: {error.strerror}; export the bundle again"
        ) from error
    except ValueError as error:
        raise EngineError(f"{path}: {error}; copy or export the bundle again") from error
    return header.said


def _gguf_names(architecture: str) -> list[str]:
    """llama.cpp's name of the manifest's architecture; all names if it is not in the table."""
    entry = ARCHITECTURES.get(architecture)
    return [entry.gguf] if entry else list(dict.fromkeys(e.gguf for e in ARCHITECTURES.values()))


def _check_motion(path: Path, words: Sequence[bytes], motion: MotionInfo) -> None:
    """Raise EngineError unless the motion tokens have the ids that the manifest says."""
    spelling = motion.spelling
    expected = list(zip(motion.markers, (spelling.start, spelling.end), strict=False))
    for level, (first, stop) in enumerate(motion.levels):
        expected += [(token, spelling.spell(level, token - first)) for token in range(first, stop)]
    for token, text in expected:
        got = words[token].decode(errors="replace") if token < len(words) else "nothing"
        if got != text and _ZEROS.sub("", got) != text:
            raise EngineError(
                f"{path}: expected {text} as token {token}, got {got}; "
                "export it with its motion tokens"
            )


def _read_as_c(words: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the tokens as llama.cpp has them: up to a zero byte, and empty ones with a name."""
    for number, word in enumerate(words):
        yield word.partition(b"\0")[0] or b"[EMPTY_%d]" % number


def _facts(
    said: Mapping[str, Any], architecture: str, info: LanguageModelInfo
) -> Iterator[tuple[str, int, Any]]:
    """Yield what has to agree: its name, the manifest's number, the file's."""
    words = said.get("tokenizer.ggml.tokens", [])
    yield "rows of the vocabulary", info.vocab_size, len(words)
    yield "different tokens", info.vocab_size, len(set(_read_as_c(words)))
    yield "layers", info.layers, said.get(f"{architecture}.block_count")
    width, heads = (
        said.get(f"{architecture}.{key}") for key in ("embedding_length", "attention.head_count")
    )
    grouped = said.get(f"{architecture}.attention.head_count_kv", heads)
    yield "key-value heads", info.kv_heads, grouped
    usual = width / heads if width and heads else None
    yield "numbers a head", info.head_dim, said.get(f"{architecture}.attention.key_length", usual)
    positions = said.get(f"{architecture}.context_length") or 0
    yield "positions", info.context, min(info.context, positions)
