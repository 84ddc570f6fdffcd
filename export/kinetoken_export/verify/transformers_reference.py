"""The checkpoint as transformers itself reads and computes it.

A reference that shares nothing with the export.

Everything that comes of the files goes through transformers' own classes: config, weights,
tokenizer, chat template. Only the numbers of the tokens are translated, where a bundle has others.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from kinetoken.base.errors import EngineError
from kinetoken.cli.terminal import progress
from kinetoken.engines.one_at_a_time import SequentialBatch
from kinetoken.engines.prompt_items import NO_IMAGES, EncodedImage, PromptItem
from kinetoken.engines.run_checks import check_rewind
from kinetoken.tokens.allowed_ids import Allowed, take_allowed

from ..checkpoint.open_model import TOKENIZER_FILE
from ..checkpoint.reference_tower import cut_patches
from ..checkpoint.tensors import Float32Array

_DTYPE_RENAMED: Final = (4, 56)
"""The version of transformers in which torch_dtype became dtype."""


class UnusableError(Exception):
    """Why transformers cannot be the reference, in a few words."""


@dataclass(frozen=True)
class TrainedAdapter:
    """A LoRA that PEFT loads into the checkpoint."""

    folder: Path
    rows: int
    """Of the embedding, new tokens among them."""


class TransformersReference:
    """A checkpoint loaded by transformers in float32, answering in the ids of a bundle."""

    def __init__(
        self, folder: Path, ids: NDArray[np.int64], adapter: TrainedAdapter | None = None
    ) -> None:
        """`ids`: the checkpoint's id of each id of the bundle. UnusableError."""
        self._folder, self._ids, self._adapter = folder, ids, adapter
        with _quiet():
            model = _load(folder)
            self._model = (model if adapter is None else _adapted(model, adapter)).eval()
        known = signature(self._model.forward).parameters
        self._cache_name = "cache" if "cache" in known else "past_key_values"  # 5.2 renamed it
        self._places = {int(old): new for new, old in enumerate(ids)}
        self._try()

    def _try(self) -> None:
        """UnusableError where transformers loads what it cannot compute."""
        try:
            self._forward([0, 1], None, 0, keep=True)
        except Exception as error:  # a field that its own code cannot work with
            raise UnusableError(f"{self.title} cannot compute it: {_first_line(error)}") from error

    @property
    def title(self) -> str:
        """The version that computes."""
        import transformers

        name = f"transformers {transformers.__version__}"
        return name if self._adapter is None else f"{name} with peft {version('peft')}"

    def model(self, context: int) -> TransformersLanguageModel:
        """The checkpoint as an engine of the runtime."""
        return TransformersLanguageModel(self, context)

    def each(self, sequences: Sequence[Sequence[int]]) -> Iterator[Float32Array]:
        """Logits (n, vocab) after each token of each sequence, one sequence at a time."""
        for ids in progress(sequences, "source"):
            yield self.compute(ids)[0]

    def compute(
        self, ids: Sequence[int], cache: Any = None, start: int = 0, *, keep: bool = False
    ) -> tuple[Float32Array, Any]:
        """Logits (n, vocab) after each of some ids that stand from `start` on, and the cache."""
        out = self._forward(ids, cache, start, keep=keep)
        logits: Float32Array = out.logits[0].float().numpy()[:, self._ids]
        if not np.isfinite(logits).all():
            raise EngineError(
                f"expected finite logits of {self._folder}, got NaN or infinity from "
                f"{self.title}: the checkpoint is damaged"
            )
        return logits, getattr(out, self._cache_name) if keep else None

    @torch.inference_mode()
    def _forward(self, ids: Sequence[int], cache: Any, start: int, *, keep: bool) -> Any:
        given = torch.from_numpy(self._ids[np.asarray(ids)])[None]
        with _quiet():
            return self._model(
                input_ids=given,
                attention_mask=torch.ones(1, start + len(ids), dtype=torch.long),
                position_ids=self._positions(start, start + len(ids)),
                use_cache=keep,
                **{self._cache_name: cache},
            )

    @torch.inference_mode()
    def embed(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """What the vision tower makes (cells, hidden) of an image (height, width, 3)."""
        model = self._model
        tower = getattr(model, "visual", None) or model.model.visual  # 4.52 moved it
        patches, grid = self._patches(pixels)
        with _quiet():
            out = tower(patches, grid)
        embedded: Float32Array = getattr(out, "pooler_output", out).float().numpy()
        return embedded

    @torch.inference_mode()
    def image_logits(self, chat: Sequence[PromptItem], pixels: NDArray[np.uint8]) -> Float32Array:
        """Logits (n, vocab) after each cell and token of a chat with this image."""
        pad = int(self._model.config.image_token_id)
        ids: list[int] = []
        for piece in chat:
            ids += (
                [pad] * piece.cells if isinstance(piece, EncodedImage) else [int(self._ids[piece])]
            )
        given = torch.tensor([ids])
        patches, grid = self._patches(pixels)
        known = signature(self._model.forward).parameters
        kinds = {"mm_token_type_ids": (given == pad).int()} if "mm_token_type_ids" in known else {}
        with _quiet():
            out = self._model(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                pixel_values=patches,
                image_grid_thw=grid,
                use_cache=False,
                **kinds,
            )
        logits: Float32Array = out.logits[0].float().numpy()[:, self._ids]
        return logits

    def _patches(self, pixels: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        """An image as transformers' tower takes it: patches (n, numbers), and how they lie."""
        side = int(self._model.config.vision_config.patch_size)
        high, wide = (n // side for n in pixels.shape[:2])
        patches = torch.from_numpy(cut_patches(pixels, side, self._folder))
        return patches, torch.tensor([[1, high, wide]])

    def _positions(self, start: int, stop: int) -> torch.Tensor:
        """Positions (1, n), or (3, 1, n) for a model with three of them."""
        positions = torch.arange(start, stop)[None]
        config = self._model.config
        text = config.get_text_config()
        rope = getattr(text, "rope_scaling", None) or getattr(text, "rope_parameters", None) or {}
        threefold = "mrope_section" in rope and hasattr(config, "vision_config")
        return positions[None].expand(3, 1, -1) if threefold else positions

    def prompt_ids(self, system: str, prompt: str, template: str | None) -> list[int | None]:
        """A chat as transformers' tokenizer encodes it, in the ids of the bundle.

        None stands for a token that the bundle has not. `template`: the name of one of several. UnusableError where there is no such chat.
        """
        from transformers import AutoTokenizer

        said = [{"role": "system", "content": system}] if system else []
        said.append({"role": "user", "content": prompt})
        try:
            with _quiet():
                tokenizer: Any = AutoTokenizer.from_pretrained(str(self._words()))
                given = tokenizer.apply_chat_template(
                    said, chat_template=template, add_generation_prompt=True, return_dict=False
                )
        except Exception as error:  # of the tokenizer's class, or of the template
            raise UnusableError(_first_line(error)) from error
        return [self._places.get(int(token)) for token in given]

    def _words(self) -> Path:
        """The folder with the tokenizer: an adapter brings its own, or none."""
        adapter = self._adapter
        brings = adapter is not None and (adapter.folder / TOKENIZER_FILE).is_file()
        return adapter.folder if adapter is not None and brings else self._folder


class TransformersLanguageModel:
    """The reference as an engine: it writes answers as a bundle does."""

    def __init__(self, reference: TransformersReference, context: int) -> None:
        self.reference, self._context = reference, context

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self._context

    @property
    def device(self) -> str:
        """The device that computes."""
        return "cpu"

    @property
    def engine(self) -> str:
        """Name of what computes."""
        return "transformers"

    @property
    def fingerprint(self) -> str:
        """Identity of what a run's state depends on."""
        return self.reference.title

    def start(self) -> _TransformersRun:
        """A new, empty run."""
        return _TransformersRun(self)

    def start_batch(self, size: int) -> SequentialBatch:
        """Runs that take turns."""
        return SequentialBatch(self.start, size)


class _TransformersRun:
    """One answer being written."""

    def __init__(self, model: TransformersLanguageModel) -> None:
        self._model, self._ids, self._cache = model, list[int](), None
        self._cached = 0

    @property
    def length(self) -> int:
        """Tokens fed so far."""
        return len(self._ids)

    def look(self, image: EncodedImage) -> None:
        """EngineError: only the words are compared."""
        raise EngineError(NO_IMAGES)

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids. EngineError: no room."""
        if not ids or len(self._ids) + len(ids) > self._model.context:
            raise EngineError(
                f"expected 1 to {self._model.context} tokens in the context, got "
                f"{len(self._ids) + len(ids)}; ask for less"
            )
        self._ids += ids
        new = self._ids[self._cached :]
        logits, self._cache = self._model.reference.compute(
            new, self._cache, self._cached, keep=True
        )
        self._cached = len(self._ids)
        return take_allowed(logits[-1], allowed)

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens; they are computed once more."""
        check_rewind(length, len(self._ids))
        self._ids, self._cache, self._cached = self._ids[:length], None, 0

    def state(self) -> bytes:
        """EngineError: nothing keeps it."""
        raise EngineError("transformers' cache is not saved")

    def restore(self, state: bytes) -> None:
        """EngineError: nothing keeps it."""
        raise EngineError("transformers' cache is not saved")


def _load(folder: Path) -> Any:
    """The model, its weights whole and in float32; UnusableError."""
    try:
        import transformers
        from transformers import AutoConfig
        from transformers.models.auto import modeling_auto
    except Exception as error:  # a build that does not fit its torch or tokenizers
        raise UnusableError(f"transformers cannot be imported: {_first_line(error)}") from error
    try:
        config: Any = AutoConfig.from_pretrained(str(folder))
        names: dict[str, str] = {
            **modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
            **modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        }
        kind: Any = getattr(transformers, names[type(config).model_type])
        release = tuple(int(n) for n in transformers.__version__.split(".")[:2])
        dtype: dict[str, Any] = {
            "dtype" if release >= _DTYPE_RENAMED else "torch_dtype": torch.float32
        }
        model, info = kind.from_pretrained(str(folder), output_loading_info=True, **dtype)
    except Exception as error:  # config, files, a quantizer that wants a graphics card
        raise UnusableError(
            f"transformers {transformers.__version__} cannot load it: {_first_line(error)}"
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise UnusableError(f"transformers finds no {missing[0]} and would draw it at random")
    return model


def _adapted(model: Any, adapter: TrainedAdapter) -> Any:
    """The model with PEFT's layers in it, which add what was trained; UnusableError.

    They are not merged: where embedding and head are one matrix and one of them was trained, PEFT's
    merge changes both.
    """
    try:
        import peft

        if adapter.rows != model.get_input_embeddings().weight.shape[0]:
            model.resize_token_embeddings(adapter.rows)
        return peft.PeftModel.from_pretrained(model, str(adapter.folder)).get_base_model()
    except Exception as error:  # PEFT has no error of its own for files that do not fit
        raise UnusableError(f"PEFT cannot load {adapter.folder}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' remarks, progress bars and questions to the hub."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from transformers.utils import logging as chatter

            bars: Any = chatter
            if hasattr(bars, "disable_progress_bar"):
                bars.disable_progress_bar()
            yield
    finally:
        logging.disable(before)
