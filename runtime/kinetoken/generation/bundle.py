"""Open a bundle folder: check it, choose the engine, build the rooms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BundleError, InputError
from ..codec.codebooks import Codebooks
from ..codec.decoder import MotionDecoder
from ..codec.normalizer import Normalizer
from ..engines.load_options import LoadOptions
from ..engines.onnx.providers import AUTO
from ..engines.protocols import LanguageModel, Tokenizer, Vision
from ..hub.bundle_name import BundleName, is_bundle_name
from ..manifest.digest_cache import DigestMemory
from ..manifest.file_info import FileInfo
from ..manifest.manifest_file import read_manifest, verify_files
from ..manifest.schema import CodecInfo, Manifest
from ..motion.features import N_FEATURES
from ..tokens.vocabulary import Vocabulary
from .adaptive_detail import Pace

if TYPE_CHECKING:
    from ..engines.remote.model import RemoteEngine
    from ..hub.pull import Progress

BUNDLE_VARIABLE = "KINETOKEN_BUNDLE"
DEFAULTS = LoadOptions()
DEMO_BUNDLE = Path(__file__).parents[1] / "demo_bundle"


@dataclass(frozen=True)
class Bundle:
    """Everything loaded, frozen and shared."""

    folder: Path
    manifest: Manifest
    vocabulary: Vocabulary
    language_model: LanguageModel
    tokenizer: Tokenizer
    decoder: MotionDecoder
    server: RemoteEngine | None = None
    """Runs the language model where one was named; `language_model` then only says so."""
    vision: Vision | None = None
    """What looks at images; None: nothing does."""
    pace: Pace = field(default_factory=Pace, compare=False, kw_only=True)
    """How fast tokens came of late: measured by every answer, so the one thing here that changes."""


def bundle_folder(
    given: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Path:
    """The folder of the bundle given, else of $KINETOKEN_BUNDLE, else of the demo in the package.

    One on the hub ("hf:OWNER/NAME") is pulled, where it was not yet. BundleError, DownloadError.
    """
    if (named := named_bundle(given)) is not None:
        if is_bundle_name(named):
            from ..hub.pull import pulled_folder  # HTTP takes 40 ms to import

            return pulled_folder(BundleName.parse(named), progress)
        return Path(named).expanduser()
    if not DEMO_BUNDLE.is_dir():
        raise BundleError(
            f"no demo bundle in this installation; name one with --bundle or {BUNDLE_VARIABLE}"
        )
    return DEMO_BUNDLE


def named_bundle(given: str | os.PathLike[str] | None) -> str | None:
    """The bundle given, else $KINETOKEN_BUNDLE; None: neither."""
    return (
        (os.fspath(given) if given is not None else "") or os.environ.get(BUNDLE_VARIABLE) or None
    )


def open_manifest(folder: Path, *, with_model: bool = True, afresh: bool = False) -> Manifest:
    """The manifest, with every file of the bundle checked, or all but the language model's.

    `afresh`: large files as well that are as they were when last digested.
    """
    manifest = read_manifest(folder)
    _verify(
        folder, manifest, list(manifest.files) if with_model else _beside_model(manifest), afresh
    )
    return manifest


def _verify(folder: Path, manifest: Manifest, names: Sequence[str], afresh: bool = False) -> None:
    memory = DigestMemory(folder, manifest.files)
    verify_files(folder, manifest, names, FileInfo.of if afresh else memory.file_info)
    memory.keep()


def _beside_model(manifest: Manifest) -> list[str]:
    """The files that are needed where a server runs the language model."""
    codec = manifest.codec
    return [manifest.tokenizer.file, codec.decoder, codec.codebooks, codec.mean, codec.std]


def open_bundle(folder: Path, options: LoadOptions = DEFAULTS) -> Bundle:
    """A checked bundle with its engines loaded. BundleError or EngineError says what is wrong with it."""
    if options.engine is not None:
        return _open_remote(folder, options)
    manifest = open_manifest(folder)
    vocabulary = Vocabulary.of(manifest)
    decoder = _open_decoder(folder, manifest, options)
    model, tokenizer = _open_language(folder, manifest, options)
    return Bundle(
        folder,
        manifest,
        vocabulary,
        model,
        tokenizer,
        decoder,
        vision=_vision(folder, manifest, model),
    )


def _open_remote(folder: Path, options: LoadOptions) -> Bundle:
    """A bundle whose language model runs on a server; where that holds fewer tokens, so does the bundle."""
    from ..engines.remote.model import RemoteEngine, RemoteLanguageModel
    from ..engines.tokenizer import HfTokenizer

    manifest = open_manifest(folder, with_model=False)
    tokenizer = HfTokenizer(folder / manifest.tokenizer.file)
    server = RemoteEngine.open(options, manifest, tokenizer)
    info = manifest.language_model
    context = min(info.context, server.context or info.context)
    manifest = replace(manifest, language_model=replace(info, context=context))
    decoder = _open_decoder(folder, manifest, options)
    return Bundle(
        folder,
        manifest,
        Vocabulary.of(manifest),
        RemoteLanguageModel(context),
        tokenizer,
        decoder,
        server,
    )


def open_codec(folder: Path, options: LoadOptions = DEFAULTS) -> tuple[Manifest, MotionDecoder]:
    """The manifest and the decoder alone: only the files that it needs are checked."""
    manifest = read_manifest(folder)
    codec = manifest.codec
    _verify(folder, manifest, (codec.decoder, codec.codebooks, codec.mean, codec.std))
    return manifest, _open_decoder(folder, manifest, options)


def _open_decoder(folder: Path, manifest: Manifest, options: LoadOptions) -> MotionDecoder:
    from ..engines.onnx.session import OnnxSession

    codec = manifest.codec
    codebooks = Codebooks(_array(folder / codec.codebooks))
    normalizer = Normalizer(_array(folder / codec.mean), _array(folder / codec.std))
    sizes = [stop - first for first, stop in manifest.motion.levels]
    expected = (len(sizes), sizes[0], codec.latent_dim)
    if codebooks.table.shape != expected:
        raise BundleError(
            f"codebooks: expected {expected} as in the manifest, got {codebooks.table.shape}"
        )
    if codec.features != N_FEATURES or normalizer.mean.shape != (N_FEATURES,):
        got = (codec.features, *normalizer.mean.shape)
        raise BundleError(
            f"features: expected {N_FEATURES} (HumanML3D) in manifest and mean, got {got}"
        )
    lookahead = _lookahead(codec, options.lookahead)
    session = OnnxSession(
        folder / codec.decoder, options.threads, _decoder_provider(options.provider)
    )
    return MotionDecoder(
        session, codebooks, normalizer, codec.stride, codec.past, lookahead, codec.exact
    )


def _decoder_provider(asked: str | None) -> str:
    """The processor, unless a graphics card is asked for by name: a frame takes it a millisecond, and the way to a card and back too."""
    return "cpu" if asked in (None, AUTO) else asked


def _lookahead(codec: CodecInfo, asked: int | None) -> int:
    """The lookahead to decode with; InputError beyond what the codec sees."""
    if asked is not None and not 0 <= asked <= codec.exact:
        raise InputError(
            f"lookahead: expected 0 to {codec.exact} latent frames, got {asked}; this codec sees no further"
        )
    return codec.lookahead if asked is None else asked


def _open_language(
    folder: Path, manifest: Manifest, options: LoadOptions
) -> tuple[LanguageModel, Tokenizer]:
    from ..engines.tokenizer import HfTokenizer

    # Before the model: reading it takes memory for a while, which the weights then have.
    tokenizer = HfTokenizer(folder / manifest.tokenizer.file)
    return open_model(folder, manifest, options), tokenizer


def open_model(folder: Path, manifest: Manifest, options: LoadOptions) -> LanguageModel:
    """The language model alone, its files not checked."""
    info = manifest.language_model
    if info.backend == "llamacpp":
        from ..engines.llamacpp.model import LlamaCppLanguageModel

        return LlamaCppLanguageModel(
            folder / info.file, info, options.threads, options.gpu_layers, manifest.motion
        )
    from ..engines.onnx.model import OnnxLanguageModel
    from ..engines.onnx.session import warn_if_doubled

    warn_if_doubled()
    if info.graph == "portable":
        from ..engines.onnx.portable import PortableLanguageModel

        return PortableLanguageModel(folder / info.file, info, options.threads, options.provider)
    return OnnxLanguageModel(folder / info.file, info, options.threads, options.provider)


def _vision(folder: Path, manifest: Manifest, model: LanguageModel) -> Vision | None:
    """The vision tower of a GGUF model that has one; its weights are read when the first image comes."""
    info = manifest.language_model
    if info.backend != "llamacpp" or info.mmproj is None:
        return None
    from ..engines.llamacpp.model import LlamaCppLanguageModel

    assert isinstance(model, LlamaCppLanguageModel), "the backend says so"
    return model.vision(folder / info.mmproj, manifest.files[info.mmproj].sha256)


def _array(path: Path) -> NDArray[np.float32]:
    """A .npy file as float32; BundleError where it is none."""
    try:
        value: Any = np.load(path, allow_pickle=False)
        return np.ascontiguousarray(value, dtype=np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(
            f"{path} is not a .npy array of numbers ({error}); export the bundle again"
        ) from error
