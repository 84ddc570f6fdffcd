"""Miniature tokenizers of SentencePiece's kind, as transformers saves those of Llama 2, Mistral, Phi-3 and Gemma."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers

from tiny_checkpoint import CORPUS

_BYTES: Final = [f"<0x{byte:02X}>" for byte in range(256)]
_PREPENDING: Final = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
# Gemma's template has no system role; this one puts the system prompt before the user's words.
_GEMMA: Final = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ '<start_of_turn>user\n' + message['content'] + '\n' }}{% else %}"
    "{{ message['content'] + '<end_of_turn>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
_MISTRAL: Final = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ '[INST] ' + message['content'] + '\n\n' }}{% else %}"
    "{{ message['content'] + ' [/INST]' }}{% endif %}{% endfor %}"
)
KINDS: Final = ("llama2", "gemma", "mistral_first")
"""A space before every stretch of text; no such space; a space before the first stretch alone."""


def write_sentencepiece_tokenizer(folder: Path, kind: str) -> dict[str, int]:
    """Write tokenizer.json and tokenizer_config.json; returns the ids of all tokens."""
    gemma = kind == "gemma"
    tokenizer = Tokenizer(
        models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True, ignore_merges=False)
    )
    steps = [normalizers.Replace(" ", "▁")] if gemma else _PREPENDING
    tokenizer.normalizer = normalizers.Sequence(steps)
    marks = ["<pad>", "<eos>", "<bos>", "<unk>"] if gemma else ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=len(marks) + 256 + 400,
        special_tokens=[*marks, *_BYTES],
        show_progress=False,
        max_token_length=8,
    )
    words = [text.replace("<", "").replace(">", "") for text in CORPUS]
    tokenizer.train_from_iterator([text for text in words for _ in range(2)], trainer)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            *([] if gemma else [decoders.Strip(" ", 1, 0)]),
        ]
    )
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] in marks]
    if kind == "mistral_first":
        data["normalizer"] = None
        data["pre_tokenizer"] = {
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False,
        }  # fmt: skip
    tokenizer = Tokenizer.from_str(json.dumps(data))
    turns = ["<start_of_turn>", "<end_of_turn>"] if gemma else []
    motion = ["<move>", "</move>", *(f"<m_{q}_{v}>" for q in range(4) for v in range(16))]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in turns])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in motion])
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>" if gemma else "<s>",
        "eos_token": "<eos>" if gemma else "</s>", "unk_token": "<unk>", "clean_up_tokenization_spaces": False,
        "chat_template": _GEMMA if gemma else _MISTRAL,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return dict(tokenizer.get_vocab())
