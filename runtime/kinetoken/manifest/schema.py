"""bundle.json as frozen dataclasses. A docstring explains each field; unknown keys are refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .file_info import FileInfo
from .json_dataclass import to_json
from .spelling import Spelling

MANIFEST_NAME: Final = "bundle.json"
BUNDLE_FORMAT: Final = "kinetoken-bundle"
BUNDLE_FORMAT_VERSION: Final = 1
IdRange = tuple[int, int]
"""Half-open range of token ids: first, stop."""


@dataclass(frozen=True)
class HeadInfo:
    """A head that is a file of its own."""

    file: str
    """ONNX graph: hidden state (1, 1, H) to the logits of these ids."""
    ids: IdRange


@dataclass(frozen=True)
class LanguageModelInfo:
    """The language model and the shapes of its cache."""

    backend: str
    """The engine that runs it, as engines/registry.py names it: "onnx" or "llamacpp"."""
    file: str
    """Model file in the bundle."""
    architecture: str
    """Family of the network, for people: "qwen2"."""
    layers: int
    """Transformer layers, each with one key and one value cache."""
    kv_heads: int
    """Key-value heads of a layer."""
    head_dim: int
    """Width of a head."""
    vocab_size: int
    """Rows of the output, motion tokens included."""
    context: int
    """Tokens that fit the cache: prompt and answer together."""
    quantization: str
    """How the weights are stored, for people: "int8"."""
    graph: str = "fused"
    """For ONNX: "fused" has its cache in place, "portable" is plain ONNX with a cache that grows.
    """
    heads: tuple[HeadInfo, ...] = ()
    """Heads split off the model, whose output is then the hidden state.

    Together they cover every id. Empty: the model gives logits.
    """
    mmproj: str | None = None
    """Vision tower of a GGUF model."""


@dataclass(frozen=True)
class TokenizerInfo:
    """The tokenizer, and which of its ids are words."""

    file: str
    """tokenizer.json of the tokenizers library."""
    text_ids: tuple[IdRange, ...]
    """Plain-text tokens: the user's words become these, and free text may use no others."""
    end_of_turn: tuple[int, ...]
    """Ids that end an answer."""
    added_words: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Ordinary added tokens, such as <think>, that free text may use; a user's words may not."""


@dataclass(frozen=True)
class ChatTemplate:
    """The fixed text around what is said; special tokens in it are recognised."""

    before_system: str
    after_system: str
    before_user: str
    after_user: str
    after_assistant: str | None = None
    """Text that ends an answer in a chat that goes on.

    None: what ends the system prompt, if that ends a user's words too.
    """

    @property
    def answer_end(self) -> str | None:
        """Text that ends an answer in a chat that goes on; None if it is not known."""
        if self.after_assistant is not None:
            return self.after_assistant
        return (
            self.after_system
            if self.after_system and self.after_user.startswith(self.after_system)
            else None
        )


@dataclass(frozen=True)
class ChatInfo:
    """How a prompt is presented to the model."""

    system_prompt: str
    """Special tokens in it are recognised, as a Hugging Face chat template does in training."""
    template: ChatTemplate


@dataclass(frozen=True)
class MotionInfo:
    """Ids of the motion tokens, and their text."""

    move_start: int | None
    """Opens a block. None: its first code does."""
    move_end: int | None
    """Closes a block. None: the first word behind it does."""
    levels: tuple[IdRange, ...]
    """One range per level, coarsest first, ids in the order of codes 0..K-1."""
    spelling: Spelling = dataclasses.field(default_factory=Spelling)
    """The text of each of them."""

    @property
    def markers(self) -> tuple[int, ...]:
        """Ids of what opens and closes a block, as far as there are such tokens."""
        return tuple(i for i in (self.move_start, self.move_end) if i is not None)


@dataclass(frozen=True)
class LookaheadError:
    """Distance of the joints from those of the exact lookahead, in millimetres."""

    lookahead: int
    mean_mm: float
    largest_mm: float


@dataclass(frozen=True)
class CodecInfo:
    """The decoder from codes to features."""

    decoder: str
    """ONNX graph: latents (1, n, D) to normalised features (1, n * stride, 263)."""
    codebooks: str
    """.npy, (Q, K, D)."""
    mean: str
    """.npy, (263,)."""
    std: str
    """.npy, (263,)."""
    fps: int
    """Feature frames per second."""
    stride: int
    """Feature frames per latent frame."""
    features: int
    """Width of a feature row, 263."""
    latent_dim: int
    """D."""
    past: int
    """Latent frames before t that its output depends on."""
    lookahead: int
    """Latent frames after t that streaming waits for."""
    exact_lookahead: int | None = None
    """Latent frames after t that its output depends on; None: `lookahead`.

    With fewer, the motion is decoded as if it ended there.
    """
    lookahead_errors: tuple[LookaheadError, ...] = ()
    """The price of waiting for fewer."""
    window: int | None = None
    """Latent frames that the decoder takes at once, at most; None: any number."""
    window_padding: str = "none"
    """How a shorter motion is filled up to the window: with its last latent ("repeat"), with zeros
    ("zero"), or not at all ("none").
    """
    block_frames: int | None = None
    """Feature frames that one block of an answer stands for; what the decoder gives beyond is cut.

    None: all that the decoder gives.
    """

    @property
    def block_code_frames(self) -> int | None:
        """Code frames of every block, where a block stands for a number of feature frames."""
        return None if self.block_frames is None else -(-self.block_frames // self.stride)

    @property
    def frames_per_code_frame(self) -> float:
        """Feature frames that a code frame stands for, over a whole block."""
        if self.block_frames is None or self.block_code_frames is None:
            return self.stride
        return self.block_frames / self.block_code_frames

    @property
    def code_frame_seconds(self) -> float:
        """Seconds of motion that a code frame stands for, over a whole block."""
        return self.frames_per_code_frame / self.fps

    @property
    def exact(self) -> int:
        """Latent frames after t that its output depends on."""
        return self.lookahead if self.exact_lookahead is None else self.exact_lookahead


@dataclass(frozen=True)
class Defaults:
    """Options of an answer for which the caller gives none."""

    temperature: float = 0.5
    max_thought: int = 64
    """Text tokens before the first block."""
    max_seconds: float = 10.0
    """Longest motion if no length is asked for."""
    min_seconds: float = 0.0
    """Shortest motion if no length is asked for."""
    min_frames: int = 3
    """Code frames before a block may close."""
    max_block_seconds: float | None = None
    """Longest block if no exact length is asked for; None: no limit of its own."""
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    history: int = 0
    """Earlier turns of a session that the model is shown.

    A model that was trained on single turns answers best without.
    """
    prompt_seconds: bool = False
    """Whether a length that the prompt names ("for eight seconds") is kept exactly."""


_NON_COMMERCIAL: Final = re.compile(r"\bnc\b|non-?commercial", re.IGNORECASE)


def licence_in_words(terms: str) -> str:
    """The name of a licence, with "non-commercial" in words where a part of it says so.

    >>> licence_in_words("cc-by-nc-4.0")
    'cc-by-nc-4.0 (non-commercial use only)'
    """
    plain = re.search(r"non-?commercial", terms, re.IGNORECASE)
    if plain or not _NON_COMMERCIAL.search(terms):
        return terms
    return f"{terms} (non-commercial use only)"


@dataclass(frozen=True)
class Licence:
    """The terms of each part."""

    language_model: str
    codec: str
    acknowledgement: str = ""
    """A line that the sources ask to show."""

    @property
    def summary(self) -> str:
        """The terms of both parts on one line, for people."""
        model, codec = licence_in_words(self.language_model), licence_in_words(self.codec)
        return f"language model {model}; codec {codec}"


@dataclass(frozen=True)
class Provenance:
    """The bundle's sources."""

    source: str
    """The checkpoint: its folder's name, or its id on the hub."""
    revision: str = ""
    """The hub's commit, if it is known."""
    codec: str = ""
    """The name of the codec's folder."""
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Source file to its digest."""
    tools: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Program to its version."""
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Options of the export that count instead of what the checkpoint says."""


@dataclass(frozen=True)
class Manifest:
    """bundle.json."""

    name: str
    language_model: LanguageModelInfo
    tokenizer: TokenizerInfo
    chat: ChatInfo
    motion: MotionInfo
    codec: CodecInfo
    defaults: Defaults
    licence: Licence
    provenance: Provenance
    files: Mapping[str, FileInfo]
    """Every file of the bundle but bundle.json, by its path in the folder."""
    examples: tuple[str, ...] = ()
    """Prompts that the model does well."""
    format: str = BUNDLE_FORMAT
    format_version: int = BUNDLE_FORMAT_VERSION

    @property
    def opens_block(self) -> bool:
        """True if the text before an answer opens a block, so that the answer begins inside it."""
        start = self.motion.spelling.start
        return bool(start) and self.chat.template.after_user.rstrip().endswith(start)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, `format` and `format_version` first."""
        plain: dict[str, Any] = to_json(self)
        head = {key: plain.pop(key) for key in ("format", "format_version")}
        return head | plain
