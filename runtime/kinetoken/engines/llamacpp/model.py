"""llama.cpp through its C functions; only this folder knows it.

The classes of llama-cpp-python copy all logits for every token and cannot run twice at once. Here a run
is one llama context: tokens in, and a view of the allowed logits out. Inside a block the head is
multiplied for the allowed ids alone (narrow_head.py).
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ...manifest.schema import LanguageModelInfo, MotionInfo
from ...tokens.allowed_ids import Allowed, take_allowed
from ..memory import check_memory, return_freed_memory
from ..one_at_a_time import SequentialBatch
from ..prompt_items import EncodedImage
from ..protocols import LmBatch
from ..run_checks import check_ids, check_push, check_rewind
from ..saved_state import pack_state, unpack_state
from ..threads import requested_threads, usual_threads
from .adaptive_threads import ThreadChoice
from .context import FULL_PRECISION, ContextSettings, LlamaContext, ModelWeights, move_cells
from .gguf_check import checked_header
from .library import (
    decode_holding_lock,
    error_log,
    first_error,
    library,
    llama,
    logits_at,
    package,
    processor_digest,
    uses_gpu,
)
from .narrow_head import HeadRun, Stopper, open_rows
from .positions import CellPositions
from .vision import LlamaCppVision, image_batches

CPU_PIECE: Final = 64  # tokens of a prompt fed at once: between two pieces Ctrl-C is heard
GPU_PIECE: Final = 512
FIRST_CELLS: Final = 512
"""Tokens that a run has room for at first.

llama.cpp fills the whole cache with zeros, which at 3B takes 20 ms and 36 MB a thousand. On a
graphics card all of the cache is taken at once: how much is free is not known before.
"""
FEWER_LAYERS: Final = "try fewer --gpu-layers"


class LlamaCppLanguageModel:
    """A loaded GGUF; all runs share its weights."""

    def __init__(
        self,
        path: Path,
        info: LanguageModelInfo,
        thread_count: int | None = None,
        gpu_layers: int | None = None,
        motion: MotionInfo | None = None,
    ) -> None:
        """`gpu_layers`: layers on a GPU; None: all. `motion`: ids that the file has to agree with.

        EngineError if the file is not a GGUF of this family, is cut, differs from the manifest, or
        does not fit into memory.
        """
        header = checked_header(path, info, motion)
        return_freed_memory()  # the words of a large vocabulary are 30 MB
        self._on_gpu, self._gpu_layers = uses_gpu(gpu_layers), gpu_layers
        if not self._on_gpu:
            check_memory(
                path.stat().st_size, str(path), "close other programs, or export a smaller --quant"
            )
        self.info = info
        wanted = requested_threads(thread_count)
        self._threads = wanted or usual_threads()
        self._model = ModelWeights(
            path, gpu_layers, FEWER_LAYERS if self._on_gpu else "copy or export the bundle again"
        )
        piece = min(GPU_PIECE if self._on_gpu else CPU_PIECE, info.context)
        choice = None if wanted or self._on_gpu else ThreadChoice(self._threads)
        self.settings = ContextSettings(self._threads, piece, self._on_gpu, choice)
        cap = header.logit_softcap
        self._rows = open_rows(path, header.tensors, library, self._on_gpu, cap)

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self.info.context

    @property
    def device(self) -> str:
        """The device that computes: "cpu" or "gpu"."""
        return "gpu" if self._on_gpu else "cpu"

    @property
    def engine(self) -> str:
        """Name and version of the engine."""
        return str(package)

    @property
    def fingerprint(self) -> str:
        """Identity of what a run's state depends on, to the last bit.

        Another processor that shares the bundle has other kernels.
        """
        info, layers = self.info, "all" if self._gpu_layers is None else self._gpu_layers
        where = f"{platform.machine()} {processor_digest()}" + (
            f" gpu {layers}" if self._on_gpu else ""
        )
        number = (
            "f32" if info.quantization == FULL_PRECISION else "f16" if self._on_gpu else "f16 exact"
        )
        shape = f"{info.layers}x{info.kv_heads}x{info.head_dim}"
        return f"{package} {where} {number} {shape}"

    def start(self) -> LlamaCppRun:
        """A new run with a cache of its own. EngineError if there is not enough memory."""
        head = self._rows.start() if self._rows is not None else None
        stopper = head.stopper if head is not None else None

        def opened(cells: int) -> LlamaContext:
            return self._new_context(self.settings, stopper, "export a smaller --context", cells)

        first = opened(self.info.context if self._on_gpu else min(FIRST_CELLS, self.info.context))
        return LlamaCppRun(
            first, opened, self.info.context, self.settings.piece, head, self.fingerprint
        )

    def start_batch(self, size: int) -> LmBatch:
        """So many sequences in one llama context. EngineError if there is not enough memory."""
        from .batch import LlamaCppBatch

        if size == 1:  # the same pass as without a batch, narrow head included
            return SequentialBatch(self.start, size)
        smaller = "take fewer sequences (--parallel), or export a smaller --context"
        settings = self.settings
        if settings.choice is not None:
            # Its own: a pass for several takes longer than one for a single token.
            settings = replace(settings, choice=ThreadChoice(self._threads))
        context = self._new_context(settings, None, smaller, size * self.info.context, size)
        return LlamaCppBatch(context, self.info.context, self.settings.piece, size)

    def _new_context(
        self,
        settings: ContextSettings,
        stopper: Stopper | None,
        smaller: str,
        cells: int,
        size: int = 1,
    ) -> LlamaContext:
        """Caches of so many sequences with so many cells in all; checks memory for full ones."""
        info = self.info
        if not self._on_gpu:
            number = 4 if info.quantization == FULL_PRECISION else 2  # bytes
            cache = 2 * number * size * info.layers * info.context * info.kv_heads * info.head_dim
            check_memory(cache, f"a context of {size * info.context:,} tokens", smaller)
        advice = f"{FEWER_LAYERS}, or {smaller}" if self._on_gpu else smaller
        return LlamaContext(self._model, info, settings, stopper, advice, cells, size)

    def vision(self, path: Path, identity: str) -> LlamaCppVision:
        """The vision tower of this model; `identity` tells it from others."""
        exact = self.info.quantization == FULL_PRECISION
        return LlamaCppVision(path, identity, self._model, self._threads, self._on_gpu, exact)


class LlamaCppRun:
    """One answer: a llama context with its own cache, which grows with its contents."""

    def __init__(
        self,
        context: LlamaContext,
        opened: Callable[[int], LlamaContext],
        limit: int,
        piece: int,
        head: HeadRun | None,
        fingerprint: str,
    ) -> None:
        """`opened` makes another context for so many tokens; `limit`: the most."""
        self._fingerprint, self._opened = fingerprint, opened
        self.context = context
        """The llama context of now; another one takes its place when more room is needed."""
        self.head = head
        """The narrow head; None: llama.cpp's own."""
        self._limit, self._vocab = limit, context.vocab_size
        self._length = 0
        self._tokens = (ctypes.c_int32 * piece)()
        self._positions = (ctypes.c_int32 * piece)()
        self._places = CellPositions()
        self._batch = llama.llama_batch_get_one(self._tokens, 0)
        self._batch.pos = self._positions
        self._decode = llama.llama_decode if head is None else decode_holding_lock
        self._row, self._row_at = np.zeros(0, np.float32), 0

    @property
    def length(self) -> int:
        """Cells of the cache that are taken."""
        return self._length

    def look(self, image: EncodedImage) -> None:
        """Feed an image; the next token stands behind its longer side."""
        total, width = self._length + image.cells, self.context.embedding
        if total > self._limit:
            raise EngineError(
                f"expected at most {self._limit} tokens in the context, got {total}; ask for less"
            )
        if image.embeddings.shape != (image.cells, width):
            got = image.embeddings.shape
            raise EngineError(
                f"expected an image ({image.cells}, {width}), got {got}; look at it with this model"
            )
        self._hold(self._limit)  # at once: cells of images could not be moved
        if self.head is not None:
            self.head.stopper.arm(False)
        for batch in image_batches(image, self._places.position(self._length), len(self._tokens)):
            self._run(batch)
        self._places.add(self._length, image.cells, image.positions)
        self._length = total

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids, until the next push."""
        check_push(len(ids), self._length, self._limit)
        check_ids(ids, self._vocab)
        self._hold(self._length + len(ids))
        head = self.head
        if head is None:
            self._feed(ids)
        elif len(ids) > 1:
            head.stopper.arm(False)
            self._feed(ids)
        else:
            product = head.product(allowed)
            if self._stops(head.stopper, ids, product is not None) and product is not None:
                return head.logits(product)
        return take_allowed(self._logits(), allowed)

    def _hold(self, total: int) -> None:
        """Make room for so many tokens; the cache's contents move to a longer one."""
        cells = self.context.cells
        if total <= cells:
            return
        self.rewind(self._length)
        wider = self._opened(min(self._limit, max(total, 2 * cells)))
        if self._length:
            move_cells(self.context, wider)
        self.context, self._row, self._row_at = wider, np.zeros(0, np.float32), 0
        if self.head is not None:
            self.head.stopper.forget()

    def _stops(self, stopper: Stopper, ids: Sequence[int], wanted: bool) -> bool:
        """Feed one token; tells if the pass ended at the hidden state, without logits."""
        stopper.arm(wanted)
        self._feed(ids)
        if stopper.stopped():
            if stopper.is_right():
                return True
            self._take_back()
            stopper.arm(False)
            self._feed(ids)
        stopper.find()
        return False

    def _feed(self, ids: Sequence[int]) -> None:
        """Feed tokens into the cache, as many at once as there is room for."""
        room, batch = len(self._tokens), self._batch
        for start in range(0, len(ids), room):
            count = batch.n_tokens = min(room, len(ids) - start)
            first = self._places.position(self._length)
            self._tokens[:count] = list(ids[start : start + count])
            self._positions[:count] = list(range(first, first + count))
            self._run(batch)
            self._length += count

    def _run(self, batch: Any) -> None:
        """Run one pass of llama.cpp."""
        error_log.clear()
        status = self.context.run(self._decode, batch, prompt=batch.n_tokens > 1)
        if status:
            raise EngineError(
                f"llama.cpp failed in the language model ({status}): {first_error()}; "
                "start a new answer"
            )

    def _take_back(self) -> None:
        """Forget the last token: not all of its layers were computed."""
        self.rewind(self._length - 1)

    def rewind(self, length: int) -> None:
        """Forget all but the first tokens, and whatever an interrupted push left behind them."""
        check_rewind(length, self._length)
        position = self._places.position(length)
        llama.llama_memory_seq_rm(llama.llama_get_memory(self.context.pointer), 0, position, -1)
        self._places.cut(length)
        self._length = length

    def state(self) -> bytes:
        """The cells of the cache as llama.cpp writes them. EngineError if images are among them."""
        if self._places.position(self._length) != self._length:
            raise EngineError("a state holds tokens alone: take it before the first image")
        size = llama.llama_state_seq_get_size(self.context.pointer, 0)
        data = (ctypes.c_uint8 * size)()
        written = llama.llama_state_seq_get_data(self.context.pointer, data, size, 0)
        return pack_state(self._fingerprint, self._length, bytes(data)[:written])

    def restore(self, state: bytes) -> None:
        """Take the cells of a state."""
        self.rewind(0)
        length, rest = unpack_state(self._fingerprint, state, self._limit)
        self._hold(length)
        data = (ctypes.c_uint8 * len(rest)).from_buffer_copy(rest)
        error_log.clear()
        read = llama.llama_state_seq_set_data(self.context.pointer, data, len(rest), 0)
        last = llama.llama_memory_seq_pos_max(llama.llama_get_memory(self.context.pointer), 0)
        if read != len(rest) or last != length - 1:
            self.rewind(0)
            raise EngineError(f"llama.cpp does not take this state: {first_error()}; make it again")
        self._length = length

    def _logits(self) -> NDArray[np.float32]:
        """The last token's logits (vocab,), in place until the next tokens come."""
        address = logits_at(self.context.pointer, -1)
        if not address:
            raise EngineError(f"llama.cpp gave no logits: {first_error()}; start a new answer")
        if address != self._row_at:  # nearly always it is where it was
            buffer: Any = (ctypes.c_float * self._vocab).from_address(address)
            buffer.owner = self.context  # a view may outlive the run
            self._row, self._row_at = np.frombuffer(buffer, np.float32), address
        return self._row
