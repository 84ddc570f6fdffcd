"""The machine in one line; fresh processes and their memory."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
STATUS: Final = Path("/proc/self/status")
LOOK: Final = 0.1
"""Seconds between two samples of another process."""


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows
        return None


LOAD: Final = _load()
"""Processes that wanted a core in the last minute, before this one measured anything."""


def describe() -> str:
    """Processor, cores, system, versions and load."""
    from importlib import metadata

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "numpy"))
    before = "" if LOAD is None else f", load average {LOAD:.1f} before"
    system = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{cpu}, {system}, {versions}{before}"


def memory(field: str, status: Path = STATUS) -> int | None:
    """Bytes in a line of a /proc/.../status, VmRSS (now) or VmHWM (peak); None if there is none."""
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None
    )


def peak_memory() -> int:
    """Peak memory of this process in bytes, mapped files included.

    Where /proc does not tell it is ru_maxrss, which a child takes over from the process that started it.
    """
    if (peak := memory("VmHWM")) is not None:
        return peak
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def fresh(code: str, *arguments: str) -> Any:
    """JSON printed by a Python program in a process of its own; it may `import machine`."""
    whole = f"import sys\nsys.path.insert(0, {str(HERE)!r})\nimport machine\n{code}"
    return json.loads(
        subprocess.check_output([sys.executable, "-c", whole, *arguments]).splitlines()[-1]
    )


@dataclass(frozen=True)
class Watched:
    """Time, memory and output of a command."""

    seconds: float
    peak: int
    """Peak bytes of its first process, mapped files included; sampled ten times a second."""
    own: int
    """The same without files."""
    said: str


def watched(command: Sequence[str]) -> Watched:
    """Run a command to its end; SystemExit if it fails."""
    peak = own = 0
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=out)
        status = Path(f"/proc/{child.pid}/status")
        while child.poll() is None:
            peak = max(peak, memory("VmHWM", status) or 0)
            own = max(own, (memory("RssAnon", status) or 0) + (memory("RssShmem", status) or 0))
            time.sleep(LOOK)
        took = time.perf_counter() - began
        out.seek(0)
        said = out.read().decode()
    if child.returncode:
        raise SystemExit(f"{' '.join(command[:6])} ... ended with {child.returncode}")
    return Watched(took, peak, own, said)


def middle(rounds: Iterable[dict[str, float]]) -> dict[str, float]:
    """Median of each figure over rounds, with its least and most as NAME_least and NAME_most."""
    found = list(rounds)
    columns = {key: [figures[key] for figures in found] for key in found[0]}
    ends = {
        f"{key}_{name}": end(values)
        for key, values in columns.items()
        for name, end in (("least", min), ("most", max))
    }
    return {key: statistics.median(values) for key, values in columns.items()} | ends


def spread(figures: dict[str, float], key: str, form: str = ".2f") -> str:
    """A figure of `middle` for a table: median (least to most)."""
    low, high = figures[f"{key}_least"], figures[f"{key}_most"]
    return f"{figures[key]:{form}} ({low:{form}} to {high:{form}})"


def asked(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the arguments; refuse `--quick` with `-o`, as a short run is no result."""
    args = parser.parse_args()
    if args.quick and args.out is not None:
        parser.error("--quick only shows that a benchmark runs: leave out -o, or leave out --quick")
    return args
