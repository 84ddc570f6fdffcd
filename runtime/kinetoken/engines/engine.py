"""The registration of an inference engine: how it loads a model, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..manifest.schema import LanguageModelInfo, Manifest
from ..tokens.tokenizer import Tokenizer
from .load_options import LoadOptions
from .protocols import LanguageModel, Vision


class LoadedModel(NamedTuple):
    """A language model and, if it has one, its vision tower."""

    language_model: LanguageModel
    vision: Vision | None = None


@dataclass(frozen=True)
class EngineMemory:
    """Memory that an engine takes, for estimates before anything is loaded."""

    program_bytes: int = 0
    """The engine itself and the memory that it computes in."""
    repacked_share: Callable[[str], float] = lambda quantization: 0.0
    """Quantization to the share of the weights held in addition while they are laid out anew."""
    has_float_cache: Callable[[str], bool] = lambda quantization: False
    """Quantization to whether keys and values take four bytes a number, not two."""


@dataclass(frozen=True)
class Engine:
    """One engine. It needs only the first two fields; estimates and advice read the rest."""

    name: str
    """The `backend` that a manifest names."""
    load: Callable[[Path, Manifest, LoadOptions, Tokenizer], LoadedModel]
    """Load the model of a bundle folder whose files were checked. EngineError, InputError."""
    check_files: Callable[[Path, Manifest], None] = lambda *_: None
    """Refuse files that are whole but not what the engine may open, as `load` does before it opens
    them. BundleError, EngineError."""
    reads: frozenset[str] = frozenset()
    """Fields of `LoadOptions` that no other engine has; the others would ignore them."""
    reads_bundle: bool = True
    """Whether it reads the bundle's model; False for a server, which has its own."""
    bits: Mapping[str, float] = field(default_factory=dict)
    """Quantization to the bits of a weight, on average over a model and with its scales."""
    offered: Callable[[LanguageModelInfo], tuple[str, ...]] = lambda info: ()
    """Quantizations worth naming for such a model, the finest first."""
    faster: tuple[str, ...] = ()
    """Quantizations, each measured on a CPU to be faster than the one before."""
    memory: EngineMemory = field(default_factory=EngineMemory)
    usual_threads: Callable[[], int] | None = None
    """Threads that it starts with if nobody names a number; None: not known."""
    unread_bytes: Callable[[Path, Manifest, LanguageModel], int] = lambda *_: 0
    """Bytes of the model's files that a token inside a block does not read."""
    program: Callable[[], str] = lambda: ""
    """The program that computes and its version, "ONNX Runtime 1.32.0", or what is missing; empty:
    not known. Loads nothing."""
    missing_kernels: Callable[[], tuple[str, ...]] = lambda: ()
    """Kinds of kernels that this processor can run and the program was built without."""
    file_bits: Callable[[Path, Manifest], float | None] = lambda *_: None
    """Bits of a weight in the bundle's own file; None if the file does not tell."""
