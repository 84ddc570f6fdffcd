"""The processor's name."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Final

from ..operating_system import read_system_file

CPUINFO: Final = Path("/proc/cpuinfo")
BOARD: Final = Path("/proc/device-tree/model")  # of ARM boards, whose processors have no name


@cache
def processor() -> str:
    """Family and name of the processor, as in "aarch64 NVIDIA Jetson Orin Nano"."""
    return f"{platform.machine()} {processor_name()}"


def processor_name() -> str:
    """The name of the processor, or of the board."""
    rows = dict(
        line.partition(":")[::2] for line in reversed(read_system_file(CPUINFO).splitlines())
    )
    named = {key.strip().lower(): value.strip() for key, value in rows.items()}
    board = read_system_file(BOARD).strip("\0\n ")
    return (
        named.get("model name")
        or board
        or named.get("hardware")
        or platform.processor()
        or platform.machine()
    )
