"""The tokenizer of a GGUF that somebody else made, in the files that a checkpoint has it in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gguf import TokenType

from kinetoken.base.errors import FormatError

from .tokenizer import (
    GPT2_SPLIT,
    LLAMA3_SPLIT,
    PRE_TOKENIZERS,
    QWEN2_SPLIT,
    SMOLLM_SPLIT,
    TEKKEN_SPLIT,
)

_SPACE: Final = "\u2581"
_SAME: Final = {
    **dict.fromkeys(("deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan"), QWEN2_SPLIT),
    **dict.fromkeys(
        ("llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "smaug-bpe"),
        LLAMA3_SPLIT,
    ),
    "phi-2": GPT2_SPLIT,
}
"""llama.cpp's names of tokenizers that split text as another does."""
_MERGES_FIRST: Final = ("smaug-bpe",)
"""Of these, words that are tokens are not taken whole."""
_UNTOLD: Final = ("", "default")
"""What old or careless files say of the way in which text is split."""
_OF_ARCHITECTURE: Final = dict.fromkeys(("qwen2", "qwen2vl", "qwen3"), QWEN2_SPLIT)
"""The way in which all models of an architecture split text."""
_NAMED_TEMPLATE: Final = "tokenizer.chat_template."


def write_tokenizer_files(
    said: Mapping[str, Any], architecture: str, path: Path, folder: Path
) -> tuple[str, ...]:
    """Write tokenizer, special tokens and chat templates into `folder`.

    `said` are the file's keys and values, `path` the file. Returns what was assumed, a line each.
    FormatError for a tokenizer that is not read; KeyError for a key that is missing.
    """
    pre, notes = _way_to_split(said, architecture)
    _write_json(folder / "tokenizer.json", _tokenizer(said, pre, path))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(said, pre))
    ends = (said.get(f"tokenizer.ggml.{role}_token_id") for role in ("eos", "eot", "eom"))
    known = [number for number in ends if number is not None]
    _write_json(folder / "generation_config.json", {"eos_token_id": known})
    _write_templates(said, folder)
    return notes


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _write_templates(said: Mapping[str, Any], folder: Path) -> None:
    """The default chat template, and those that have names."""
    for key, value in said.items():
        if key == "tokenizer.chat_template":
            (folder / "chat_template.jinja").write_text(gguf_text(value), encoding="utf-8")
        elif key.startswith(_NAMED_TEMPLATE):
            more = folder / "additional_chat_templates"
            more.mkdir(exist_ok=True)
            name = key.removeprefix(_NAMED_TEMPLATE).replace("/", "_")
            (more / f"{name}.jinja").write_text(gguf_text(value), encoding="utf-8")


def gguf_text(value: bytes) -> str:
    """A string of a GGUF."""
    return bytes(value).decode("utf-8", errors="replace")


def _way_to_split(said: Mapping[str, Any], architecture: str) -> tuple[str, tuple[str, ...]]:
    """llama.cpp's name of the way in which text is split, and a line where it was assumed."""
    pre = gguf_text(said.get("tokenizer.ggml.pre", b""))
    usual = _OF_ARCHITECTURE.get(architecture)
    byte_level = gguf_text(said["tokenizer.ggml.model"]) == "gpt2"
    if not byte_level or pre not in _UNTOLD or usual is None:
        return pre, ()
    note = f"it does not say how text is split (tokenizer.ggml.pre): taken for {usual}"
    return usual, (note,)


def _tokenizer_config(said: Mapping[str, Any], pre: str) -> dict[str, Any]:
    tokens = said["tokenizer.ggml.tokens"]
    numbers = {role: said.get(f"tokenizer.ggml.{role}_token_id") for role in ("bos", "eos")}
    named = {
        f"{role}_token": gguf_text(tokens[number])
        for role, number in numbers.items()
        if number is not None and number < len(tokens)
    }
    llama3 = _SAME.get(pre, pre) == LLAMA3_SPLIT and pre not in _MERGES_FIRST
    begins = llama3 or gguf_text(said["tokenizer.ggml.model"]) == "llama"
    return named | {"add_bos_token": bool(said.get("tokenizer.ggml.add_bos_token", begins))}


def _tokenizer(said: Mapping[str, Any], pre: str, path: Path) -> dict[str, Any]:
    """tokenizer.json of the file's tokens."""
    tokens = [gguf_text(token) for token in said["tokenizer.ggml.tokens"]]
    types = [TokenType(kind) for kind in said["tokenizer.ggml.token_type"]]
    kind = gguf_text(said["tokenizer.ggml.model"])
    words = {
        token: i
        for i, (token, type_) in enumerate(zip(tokens, types, strict=True))
        if type_ in (TokenType.NORMAL, TokenType.BYTE)
    }
    if kind == "gpt2":
        merges = [gguf_text(pair).split(" ", 1) for pair in said["tokenizer.ggml.merges"]]
        parts = _byte_level(pre, merges, path)
    elif kind == "llama":
        scores = said["tokenizer.ggml.scores"]
        unknown = next(
            (t for t, k in zip(tokens, types, strict=True) if k == TokenType.UNKNOWN), None
        )
        words |= {unknown: tokens.index(unknown)} if unknown is not None else {}
        before = bool(said.get("tokenizer.ggml.add_space_prefix", True))
        parts = _sentencepiece(list(_merges(words, scores)), before, unknown)
    else:
        raise FormatError(
            f"{path}: expected a tokenizer of kind gpt2 or llama, got {kind!r}: give the checkpoint "
            "that the file was made from"
        )
    model = {"type": "BPE", "dropout": None, "vocab": words, **parts.pop("model")}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": list(_added(tokens, types)), "post_processor": None, **parts, "model": model,
    }  # fmt: skip


def _added(tokens: Sequence[str], types: Sequence[TokenType]) -> Iterator[dict[str, Any]]:
    special = (TokenType.CONTROL, TokenType.UNKNOWN)
    for number, (token, kind) in enumerate(zip(tokens, types, strict=True)):
        if kind in (*special, TokenType.USER_DEFINED):
            yield {
                "id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": kind in special,
            }  # fmt: skip


def _byte_level(said: str, merges: Sequence[Sequence[str]], path: Path) -> dict[str, Any]:
    pre = _SAME.get(said, said)
    pattern = next((p for p, name in PRE_TOKENIZERS.items() if name == pre), None)
    if pattern is None and pre not in (GPT2_SPLIT, SMOLLM_SPLIT):
        known = ", ".join([*PRE_TOKENIZERS.values(), GPT2_SPLIT, SMOLLM_SPLIT])
        raise FormatError(
            f"{path}: expected text to be split as by {known}, got {said!r} as tokenizer.ggml.pre: "
            "give the checkpoint that the file was made from"
        )
    steps: list[dict[str, Any]] = [
        {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": False,
            "use_regex": not pattern,
        }
    ]
    if pattern:
        split = {"Regex": pattern}
        steps.insert(
            0, {"type": "Split", "pattern": split, "behavior": "Isolated", "invert": False}
        )
    elif pre == SMOLLM_SPLIT:
        steps.insert(0, {"type": "Digits", "individual_digits": True})
    whole = pre in (LLAMA3_SPLIT, TEKKEN_SPLIT) and said not in _MERGES_FIRST
    return {
        "normalizer": {"type": "NFC"} if said == QWEN2_SPLIT else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": {
            "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True,
        },
        "model": {
            "merges": list(merges), "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": whole,
        },
    }  # fmt: skip


def _merges(words: Mapping[str, int], scores: Sequence[float]) -> Iterator[list[str]]:
    """Pairs in the order in which SentencePiece joins them: the better the token, the earlier."""
    for token, _ in sorted(words.items(), key=lambda item: (-scores[item[1]], item[1])):
        halves = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
        pairs = [pair for pair in halves if pair[0] in words and pair[1] in words]
        yield from ([*pair] for pair in sorted(pairs, key=lambda p: (words[p[0]], words[p[1]])))


def _sentencepiece(merges: list[list[str]], before: bool, unknown: str | None) -> dict[str, Any]:
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    prepend = [{"type": "Prepend", "prepend": _SPACE}] if before else []
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if before else []
    words = {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "}
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*prepend, spaces]},
        "pre_tokenizer": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [words, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip],
        },
        "model": {
            "merges": merges, "unk_token": unknown, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
        },
    }  # fmt: skip
