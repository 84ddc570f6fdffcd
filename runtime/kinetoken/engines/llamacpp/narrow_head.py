"""The narrow head: inside a block only the allowed rows of the head are multiplied.

llama.cpp then stops at the hidden state. The head of a 3B with 155,763 tokens is a tenth of a
token's work, and inside a block all but a thousand of its rows are thrown away. The rows are read
where they lie in the file, packed as they are, and multiplied by the kernels that llama.cpp uses
for the whole head. This module does not import llama.cpp: it is handed the library.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError, InputError
from ...base.input_file import open_input
from ...tokens.allowed_ids import Allowed, count_allowed
from .gguf_header import TensorPlace

HEAD_VARIABLE: Final = "KINETOKEN_HEAD"
FULL_HEAD, SLICED_HEAD = "full", "slice"
HEAD_TENSORS: Final = ("output.weight", "token_embd.weight")
"""The head; the second if embedding and head are tied."""
ADDED_TENSORS: Final = ("output.bias", "output.scale", "output.input_scale")
"""With one of these a head is more than a product."""
WORTH_BYTES: Final = 32 << 20
"""A smaller head takes less than a millisecond, which stopping would eat up."""
WIDEST_SHARE: Final = 8
"""For more than an eighth of the ids llama.cpp's threads are faster than one thread here."""
HIDDEN_NODE: Final = b"result_norm"
MOST_PRODUCTS: Final = 64  # sets of ids; a grammar has a dozen
MOST_RANGES: Final = 16
MOST_NODES: Final = 4 * MOST_RANGES  # room in a product's graph
DATA_ALIGNMENT: Final = 64  # bytes, ample

_P, _I64, _SIZE, _INT, _BOOL = (
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_bool,
)
_Watch = ctypes.CFUNCTYPE(_BOOL, _P)


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", _SIZE), ("mem_buffer", _P), ("no_alloc", _BOOL))


FUNCTIONS: Final[Mapping[str, tuple[Any, tuple[Any, ...]]]] = {
    "ggml_init": (_P, (_InitParams,)),
    "ggml_free": (None, (_P,)),
    "ggml_tensor_overhead": (_SIZE, ()),
    "ggml_graph_overhead_custom": (_SIZE, (_SIZE, _BOOL)),
    "ggml_row_size": (_SIZE, (_INT, _I64)),
    "ggml_nbytes": (_SIZE, (_P,)),
    "ggml_get_name": (ctypes.c_char_p, (_P,)),
    "ggml_get_data": (_P, (_P,)),
    "ggml_set_no_alloc": (None, (_P, _BOOL)),
    "ggml_new_tensor_2d": (_P, (_P, _INT, _I64, _I64)),
    "ggml_view_2d": (_P, (_P, _P, _I64, _I64, _SIZE, _SIZE)),
    "ggml_mul_mat": (_P, (_P, _P, _P)),
    "ggml_new_graph_custom": (_P, (_P, _SIZE, _BOOL)),
    "ggml_build_forward_expand": (None, (_P, _P)),
    "ggml_backend_cpu_buffer_from_ptr": (_P, (_P, _SIZE)),
    "ggml_backend_buffer_free": (None, (_P,)),
    "ggml_backend_tensor_alloc": (_INT, (_P, _P, _P)),
    "ggml_backend_tensor_get": (None, (_P, _P, _SIZE, _SIZE)),
    "ggml_backend_init_by_type": (_P, (_INT, ctypes.c_char_p)),
    "ggml_backend_free": (None, (_P,)),
    "ggml_backend_get_device": (_P, (_P,)),
    "ggml_backend_dev_backend_reg": (_P, (_P,)),
    "ggml_backend_reg_get_proc_address": (_P, (_P, ctypes.c_char_p)),
    "ggml_backend_graph_compute": (_INT, (_P, _P)),
}
_CPU, _F32 = 0, 0  # ggml's numbers of a device and of a type


class Ggml:
    """The public functions of ggml that are needed here, with their types."""

    def __init__(self, library: Any) -> None:
        """AttributeError where the library does not offer one of them."""
        for name, (result, arguments) in FUNCTIONS.items():
            # A new object for each: the package that loaded the library sets other types.
            function = ctypes.CFUNCTYPE(result, *arguments)((name, library))
            setattr(self, name.removeprefix("ggml_"), function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"ggml has no {name}")


def wanted_head() -> str | None:
    """The head that KINETOKEN_HEAD asks for: "full", "slice", or None for the faster one."""
    said = os.environ.get(HEAD_VARIABLE) or None
    if said not in (None, FULL_HEAD, SLICED_HEAD):
        raise InputError(f"{HEAD_VARIABLE}: expected {FULL_HEAD} or {SLICED_HEAD}, got {said!r}")
    return said


def open_rows(
    path: Path,
    tensors: Mapping[str, TensorPlace],
    library: Any,
    on_gpu: bool,
    softcap: float = 0.0,
) -> HeadRows | None:
    """The rows of the head; None if llama.cpp's own head is used.

    That is so if a GPU computes it, if it is small, if it is more than a product, or if the library
    lacks the means. KINETOKEN_HEAD=slice overrules the first two, KINETOKEN_HEAD=full all. Call it
    when llama.cpp has accepted the file: ggml ends the process on types and widths that do not fit.

    `softcap`: logits are bent to stay within it; 0: they are not.
    """
    wanted = wanted_head()
    place = next((tensors[name] for name in HEAD_TENSORS if name in tensors), None)
    if (
        wanted == FULL_HEAD
        or place is None
        or len(place.dims) != 2
        or any(name in tensors for name in ADDED_TENSORS)
    ):
        return None
    try:
        ggml = Ggml(library)
    except AttributeError:
        return None
    row = ggml.row_size(place.kind, place.dims[0])
    size = row * place.dims[1]
    if place.offset + size > path.stat().st_size or (
        wanted is None and (on_gpu or size < WORTH_BYTES)
    ):
        return None
    try:
        return HeadRows(path, place, row, ggml, softcap)
    except OSError:  # no room for a second view of the file
        return None


class HeadRows:
    """The head's rows as they lie in the file; all runs share them."""

    def __init__(
        self, path: Path, place: TensorPlace, row_bytes: int, ggml: Ggml, softcap: float = 0.0
    ) -> None:
        with open_input(path) as stream:
            self._file = np.frombuffer(
                mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8
            )
        self.ggml, self.place, self.row_bytes = ggml, place, row_bytes
        self.softcap, (self.columns, self.rows) = softcap, place.dims
        self.buffer = ggml.backend_cpu_buffer_from_ptr(self._file.ctypes.data, self._file.nbytes)
        weakref.finalize(self, ggml.backend_buffer_free, self.buffer)

    @property
    def address(self) -> int:
        """The first row's address in memory."""
        return int(self._file.ctypes.data) + self.place.offset

    def start(self) -> HeadRun | None:
        """A run; None while other threads of Python are alive.

        Stopping calls back into Python about 1,200 times a token. With another thread at work each
        call may wait five milliseconds for Python's lock, so then the head is left to llama.cpp.
        """
        if threading.active_count() > 1 and wanted_head() != SLICED_HEAD:
            return None
        return HeadRun(self)


class HeadRun:
    """The products of one run: a small graph for each set of ids, all over one hidden state."""

    def __init__(self, rows: HeadRows) -> None:
        self.rows, ggml = rows, rows.ggml
        self.stopper = Stopper(ggml, 4 * rows.columns)
        self._backend = ggml.backend_init_by_type(_CPU, None)
        if not self._backend:
            raise EngineError(
                "llama.cpp has no processor to multiply on; install its package again"
            )
        weakref.finalize(self, ggml.backend_free, self._backend)
        self._set_threads(1)  # a thousand rows are done before a second thread has woken up
        self._memory = _Memory(ggml, 2, 4 * rows.columns)
        self._matrix, self._hidden = self._place_inputs(ggml)
        self._hidden_at = ggml.get_data(self._hidden)
        self._products: dict[Allowed, Product | None] = {}

    def _set_threads(self, count: int) -> None:
        ggml = self.rows.ggml
        registry = ggml.backend_dev_backend_reg(ggml.backend_get_device(self._backend))
        found = ggml.backend_reg_get_proc_address(registry, b"ggml_backend_set_n_threads")
        if found:
            ctypes.CFUNCTYPE(None, _P, _INT)(found)(self._backend, count)

    def _place_inputs(self, ggml: Ggml) -> tuple[int, int]:
        """The matrix in the file's own memory, and the hidden state in memory of its own."""
        rows, pointer = self.rows, self._memory.pointer
        ggml.set_no_alloc(pointer, True)
        matrix = ggml.new_tensor_2d(pointer, rows.place.kind, rows.columns, rows.rows)
        ggml.backend_tensor_alloc(rows.buffer, matrix, rows.address)
        ggml.set_no_alloc(pointer, False)
        return matrix, ggml.new_tensor_2d(pointer, _F32, rows.columns, 1)

    def product(self, allowed: Allowed) -> Product | None:
        """The product that gives the logits of these ids, made once; None if they are too many."""
        try:
            return self._products[allowed]
        except KeyError:
            if len(self._products) >= MOST_PRODUCTS:
                self._products.clear()
            few = (
                count_allowed(allowed) * WIDEST_SHARE <= self.rows.rows
                and len(allowed) <= MOST_RANGES
            )
            made = Product(self.rows, self._matrix, self._hidden, allowed) if few else None
            self._products[allowed] = made
            return made

    def logits(self, product: Product) -> NDArray[np.float32]:
        """Logits of the product's ids, from the hidden state at which the stopper stopped.

        The next call overwrites them.
        """
        ggml = self.rows.ggml
        ggml.backend_tensor_get(self.stopper.node, self._hidden_at, 0, 4 * self.rows.columns)
        if ggml.backend_graph_compute(self._backend, product.graph):
            raise EngineError("llama.cpp failed in the head; start a new answer")
        parts, cap = product.parts, self.rows.softcap
        row = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return np.tanh(row / np.float32(cap)) * np.float32(cap) if cap else row


class Product:
    """A graph that multiplies the rows of some ids with the hidden state."""

    def __init__(self, rows: HeadRows, matrix: int, hidden: int, allowed: Allowed) -> None:
        ggml, step = rows.ggml, rows.row_bytes
        self._memory = _Memory(ggml, 2 * len(allowed), 4 * count_allowed(allowed), graph=True)
        pointer = self._memory.pointer
        self.graph = ggml.new_graph_custom(pointer, MOST_NODES, False)
        self.parts = []
        for ids in allowed:
            view = ggml.view_2d(pointer, matrix, rows.columns, len(ids), step, ids.start * step)
            out = ggml.mul_mat(pointer, view, hidden)
            ggml.build_forward_expand(self.graph, out)
            self.parts.append(self._memory.view(ggml.get_data(out), len(ids)))


class _Memory:
    """A part of ggml's memory, for some tensors and their numbers."""

    def __init__(self, ggml: Ggml, tensors: int, data_bytes: int, graph: bool = False) -> None:
        size = tensors * (ggml.tensor_overhead() + DATA_ALIGNMENT) + data_bytes + DATA_ALIGNMENT
        size += ggml.graph_overhead_custom(MOST_NODES, False) if graph else 0
        self.pointer = ggml.init(_InitParams(size, None, False))
        if not self.pointer:
            raise EngineError("llama.cpp has no memory for the head; close other programs")
        weakref.finalize(self, ggml.free, self.pointer)

    def view(self, address: int, count: int) -> NDArray[np.float32]:
        """Numbers in it, (count,); the view keeps the memory alive."""
        buffer: Any = (ctypes.c_float * count).from_address(address)
        buffer.owner = self
        return np.frombuffer(buffer, np.float32)


class Stopper:
    """Ends a graph at the hidden state, through a callback that llama.cpp asks at every node.

    llama.cpp asks before a node if it is wanted, and if it was, asks after it whether to go on. The
    callback is a dict's own `setdefault`: for a node that it has not seen it notes None, which
    means no; for the node to stop at it finds an object that is true once and then false. So none
    of it is Python code, which makes it cheap and, more important, impossible to interrupt: an
    exception (Ctrl-C) would be lost in a callback. The callback does not declare its other two
    arguments, as it does not read them.
    """

    def __init__(self, ggml: Ggml, hidden_bytes: int) -> None:
        self._ggml, self._bytes = ggml, hidden_bytes
        self._seen: dict[int, object] = {}
        # Answers that the node to stop at still gives, the last one first.
        self._left: list[bool] = []
        self._stop = type("Stop", (), {"__bool__": self._left.pop})()
        self.callback = _Watch(self._seen.setdefault)
        self._armed = False
        self.node: int | None = None
        """Address of the hidden state's node; None if it is not known."""

    @property
    def nodes(self) -> list[int]:
        """Addresses of the nodes that it has met, in order."""
        return list(self._seen)

    def arm(self, stop: bool) -> None:
        """Say, before tokens, whether to stop, once it is known where."""
        if self.node is None:
            self._seen.clear()  # so that afterwards it holds nodes of the present graph alone
            self._armed = False
            return
        self._armed = stop
        self._left[:] = (False, True)
        self._seen[self.node] = self._stop if stop else None

    def forget(self) -> None:
        """Forget graphs that are gone."""
        self.node = None

    def stopped(self) -> bool:
        """Tell, after tokens, if the graph ended before the head; if not, there are logits."""
        return self._armed and not self._left

    def find(self) -> None:
        """Look, after a token whose graph ran to its end, for the node to stop at next time."""
        if self.node is None:
            self.node = next((n for n in reversed(self._seen) if self._is_hidden(n)), None)
        elif self._armed:
            self.node = None  # it was not met: llama.cpp made a new graph elsewhere

    def is_right(self) -> bool:
        """Tell, after a stop, if it was at the hidden state.

        It may not be if llama.cpp made a new graph in the same memory.
        """
        if self._ggml.get_name(self.node) == HIDDEN_NODE:
            return True
        self.node = None
        return False

    def _is_hidden(self, node: int) -> bool:
        return bool(
            self._ggml.get_name(node) == HIDDEN_NODE and self._ggml.nbytes(node) == self._bytes
        )
