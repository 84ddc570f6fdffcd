"""Names of tensors: one for each, whatever saved them.

And which of them the language model does not use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from kinetoken.base.errors import FormatError
from kinetoken.manifest.architectures import Architecture

from .files import TensorEntry

_WRAPPERS: Final = ("module.", "base_model.model.")
"""Beginnings that DistributedDataParallel, DeepSpeed and PEFT leave behind."""
_INNER_WRAPPERS: Final = (
    "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "base_layer",
)  # fmt: skip
"""Parts of names that torch.compile, FSDP, activation checkpointing and PEFT leave behind."""
_ADAPTER: Final = re.compile(r"\.(lora_|modules_to_save|ia3_|oft_|boft_|vera_|original_module)")
_BUFFERS: Final = re.compile(r"\.(rotary_emb|rotary_pos_emb)\.|\.(masked_bias|attn\.bias)$")
"""In names that hold nothing which was trained."""
_LAYER: Final = re.compile(r"model\.layers\.(\d+)\.")
_MODEL: Final = "model."


def named_entries(
    folder: Path, entries: Mapping[str, TensorEntry], architecture: Architecture
) -> dict[str, TensorEntry]:
    """The entries by the names that the architecture gives them.

    FormatError where two have one name, or an adapter is not merged.
    """
    adapter = next((name for name in entries if _ADAPTER.search(name)), None)
    if adapter is not None:
        raise FormatError(
            f"{folder}: expected merged weights, found those of an adapter ({adapter}): merge it "
            "with PEFT's "
            "merge_and_unload, or give the model as CHECKPOINT and the adapter with --adapter"
        )
    bare = {stored: canonical_name(_unwrapped(stored), architecture) for stored in entries}
    wrapper = _wrapper(set(bare.values()), architecture)
    named: dict[str, TensorEntry] = {}
    for stored, name in bare.items():
        if name.startswith(wrapper):
            name = canonical_name(name.removeprefix(wrapper), architecture)
        elif wrapper == _MODEL and name != architecture.head:  # the model saved without its head
            name = _MODEL + name
        if name in named:
            raise FormatError(
                f"{folder}: expected each tensor once, got {named[name].name} and {stored}: remove "
                "one of them"
            )
        named[name] = entries[stored]
    return named


def _unwrapped(name: str) -> str:
    for wrapper in _INNER_WRAPPERS:
        name = name.replace(f".{wrapper}.", ".").removeprefix(f"{wrapper}.")
    while name.startswith(_WRAPPERS):
        name = name.removeprefix(next(wrapper for wrapper in _WRAPPERS if name.startswith(wrapper)))
    return name


def _wrapper(names: set[str], architecture: Architecture) -> str:
    """What stands before every name of a model that was saved inside another: "policy."; mostly "".

    "model." where it is missing instead.
    """
    embedding = architecture.embedding
    if embedding in names:
        return ""
    if embedding.removeprefix(_MODEL) in names:
        return _MODEL
    found = {name.removesuffix(embedding) for name in names if name.endswith(f".{embedding}")}
    return found.pop() if len(found) == 1 else ""


def canonical_name(name: str, architecture: Architecture) -> str:
    """Name a stored tensor as this project does, whatever version saved it."""
    for old, new in architecture.renamed:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def unused_tensors(
    folder: Path, names: Iterator[str], architecture: Architecture, layers: int
) -> Iterator[str]:
    """A line for tensors that no number comes of, as transformers leaves them out too.

    `names`: those that are not expected. FormatError for one within a layer: it belongs to another
    network than config.json says.
    """
    beyond: set[int] = set()
    others: list[str] = []
    tower = architecture.vision
    for name in names:
        layer = _LAYER.match(name)
        if _BUFFERS.search(f".{name}") or (tower is not None and name.startswith(tower.prefix)):
            continue
        if layer and int(layer[1]) < layers:
            raise FormatError(
                f"{folder}: expected the tensors of {architecture.classes[0]}, got {name} too: "
                "this is another network than config.json says"
            )
        if layer:
            beyond.add(int(layer[1]))
        else:
            others.append(name)
    if beyond:
        span = f"{min(beyond)} to {max(beyond)}"
        yield f"layers {span} are not used: config.json says {layers} layers"
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        yield f"{sorted(others)[0]}{more} not used: {architecture.classes[0]} has no such tensor"
