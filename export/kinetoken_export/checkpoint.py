"""A Hugging Face folder of a Qwen2 language model: its config, and its tensors one at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.errors import FormatError, InputError

Array = NDArray[np.float32]

ARCHITECTURES: Final = ("Qwen2ForCausalLM",)
INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"


@dataclass(frozen=True)
class Qwen2Shape:
    """The numbers of config.json that shape the network."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocab_size: int
    context: int
    rope_theta: float
    norm_eps: float
    tied: bool

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads


class Checkpoint:
    """An opened folder. Tensors are read when asked for, so that a model larger than memory can be exported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _json(folder / "config.json")
        architecture = (self.config.get("architectures") or ["none"])[0]
        if architecture not in ARCHITECTURES:
            raise FormatError(f"{folder}: expected a model of {' or '.join(ARCHITECTURES)}, got {architecture}")
        self.shape = _shape(self.config, folder)
        self._files = self._locate()

    def _locate(self) -> dict[str, Path]:
        index = self.folder / INDEX
        if index.is_file():
            return {name: self.folder / shard for name, shard in _json(index)["weight_map"].items()}
        path = self.folder / SINGLE
        if not path.is_file():
            raise InputError(
                f"{self.folder}: expected {SINGLE} or {INDEX}, found neither: give a complete checkpoint folder"
            )
        with _opened(path) as file:
            return dict.fromkeys(file.keys(), path)

    def tensor(self, name: str) -> Array:
        """One tensor as float32; FormatError names what is missing."""
        if name not in self._files:
            raise FormatError(f"{self.folder}: expected a tensor {name}, found none: the checkpoint is incomplete")
        with _opened(self._files[name]) as file:
            values: Array = file.get_tensor(name).float().numpy()
        return values

    def has(self, name: str) -> bool:
        """Whether the checkpoint holds a tensor."""
        return name in self._files


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path}: expected a whole safetensors file, got something unreadable ({error}): download it again"
        ) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: expected a checkpoint's {path.name}, cannot read it ({error.strerror})") from error
    except ValueError as error:
        raise FormatError(f"{path}: expected JSON, got something unreadable ({error})") from error
    if not isinstance(data, dict):
        raise FormatError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data


def _shape(config: Mapping[str, Any], folder: Path) -> Qwen2Shape:
    try:
        return Qwen2Shape(
            layers=int(config["num_hidden_layers"]), hidden=int(config["hidden_size"]), intermediate=int(config["intermediate_size"]),
            heads=int(config["num_attention_heads"]), kv_heads=int(config["num_key_value_heads"]), vocab_size=int(config["vocab_size"]),
            context=int(config["max_position_embeddings"]), rope_theta=float(_rope_theta(config)),
            norm_eps=float(config["rms_norm_eps"]), tied=bool(config.get("tie_word_embeddings", False)),
        )  # fmt: skip
    except KeyError as error:
        raise FormatError(
            f"{folder / 'config.json'}: expected a key {error}, found none: it is no Qwen2 config"
        ) from error


def _rope_theta(config: Mapping[str, Any]) -> float:
    # transformers 5 moved it into rope_parameters.
    return float(config["rope_theta"] if "rope_theta" in config else config["rope_parameters"]["rope_theta"])
