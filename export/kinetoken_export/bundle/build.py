"""Building a bundle: inputs checked first, the folder built beside its place, then moved."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from kinetoken.base.errors import OutputError
from kinetoken.base.json_text import parse_json
from kinetoken.cli.terminal import progress
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import manifest_from_dict
from kinetoken.manifest.schema import (
    MANIFEST_NAME,
    CodecInfo,
    LanguageModelInfo,
    Licence,
    Manifest,
    Provenance,
    TokenizerInfo,
)

from ..checkpoint.adapter import ADAPTER_FILES
from ..checkpoint.motion_tokens import CheckpointVocabulary, pruned_vocabulary
from ..checkpoint.open_model import OpenedModel
from ..checkpoint.special_tokens import SpecialTokens
from ..checkpoint.tensors import Float32Array, TensorSource
from ..checkpoint.vocabulary.renumber import renumbered_source
from ..checkpoint.vocabulary.renumber_tokenizer import write_renumbered
from ..onnx.codec import export_codec
from ..packages import installed_versions
from .atomic_folder import new_folder
from .inputs import ExportInputs, open_inputs
from .language_model import (
    bytes_needed,
    check_quantization,
    write_language_model,
)
from .measure_lookahead import measured_codec
from .request import MOST_CONTEXT, ExportRequest

if TYPE_CHECKING:
    from ..gguf.existing_file import GgufModel

_TOKENIZER: Final = "tokenizer.json"
_COUNT_INSTEAD: Final = ("temperature", "chat_template", "prompt_template")
"""Options that count instead of what the checkpoint says."""
_SPARE: Final = 200_000_000  # bytes for codec, tokenizer and manifest


def build_bundle(request: ExportRequest) -> Manifest:
    """Build the bundle and return its manifest.

    The folder appears whole or not at all, and an old one stays until the new one is complete.
    """
    check_quantization(request)
    assert request.out is not None, "only a dry run has no folder"
    with new_folder(request.out, request.force) as folder, TemporaryDirectory() as scratch:
        parts = open_inputs(request, Path(scratch))
        if isinstance(parts.model, OpenedModel):
            _check_space(folder, bytes_needed(request, parts.model.source))
            manifest = _build(request, parts, parts.model, folder)
        else:
            _check_space(folder, parts.model.path.stat().st_size)
            manifest = _build_around(request, parts, parts.model, folder)
    for note in parts.notes():
        print(note, file=sys.stderr)
    return manifest


def _build(
    request: ExportRequest, parts: ExportInputs, model: OpenedModel, folder: Path
) -> Manifest:
    """Write tokenizer, codec, language model and manifest; then measure on the finished bundle."""
    source, vocabulary = _vocabulary(request, parts, model, folder)
    codec = export_codec(parts.codec, vocabulary.motion, folder, precision=request.codec_precision)
    codec = replace(codec, block_frames=request.block_frames)
    provenance = _provenance(request, parts)

    def build(
        asked: ExportRequest, importance: Mapping[str, Float32Array] | None = None
    ) -> Manifest:
        language_model = write_language_model(
            asked, source, vocabulary, parts.chat.jinja, parts.special, folder, importance
        )
        return _write(
            _manifest(asked, parts, vocabulary, codec, language_model, provenance), folder
        )

    manifest = build(request, _importance(request, source, folder, build))
    return _write(replace(manifest, codec=measured_codec(folder, codec, request.lookahead)), folder)


def _build_around(
    request: ExportRequest, parts: ExportInputs, model: GgufModel, folder: Path
) -> Manifest:
    """Build a bundle around a GGUF that stays as it is."""
    shutil.copyfile(model.tokenizer, folder / _TOKENIZER)
    vocabulary = parts.vocabulary
    codec = export_codec(parts.codec, vocabulary.motion, folder, precision=request.codec_precision)
    context = request.context or min(MOST_CONTEXT, model.context)
    language_model = model.place(folder, vocabulary.motion, context)
    provenance = _provenance(request, parts)
    manifest = _write(
        _manifest(request, parts, vocabulary, codec, language_model, provenance), folder
    )
    return _write(replace(manifest, codec=measured_codec(folder, codec, request.lookahead)), folder)


def _importance(
    request: ExportRequest,
    source: TensorSource,
    folder: Path,
    build: Callable[[ExportRequest], object],
) -> Mapping[str, Float32Array] | None:
    if request.importance is None:
        return None
    from ..gguf.importance import find_importance
    from ..gguf.recipes import DRAFT_RECIPE

    draft = replace(request, quant=DRAFT_RECIPE, importance=None)
    return find_importance(request.importance, source, folder, lambda: build(draft))


def _vocabulary(
    request: ExportRequest, parts: ExportInputs, model: OpenedModel, folder: Path
) -> tuple[TensorSource, CheckpointVocabulary]:
    """The tokenizer in the bundle, and the tensors that go with it."""
    tokenizer, written = model.tokenizer, folder / _TOKENIZER
    moved = parts.vocabulary.moved
    whole = renumbered_source(model.source, moved)
    if moved:
        write_renumbered(tokenizer, moved, written)
    else:
        shutil.copyfile(tokenizer, written)
    if request.prune_vocab is None:
        return whole, parts.vocabulary
    from ..checkpoint.vocabulary.prune import prune_vocabulary

    around, system_prompt = parts.chat.info.template, parts.chat.info.system_prompt
    always = (
        around.before_system + system_prompt + around.after_system + around.before_user,
        around.after_user,
    )
    before = written if moved else tokenizer
    source = prune_vocabulary(whole, before, request.prune_vocab, written, always)
    print(source.summary())
    return source, pruned_vocabulary(parts.vocabulary, source.kept)


def _manifest(
    request: ExportRequest,
    parts: ExportInputs,
    vocabulary: CheckpointVocabulary,
    codec: CodecInfo,
    language_model: LanguageModelInfo,
    provenance: Provenance,
) -> Manifest:
    licence = Licence(
        request.licence or request.model.licence,
        request.codec_licence or request.codec.licence,
        request.acknowledgement,
    )
    return Manifest(
        name=request.name,
        language_model=language_model,
        tokenizer=TokenizerInfo(
            _TOKENIZER,
            vocabulary.text_ids,
            _ends(vocabulary, parts.special),
            {t: i for t, i in vocabulary.added_words.items() if t not in parts.special.ends},
        ),
        chat=parts.chat.info,
        motion=vocabulary.motion,
        codec=codec,
        defaults=parts.hints.over(parts.sampling.defaults(request.temperature)),
        licence=licence,
        provenance=provenance,
        files={},
        examples=parts.hints.examples,
    )


def _provenance(request: ExportRequest, parts: ExportInputs) -> Provenance:
    model = {path.name: path for path in (*parts.model.files, parts.model.tokenizer)}
    named = model | {f"codec/{path.name}": path for path in parts.codec.files}
    if request.adapter is not None:
        named |= {f"adapter/{name}": request.adapter / name for name in ADAPTER_FILES}
    given = {name: getattr(request, name) for name in _COUNT_INSTEAD}
    digests = {name: FileInfo.of(path).sha256 for name, path in progress(named.items(), "digests")}
    return Provenance(
        request.model.name,
        request.model.revision,
        request.codec.name,
        digests,
        installed_versions(),
        {name: str(value) for name, value in given.items() if value is not None},
    )


def _write(manifest: Manifest, folder: Path) -> Manifest:
    """Write bundle.json with the digests of the files in the folder; return it as it reads back."""
    files = sorted(
        path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST_NAME
    )
    known = {path.name: manifest.files.get(path.name) or FileInfo.of(path) for path in files}
    text = json.dumps(replace(manifest, files=known).to_dict(), indent=2) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return manifest_from_dict(parse_json(text))


def _ends(vocabulary: CheckpointVocabulary, special: SpecialTokens) -> tuple[int, ...]:
    """Ids that end an answer, in the words of the bundle."""
    return tuple(vocabulary.added[token] for token in special.ends if token in vocabulary.added)


def _check_space(folder: Path, needed: int) -> None:
    free, wanted = shutil.disk_usage(folder).free, needed + _SPARE
    if free < wanted:
        raise OutputError(
            f"expected {wanted / 1e9:.1f} GB of free disk space for this bundle, found "
            f"{free / 1e9:.1f} GB in {folder.parent}: "
            "free some, or give a place on another disk with -o"
        )
