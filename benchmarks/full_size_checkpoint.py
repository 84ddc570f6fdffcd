"""Write a Qwen2.5-VL-3B or a Qwen2.5-1.5B of true shape with random weights, to measure size and speed.

    pip download --no-deps dashscope      # its wheel has the vocabulary, resources/qwen.tiktoken
    python benchmarks/full_size_checkpoint.py --wheel dashscope-*.whl [--size 1.5B] -o FOLDER

The shape is that of the published config.json of Qwen2.5-VL-3B-Instruct, or Qwen2.5-1.5B-Instruct. The vocabulary is the
real one plus the motion tokens, as `resize_token_embeddings` adds them. The model's answers are
noise: they say nothing about quality.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from qwen_vocabulary import MOTION, SPECIALS, qwen_tokenizer
from safetensors.torch import save_file

from kinetoken.cli.terminal import ProgressBar
from kinetoken.manifest.architectures import QWEN2, QWEN2_5_VL
from kinetoken_export.checkpoint.config.rope import Rope
from kinetoken_export.checkpoint.model_shape import LanguageModelShape
from kinetoken_export.checkpoint.tensors import expected_tensors

TIKTOKEN: Final = "dashscope/resources/qwen.tiktoken"
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
SMALLER: Final[dict[str, Any]] = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960,
    "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 32768,
    "rope_scaling": None,
}  # fmt: skip
"""What is different in the 1.5B, which sees no images."""
PREPROCESSOR: Final = {
    "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
}  # fmt: skip
SHARD_BYTES: Final = 4_000_000_000


def vision_tensors() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the vision tower."""
    v = CONFIG["vision_config"]
    wide, mlp, merged = (
        v["hidden_size"],
        v["intermediate_size"],
        v["hidden_size"] * v["spatial_merge_size"] ** 2,
    )
    yield (
        "visual.patch_embed.proj.weight",
        (wide, 3, v["temporal_patch_size"], v["patch_size"], v["patch_size"]),
    )
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


def config_of(size: str) -> dict[str, Any]:
    """The config.json of a 3B or a 1.5B."""
    if size == "3B":
        return CONFIG
    seeing = ("vision", "image", "video", "use_sliding")
    return {key: value for key, value in CONFIG.items() if not key.startswith(seeing)} | SMALLER


def shape(c: dict[str, Any]) -> LanguageModelShape:
    """The language model's numbers."""
    return LanguageModelShape(
        c["num_hidden_layers"], c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["num_key_value_heads"],
        c["vocab_size"], c["hidden_size"] // c["num_attention_heads"], c["max_position_embeddings"],
        Rope(c["rope_theta"]), c["rms_norm_eps"], tied=True,
    )  # fmt: skip


def draw(name: str, dims: tuple[int, ...], stream: torch.Generator) -> torch.Tensor:
    """Random bfloat16 values as an untrained model has them; norms are ones."""
    if "norm" in name or name.endswith("ln_q.weight"):
        return torch.ones(dims, dtype=torch.bfloat16)
    return torch.randn(dims, generator=stream, dtype=torch.float32).mul_(0.02).to(torch.bfloat16)


def write_weights(folder: Path, config: dict[str, Any]) -> None:
    """Shards and their index, as the hub lays them out."""
    sees = "vision_config" in config
    architecture = QWEN2_5_VL if sees else QWEN2
    tensors = [*(vision_tensors() if sees else ()), *expected_tensors(architecture, shape(config))]
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
    bar = ProgressBar("weights", float(total))
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        held = {}
        for name, dims in shard:
            held[name] = draw(name, dims, stream)
            places[name] = file
            done += sizes[name]
            bar.show(done)
        save_file(held, folder / file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def main() -> int:
    """Write the folder; one that is complete already is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True, help="wheel of the dashscope package")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--size", choices=("3B", "1.5B"), default="3B")
    parser.add_argument("--tokenizer-only", action="store_true")
    args = parser.parse_args()
    if shutil.disk_usage(args.out.parent).free < 9e9 and not args.tokenizer_only:
        parser.error("expected 9 GB of free disk space")
    args.out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(args.wheel) as wheel:
        qwen_tokenizer(wheel.read(TIKTOKEN), args.out / "tokenizer.json")
    config = config_of(args.size)
    (args.out / "config.json").write_text(json.dumps(config, indent=2))
    if "vision_config" in config:
        (args.out / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2))
    if not args.tokenizer_only:
        write_weights(args.out, config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
