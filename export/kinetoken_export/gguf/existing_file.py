"""A GGUF that somebody else made, as the model of a bundle: its weights stay as they are.

Tokenizer, chat template and special tokens are taken from the file and written as a checkpoint has
them, so that the rest of the export reads them there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gguf import LlamaFileType

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import open_input
from kinetoken.engines.llamacpp.gguf_check import checked_header
from kinetoken.engines.llamacpp.gguf_header import GGUF_MAGIC, Header, read_header
from kinetoken.manifest.architectures import ARCHITECTURES
from kinetoken.manifest.schema import LanguageModelInfo, MotionInfo

from .existing_tokenizer import gguf_text, write_tokenizer_files
from .split_file import find_parts, join_parts

_LM_FILE: Final = "lm.gguf"


def is_gguf(path: Path) -> bool:
    """Tell if a path is a GGUF file."""
    if not path.is_file():
        return False
    with open_input(path) as stream:
        return stream.read(len(GGUF_MAGIC)) == GGUF_MAGIC


@dataclass(frozen=True)
class GgufModel:
    """An opened file, and the folder in which its tokenizer was written."""

    path: Path
    header: Header
    architecture: str
    """As the file names it."""
    words: Path
    parts: tuple[Path, ...]
    """The file, or all files of a model in several."""
    notes: tuple[str, ...] = ()
    """What was assumed, a line each."""

    @property
    def tokenizer(self) -> Path:
        """tokenizer.json."""
        return self.words / "tokenizer.json"

    @property
    def files(self) -> list[Path]:
        """What the bundle is made from."""
        return [*self.parts]

    @property
    def rows(self) -> int:
        """Tokens of the vocabulary."""
        return len(self.header.said["tokenizer.ggml.tokens"])

    @property
    def context(self) -> int:
        """Tokens that the model was made for."""
        return int(self.header.said[f"{self.architecture}.context_length"])

    def info(self, context: int) -> LanguageModelInfo:
        """What the manifest says of it. KeyError or TypeError for keys that are no numbers."""
        said, name = self.header.said, self.architecture
        heads, width = said[f"{name}.attention.head_count"], said[f"{name}.embedding_length"]
        return LanguageModelInfo(
            backend="llamacpp",
            file=_LM_FILE,
            architecture=next(n for n, entry in ARCHITECTURES.items() if entry.gguf == name),
            layers=int(said[f"{name}.block_count"]),
            kv_heads=int(said.get(f"{name}.attention.head_count_kv", heads)),
            head_dim=int(said.get(f"{name}.attention.key_length", width // heads)),
            vocab_size=self.rows,
            context=context,
            quantization=quantization_name(said),
        )

    def place(self, folder: Path, motion: MotionInfo, context: int) -> LanguageModelInfo:
        """Link, copy or join the file into `folder`; what the manifest says of it, checked."""
        if not 1 <= context <= self.context:
            raise InputError(f"expected a context of 1 to {self.context} tokens, got {context}")
        info = self.info(context)
        target = folder / _LM_FILE
        if len(self.parts) > 1:
            join_parts(self.parts, target)
            checked_header(target, info, motion)
            return info
        checked_header(self.path, info, motion)
        try:
            os.link(self.path.resolve(), target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(self.path, target)
        return info


def open_gguf(path: Path, scratch: Path) -> GgufModel:
    """Open a file and write its tokenizer into `scratch`; FormatError for what is not read."""
    try:
        header = read_header(path)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: {error}: download it again") from error
    said = header.said
    name = gguf_text(said.get("general.architecture", b""))
    known = dict.fromkeys(entry.gguf for entry in ARCHITECTURES.values())
    if name not in known:
        raise FormatError(f"{path}: expected a model of {' or '.join(known)}, got {name!r}")
    try:
        parts = find_parts(path, header)
        notes = write_tokenizer_files(said, name, path, scratch)
        model = GgufModel(path, header, name, scratch, parts, notes)
        model.info(model.context)
    except KeyError as error:
        raise FormatError(
            f"{path}: expected the key {error} of a language model, found none: convert it again"
        ) from error
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: expected the keys of a language model, got others ({error}): convert it again"
        ) from error
    return model


def quantization_name(said: Mapping[str, Any]) -> str:
    """The name of the file's quantization: "q4_k_m"."""
    try:
        name = LlamaFileType(int(said["general.file_type"])).name
    except (KeyError, ValueError):
        return "unknown"
    return name.removeprefix("MOSTLY_").removeprefix("ALL_").lower()
