"""The vision tower of a GGUF model through llama.cpp's libmtmd, driven directly.

libmtmd is asked for one thing: pixels to embeddings, once for each image. Their place in the cache
is the run's business, which keeps cells and positions apart. The bindings' own chat handlers mix
the two and encode the image again at every call.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ..memory import check_memory
from ..prompt_items import EncodedImage
from ..protocols import ProgressCallback
from .gguf_check import checked_tower
from .interruptible import run_interruptibly
from .library import clear_log, first_error, library, llama, multimodal
from .positions import image_positions

MERGED_PATCHES: Final = 2  # patches beside each other that become one cell
LAYER_END_NODE: Final = b"layer_out-"  # name of the node behind each layer
_name_of = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(("ggml_get_name", library))


class LlamaCppVision:
    """A vision tower (mmproj); its weights are read when the first image comes."""

    def __init__(
        self, path: Path, identity: str, model: Any, thread_count: int, on_gpu: bool, exact: bool
    ) -> None:
        """`model` owns the language model's weights; `exact`: no rounding in attention.

        `identity` becomes part of the images' digests. EngineError if the file is not a tower of
        this language model.
        """
        said = checked_tower(path)
        self._path, self._identity, self._model = path, identity, model
        self._threads, self._on_gpu, self._exact = thread_count, on_gpu, exact
        width = int(said["clip.vision.projection_dim"])
        if width != model.embedding:
            raise EngineError(
                f"{path}: expected {model.embedding} numbers a cell, got {width}; "
                "export the bundle again"
            )
        self._pixels = MERGED_PATCHES * int(said["clip.vision.patch_size"])
        self._layers = int(said["clip.vision.block_count"])
        self._heads = int(said["clip.vision.attention.head_count"])
        self._tower: _Tower | None = None
        self._lock = threading.Lock()  # libmtmd has one place for what comes out

    @property
    def pixels(self) -> int:
        """Width and height of one cell."""
        return self._pixels

    @property
    def identity(self) -> str:
        """Identity of the tower."""
        return self._identity

    def see(self, image: NDArray[np.uint8], watch: ProgressCallback | None = None) -> EncodedImage:
        """Encode an image (height, width, 3) of whole cells.

        EngineError; Ctrl-C ends it within a layer.
        """
        began = time.perf_counter()
        height, width, _ = image.shape
        rows, columns = height // self._pixels, width // self._pixels
        if image.shape != (rows * self._pixels, columns * self._pixels, 3) or not image.size:
            raise EngineError(
                f"expected an image (h, w, 3) of multiples of {self._pixels} pixels, got "
                f"{image.shape}"
            )
        with self._lock:
            self._check_memory(rows * columns)
            if self._tower is None:
                self._tower = _Tower(
                    self._path, self._model, self._threads, self._on_gpu, self._exact, self._layers
                )
            embeddings = self._tower.embed(image, rows, columns, watch)
        digest = hashlib.sha256(
            f"{self._identity} {image.shape}".encode() + image.tobytes()
        ).hexdigest()
        return EncodedImage(
            rows * columns, columns, digest, embeddings, time.perf_counter() - began, self._identity
        )

    def _check_memory(self, cells: int) -> None:
        """Raise EngineError if there is no room for the weights and the attention of a layer."""
        patches = cells * MERGED_PATCHES**2
        needed = 4 * patches**2 * (1 + (self._heads if self._exact else 0))
        if self._tower is None:
            needed += self._path.stat().st_size
        if not self._on_gpu:
            check_memory(
                needed, f"looking at an image of {cells:,} cells", "ask for fewer --image-cells"
            )


def image_batches(image: EncodedImage, first: int, room: int) -> Iterator[Any]:
    """Yield the batches of an image for llama_decode, `room` cells at most in each; without logits.

    `first`: the image's first position.
    """
    for start in range(0, image.cells, room):
        cells = range(start, min(image.cells, start + room))
        values = np.ascontiguousarray(image.embeddings[cells.start : cells.stop], np.float32)
        places = image_positions(image, first, cells)
        batch: Any = llama.llama_batch(n_tokens=len(cells), logits=(ctypes.c_int8 * len(cells))())
        batch.embd = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        batch.pos = places.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        yield batch


class _Tower:
    """Owns libmtmd's context; freed when nobody encodes any more."""

    def __init__(
        self, path: Path, model: Any, thread_count: int, on_gpu: bool, exact: bool, layers: int
    ) -> None:
        self._mtmd = multimodal()
        self._gauge = _Gauge(layers)
        params = self._mtmd.mtmd_context_params_default()
        params.use_gpu, params.n_threads = on_gpu, thread_count
        params.print_timings = params.warmup = False
        # Images come in the size in which they are encoded.
        params.image_min_tokens, params.image_max_tokens = 1, 2**16
        params.cb_eval = self._gauge.callback
        if exact:
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        clear_log()
        self._pointer = self._mtmd.mtmd_init_from_file(str(path).encode(), model.pointer, params)
        if not self._pointer:
            raise EngineError(
                f"llama.cpp cannot load {path}: {first_error()}; copy or export the bundle again"
            )
        # The model and the callback stand among the arguments so that they outlive the context.
        weakref.finalize(self, _free, self._mtmd, self._pointer, model, self._gauge)
        self._width = model.embedding
        if not self._mtmd.mtmd_decode_use_mrope(
            self._pointer
        ) or self._mtmd.mtmd_decode_use_non_causal(self._pointer, None):
            raise EngineError(
                f"{path}: expected a tower whose cells stand by M-RoPE, got another; "
                "export the bundle again"
            )

    def embed(
        self, image: NDArray[np.uint8], rows: int, columns: int, watch: ProgressCallback | None
    ) -> NDArray[np.float32]:
        """Embeddings (rows * columns, width)."""
        mtmd, chunks = self._mtmd, self._mtmd.mtmd_input_chunks_init()
        try:
            chunk = self._chunk(image, chunks)
            count = int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))
            if count != rows * columns or mtmd.mtmd_input_chunk_get_n_pos(chunk) != max(
                rows, columns
            ):
                raise EngineError(
                    f"expected llama.cpp to see {rows} x {columns} cells, it saw {count}; "
                    "use llama-cpp-python 0.3.36"
                )
            clear_log()
            status = run_interruptibly(
                lambda: mtmd.mtmd_encode_chunk(self._pointer, chunk), *self._gauge.started(watch)
            )
            if status:
                raise EngineError(
                    f"llama.cpp failed in the vision tower ({status}): {first_error()}; "
                    "try a smaller image"
                )
            found = np.ctypeslib.as_array(
                mtmd.mtmd_get_output_embd(self._pointer), (count, self._width)
            ).copy()
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
        if not np.isfinite(found).all():
            raise EngineError("the vision tower gave NaN or infinity; export the bundle again")
        return np.asarray(found, np.float32)

    def _chunk(self, image: NDArray[np.uint8], chunks: Any) -> Any:
        """The image, its pixels normalised, among libmtmd's pieces of a prompt of nothing else."""
        mtmd, (height, width, _) = self._mtmd, image.shape
        pixels = (ctypes.c_uint8 * image.size).from_buffer_copy(image.tobytes())
        bitmap = mtmd.mtmd_bitmap_init(width, height, pixels)
        marker = mtmd.mtmd_default_marker()
        text = mtmd.mtmd_input_text(marker, len(marker), False, True)
        bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
        clear_log()
        status = mtmd.mtmd_tokenize(self._pointer, chunks, ctypes.byref(text), bitmaps, 1)
        mtmd.mtmd_bitmap_free(bitmap)
        held = [
            mtmd.mtmd_input_chunks_get(chunks, i)
            for i in range(mtmd.mtmd_input_chunks_size(chunks))
        ]
        seen = [
            chunk
            for chunk in held
            if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE
        ]
        if status or len(seen) != 1:
            raise EngineError(
                f"llama.cpp cannot take the image ({status}): {first_error()}; try another"
            )
        return seen[0]


class _Gauge:
    """Follows and ends the tower's work, through the callback that llama.cpp asks at every node."""

    def __init__(self, layers: int) -> None:
        self._layers, self._done, self._over = layers, 0, False
        self.callback = llama.ggml_backend_sched_eval_callback(self._at)

    def _at(self, node: int, asks: bool, _: Any) -> bool:
        """Say if a node is wanted (the last of each layer is), then whether to go on after it."""
        if asks:
            return bool(_name_of(node).startswith(LAYER_END_NODE))
        self._done += 1
        return not self._over

    def started(
        self, watch: ProgressCallback | None
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        """Start from zero; returns what ends the work, and what tells `watch` how far it is."""
        self._done, self._over = 0, False
        return (
            self._stop,
            lambda: watch(min(1.0, self._done / self._layers)) if watch is not None else None,
        )

    def _stop(self) -> None:
        self._over = True


def _free(mtmd: Any, pointer: Any, *_: object) -> None:
    mtmd.mtmd_free(pointer)
