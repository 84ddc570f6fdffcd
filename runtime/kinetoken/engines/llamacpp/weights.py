"""A model's file into memory, in large pages on Linux, so that Ctrl-C can end it."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
from pathlib import Path
from typing import Any, Final

from ...base.operating_system import c_function, read_system_file
from .bindings.processor import may_reorder_weights
from .interruptible import run_interruptibly
from .library import llama, system_info

LARGE_RANGE: Final = 32 << 20  # bytes: smaller ranges of memory are not the weights
PROC_MAPS: Final = Path("/proc/self/maps")
# Memory that may be written and belongs to no file: "7f0a-7f0b rw-p 00000000 00:00 0".
_OWN: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0 *$", re.MULTILINE)


def read_weights(path: Path, gpu_layers: int | None) -> Any:
    """llama.cpp's pointer to a model; null if it refuses the file. Ctrl-C ends the reading.

    The file is read, not mapped: on most processors llama.cpp keeps many weights in another order,
    and would hold those twice. A 3B takes half a million pages of 4 KB: with large ones it is read
    a third faster.
    """
    params = llama.llama_model_default_params()
    params.load_mode = llama.LLAMA_LOAD_MODE_NONE
    params.use_extra_bufts = may_reorder_weights(system_info())
    if gpu_layers is not None:
        params.n_gpu_layers = gpu_layers
    reading = WeightReading()
    params.progress_callback = reading.callback
    return run_interruptibly(
        lambda: llama.llama_model_load_from_file(os.fsencode(path), params), reading.stop
    )


class WeightReading:
    """The callback that llama.cpp calls before each tensor that it reads.

    At the first call all memory is there, and none of it has been touched.
    """

    def __init__(self) -> None:
        self.over = False
        self._before = memory_ranges()
        self._begun = False
        self.callback = llama.llama_progress_callback(self.on_tensor)

    def stop(self) -> None:
        """Read no more tensors."""
        self.over = True

    def on_tensor(self, _: float, __: Any) -> bool:
        """Tell llama.cpp whether to go on."""
        if not self._begun:
            self._begun = True
            ask_for_large_pages(memory_ranges() - self._before)
        return not self.over


def memory_ranges() -> set[tuple[int, int]]:
    """Ranges of the large parts of this process's own memory; none if the system does not tell."""
    found = _OWN.findall(read_system_file(PROC_MAPS))
    places = ((int(first, 16), int(end, 16)) for first, end in found)
    return {(first, end) for first, end in places if end - first >= LARGE_RANGE}


def ask_for_large_pages(places: set[tuple[int, int]]) -> None:
    """Advise Linux to use large pages there; it may refuse, and other systems are not asked."""
    madvise = c_function("madvise")
    if madvise is None or not hasattr(mmap, "MADV_HUGEPAGE"):
        return
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for first, end in places:
        madvise(first, end - first, mmap.MADV_HUGEPAGE)
