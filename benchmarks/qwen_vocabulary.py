"""The real Qwen2.5 vocabulary with the motion tokens as a tokenizer.json: 155,763 ids.

The ranks come from resources/qwen.tiktoken in the wheel of the dashscope package on PyPI. With
Qwen2.5's special tokens in their order, `<move>` is id 151665 and `<m_0_0>` id 151667.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final

SPECIALS: Final = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
MOTION: Final = (
    "<move>",
    "</move>",
    *(f"<m_{level}_{code}>" for level in range(4) for code in range(1024)),
)
SPLIT: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_letters() -> dict[int, str]:
    """The printable letter that byte-level BPE uses for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


def merge_of(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two pieces that BPE joins last to make a token, from lower-ranked tokens only."""
    limit, parts = ranks[token], [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        pairs = ((ranks.get(parts[i] + parts[i + 1], limit), i) for i in range(len(parts) - 1))
        rank, at = min(pairs)
        assert rank < limit, f"no merge makes {token!r}"
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def qwen_tokenizer(tiktoken: bytes, out: Path) -> None:
    """Qwen2.5's tokenizer.json with motion tokens, from its tiktoken ranks (base64, rank)."""
    ranks = {
        base64.b64decode(word): int(rank)
        for word, rank in (line.split() for line in tiktoken.splitlines())
    }
    letters = byte_letters()

    def spell(token: bytes) -> str:
        return "".join(letters[b] for b in token)

    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1:
            merges.append([spell(piece) for piece in merge_of(token, ranks)])
    added = [
        {"id": len(ranks) + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": token.startswith("<|") or token in MOTION}
        for i, token in enumerate((*SPECIALS, *MOTION))
    ]  # fmt: skip
    level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    split = {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False}
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
        "fuse_unk": False, "byte_fallback": False, "vocab": {spell(token): rank for token, rank in ranks.items()}, "merges": merges,
    }  # fmt: skip
    data = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]}, "post_processor": level, "decoder": level, "model": model,
    }  # fmt: skip
    out.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
