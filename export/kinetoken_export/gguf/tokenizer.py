"""tokenizer.json as GGUF metadata, so that llama.cpp's own programs see the same ids.

Two differences remain in llama.cpp, which never touch this runtime (it reads tokenizer.json): it
does not compose characters (NFC), and ordinary added tokens such as <tool_call> are recognised even
in what a user types.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gguf import GGUFWriter, TokenType

from kinetoken.base.errors import FormatError

from ..checkpoint.json_file import read_json
from ..checkpoint.motion_tokens import CheckpointVocabulary

# Pattern that splits text before the merges, to llama.cpp's name of it.
LLAMA3_SPLIT: Final = "llama-bpe"
TEKKEN_SPLIT: Final = "tekken"
QWEN2_SPLIT: Final = "qwen2"
PRE_TOKENIZERS: Final = {
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| "
    r"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": LLAMA3_SPLIT,
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| "
    r"?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+": TEKKEN_SPLIT,
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| "
    r"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": QWEN2_SPLIT,
}
_BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")
GPT2_SPLIT: Final = "gpt-2"  # the pattern built into the ByteLevel pre-tokenizer
SMOLLM_SPLIT: Final = "smollm"  # the same, behind a cut around every digit


@dataclass(frozen=True)
class GgufVocabulary:
    """The tokens of a GGUF."""

    model: str
    """llama.cpp's name of the kind: "gpt2" is byte-level BPE, "llama" is SentencePiece's."""
    pre: str
    """llama.cpp's name of the pre-tokenizer."""
    tokens: list[str]
    """Text of every row of the embedding, bytes spelled as byte-level BPE does."""
    types: list[TokenType]
    merges: list[str]
    """Pairs in the order in which they are joined."""
    scores: list[float]
    """Of SentencePiece's tokens: the higher, the earlier a token is made; empty for others."""
    space_before: bool = False
    """Whether a text begins with a space of its own."""


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
    sentencepiece = _is_sentencepiece(data, path)
    pre = "default" if sentencepiece else _pre_tokenizer(data, path)
    motion = _motion_ids(vocabulary)
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
    types = [_type(i, names, added, motion) for i in range(rows)]
    if sentencepiece:
        types = [_byte_type(tokens[i], types[i]) for i in range(rows)]
        scores = _scores(tokens, merges)
        return GgufVocabulary("llama", pre, tokens, types, [], scores, _puts_space_before(data))
    return GgufVocabulary(
        "gpt2",
        pre,
        tokens,
        types,
        merges,
        [],
    )


def add_vocabulary(writer: GGUFWriter, words: GgufVocabulary) -> None:
    """Write the tokens as metadata."""
    writer.add_tokenizer_model(words.model)
    writer.add_tokenizer_pre(words.pre)
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    if words.scores:
        writer.add_token_scores(words.scores)
        writer.add_add_space_prefix(words.space_before)
    else:
        writer.add_token_merges(words.merges)
    writer.add_add_bos_token(False)


def _motion_ids(vocabulary: CheckpointVocabulary) -> frozenset[int]:
    motion = vocabulary.motion
    codes = (i for first, stop in motion.levels for i in range(first, stop))
    return frozenset((*motion.markers, *codes))


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


def _is_sentencepiece(data: Mapping[str, Any], path: Path) -> bool:
    """Tell if these are SentencePiece's merges; FormatError for a tokenizer with neither these nor bytes."""
    model = data["model"]
    if not model.get("byte_fallback"):
        return False
    missing = next((b for b in range(256) if f"<0x{b:02X}>" not in model["vocab"]), None)
    if missing is not None:
        raise FormatError(
            f"{path}: expected a token for every byte, found no <0x{missing:02X}>: use --format onnx"
        )
    return True


def _scores(tokens: Sequence[str], merges: Sequence[str]) -> list[float]:
    """Minus the rank of the merge that makes a token; tokens that none makes come last."""
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault(pair.replace(" ", "", 1), rank)
    return [-float(ranks.get(token, len(merges))) for token in tokens]


def _byte_type(token: str, kind: TokenType) -> TokenType:
    return TokenType.BYTE if _BYTE.fullmatch(token) and kind == TokenType.NORMAL else kind


def _puts_space_before(data: Mapping[str, Any]) -> bool:
    """Tell if the tokenizer puts a space before a text."""
    normalizer, cut = data.get("normalizer") or {}, data.get("pre_tokenizer") or {}
    steps = normalizer.get("normalizers", [normalizer])
    prepends = any(step.get("type") == "Prepend" for step in steps)
    return prepends or cut.get("prepend_scheme", "never") != "never"


def _pre_tokenizer(data: Mapping[str, Any], path: Path) -> str:
    found = data.get("pre_tokenizer") or {}
    steps = found.get("pretokenizers", [found])
    for step in steps:
        pattern = (
            (step.get("pattern") or {}).get("Regex", "") if step.get("type") == "Split" else ""
        )
        if pattern:
            if pattern in PRE_TOKENIZERS:
                name = PRE_TOKENIZERS[pattern]
                _check_whole_words(data, name, path)
                return name
            raise FormatError(
                f"{path}: expected a way to split text that llama.cpp knows, got the pattern "
                f"{json.dumps(pattern)[:80]}: "
                f"llama.cpp would see other ids; use --format onnx"
            )
    kinds = [step.get("type") for step in steps]
    if any(step.get("type") == "ByteLevel" and step.get("use_regex", True) for step in steps):
        if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
            return SMOLLM_SPLIT
        if kinds == ["ByteLevel"]:
            return GPT2_SPLIT
        raise FormatError(
            f"{path}: expected a way to split text that llama.cpp knows, got "
            f"{' and '.join(map(str, kinds))}: llama.cpp would see other ids; use --format onnx"
        )
    raise FormatError(
        f"{path}: expected a byte-level tokenizer, got {found.get('type')}: use --format onnx"
    )


def _check_whole_words(data: Mapping[str, Any], pre: str, path: Path) -> None:
    """FormatError unless words that are tokens are taken whole exactly where llama.cpp does so."""
    whole = bool(data["model"].get("ignore_merges"))
    if whole and pre not in (LLAMA3_SPLIT, TEKKEN_SPLIT):
        raise FormatError(
            f"{path}: ignore_merges is not known of a {pre} tokenizer: llama.cpp would see other "
            "ids; use --format onnx"
        )
