"""A miniature Qwen2 or Qwen2.5-VL checkpoint: the true names, shapes and files of the family, random weights, a few MB.

Widths are multiples of 256, so that every quantization applies. The tokenizer is byte-level BPE with Qwen's pattern, Qwen's 22
added tokens and the motion tokens after them. Needs numpy and tokenizers; reading it back needs torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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

HEAD_DIM = 64
ROPE_THETA = 1000000.0
MROPE_SECTION = [8, 12, 12]  # rotary pairs of time, height, width: HEAD_DIM / 2 together
PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# In the order of Qwen2.5's own ids; the last eight are not marked special there.
SPECIALS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip
ORDINARY = [
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
    "<|file_sep|>",
]  # fmt: skip
SYSTEM_PROMPT = (
    "You are an embodied AI. You reason about your physical state and output precise motor actions "
    "inside <move></move> tags."
)
CORPUS = [
    "a person walks forward and waves with the left hand, then walks backwards",
    "the man runs in a circle, turns around and jumps three times",
    "I shift my weight onto my left leg and swing the right one forward.",
    "The person's walking; they'll turn, don't they? 1234 steps\n\nand  then   stop.",
    "eine Person läuft vorwärts und winkt; человек идёт вперёд; 一个人向前走; एक व्यक्ति चलता है",
    "system\nuser\nassistant\n" + SYSTEM_PROMPT,
]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Mini:
    """Sizes of the miniature."""

    layers: int = 2
    hidden: int = 256
    intermediate: int = 512
    kv_heads: int = 2
    context: int = 512
    vision_depth: int = 4
    """Every second layer attends to the whole image, the others within windows."""
    vision_hidden: int = 64
    vision_heads: int = 2
    vision_intermediate: int = 172
    """No multiple of 32, as in the real tower."""

    @property
    def heads(self) -> int:
        return self.hidden // HEAD_DIM


def build_checkpoint(
    folder: Path, architecture: str = "qwen2", *, tied: bool = True, shards: int = 1, layers: int = 2, codes: int = 16,
    levels: int = 4, padded: int = 0, merges: int = 200, context: int = 512, hidden: int = 256,
    intermediate: int | None = None, kv_heads: int = 2, seed: int = 0,
    dtype: str = "bfloat16", renamed: bool = False, motion_special: bool = True,
) -> Path:  # fmt: skip
    """Write a checkpoint of `architecture` "qwen2" or "qwen2_5_vl" into `folder` (made where missing); returns the folder.

    `padded` rows of the vocabulary have no token. `dtype` is "bfloat16", "float16" or "float32". `renamed` writes the config and
    the names of newer versions of transformers (text_config, model.language_model...).
    """
    folder.mkdir(parents=True, exist_ok=True)
    mini = Mini(
        layers=layers,
        context=context,
        hidden=hidden,
        intermediate=intermediate or 2 * hidden,
        kv_heads=kv_heads,
    )
    ids = write_tokenizer(folder, merges, levels, codes, motion_special)
    vocab = len(ids) + padded
    vision = architecture == "qwen2_5_vl"
    config = (
        _vision_language_config(mini, vocab, tied, ids, renamed)
        if vision
        else _config(mini, vocab, tied, ids)
    )
    _write_json(folder / "config.json", config | {"torch_dtype": dtype})
    end = {
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
    }
    _write_json(folder / "generation_config.json", end)
    if vision:
        _write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    shapes = dict(_language_shapes(mini, vocab, tied))
    if vision:
        shapes |= dict(_vision_shapes(mini))
    _write_tensors(
        folder, {_stored(n, renamed and vision): s for n, s in shapes.items()}, dtype, shards, seed
    )
    return folder


def change_config(folder: Path, file: str = "config.json", **values: Any) -> None:
    """Set fields of a JSON file of a checkpoint; `...` removes one."""
    path = folder / file
    given = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    _write_json(path, {key: v for key, v in (given | values).items() if v is not ...})


def write_tokenizer(
    folder: Path, merges: int, levels: int, codes: int, motion_special: bool
) -> dict[str, int]:
    """tokenizer.json and tokenizer_config.json; returns the ids of all tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    motion = ["<move>", "</move>", *(f"<m_{q}_{v}>" for q in range(levels) for v in range(codes))]
    marked = (
        [(t, True) for t in SPECIALS]
        + [(t, False) for t in ORDINARY]
        + [(t, motion_special) for t in motion]
    )
    for token, special in marked:
        tokenizer.add_tokens([AddedToken(token, normalized=False, special=special)])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "Qwen2Tokenizer", "chat_template": CHAT_TEMPLATE, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "bos_token": None, "unk_token": None, "add_bos_token": False, "add_prefix_space": False, "model_max_length": 1024,
        "clean_up_tokenization_spaces": False, "errors": "replace", "split_special_tokens": False,
    }  # fmt: skip
    _write_json(folder / "tokenizer_config.json", config)
    return dict(tokenizer.get_vocab())


def _config(mini: Mini, vocab: int, tied: bool, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "attention_dropout": 0.0, "hidden_act": "silu",
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "hidden_size": mini.hidden,
        "initializer_range": 0.02, "intermediate_size": mini.intermediate, "max_position_embeddings": mini.context,
        "max_window_layers": mini.layers, "num_attention_heads": mini.heads, "num_hidden_layers": mini.layers,
        "num_key_value_heads": mini.kv_heads, "rms_norm_eps": 1e-06, "rope_theta": ROPE_THETA, "sliding_window": None,
        "tie_word_embeddings": tied, "use_cache": True, "use_sliding_window": False, "vocab_size": vocab,
    }  # fmt: skip


def _vision_language_config(
    mini: Mini, vocab: int, tied: bool, ids: dict[str, int], nested: bool
) -> dict[str, Any]:
    text = _config(mini, vocab, tied, ids)
    text["rope_scaling"] = {"type": "mrope", "mrope_section": MROPE_SECTION}
    head = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl"}
    names = {
        "vision_start": "<|vision_start|>",
        "vision_end": "<|vision_end|>",
        "vision": "<|vision_pad|>",
    }
    names |= {"image": "<|image_pad|>", "video": "<|video_pad|>"}
    shared = {f"{name}_token_id": ids[token] for name, token in names.items()}
    shared |= {"tie_word_embeddings": tied, "vision_config": _vision_config(mini)}
    if nested:
        return {**head, **shared, "text_config": text | {"model_type": "qwen2_5_vl_text"}}
    return {**text, **head, **shared}


def _vision_config(mini: Mini) -> dict[str, Any]:
    return {
        "model_type": "qwen2_5_vl", "depth": mini.vision_depth, "hidden_act": "silu", "hidden_size": mini.vision_hidden,
        "intermediate_size": mini.vision_intermediate, "num_heads": mini.vision_heads, "in_chans": 3, "in_channels": 3,
        "out_hidden_size": mini.hidden, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112,
        "fullatt_block_indexes": list(range(1, mini.vision_depth, 2)), "tokens_per_second": 2, "temporal_patch_size": 2,
    }  # fmt: skip


PREPROCESSOR = {
    "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
}  # fmt: skip


def _language_shapes(mini: Mini, vocab: int, tied: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, wide, kv = mini.hidden, mini.intermediate, mini.kv_heads * HEAD_DIM
    yield "model.embed_tokens.weight", (vocab, hidden)
    for layer in range(mini.layers):
        at = f"model.layers.{layer}"
        for part, rows in (("q", hidden), ("k", kv), ("v", kv)):
            yield f"{at}.self_attn.{part}_proj.weight", (rows, hidden)
            yield f"{at}.self_attn.{part}_proj.bias", (rows,)
        yield f"{at}.self_attn.o_proj.weight", (hidden, hidden)
        yield f"{at}.mlp.gate_proj.weight", (wide, hidden)
        yield f"{at}.mlp.up_proj.weight", (wide, hidden)
        yield f"{at}.mlp.down_proj.weight", (hidden, wide)
        yield f"{at}.input_layernorm.weight", (hidden,)
        yield f"{at}.post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", (vocab, hidden)


def _vision_shapes(mini: Mini) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, wide, merged = mini.vision_hidden, mini.vision_intermediate, 4 * mini.vision_hidden
    yield "visual.patch_embed.proj.weight", (hidden, 3, 2, 14, 14)
    for block in range(mini.vision_depth):
        at = f"visual.blocks.{block}"
        for name, dims in (("attn.qkv", (3 * hidden, hidden)), ("attn.proj", (hidden, hidden)), ("mlp.gate_proj", (wide, hidden)),
                           ("mlp.up_proj", (wide, hidden)), ("mlp.down_proj", (hidden, wide))):  # fmt: skip
            yield f"{at}.{name}.weight", dims
            yield f"{at}.{name}.bias", dims[:1]
        yield f"{at}.norm1.weight", (hidden,)
        yield f"{at}.norm2.weight", (hidden,)
    yield "visual.merger.ln_q.weight", (hidden,)
    for name, dims in (("0", (merged, merged)), ("2", (mini.hidden, merged))):
        yield f"visual.merger.mlp.{name}.weight", dims
        yield f"visual.merger.mlp.{name}.bias", dims[:1]


def _stored(name: str, renamed: bool) -> str:
    if not renamed or name.startswith("lm_head"):
        return name
    return (
        f"model.{name}"
        if name.startswith("visual")
        else "model.language_model" + name.removeprefix("model")
    )


def _values(
    rng: np.random.Generator, name: str, dims: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Random weights that keep the activations of every layer near unit size."""
    normal = rng.normal(0, 1, dims).astype(np.float32)
    if "norm" in name or "ln_q" in name:
        return 1 + normal * np.float32(0.1)
    if len(dims) == 1:
        return normal * np.float32(0.1)
    scale = (
        0.08 if "embed_tokens" in name or "lm_head" in name else float(np.prod(dims[1:])) ** -0.5
    )
    return normal * np.float32(scale)


def _write_tensors(
    folder: Path, shapes: dict[str, tuple[int, ...]], dtype: str, shards: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data = {name: (dims, encode(_values(rng, name, dims), dtype)) for name, dims in shapes.items()}
    if shards == 1:
        write_safetensors(folder / "model.safetensors", data, dtype)
        return
    places = {
        name: f"model-{1 + i * shards // len(data):05}-of-{shards:05}.safetensors"
        for i, name in enumerate(data)
    }
    for shard in dict.fromkeys(places.values()):
        write_safetensors(
            folder / shard, {n: value for n, value in data.items() if places[n] == shard}, dtype
        )
    size = sum(len(value) for _, value in data.values())
    _write_json(
        folder / "model.safetensors.index.json",
        {"metadata": {"total_size": size}, "weight_map": places},
    )


def write_safetensors(
    path: Path, tensors: dict[str, tuple[tuple[int, ...], bytes]], dtype: str
) -> None:
    """A safetensors file of shapes and bytes: the length of a JSON header, the header, the bytes one after the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dims, data) in tensors.items():
        code = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}[dtype]
        header[name] = {"dtype": code, "shape": dims, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(
        len(text).to_bytes(8, "little") + text + b"".join(data for _, data in tensors.values())
    )


def encode(values: np.ndarray[Any, np.dtype[np.float32]], dtype: str) -> bytes:
    """Float32 numbers as little-endian bytes of a safetensors dtype."""
    if dtype == "bfloat16":
        bits = values.view(np.uint32)
        return (
            ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
        )  # round to nearest even
    return values.astype({"float16": "<f2", "float32": "<f4"}[dtype]).tobytes()


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
