"""Kernels that a processor can run, beside those that a build of llama.cpp has.

A build that has too many ends the process at an illegal instruction; one that lacks some is slower
than it could be.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Final

from ....base.errors import EngineError
from ....base.operating_system import read_system_file

PROC_CPUINFO: Final = Path("/proc/cpuinfo")
FLAGS: Final = {
    "SSSE3": "ssse3", "AVX": "avx", "AVX2": "avx2", "F16C": "f16c", "FMA": "fma", "BMI2": "bmi2",
    "AVX_VNNI": "avx_vnni", "AVX512": "avx512bw", "AVX512_VBMI": "avx512_vbmi",
    "AVX512_VNNI": "avx512_vnni", "AVX512_BF16": "avx512_bf16",
    "DOTPROD": "asimddp", "FP16_VA": "asimdhp", "MATMUL_INT8": "i8mm", "SVE": "sve",
}  # fmt: skip
"""llama.cpp's name of a kind of kernel to Linux's name of what a processor needs for it.

Of those that are used: Intel's AMX is not (`may_reorder_weights`).
"""
PREBUILT_KERNELS: Final = ("AVX", "AVX2", "F16C", "FMA", "BMI2")
"""Those that the wheels of xllamacpp for x86-64 always use."""


# With them llama.cpp ends the process at its first pass on some machines: ggml-org/llama.cpp#20824.
# The tiles' settings are optimized away, says #26954, which would mend it and is still open.
_CRASHING: Final = "AMX_INT8"


def processor_flags(cpuinfo: Path = PROC_CPUINFO) -> frozenset[str]:
    """What this processor can do, in Linux's words; empty if the system does not tell."""
    text = read_system_file(cpuinfo)
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def check_kernels(package: str, cpuinfo: Path = PROC_CPUINFO) -> None:
    """Raise EngineError if this processor cannot run the prebuilt library."""
    flags = processor_flags(cpuinfo)
    if platform.machine().lower() not in ("x86_64", "amd64") or not flags:
        return
    missing = [name for name in PREBUILT_KERNELS if FLAGS[name] not in flags]
    if missing:
        raise EngineError(
            f"this processor has no {', '.join(missing)}, which {package} is built for: "
            'in the clone of kinetoken, pip install ".[llama]" builds llama.cpp for it'
        )


def missing_kernels(system_info: str, cpuinfo: Path = PROC_CPUINFO) -> tuple[str, ...]:
    """Kernels that the processor can run and llama.cpp was built without.

    `system_info`: what llama_print_system_info says, "CPU : AVX = 1 | AVX2 = 1 | ...".
    """
    built, flags = _built_kernels(system_info), processor_flags(cpuinfo)
    return tuple(name for name, flag in FLAGS.items() if flag in flags and name not in built)


def may_reorder_weights(system_info: str) -> bool:
    """Tell whether llama.cpp may keep weights in an order of its own, for its fastest kernels.

    It may not where those are Intel's AMX, which end the process; all other reordering goes with
    them, as llama.cpp has one switch for both.
    """
    return _CRASHING not in _built_kernels(system_info)


def _built_kernels(system_info: str) -> frozenset[str]:
    found = re.findall(r"(\w+) = (\d+)", system_info)
    return frozenset(name for name, there in found if there != "0")
