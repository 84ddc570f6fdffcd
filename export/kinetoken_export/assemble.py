"""A checkpoint and a codec into a bundle folder: built beside, put in place whole."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from kinetoken.errors import FormatError, InputError, OutputError
from kinetoken.manifest import (
    ChatInfo,
    ChatTemplate,
    CodecInfo,
    Defaults,
    FileInfo,
    LanguageModelInfo,
    Licence,
    Manifest,
    MotionInfo,
    Provenance,
    TokenizerInfo,
)
from kinetoken.manifestrules import MANIFEST_NAME

from .checkpoint import Checkpoint
from .codec_onnx import export_decoder, largest_error, measure
from .lm_onnx import export_language_model
from .motion_tokens import SYSTEM_PROMPT, Vocabulary, read_vocabulary
from .recipes import Recipe

# Qwen's chat format, the same for every model of the family.
TEMPLATE: Final = ChatTemplate(
    "<|im_start|>system\n", "<|im_end|>\n", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
)
END_TOKENS: Final = ("<|im_end|>", "<|endoftext|>")
CODEC_TOLERANCE: Final = 2e-2  # normalised features: the graph's weights are stored in half precision


UNKNOWN: Final = Licence("unknown", "unknown")


@dataclass(frozen=True)
class Request:
    """What `kinetoken export` was asked for."""

    checkpoint: Path
    codec: Path
    out: Path
    recipe: Recipe
    name: str
    context: int | None = None
    licence: Licence = UNKNOWN
    force: bool = False


def assemble(request: Request) -> Manifest:
    """Build the bundle; the folder appears whole or not at all, and an old one stays until the new one is complete."""
    if request.out.exists() and not request.force:
        raise OutputError(f"{request.out} exists: give another folder with -o, or --force to replace it")
    request.out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{request.out.name}.", dir=request.out.parent))
    try:
        manifest = _build(request, building)
        _put_in_place(building, request.out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return manifest


def _build(request: Request, folder: Path) -> Manifest:
    checkpoint = Checkpoint(request.checkpoint)
    vocabulary = read_vocabulary(request.checkpoint)
    codec = _codec(request.codec, folder, vocabulary.motion)
    shutil.copyfile(request.checkpoint / "tokenizer.json", folder / "tokenizer.json")
    context = export_language_model(checkpoint, request.recipe, folder / "lm.onnx", request.context)
    shape = checkpoint.shape
    names = sorted(p.name for p in folder.iterdir())
    manifest = Manifest(
        name=request.name,
        language_model=LanguageModelInfo(
            "onnx",
            "lm.onnx",
            "qwen2",
            shape.layers,
            shape.kv_heads,
            shape.head_dim,
            shape.vocab_size,
            context,
            request.recipe.name,
        ),
        tokenizer=TokenizerInfo("tokenizer.json", vocabulary.text_ids, _ends(vocabulary, request.checkpoint)),
        chat=ChatInfo(SYSTEM_PROMPT, TEMPLATE),
        motion=vocabulary.motion,
        codec=codec,
        defaults=Defaults(),
        licence=request.licence,
        provenance=Provenance(
            request.checkpoint.name,
            sha256={path.name: FileInfo.of(path).sha256 for path in checkpoint.files},
            tools=_tools(),
        ),
        files={name: FileInfo.of(folder / name) for name in names},
    )
    text = json.dumps(manifest.to_dict(), indent=2) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return Manifest.from_dict(json.loads(text))


def _codec(source: Path, folder: Path, motion: MotionInfo) -> CodecInfo:
    from .demo.train_codec import load_codec

    model, mean, std = load_codec(source)
    config = model.config
    codebooks = np.stack([level.codebook.numpy() for level in model.quantizer.levels])
    sizes = {stop - first for first, stop in motion.levels}
    if len(motion.levels) != config.levels or sizes != {config.codes}:
        raise FormatError(
            f"expected a codec of {len(motion.levels)} levels x {max(sizes)} codes, as the tokenizer has, "
            f"got {config.levels} x {config.codes}: give the codec that this model was trained with"
        )
    export_decoder(model.decoder, config.latent_dim, folder / "decoder.onnx")
    error = largest_error(folder / "decoder.onnx", model.decoder, codebooks)
    if error > CODEC_TOLERANCE:
        raise FormatError(
            f"the exported decoder differs from its source by {error:.3g}, more than {CODEC_TOLERANCE}: please report this codec"
        )
    field = measure(folder / "decoder.onnx", config.latent_dim, config.stride)
    np.save(folder / "codebooks.npy", codebooks.astype(np.float16))
    np.save(folder / "Mean.npy", mean.numpy())
    np.save(folder / "Std.npy", std.numpy())
    return CodecInfo(
        "decoder.onnx", "codebooks.npy", "Mean.npy", "Std.npy", config.fps, config.stride, config.features,
        config.latent_dim, field.past, field.lookahead,
    )  # fmt: skip


def _ends(vocabulary: Vocabulary, checkpoint: Path) -> tuple[int, ...]:
    ends = tuple(vocabulary.added[token] for token in END_TOKENS if token in vocabulary.added)
    if not ends:
        raise InputError(
            f"{checkpoint}: expected {END_TOKENS[0]} in the tokenizer, found none: it is no chat model of this family"
        )
    return ends


def _tools() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("kinetoken", "torch", "onnx", "onnxruntime", "numpy")}


def _put_in_place(building: Path, out: Path) -> None:
    for path in building.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    building.chmod(0o755)
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
        os.replace(out, old / "bundle")
        os.replace(building, out)
        shutil.rmtree(old)
    else:
        os.replace(building, out)
