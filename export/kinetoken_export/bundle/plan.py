"""`kinetoken export --dry-run`.

What an export finds and assumes, and what it would refuse, with nothing written.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kinetoken.base.errors import BundleError, FormatError, KinetokenError
from kinetoken.cli.terminal import progress
from kinetoken.manifest.json_dataclass import to_json
from kinetoken.manifest.schema import CodecInfo, MotionInfo

from ..checkpoint.config.generation_config import SamplingAsked, read_sampling
from ..checkpoint.config.model_config import CONFIG_FILE, read_model_config
from ..checkpoint.json_file import read_json
from ..checkpoint.motion_tokens import CheckpointVocabulary, read_vocabulary
from ..checkpoint.open_model import OpenedModel
from ..checkpoint.special_tokens import SpecialTokens
from ..checkpoint.tensors import Checkpoint, expected_tensors, row_chunks, vision_tensors
from ..checkpoint.weights.files import find_weights
from ..checkpoint.weights.quantized import read_quantization
from ..codecs.source import CodecSource
from ..onnx.codec import export_codec
from ..packages import installed_versions, require_packages
from .chat import ChatParts, read_chat_parts
from .inputs import check_rows, open_export_codec, open_export_model, read_ends, settings_folder
from .language_model import bundle_context, check_format_computes, check_quantization
from .request import ExportRequest
from .sizes import gguf_sizes, onnx_sizes, vision_bytes

if TYPE_CHECKING:
    from ..gguf.existing_file import GgufModel

SAMPLE_PROMPT: Final = "a person walks forward"
T = TypeVar("T")
Values = dict[str, Any]
"""Plain JSON values by name."""


@dataclass(frozen=True)
class ExportPlan:
    """Everything found and everything assumed; a part is None where it could not be read."""

    checkpoint: Values
    """Where it comes from, its files, its config.json as it is."""
    model: Values | None
    """Shape of the language model."""
    tokens: Values | None
    """Motion tokens, words and ends of answers."""
    chat: Values | None
    """A prompt as the model is shown it."""
    sampling: Values | None
    codec: Values | None
    licences: Values
    bundle: Values
    """What would be made, and its size in every quantization."""
    tools: Mapping[str, str]
    notes: tuple[str, ...]
    """What is unusual or was assumed, a line each."""
    refused: tuple[str, ...]
    """Why no bundle would come of it, a line each; empty where one would."""
    exit_code: int

    def to_dict(self) -> Values:
        """Plain JSON values."""
        plain: Values = to_json(self)
        return plain


@dataclass
class _Examination:
    """What was found so far; the first reason to refuse gives the exit code."""

    request: ExportRequest
    refused: list[str] = field(default_factory=list)
    exit_code: int = 0
    notes: list[str] = field(default_factory=list)

    def attempt(self, function: Callable[..., T], *given: Any) -> T | None:
        """The result, or None and a line where it is refused."""
        try:
            return function(*given)
        except KinetokenError as error:
            if str(error) not in self.refused:
                self.refused.append(str(error))
            self.exit_code = self.exit_code or error.exit_code
            return None


def plan_export(request: ExportRequest, packages: Iterable[tuple[str, str]] = ()) -> ExportPlan:
    """Examine everything; nothing stays of what is written on the way.

    `packages`: those that the export would need, each with the extra that installs it.
    """
    found = _Examination(request)
    found.attempt(require_packages, packages)
    with TemporaryDirectory() as scratch:
        return _plan(found, Path(scratch))


def _plan(found: _Examination, scratch: Path) -> ExportPlan:
    request = found.request
    quantization = None if request.from_gguf else found.attempt(check_quantization, request)
    model = found.attempt(open_export_model, request, scratch)
    opened = model if isinstance(model, OpenedModel) else None
    if model is None and not request.from_gguf:
        _look_for_more(found)
    words = model.tokenizer.parent if model is not None else request.model.folder
    vocabulary = found.attempt(read_vocabulary, words, request.spelling)
    if opened is not None:
        found.notes += [f"checkpoint: {note}" for note in opened.checkpoint.notes]
        found.attempt(check_format_computes, request, opened.source)
        found.attempt(_read_all, opened.checkpoint)
    elif model is not None and not isinstance(model, OpenedModel):
        found.notes += [f"checkpoint: {note}" for note in model.notes]
    special, chat, sampling = None, None, None
    if vocabulary is not None:
        found.notes += [f"checkpoint: {note}" for note in vocabulary.notes]
        settings = settings_folder(request, model) if model is not None else words
        special = found.attempt(read_ends, request, settings, vocabulary)
        sampling = found.attempt(read_sampling, settings)
        chat = found.attempt(
            read_chat_parts, request, vocabulary, words if model is None else model.words
        )
        if model is not None:
            found.attempt(check_rows, request, model, vocabulary)
    if special is not None:
        found.notes += [f"checkpoint: {note}" for note in special.notes]
    if sampling is not None:
        found.notes += [f"checkpoint: {note}" for note in sampling.notes]
    if chat is not None:
        found.notes += [f"checkpoint: {note}" for note in chat.notes]
    codec, info = _codec(found, vocabulary, scratch)
    return ExportPlan(
        checkpoint=_checkpoint(request, model),
        model=_shape(opened),
        tokens=None if vocabulary is None else _tokens(vocabulary, special, opened),
        chat=None if vocabulary is None or chat is None else _chat(chat, vocabulary, words),
        sampling=None if sampling is None else _sampling(request, sampling),
        codec=None if codec is None else _codec_values(request, codec, info),
        licences={
            "language_model": request.licence or request.model.licence,
            "codec": request.codec_licence or request.codec.licence,
        },
        bundle=_bundle(request, quantization, opened, vocabulary),
        tools={**installed_versions(), "python": platform.python_version(), "system": _system()},
        notes=tuple(found.notes),
        refused=tuple(found.refused),
        exit_code=found.exit_code,
    )


def _look_for_more(found: _Examination) -> None:
    """Further reasons to refuse a checkpoint that cannot be opened."""
    folder = found.request.model.folder
    config = found.attempt(read_json, folder / CONFIG_FILE)
    found.attempt(read_model_config, folder)
    if config is not None:
        found.attempt(read_quantization, folder, config)
        found.attempt(find_weights, folder)


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"


def _read_all(checkpoint: Checkpoint) -> None:
    """Read every number once; FormatError for one that is not finite."""
    names = [name for name, _ in expected_tensors(checkpoint.architecture, checkpoint.shape)]
    for name in progress([*names, *vision_tensors(checkpoint)], "weights"):
        dims = checkpoint.dims(name)
        if len(dims) != 2:
            checkpoint.tensor(name)
            continue
        for start, stop in row_chunks(*dims):
            checkpoint.rows(name, start, stop)


def _codec(
    found: _Examination, vocabulary: CheckpointVocabulary | None, scratch: Path
) -> tuple[CodecSource | None, CodecInfo | None]:
    """The codec, and what its exported decoder was measured to be."""
    if vocabulary is None:
        found.notes.append("codec: not read, because the tokens of its codes are not known")
        return None, None
    codec = found.attempt(open_export_codec, found.request, vocabulary)
    if codec is None:
        return None, None
    found.notes += [f"codec: {note}" for note in codec.notes]

    def measure(motion: MotionInfo) -> CodecInfo:
        precision = found.request.codec_precision
        return export_codec(codec, motion, scratch, precision=precision)

    return codec, found.attempt(measure, vocabulary.motion)


def _checkpoint(request: ExportRequest, model: OpenedModel | GgufModel | None) -> Values:
    values: Values = {"name": request.model.name, "revision": request.model.revision}
    path = request.model.folder / CONFIG_FILE
    if model is None and path.is_file():
        with suppress(KinetokenError):
            values["config"] = read_json(path)
    if model is None:
        return values
    values["files"] = {path.name: path.stat().st_size for path in model.files}
    if isinstance(model, OpenedModel):
        checkpoint = model.checkpoint
        values |= {
            "class": checkpoint.architecture.classes[0],
            "architecture": checkpoint.architecture.name,
            "quantization": checkpoint.quantization.title,
            "types": dict(Counter(checkpoint.types)),
            "config": dict(checkpoint.config),
        }
        if request.adapter is not None:
            values["adapter"] = request.adapter.name
    else:
        values |= {"class": "GGUF", "architecture": model.architecture}
    return values


def _shape(model: OpenedModel | None) -> Values | None:
    if model is None:
        return None
    shape = model.source.shape
    values: Values = to_json(shape)
    numbers = 0
    for _, dims in expected_tensors(model.source.architecture, shape):
        count = 1
        for size in dims:
            count *= size
        numbers += count
    return values | {"parameters": numbers, "vision_tower": bool(vision_tensors(model.source))}


def _tokens(
    vocabulary: CheckpointVocabulary, special: SpecialTokens | None, model: OpenedModel | None
) -> Values:
    """Everything by the ids of the checkpoint, which the export may change."""
    motion, before = vocabulary.motion, vocabulary.added_before
    back = {new: old for old, new in vocabulary.moved.items()}
    levels = [[back.get(i, i) for i in range(*level)] for level in motion.levels]
    words = sum(stop - first for first, stop in vocabulary.text_ids)
    named = words + len(set(before.values()) | {i for ids in levels for i in ids})
    return {
        "spelling": to_json(motion.spelling),
        "levels": len(levels),
        "codes": len(levels[0]),
        "ids": [_runs(ids) for ids in levels],
        "start": None
        if motion.move_start is None
        else back.get(motion.move_start, motion.move_start),
        "end": None if motion.move_end is None else back.get(motion.move_end, motion.move_end),
        "moved": len(vocabulary.moved),
        "words": words,
        "added_words": sorted(vocabulary.added_words),
        "ends": {} if special is None else {t: before[t] for t in special.ends if t in before},
        "rows_without_token": None if model is None else model.source.shape.vocab_size - named,
    }


def _runs(ids: list[int]) -> list[list[int]]:
    """Ids in the order of the codes, as [first, last] of stretches in a row.

    At most four of them.
    """
    runs: list[list[int]] = []
    for i in ids:
        if runs and runs[-1][1] + 1 == i:
            runs[-1][1] = i
        elif len(runs) == 4:
            break
        else:
            runs.append([i, i])
    return runs


def _chat(chat: ChatParts, vocabulary: CheckpointVocabulary, words: Path) -> Values:
    from kinetoken.engines.tokenizer import HfTokenizer

    around, system = chat.info.template, chat.info.system_prompt
    text = "".join(
        (
            around.before_system,
            system,
            around.after_system,
            around.before_user,
            SAMPLE_PROMPT,
            around.after_user,
        )
    )
    try:
        count = len(HfTokenizer(words / "tokenizer.json").encode_template(text))
    except BundleError as error:
        raise FormatError(
            f"{words / 'tokenizer.json'}: expected a tokenizer, got something else ({error}): "
            "download it again"
        ) from error
    special = {t: i for t, i in vocabulary.added_before.items() if t in text}
    return {
        "template": "chat template" if chat.jinja is not None else "--prompt-template",
        "system_prompt": system,
        "prompt": SAMPLE_PROMPT,
        "rendered": text,
        "special": special,
        "tokens": count,
        "answer_end": around.answer_end,
    }


def _sampling(request: ExportRequest, sampling: SamplingAsked) -> Values:
    defaults = sampling.defaults(request.temperature)
    values = {name: getattr(defaults, name) for name in ("temperature", "top_k", "top_p", "min_p")}
    asked = {name for name in values if getattr(sampling, name) is not None}
    if request.temperature is not None:
        asked.discard("temperature")
    return {**values, "asked_by_checkpoint": sorted(asked)}


def _codec_values(request: ExportRequest, codec: CodecSource, info: CodecInfo | None) -> Values:
    levels, codes, width = codec.codebooks.shape
    return {
        "name": request.codec.name,
        "revision": request.codec.revision,
        "layout": codec.layout,
        "files": {path.name: path.stat().st_size for path in codec.files},
        "levels": levels,
        "codes": codes,
        "latent_width": width,
        "stride": codec.stride,
        "fps": codec.fps,
        "block_frames": request.block_frames,
        "past": None if info is None else info.past,
        "lookahead": None if info is None else info.exact,
        "window": None if info is None else info.window,
        "window_padding": None if info is None else info.window_padding,
    }


def _bundle(
    request: ExportRequest,
    quantization: str | None,
    model: OpenedModel | None,
    vocabulary: CheckpointVocabulary | None,
) -> Values:
    values: Values = {"format": request.format, "graph": request.graph}
    values["quantization"] = quantization
    if model is None:
        return values
    values["context"] = context = bundle_context(request, model.source)
    values["sizes"] = {
        "onnx": {} if vocabulary is None else onnx_sizes(model.source, vocabulary.motion, context),
        "gguf": gguf_sizes(model.source),
        "vision_tower": vision_bytes(model.source),
    }
    return values
