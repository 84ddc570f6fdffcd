"""A checkpoint as GGUF in the way of llama.cpp's own convert script, with the liberties that published files take.

Nothing of the project's exporter is used: keys, names and types of tokens follow the script. Needs torch, gguf.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGUFWriter, TokenType
from numpy.typing import NDArray

from kinetoken_export.checkpoint.tensors import Checkpoint

Change = Callable[[GGUFWriter], object]


def convert(
    checkpoint: Path,
    out: Path,
    *,
    pre: str | None = "qwen2",
    template: str | None = "",
    motion_type: TokenType = TokenType.USER_DEFINED,
    tied: bool = True,
    parts: int = 1,
    change: Change | None = None,
) -> Path:
    """Write the GGUF of a Qwen2 or Llama checkpoint; returns it, or its first part.

    `pre`: llama.cpp's name of the way to split text, None: none. `template`: the chat template, "": the checkpoint's, None:
    none. `tied`: whether the head is left out. `change` may add or replace keys.
    """
    source = Checkpoint(checkpoint)
    llama = source.architecture.name == "llama"
    writer = GGUFWriter(out, "llama" if llama else "qwen2")
    _add_general(writer)
    _add_model(writer, source, llama)
    _add_tokens(writer, checkpoint, source.shape.vocab_size, pre, motion_type)
    special = gguf.SpecialVocab(checkpoint, load_merges=True)
    special.chat_template = special.chat_template if template == "" else template
    special.add_to_gguf(writer, quiet=True)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if change is not None:
        change(writer)
    tensors = list(_tensors(source, llama, tied))
    names = _part_names(out, parts)
    for number, name in enumerate(names):
        if parts > 1:
            writer = writer if number == 0 else GGUFWriter(name, "llama" if llama else "qwen2")
            writer.add_uint16("split.no", number)
            writer.add_uint16("split.count", parts)
            writer.add_int32("split.tensors.count", len(tensors))
        for tensor, values in tensors[number::parts]:
            writer.add_tensor(tensor, values)
        writer.write_header_to_file(name)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return names[0]


def _part_names(out: Path, parts: int) -> list[Path]:
    if parts == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{n + 1:05d}-of-{parts:05d}.gguf") for n in range(parts)]


def _add_general(writer: GGUFWriter) -> None:
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("Tiny Motion Model")
    writer.add_basename("Tiny-Motion")
    writer.add_size_label("1M")
    writer.add_license("cc-by-nc-4.0")
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, "Base")
    writer.add_tags(["text-generation", "motion"])
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _add_model(writer: GGUFWriter, source: Checkpoint, llama: bool) -> None:
    shape = source.shape
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(shape.rope.theta)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    if llama:
        writer.add_vocab_size(shape.vocab_size)
        writer.add_rope_dimension_count(shape.head_dim)


def _add_tokens(
    writer: GGUFWriter, checkpoint: Path, rows: int, pre: str | None, motion_type: TokenType
) -> None:
    data = json.loads((checkpoint / "tokenizer.json").read_text())
    words = {i: word for word, i in data["model"]["vocab"].items()}
    added = {token["id"]: token for token in data["added_tokens"]}
    tokens, types = [], []
    for i in range(rows):
        name = added[i]["content"] if i in added else words.get(i)
        tokens.append(f"[PAD{i}]" if name is None else name)
        if name is None:
            types.append(TokenType.UNUSED)
        elif i not in added:
            types.append(TokenType.NORMAL)
        elif "m_" in name or name in ("<move>", "</move>"):
            types.append(motion_type)
        else:
            special = added[i]["special"] or name.startswith("<|")
            types.append(TokenType.CONTROL if special else TokenType.USER_DEFINED)
    writer.add_tokenizer_model("gpt2")
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)


def _tensors(
    source: Checkpoint, llama: bool, tied: bool
) -> Iterator[tuple[str, NDArray[np.float16 | np.float32]]]:
    shape = source.shape
    arch = gguf.MODEL_ARCH.LLAMA if llama else gguf.MODEL_ARCH.QWEN2
    names = gguf.get_tensor_name_map(arch, shape.layers)
    if llama and shape.rope.kind == "llama3":
        yield "rope_freqs.weight", _llama3_divisors(source.config, shape.head_dim)
    for stored in source.names():
        if stored == "lm_head.weight" and tied:
            continue
        values: Any = source.tensor(stored)
        if llama and ("q_proj" in stored or "k_proj" in stored):
            heads = shape.heads if "q_proj" in stored else shape.kv_heads
            values = (
                values.reshape(heads, 2, shape.head_dim // 2, *values.shape[1:])
                .swapaxes(1, 2)
                .reshape(values.shape)
            )
        name = names.get_name(stored, try_suffixes=(".weight", ".bias"))
        assert name is not None, stored
        yield name, values.astype(np.float16 if values.ndim > 1 else np.float32)
    if not tied and not source.has("lm_head.weight"):
        yield "output.weight", source.tensor("model.embed_tokens.weight").astype(np.float16)


def _llama3_divisors(config: Any, width: int) -> NDArray[np.float32]:
    """As the script computes them, one frequency after the other."""
    rules = config.get("rope_scaling") or config["rope_parameters"]
    theta = config.get("rope_theta") or rules["rope_theta"]
    factor, low, high = (rules[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
    original = rules["original_max_position_embeddings"]
    divisors = []
    for speed in 1.0 / theta ** (np.arange(0, width, 2) / width):
        length = 2 * np.pi / speed
        if length < original / high:
            divisors.append(1.0)
        elif length > original / low:
            divisors.append(factor)
        else:
            smooth = (original / length - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(divisors, np.float32)
