"""tokenizer.json as GGUF metadata, so that llama.cpp's own programs see the same ids.

Two differences remain in llama.cpp, which never touch this runtime (it reads tokenizer.json): it
does not compose characters (NFC), and ordinary added tokens such as <tool_call> are recognised even
in what a user types.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gguf import GGUFWriter, TokenType

from kinetoken.base.errors import FormatError

from ..checkpoint.json_file import read_json
from ..checkpoint.motion_tokens import CheckpointVocabulary

# Pattern that splits text before the merges, to llama.cpp's name of it.
_PRE_TOKENIZERS: Final = {
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| "
    r"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "qwen2",
}
_GPT2: Final = "gpt-2"  # the pattern built into the ByteLevel pre-tokenizer


@dataclass(frozen=True)
class GgufVocabulary:
    """The tokens of a GGUF."""

    pre: str
    """llama.cpp's name of the pre-tokenizer."""
    tokens: list[str]
    """Text of every row of the embedding, bytes spelled as byte-level BPE does."""
    types: list[TokenType]
    merges: list[str]
    """Pairs in the order in which they are joined."""


def read_gguf_vocabulary(path: Path, vocabulary: CheckpointVocabulary, rows: int) -> GgufVocabulary:
    """Read the tokens of a tokenizer.json for a model of `rows` rows.

    FormatError where llama.cpp would read text differently.
    """
    data = read_json(path)
    try:
        words: Mapping[str, int] = data["model"]["vocab"]
        added = {int(token["id"]): token for token in data["added_tokens"]}
        merges = [
            pair if isinstance(pair, str) else " ".join(pair) for pair in data["model"]["merges"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: expected byte-level BPE with its merges, got something else ({error!r})"
        ) from error
    pre, motion = _pre_tokenizer(data, path), _motion_ids(vocabulary)
    names = {int(i): word for word, i in words.items()} | {
        i: token["content"] for i, token in added.items()
    }
    if max(names) >= rows:
        raise FormatError(
            f"{path}: expected ids below {rows}, the rows of the embedding, got {max(names)}: it "
            "belongs to another model"
        )
    tokens = [names.get(i, f"[PAD{i}]") for i in range(rows)]
    if len(set(tokens)) < rows:  # llama.cpp would end the process when it loads them
        twice = Counter(tokens).most_common(1)[0][0]
        raise FormatError(
            f"{path}: expected one meaning for {twice!r}, got two ids: use --format onnx"
        )
    return GgufVocabulary(
        pre,
        tokens,
        [_type(i, names, added, motion) for i in range(rows)],
        merges,
    )


def add_vocabulary(writer: GGUFWriter, words: GgufVocabulary) -> None:
    """Write the tokens as metadata."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words.pre)
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    writer.add_token_merges(words.merges)
    writer.add_add_bos_token(False)


def _motion_ids(vocabulary: CheckpointVocabulary) -> frozenset[int]:
    motion = vocabulary.motion
    codes = (i for first, stop in motion.levels for i in range(first, stop))
    return frozenset((motion.move_start, motion.move_end, *codes))


def _type(
    i: int, names: Mapping[int, str], added: Mapping[int, Any], motion: frozenset[int]
) -> TokenType:
    """The type of a token.

    CONTROL tokens are recognised only where special text is asked for, and servers leave them out
    of what they send. Motion tokens are to be sent. Whoever sends a prompt as text has to mind them
    (remote_token_source); this runtime sends ids.
    """
    if i not in names:
        return TokenType.UNUSED
    if i not in added:
        return TokenType.NORMAL
    name = names[i]
    special = bool(added[i].get("special")) or (name.startswith("<|") and name.endswith("|>"))
    return TokenType.CONTROL if special and i not in motion else TokenType.USER_DEFINED


def _pre_tokenizer(data: Mapping[str, Any], path: Path) -> str:
    found = data.get("pre_tokenizer") or {}
    steps = found.get("pretokenizers", [found])
    for step in steps:
        pattern = (
            (step.get("pattern") or {}).get("Regex", "") if step.get("type") == "Split" else ""
        )
        if pattern:
            if pattern in _PRE_TOKENIZERS:
                return _PRE_TOKENIZERS[pattern]
            raise FormatError(
                f"{path}: expected Qwen2's way to split text, got the pattern "
                f"{json.dumps(pattern)[:80]}: "
                f"llama.cpp would see other ids; use --format onnx"
            )
    if any(step.get("type") == "ByteLevel" and step.get("use_regex", True) for step in steps):
        return _GPT2
    raise FormatError(
        f"{path}: expected a byte-level tokenizer, got {found.get('type')}: use --format onnx"
    )
