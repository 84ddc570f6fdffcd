"""The demo's tokenizer: Qwen2's pre-tokenizer and chat tokens, byte-level BPE, motion tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import FormatError
from kinetoken.tokens.markup import DEFAULT_MARKUP

# Qwen2's own pre-tokenizer pattern, as in its tokenizer.json.
_QWEN2_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CHAT_TOKENS: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% "
    "endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], levels: int, codes: int, merges: int = 900) -> Tokenizer:
    """Train BPE of 256 bytes and about `merges` merges on `texts`.

    Special tokens and motion tokens are added behind it.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        special_tokens=[],
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False, special=True) for t in _CHAT_TOKENS]
    )
    spelled = [DEFAULT_MARKUP.spell(q, v) for q in range(levels) for v in range(codes)]
    motion = [*DEFAULT_MARKUP.markers, *spelled]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in motion])
    return tokenizer


def id_of(tokenizer: Tokenizer, token: str) -> int:
    """Id of a token that the tokenizer must have; FormatError where it has not."""
    number = tokenizer.token_to_id(token)
    if number is None:
        raise FormatError(
            f"expected a token {token} in the tokenizer, found none: it belongs to another model"
        )
    return int(number)


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write tokenizer.json, and tokenizer_config.json with the chat template."""
    config = {
        "tokenizer_class": "Qwen2Tokenizer", "chat_template": _CHAT_TEMPLATE,
        "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "bos_token": None, "unk_token": None, "add_bos_token": False, "add_prefix_space": False,
        "model_max_length": 1024,
        "clean_up_tokenization_spaces": False, "errors": "replace", "split_special_tokens": False,
    }  # fmt: skip
    with atomic_path(folder / "tokenizer.json") as temporary:
        tokenizer.save(str(temporary))
    with atomic_path(folder / "tokenizer_config.json") as temporary:
        Path(temporary).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    with atomic_path(folder / "chat_template.jinja") as temporary:
        Path(temporary).write_text(_CHAT_TEMPLATE, encoding="utf-8")
