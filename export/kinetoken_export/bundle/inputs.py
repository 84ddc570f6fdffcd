"""What goes into a bundle: read and checked before any long work, so that mistakes show at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import Defaults

from ..checkpoint.config.bundle_hints import BundleHints, read_hints
from ..checkpoint.config.generation_config import SamplingAsked, read_sampling
from ..checkpoint.motion_tokens import CheckpointVocabulary, read_vocabulary
from ..checkpoint.open_model import OpenedModel, open_model
from ..checkpoint.special_tokens import SpecialTokens, read_special_tokens
from ..codecs.reader import read_codec
from ..codecs.source import CodecSource
from ..onnx.codec import check_codec, code_size
from .chat import ChatParts, read_chat_parts
from .language_model import check_format_computes
from .request import ExportRequest

if TYPE_CHECKING:
    from ..gguf.existing_file import GgufModel


@dataclass(frozen=True)
class ExportInputs:
    """The checkpoint and the codec, read and checked."""

    model: OpenedModel | GgufModel
    vocabulary: CheckpointVocabulary
    codec: CodecSource
    chat: ChatParts
    special: SpecialTokens
    sampling: SamplingAsked
    hints: BundleHints

    def notes(self) -> Iterator[str]:
        """What is unusual or was assumed, a line each."""
        if isinstance(self.model, OpenedModel):
            yield from (f"checkpoint: {note}" for note in self.model.checkpoint.notes)
        else:
            yield from (f"checkpoint: {note}" for note in self.model.notes)
        if self.sampling.defaults() != Defaults():
            asked = self.sampling.summary()
            yield f"checkpoint: sampling defaults of generation_config.json: {asked}"
        notes = (*self.special.notes, *self.sampling.notes, *self.chat.notes)
        yield from (f"checkpoint: {note}" for note in notes)
        yield from (f"codec: {note}" for note in self.codec.notes)


def open_inputs(request: ExportRequest, scratch: Path) -> ExportInputs:
    """Read and check all inputs; what has to be made lies in `scratch`."""
    model = open_export_model(request, scratch)
    vocabulary = read_vocabulary(model.tokenizer.parent, request.spelling)
    if isinstance(model, OpenedModel):
        check_format_computes(request, model.source)
    check_rows(request, model, vocabulary)
    folder = settings_folder(request, model)
    special = read_ends(request, folder, vocabulary)
    chat = read_chat_parts(request, vocabulary, model.words)
    codec = open_export_codec(request, vocabulary)
    sampling, hints = read_sampling(folder), read_hints(folder)
    return ExportInputs(model, vocabulary, codec, chat, special, sampling, hints)


def settings_folder(request: ExportRequest, model: OpenedModel | GgufModel) -> Path:
    """The folder with the model's generation_config.json and kinetoken.json."""
    return request.model.folder if isinstance(model, OpenedModel) else model.words


def read_ends(
    request: ExportRequest, folder: Path, vocabulary: CheckpointVocabulary
) -> SpecialTokens:
    """Special tokens; FormatError where nothing ends an answer."""
    special = read_special_tokens(folder, vocabulary.added_before)
    if not special.ends:
        raise FormatError(
            f"{request.model.folder}: expected a token that ends an answer, as eos_token_id in "
            "generation_config.json, found none: name it there"
        )
    return special


def open_export_codec(request: ExportRequest, vocabulary: CheckpointVocabulary) -> CodecSource:
    """The codec; FormatError where its levels and codes are not the tokenizer's."""
    codec = read_codec(
        request.codec.folder,
        code_size(vocabulary.motion),
        trust_code=request.trust_code,
        adapter=request.codec_adapter,
        window=request.codec_window,
    )
    check_codec(codec, vocabulary.motion)
    return codec


def open_export_model(request: ExportRequest, scratch: Path) -> OpenedModel | GgufModel:
    """The checkpoint, or the GGUF that somebody else made."""
    if not request.from_gguf:
        return open_model(request.model.folder, request.adapter, scratch)
    from ..gguf.existing_file import open_gguf

    return open_gguf(request.model.folder, scratch)


def check_rows(
    request: ExportRequest, model: OpenedModel | GgufModel, vocabulary: CheckpointVocabulary
) -> None:
    """FormatError where the tokenizer has ids that the embedding has no row for."""
    rows = model.source.shape.vocab_size if isinstance(model, OpenedModel) else model.rows
    folder = request.model.folder
    if vocabulary.moved and not isinstance(model, OpenedModel):
        raise FormatError(
            f"{folder}: expected the codes of each level at ids in a row, got another order, and "
            "the weights of a GGUF cannot be moved: export the checkpoint that it was made from"
        )
    motion = vocabulary.motion
    last = max(stop for _, stop in (*motion.levels, *vocabulary.text_ids))
    last = max([last, *(1 + i for i in (*motion.markers, *vocabulary.moved))])
    if last > rows:
        raise FormatError(
            f"{folder}: expected an embedding of at least {last} rows, as the tokenizer has ids, "
            f"got {rows}: tokenizer and weights are not of one model"
        )
