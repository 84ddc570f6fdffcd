"""Measure what each extra costs: megabytes on disk, packages, and seconds to import.

    python benchmarks/install_size.py [--extras base viewer live ...] [--rounds 5] [--limit 600]
        [--quick] [-o benchmarks/results/install_size]

pip installs each extra into a new virtual environment; its size is site-packages without pip.
Times come from fresh interpreters, in turn, after one uncounted run each: importing the extra's
own modules (import statements alone), loading the command, and loading the demo and making a
second of motion (both with the interpreter's start). Torch is held to the version that
export/README.md names, because the newest one's default build may include CUDA. An extra that pip
cannot install within the limit is listed as such: llama, image and servers compile for minutes
unless a wheel is available.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from machine import asked, middle, spread
from report import bars, heading, table, write

ROOT: Final = Path(__file__).parents[1]
OWN: Final = {
    "base": "numpy, onnxruntime, tokenizers", "viewer": "pyglet, PIL.Image", "video": "imageio_ffmpeg",
    "live": "pythonosc.udp_client, websockets.sync.server", "gpu": "onnxruntime", "llama": "llama_cpp", "llama-wheel": "xllamacpp",
    "image": "llama_cpp.mtmd_cpp, PIL.Image", "servers": "llama_cpp.server.app, xllamacpp", "ray": "ray",
    "export": "torch, onnx, safetensors, gguf, huggingface_hub", "portable": "optimum.exporters.onnx",
}  # fmt: skip
"""Extra to the modules that it brings and the project imports."""
TORCH: Final = "torch==2.13.0"
QUICK: Final = ("base", "live")
COMMAND: Final = "from kinetoken.cli.main import build_parser; build_parser()"
MOTION: Final = "import kinetoken; kinetoken.load().generate('a person walks', seconds=1, seed=1)"
IMPORT: Final = (
    "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--extras", nargs="+", choices=OWN)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for pip, each extra")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    chosen = args.extras or (QUICK if args.quick else OWN)
    found = {
        extra: measure(extra, 1 if args.quick else args.rounds, args.limit) for extra in chosen
    }
    rows = {extra: figures for extra, figures in found.items() if figures is not None}
    late = [extra for extra in found if extra not in rows]
    said = (
        [f"Not installed, or not within {args.limit:g} s: {', '.join(late)}.", ""] if late else []
    )
    size = bars({name: r["mb"] for name, r in rows.items()}, "MB on disk")
    write(args.out, [*page(rows), *said], {"extras": found}, size)


def page(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The report in Markdown."""
    names = (
        "extra",
        "MB on disk",
        "packages",
        "pip, s",
        "own modules, s",
        "command, s",
        "a second of motion, s",
    )
    shown = [
        (name, f"{r['mb']:.0f}", r["packages"], f"{r['pip_s']:.0f}", *(spread(r, key) for key in ("own_s", "command_s", "motion_s")))
        for name, r in rows.items()
    ]  # fmt: skip
    return [
        *heading("What each extra costs"),
        *table(names, shown),
        *with_torch(rows),
        "pip used its cache: compiling llama-cpp-python (llama, image, servers) would add 6 to 10 "
        "minutes.",
        "Medians (least to most). The base includes ONNX Runtime, numpy, tokenizers and the demo; "
        "`import kinetoken` alone loads none of them.",
        "",
    ]


def with_torch(rows: dict[str, dict[str, Any]]) -> list[str]:
    """A line that names the torch of the larger extras."""
    found = {name: r["torch"] for name, r in rows.items() if r["torch"]}
    builds = " and ".join(sorted(set(found.values())))
    said = (
        f"{' and '.join(found)} with `{TORCH}`, as export/README.md says; pip installed {builds}."
    )
    return [said] if found else []


def measure(extra: str, rounds: int, limit: float) -> dict[str, Any] | None:
    """One extra in an environment of its own; None if pip fails or exceeds the limit."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        what = f"{ROOT}{'' if extra == 'base' else f'[{extra}]'}"
        pinned = Path(folder) / "constraints.txt"
        pinned.write_text(TORCH)
        before, began = size_of(folder), time.perf_counter()
        install = [python, "-m", "pip", "install", "-q", "--no-compile", "-c", pinned, what]
        try:
            subprocess.run(install, check=True, stderr=subprocess.DEVNULL, timeout=limit)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            return None
        took = time.perf_counter() - began
        held = packages(python)
        return {
            "mb": (size_of(folder) - before) / 1e6, "packages": len(held), "torch": held.get("torch"), "pip_s": took,
            **middle([starts(python, extra) for _ in range(rounds + 1)][1:]),
        }  # fmt: skip


def packages(python: Path) -> dict[str, str]:
    """Name to version of the installed packages, without pip and setuptools."""
    command = [python, "-m", "pip", "list", "--format=json"]
    listed = json.loads(subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL))
    return {
        item["name"]: item["version"]
        for item in listed
        if item["name"] not in ("pip", "setuptools")
    }


def starts(python: Path, extra: str) -> dict[str, float]:
    """Seconds of each start, once."""
    own = float(
        subprocess.check_output([python, "-c", IMPORT.format(OWN[extra])], cwd="/").split()[-1]
    )
    return {
        "own_s": own,
        "command_s": started(python, COMMAND),
        "motion_s": started(python, MOTION),
    }


def started(python: Path, code: str) -> float:
    """Seconds of an interpreter that runs a line."""
    began = time.perf_counter()
    subprocess.run([python, "-c", code], check=True, cwd="/", stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def size_of(folder: str) -> int:
    """Bytes of all files except those that Python compiled."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc")


if __name__ == "__main__":
    main()
