"""llama.cpp's tokenizer, from a GGUF that has a vocabulary and nothing else."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import gguf
import llama_cpp

from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.gguf.tokenizer import add_vocabulary, read_gguf_vocabulary


@llama_cpp.llama_log_callback
def silence(level: int, text: bytes, data: Any) -> None:
    """llama.cpp says on stderr what it does."""


class LlamaTokenizer:
    """llama.cpp's tokenizer alone, from a GGUF without weights."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_log_set(silence, ctypes.c_void_p(0))
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert self.model
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)

    def encode(self, text: str, special: bool) -> list[int]:
        data = text.encode()
        ids = (ctypes.c_int32 * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(self.vocab, data, len(data), ids, len(ids), False, special)
        assert count >= 0
        return list(ids[:count])


def write_gguf(tokenizer: Path, path: Path, rows: int) -> None:
    """A GGUF that has a vocabulary and nothing else."""
    words = read_gguf_vocabulary(tokenizer, read_vocabulary(tokenizer.parent), rows)
    writer = gguf.GGUFWriter(path, "qwen2")
    add_vocabulary(writer, words)
    for add in (
        writer.add_block_count,
        writer.add_context_length,
        writer.add_embedding_length,
        writer.add_head_count,
    ):
        add(4)
    writer.add_feed_forward_length(4)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
