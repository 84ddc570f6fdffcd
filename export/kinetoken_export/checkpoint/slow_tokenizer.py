"""Tokenizers saved in the form before tokenizer.json: vocab.json and merges.txt become one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.json_text import parse_json

from .json_file import read_json

_CONFIG: Final = "tokenizer_config.json"
_QWEN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PATTERNS: Final[Mapping[str, str | None]] = {"Qwen2Tokenizer": _QWEN, "GPT2Tokenizer": None}
"""How a class splits text before the merges; None: as byte-level BPE does by itself."""


def convert_slow_tokenizer(folder: Path, path: Path) -> Path:
    """Write a tokenizer.json to `path` from the older files in `folder`; returns the path.

    InputError says with which command the others are converted.
    """
    command = (
        'make it with transformers: python -c "from transformers import AutoTokenizer as T; '
        f"T.from_pretrained('{folder}').save_pretrained('{folder}')\""
    )
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not vocabulary.is_file() or not merges.is_file():
        sentencepiece = (folder / "tokenizer.model").is_file()
        found = "only a SentencePiece tokenizer.model" if sentencepiece else "none"
        raise InputError(f"{folder}: expected a tokenizer.json, found {found}: {command}")
    settings = _settings(folder)
    kind = str(settings.get("tokenizer_class", "")).removesuffix("Fast")
    if kind not in _PATTERNS:
        raise InputError(
            f"{folder}: expected a tokenizer.json, found vocab.json of a {kind or 'nameless class'}: "
            f"{command}"
        )
    _write(vocabulary, merges, _PATTERNS[kind], _added(folder, settings), path)
    shutil.copyfile(folder / _CONFIG, path.with_name(_CONFIG))
    return path


def _settings(folder: Path) -> Mapping[str, Any]:
    path = folder / _CONFIG
    return read_json(path) if path.is_file() else {}


def _added(folder: Path, settings: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Added tokens by id, with what tokenizer_config.json says of each."""
    added: dict[int, dict[str, Any]] = {}
    if (folder / "added_tokens.json").is_file():
        for token, number in read_json(folder / "added_tokens.json").items():
            added[int(number)] = {"content": token, "special": True, "normalized": False}
    for number, token in (settings.get("added_tokens_decoder") or {}).items():
        added[int(number)] = dict(token)
    return added


def _write(
    vocabulary: Path, merges: Path, pattern: str | None, added: Mapping[int, Any], path: Path
) -> None:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as cut

    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # the library raises bare Exception
        raise FormatError(
            f"{vocabulary}: expected the words of a byte-level BPE, got something else ({error})"
        ) from error
    if pattern is None:
        tokenizer.pre_tokenizer = cut.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = cut.Sequence(
            [
                cut.Split(Regex(pattern), behavior="isolated"),
                cut.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    for number, token in sorted(added.items()):
        flags = {k: bool(v) for k, v in token.items() if k in _FLAGS}
        tokenizer.add_tokens([AddedToken(token["content"], **flags)])
        got = tokenizer.token_to_id(token["content"])
        if got != number:
            raise FormatError(
                f"{vocabulary.parent}: expected {token['content']} at id {number}, got {got}: the "
                "tokenizer's files are not of one model"
            )
    data = parse_json(tokenizer.to_str())
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


_FLAGS: Final = ("single_word", "lstrip", "rstrip", "normalized", "special")
