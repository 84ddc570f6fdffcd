"""A GGUF that somebody else made, as the model of a bundle: its weights stay as they are.

Tokenizer, chat template and special tokens are taken from the file and written as a checkpoint has
them, so that the rest of the export reads them there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gguf import LlamaFileType, TokenType

from kinetoken.base.errors import FormatError, InputError
from kinetoken.engines.llamacpp.gguf_check import checked_header
from kinetoken.engines.llamacpp.gguf_header import GGUF_MAGIC, Header, read_header
from kinetoken.manifest.architectures import ARCHITECTURES
from kinetoken.manifest.schema import LanguageModelInfo, MotionInfo

from .tokenizer import GPT2, PRE_TOKENIZERS

_LM_FILE: Final = "lm.gguf"
_SPACE: Final = "▁"


def is_gguf(path: Path) -> bool:
    """Tell if a path is a GGUF file."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(GGUF_MAGIC)) == GGUF_MAGIC


@dataclass(frozen=True)
class GgufModel:
    """An opened file, and the folder in which its tokenizer was written."""

    path: Path
    header: Header
    architecture: str
    """As the file names it."""
    words: Path

    @property
    def tokenizer(self) -> Path:
        """tokenizer.json."""
        return self.words / "tokenizer.json"

    @property
    def files(self) -> list[Path]:
        """What the bundle is made from."""
        return [self.path]

    @property
    def rows(self) -> int:
        """Tokens of the vocabulary."""
        return len(self.header.said["tokenizer.ggml.tokens"])

    @property
    def context(self) -> int:
        """Tokens that the model was made for."""
        return int(self.header.said[f"{self.architecture}.context_length"])

    def place(self, folder: Path, motion: MotionInfo, context: int) -> LanguageModelInfo:
        """Link or copy the file into `folder`; what the manifest says of it, checked."""
        said, name = self.header.said, self.architecture
        heads, width = said[f"{name}.attention.head_count"], said[f"{name}.embedding_length"]
        if not 1 <= context <= self.context:
            raise InputError(f"expected a context of 1 to {self.context} tokens, got {context}")
        info = LanguageModelInfo(
            backend="llamacpp",
            file=_LM_FILE,
            architecture=next(n for n, entry in ARCHITECTURES.items() if entry.gguf == name),
            layers=int(said[f"{name}.block_count"]),
            kv_heads=int(said.get(f"{name}.attention.head_count_kv", heads)),
            head_dim=int(said.get(f"{name}.attention.key_length", width // heads)),
            vocab_size=self.rows,
            context=context,
            quantization=quantization_name(said),
        )
        checked_header(self.path, info, motion)
        target = folder / _LM_FILE
        try:
            os.link(self.path.resolve(), target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(self.path, target)
        return info


def open_gguf(path: Path, scratch: Path) -> GgufModel:
    """Open a file and write its tokenizer into `scratch`; FormatError for what is not read."""
    try:
        header = read_header(path)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: {error}: download it again") from error
    said = header.said
    name = _text(said.get("general.architecture", b""))
    known = dict.fromkeys(entry.gguf for entry in ARCHITECTURES.values())
    if name not in known:
        raise FormatError(f"{path}: expected a model of {' or '.join(known)}, got {name!r}")
    try:
        data = _tokenizer(said, path)
    except KeyError as error:
        raise FormatError(
            f"{path}: expected the key {error} of a language model, found none: convert it again"
        ) from error
    _write_json(scratch / "tokenizer.json", data)
    _write_json(scratch / "tokenizer_config.json", _tokenizer_config(said))
    end = said.get("tokenizer.ggml.eos_token_id")
    _write_json(scratch / "generation_config.json", {"eos_token_id": end})
    template = said.get("tokenizer.chat_template")
    if template is not None:
        (scratch / "chat_template.jinja").write_text(_text(template), encoding="utf-8")
    return GgufModel(path, header, name, scratch)


def _text(value: bytes) -> str:
    return bytes(value).decode("utf-8", errors="replace")


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def quantization_name(said: Mapping[str, Any]) -> str:
    """The name of the file's quantization: "q4_k_m"."""
    try:
        name = LlamaFileType(int(said["general.file_type"])).name
    except (KeyError, ValueError):
        return "unknown"
    return name.removeprefix("MOSTLY_").removeprefix("ALL_").lower()


def _tokenizer_config(said: Mapping[str, Any]) -> dict[str, Any]:
    tokens = said["tokenizer.ggml.tokens"]
    numbers = {role: said.get(f"tokenizer.ggml.{role}_token_id") for role in ("bos", "eos")}
    return {
        f"{role}_token": _text(tokens[number])
        for role, number in numbers.items()
        if number is not None and number < len(tokens)
    }


def _tokenizer(said: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """tokenizer.json of the file's tokens."""
    tokens = [_text(token) for token in said["tokenizer.ggml.tokens"]]
    types = [TokenType(kind) for kind in said["tokenizer.ggml.token_type"]]
    kind = _text(said["tokenizer.ggml.model"])
    words = {
        token: i
        for i, (token, type_) in enumerate(zip(tokens, types, strict=True))
        if type_ in (TokenType.NORMAL, TokenType.BYTE)
    }
    if kind == "gpt2":
        merges = [_text(pair).split(" ", 1) for pair in said["tokenizer.ggml.merges"]]
        parts = _byte_level(_text(said.get("tokenizer.ggml.pre", b"")), merges, path)
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


def _byte_level(pre: str, merges: Sequence[Sequence[str]], path: Path) -> dict[str, Any]:
    pattern = next((p for p, name in PRE_TOKENIZERS.items() if name == pre), None)
    if pattern is None and pre != GPT2:
        known = ", ".join([*PRE_TOKENIZERS.values(), GPT2])
        raise FormatError(
            f"{path}: expected text to be split as by {known}, got {pre!r}: give the checkpoint that "
            "the file was made from"
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
    return {
        "normalizer": {"type": "NFC"} if pre == "qwen2" else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": {
            "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True,
        },
        "model": {
            "merges": list(merges), "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": pre in ("llama-bpe", "tekken"),
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
