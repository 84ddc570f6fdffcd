"""A bundle folder, opened: its files checked, its engine and its codec loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BundleError, InputError
from ..base.npy_file import read_npy_file
from ..codec.codebooks import Codebooks
from ..codec.decoder import MotionDecoder
from ..codec.normalizer import Normalizer
from ..engines.completions import CompletionModel
from ..engines.load_options import LoadOptions
from ..engines.onnx.graph_files import check_graph_files
from ..engines.protocols import LanguageModel, Vision
from ..engines.registry import engine_for, engine_of
from ..hub.bundle_name import BundleName, is_bundle_name
from ..manifest.digest_cache import DigestCache
from ..manifest.file_info import FileInfo
from ..manifest.manifest_file import read_manifest, verify_files
from ..manifest.schema import CodecInfo, Manifest
from ..motion.features import N_FEATURES
from ..tokens.tokenizer import Tokenizer
from ..tokens.vocabulary import Vocabulary
from .pacing.pace import Pace
from .token_source import AnswerWriter, LocalWriter

if TYPE_CHECKING:
    from ..hub.pull import Progress

BUNDLE_VARIABLE: Final = "KINETOKEN_BUNDLE"
DEMO_BUNDLE: Final = Path(__file__).parents[1] / "demo_bundle"


@dataclass(frozen=True)
class Bundle:
    """Everything loaded, frozen and shared."""

    folder: Path
    manifest: Manifest
    vocabulary: Vocabulary
    language_model: LanguageModel
    tokenizer: Tokenizer
    decoder: MotionDecoder
    vision: Vision | None = None
    """The vision tower; None: this bundle takes no images."""
    pace: Pace = field(default_factory=Pace, compare=False, kw_only=True)
    """The rate of tokens of late. Every answer measures it, so it is the one thing that changes."""

    @property
    def writer(self) -> AnswerWriter:
        """The language model as something that writes answers, wherever it runs."""
        model = self.language_model
        if not isinstance(model, CompletionModel):
            return LocalWriter(model)
        from .remote_token_source import RemoteWriter

        return RemoteWriter(model, self.vocabulary, self.tokenizer)


def bundle_folder(
    given: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Path:
    """The folder of the bundle given, else of $KINETOKEN_BUNDLE, else the demo in the package.

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
    """The bundle given, else $KINETOKEN_BUNDLE; None: neither. InputError for no name at all."""
    if not isinstance(given, str | os.PathLike | None):
        raise InputError(f"bundle: expected a folder or a name, got {given!r:.60}")
    return (
        (os.fspath(given) if given is not None else "") or os.environ.get(BUNDLE_VARIABLE) or None
    )


def open_manifest(folder: Path, *, afresh: bool = False) -> Manifest:
    """The manifest of a bundle whose files were all checked. BundleError.

    `afresh`: large files are read again, even if they look as they did when last digested.
    """
    manifest = read_manifest(folder)
    engine = engine_of(manifest)  # raises for one that is not known
    _verify(folder, manifest, manifest.files, afresh=afresh)
    check_graph_files(folder, manifest.codec.decoder, manifest.files)
    engine.check_files(folder, manifest)
    return manifest


def open_bundle(folder: Path, options: LoadOptions | None = None) -> Bundle:
    """A checked bundle, loaded. BundleError, EngineError, InputError."""
    from ..engines.tokenizer import HfTokenizer

    options, manifest = options or LoadOptions(), read_manifest(folder)
    engine, codec = engine_for(manifest, options), manifest.codec
    beside_model = (manifest.tokenizer.file, *_codec_files(codec))
    _verify(folder, manifest, manifest.files if engine.reads_bundle else beside_model)
    decoder = _open_decoder(folder, manifest, options)
    # Before the model: reading the tokenizer takes memory for a while, which the weights then use.
    tokenizer = HfTokenizer(folder / manifest.tokenizer.file)
    model, vision = engine.load(folder, manifest, options, tokenizer)
    info = replace(manifest.language_model, context=model.context)  # a server may hold fewer tokens
    manifest = replace(manifest, language_model=info)
    vocabulary = Vocabulary.of(manifest)
    return Bundle(folder, manifest, vocabulary, model, tokenizer, decoder, vision)


def open_codec(folder: Path, options: LoadOptions | None = None) -> tuple[Manifest, MotionDecoder]:
    """The manifest and the decoder alone; only the decoder's files are checked."""
    manifest = read_manifest(folder)
    _verify(folder, manifest, _codec_files(manifest.codec))
    return manifest, _open_decoder(folder, manifest, options or LoadOptions())


def _verify(
    folder: Path, manifest: Manifest, names: Iterable[str], *, afresh: bool = False
) -> None:
    memory = DigestCache(folder, manifest.files)
    verify_files(folder, manifest, list(names), FileInfo.of if afresh else memory.file_info)
    memory.keep()


def _codec_files(codec: CodecInfo) -> tuple[str, ...]:
    return codec.decoder, codec.codebooks, codec.mean, codec.std


def _open_decoder(folder: Path, manifest: Manifest, options: LoadOptions) -> MotionDecoder:
    from ..engines.onnx.providers import decoder_provider
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
    _verify(folder, manifest, check_graph_files(folder, codec.decoder, manifest.files))
    provider = decoder_provider(options.provider)
    session = OnnxSession(folder / codec.decoder, options.threads, provider)
    shape = (codec.stride, codec.past, lookahead, codec.exact)
    return MotionDecoder(
        session,
        codebooks,
        normalizer,
        *shape,
        codec.window,
        codec.window_padding,
        block_frames=codec.block_frames,
    )


def _lookahead(codec: CodecInfo, asked: int | None) -> int:
    """The lookahead to decode with. InputError beyond what the codec sees."""
    if asked is not None and not 0 <= asked <= codec.exact:
        raise InputError(
            f"lookahead: expected 0 to {codec.exact} latent frames, got {asked}; "
            "this codec sees no further"
        )
    return codec.lookahead if asked is None else asked


def _array(path: Path) -> NDArray[np.float32]:
    """A .npy file as float32. BundleError if it is none."""
    try:
        value = read_npy_file(path)
        if value.dtype.kind not in "fiu":
            raise ValueError(f"it holds {value.dtype}")
        return np.ascontiguousarray(value, dtype=np.float32)
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path} is not a .npy array of numbers ({error}); export the bundle again"
        ) from error
