"""The options of `kinetoken export`, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from kinetoken.base.errors import InputError

from ..checkpoint.find_spelling import AskedSpelling
from ..checkpoint.motion_tokens import SYSTEM_PROMPT
from ..checkpoint.sources import Source

MOST_CONTEXT: Final = 4096
"""Tokens that a bundle holds where the user does not say: more than three minutes of motion.

The cache has this size.
"""

VISION_QUANT: Final = "f16"
"""How a vision tower is stored where nothing else is asked for: docs/images.md has the figures."""


@dataclass(frozen=True)
class ExportRequest:
    """One export. Every field with a default is an option, and its default is decided here."""

    model: Source
    codec: Source
    out: Path | None
    """Folder of the bundle; None for a dry run."""
    name: str
    format: str = "onnx"
    """"onnx" or "gguf"."""
    quant: str | None = None
    """Name of a recipe; None: the format's default."""
    graph: str = "fused"
    """Kind of ONNX graph: "fused" or "portable"."""
    context: int | None = None
    """Tokens; None: the model's, up to MOST_CONTEXT."""
    prune_vocab: str | None = None
    """Text file whose words are kept, or "english"; None keeps all."""
    spelling: AskedSpelling = field(default_factory=AskedSpelling)
    """The spelling of motion tokens, as far as the user says; the tokenizer tells the rest."""
    vision_quant: str | None = None
    """How the vision tower of a GGUF bundle is stored; None: VISION_QUANT."""
    adapter: Path | None = None
    """A LoRA of PEFT that is merged into the checkpoint."""
    importance: str | None = None
    """Importance of columns when quantizing to GGUF: a text file of prompts, an imatrix file or
    "own" for the checkpoint's own answers; None: every column counts alike."""
    trust_code: bool = False
    """Whether the codec's own Python file may run."""
    codec_adapter: Path | None = None
    """Python file with codes_to_features(codes), for a codec of an unknown layout."""
    codec_window: int | None = None
    """Feature frames that the decoder takes at once; None: what its settings and its code say."""
    codec_precision: Literal["fp16", "fp32"] = "fp16"
    """How the decoder's weights are stored."""
    block_frames: int | None = None
    """Feature frames that one block stands for; None: all that the decoder gives."""
    lookahead: int | None = None
    """Latent frames; None: the exact lookahead, or a smaller one that costs little."""
    system_prompt: str = SYSTEM_PROMPT
    chat_template: str | None = None
    """Name of one of the checkpoint's chat templates; None: "default", or the only one."""
    prompt_template: str | None = None
    """Text around {prompt}, in place of a chat template; {system} stands for the system prompt."""
    temperature: float | None = None
    """None: the runtime's default."""
    licence: str | None = None
    """None: the model card's."""
    codec_licence: str | None = None
    """None: the codec's model card's."""
    acknowledgement: str = ""
    dry_run: bool = False
    """Whether everything is examined and nothing written."""
    json: bool = False
    """Whether the findings of a dry run are printed as JSON."""
    force: bool = False
    """Whether an existing bundle is replaced."""

    @property
    def from_gguf(self) -> bool:
        """Whether the model is a GGUF that stays as it is."""
        return self.model.folder.suffix == ".gguf" and self.model.folder.is_file()

    def __post_init__(self) -> None:
        """Refuse options that contradict each other."""
        if self.from_gguf:
            changing = ("quant", "prune_vocab", "importance", "adapter")
            given = next((name for name in changing if getattr(self, name) is not None), None)
            if given is not None or self.format != "gguf":
                option = "format onnx" if given is None else given.replace("_", "-")
                raise InputError(
                    f"--{option} changes weights, and those of a .gguf stay as they are: leave it "
                    "out, or give the checkpoint that the file was made from"
                )
        if self.graph == "portable" and self.format != "onnx":
            raise InputError(
                "--graph portable is a form of ONNX; leave it out, or give --format onnx"
            )
        if self.block_frames is not None and self.block_frames < 1:
            raise InputError(f"--block-frames: expected 1 or more, got {self.block_frames}")
        if self.vision_quant is not None and self.format != "gguf":
            raise InputError(
                "--vision-quant is for the vision tower of a GGUF bundle; leave it out, or give "
                "--format gguf"
            )
        if self.prompt_template is not None and self.chat_template is not None:
            raise InputError("--prompt-template replaces a chat template; give one of the two")
        if self.importance is not None and self.format != "gguf":
            raise InputError(
                "--importance weighs the columns of GGUF quantizations; leave it out, or give "
                "--format gguf"
            )
