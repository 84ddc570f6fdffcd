"""Everything worth knowing of a graphics card that is at hand for minutes: one JSON, one page.

    benchmarks/on_a_gpu.sh [-o FOLDER]            on the machine with the card; no network is needed
    benchmarks/on_a_gpu.sh --cpu                  a rehearsal without a card
    benchmarks/on_a_gpu.sh --prepare              beforehand: bundles and wheels into ./gpu-kit

Packages come from ./gpu-kit/wheels, ./wheels or PIP_FIND_LINKS, from what is installed, or from
the index, whichever has them first. Bundles come from ./gpu-kit, or are exported where torch is.
Each step is a process with a limit of its own; one that fails is a row of the page, and the rest
goes on. JSON and page are written after every step. Only the standard library is needed to start.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
STEPS: Final = ROOT / "benchmarks" / "gpu_steps.py"
DEMO: Final = ROOT / "export" / "checkpoints" / "demo"
KIT: Final = ROOT / "gpu-kit"
"""Bundles, and wheels/."""
LIMIT: Final = 450.0
"""Seconds of everything: eight minutes less what the shell and the last step may take."""
BUNDLES: Final = {
    "onnx_fp16": ("--format", "onnx", "--quant", "fp16"),
    "onnx_int4_fp16": ("--format", "onnx", "--quant", "int4_fp16"),
    "gguf_q8_0": ("--format", "gguf", "--quant", "q8_0"),
    "gguf_q4_k_m": ("--format", "gguf", "--quant", "q4_k_m"),
}
"""Bundles of the demo, and how they are exported: CUDA wants half precision."""
PACKAGES: Final = {
    "base": ("numpy", ["numpy", "tokenizers"]),
    "onnxruntime": ("onnxruntime", ["onnxruntime-gpu[cuda,cudnn]"]),
    "onnxruntime without CUDA's libraries": ("onnxruntime", ["onnxruntime-gpu"]),
    "llama.cpp": ("llama_cpp", ["llama-cpp-python"]),
    "viewer": ("pyglet", ["pyglet>=2.1,<3", "pillow"]),
}
"""Module that shows that a set is there, and its requirements."""
CUDA_HERE: Final = """
import onnxruntime as ort
assert "CUDAExecutionProvider" in ort.get_available_providers(), ort.get_available_providers()
"""
EXPORT: Final = """
import sys
from kinetoken.cli.parser import CommandParser
from kinetoken_export.bundle.command import add_command
parser = CommandParser(prog="kinetoken")
add_command(parser.add_subparsers())
args = parser.parse_args(["export", *sys.argv[1:]])
sys.exit(args.func(args))
"""
"""`kinetoken export`, where the package is not installed."""


@dataclass
class Report:
    """The rows so far, on disk after every one."""

    out: Path
    machine: dict[str, Any]
    short: bool = False
    began: float = field(default_factory=time.monotonic)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds until the whole has to end."""
        return LIMIT - (time.monotonic() - self.began)

    def add(self, name: str, status: str, seconds: float, **found: Any) -> None:
        """Keep one row: "done", "failed", "skipped" or "found"."""
        self.rows.append({"step": name, "status": status, "seconds": round(seconds, 1), **found})
        print(f"{status:8} {seconds:6.1f} s  {name}  {found.get('error', '')}", flush=True)
        self.write()

    def write(self) -> None:
        """Write FOLDER/on_a_gpu.json and .md, each whole."""
        self.out.mkdir(parents=True, exist_ok=True)
        whole = {
            "machine": self.machine,
            "short": self.short,
            "seconds": LIMIT - self.left,
            "rows": self.rows,
        }
        for suffix, text in ((".json", json.dumps(whole, indent=1) + "\n"), (".md", page(whole))):
            new = self.out / f"on_a_gpu{suffix}.new"
            new.write_text(text, encoding="utf-8")
            new.replace(self.out / f"on_a_gpu{suffix}")


def main() -> int:
    """Run every step; 0 if the language model ran anywhere."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--cpu", action="store_true", help="a rehearsal without a card")
    parser.add_argument("--short", action="store_true", help="the shipped demo alone, briefly")
    parser.add_argument("--prepare", action="store_true", help=f"fill ./{KIT.name}, and leave")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "benchmarks" / "results")
    args = parser.parse_args()
    if args.prepare:
        return prepare(KIT)
    cards = graphics_cards()
    cuda = bool(cards) and not args.cpu
    report = Report(args.out, describe(cards, cuda), args.short)
    if not cuda and not args.cpu:
        print("no graphics card answers nvidia-smi: this is a rehearsal on the processor")
    if not args.short:
        install(report, cuda)
    for name, folder in bundles(report, short=args.short):
        measure(report, name, folder, cuda)
        if folder is None:
            picture = str(args.out / "on_a_gpu.png")
            step(report, "viewer by EGL", ["pictures"], 60, PICTURE=picture)
    print(f"{args.out / 'on_a_gpu.md'}: {len(report.rows)} rows in {LIMIT - report.left:.0f} s")
    answered = [row for row in report.rows if row["step"].endswith("answers")]
    return 0 if any(row["status"] == "done" for row in answered) else 1


def measure(report: Report, name: str, folder: Path | None, cuda: bool) -> None:
    """Every figure of one bundle: answers on the card and on the processor, the rest on the best."""
    option = "--gpu-layers" if name.startswith("gguf") else "--provider"
    on_card, on_processor = ("999", "0") if option == "--gpu-layers" else ("cuda", "cpu")
    places = {"card": [option, on_card, "--card"]} if cuda else {}
    places["processor"] = [option, on_processor]
    chosen = ["--bundle", str(folder)] if folder else []
    for place, options in places.items():
        step(report, f"{name}, {place}: answers", ["answers", *chosen, *options], 60)
    best, options = next(iter(places.items()))
    for what, limit in (("same-codes", 60), ("head", 45), ("passes", 45)):
        step(report, f"{name}, {best}: {what}", [what, *chosen, *options], limit)


def step(report: Report, name: str, words: Sequence[str], limit: float, **variables: str) -> None:
    """Run one measurement; whatever happens to it becomes a row."""
    if report.left < 10:
        report.add(name, "skipped", 0.0, error="no time left")
        return
    began = time.monotonic()
    command = [sys.executable, str(STEPS), *words, *(["--short"] if report.short else [])]
    patience = limit * (4 if report.short else 1)  # a short run measures nothing: it may wait
    status, said = call(command, min(patience, report.left), **variables)
    found = json.loads(said) if status == "done" else {"error": said}
    report.add(name, status, time.monotonic() - began, **found)


def call(command: Sequence[str], limit: float, **variables: str) -> tuple[str, str]:
    """Run a command: "done" and its last line, or "failed" and why in one line."""
    paths = [str(ROOT / name) for name in ("runtime", "export", "native_viewer")]
    ours = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", **variables}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limit,
            env=os.environ | ours,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "failed", f"not done after {limit:.0f} s"
    except OSError as error:
        return "failed", str(error)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    last = lines[-1] if lines else f"exit code {done.returncode}, no word"
    return ("done" if done.returncode == 0 else "failed"), last[:600]


def install(report: Report, cuda: bool) -> None:
    """Install what is missing, each set alone, so that one that cannot be had stops no other."""
    for name, (module, wanted) in PACKAGES.items():
        if not cuda:
            wanted = [item.replace("onnxruntime-gpu[cuda,cudnn]", "onnxruntime") for item in wanted]
        if name.startswith("onnxruntime without") and (not cuda or works(CUDA_HERE)):
            continue
        test = CUDA_HERE if cuda and module == "onnxruntime" else f"import {module}"
        if works(test):
            report.add(f"install {name}", "found", 0.0)
            continue
        began = time.monotonic()
        status, said = install_set(wanted, only_wheels=module == "llama_cpp", left=report.left)
        if status == "done" and not works(test):
            status, said = "failed", "installed, and cannot be imported"
        took = time.monotonic() - began
        report.add(f"install {name}", status, took, **({} if status == "done" else {"error": said}))


def install_set(wanted: list[str], *, only_wheels: bool, left: float) -> tuple[str, str]:
    """Install from the folders of wheels, else from the index."""
    folders = [str(path) for path in (KIT / "wheels", ROOT / "wheels") if path.is_dir()]
    links = [part for folder in folders for part in ("--find-links", folder)]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--retries", "0", "--timeout", "10"]
    pip += ["--only-binary", ":all:"] if only_wheels else []
    said = "no folder of wheels"
    if links or "PIP_FIND_LINKS" in os.environ:
        status, said = call([*pip, "--no-index", *links, *wanted], min(120, left))
        if status == "done":
            return status, said
    if only_wheels and not links:
        return (
            "failed",
            "no wheel in ./wheels: PyPI has its sources alone, which take minutes to compile",
        )
    return call([*pip, *links, *wanted], min(150, left))


def works(code: str) -> bool:
    """Tell if a fresh Python runs this."""
    return call([sys.executable, "-c", code], 60)[0] == "done"


def bundles(report: Report, *, short: bool) -> Iterator[tuple[str, Path | None]]:
    """The demo as it is shipped, and those of ./gpu-kit; where it is not there, exported now."""
    yield "onnx_int8 (shipped)", None
    for name, options in {} if short else BUNDLES.items():
        folder = KIT / name
        if not folder.is_dir():
            began = time.monotonic()
            status, said = export(folder, options, min(90, report.left))
            found = {} if status == "done" else {"error": said}
            report.add(f"export {name}", status, time.monotonic() - began, **found)
        if folder.is_dir():
            yield name, folder


def export(folder: Path, options: Sequence[str], limit: float) -> tuple[str, str]:
    """Export the demo."""
    where = [str(DEMO / "lm"), "--codec", str(DEMO / "codec"), "-o", str(folder), "--force"]
    return call([sys.executable, "-c", EXPORT, *where, *options], limit)


def prepare(kit: Path) -> int:
    """Fill the kit: the bundles, and the wheels that a bare machine of this system needs."""
    failed = 0
    for name, options in BUNDLES.items():
        status, said = export(kit / name, options, 600)
        print(f"{status:8} {name} {'' if status == 'done' else said}")
        failed += status != "done"
    pip = [sys.executable, "-m", "pip", "download", "-q", "-d", str(kit / "wheels")]
    for name, (_, wanted) in PACKAGES.items():
        status, said = call([*pip, "--only-binary", ":all:", *wanted], 900)
        print(f"{status:8} wheels of {name} {'' if status == 'done' else said}")
    size = sum(path.stat().st_size for path in kit.rglob("*") if path.is_file())
    print(f"{kit}: {size / 1e6:.0f} MB; copy it beside README.md on the machine with the card")
    return 1 if failed else 0


def graphics_cards() -> list[str]:
    """Name, memory, driver and compute capability of each card, from nvidia-smi."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = "--query-gpu=name,memory.total,driver_version,compute_cap"
    status, said = call(["nvidia-smi", query, "--format=csv,noheader"], 30)
    return [said] if status == "done" else []


def describe(cards: list[str], cuda: bool) -> dict[str, Any]:
    """The machine, as far as the standard library sees it."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text(errors="replace").splitlines() if info.is_file() else [])
        if line.startswith("model name")
    ]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cuda": cuda,
        "cards": cards,
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def page(whole: dict[str, Any]) -> str:
    """The report for people."""
    machine, rows = whole["machine"], whole["rows"]
    card = "; ".join(machine["cards"]) or "no graphics card"
    lines = [
        "# On a graphics card"
        if machine["cuda"]
        else "# On a graphics card: a rehearsal without one",
        "",
        f"{machine['date']}: {card}. {machine['processor']}, {machine['cores']} cores, load {machine['load']} before, {machine['system']}, "
        f"Python {machine['python']}. `benchmarks/on_a_gpu.sh{' --short' if whole['short'] else ''}`, {whole['seconds']:.0f} s.",
        "",
        "| step | | figures |",
        "|---|---|---|",
    ]
    lines += [f"| {row['step']} | {row['status']} | {figures(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def figures(row: dict[str, Any]) -> str:
    """The figures of a row in words; of a failed one, why."""
    found = {key: value for key, value in row.items() if key not in ("step", "status", "seconds")}
    if "error" in found:
        return str(found["error"]).replace("|", "/")
    parts = []
    for key, value in found.items():
        if isinstance(value, dict):
            inner = ", ".join(f"{name} {_number(number)}" for name, number in value.items())
            parts.append(f"{key}: {inner}")
        elif key == "prompts":
            parts.append(
                "equal codes " + ", ".join(f"{p['equal_at_first']} of {p['codes']}" for p in value)
            )
        elif value not in ([], ""):
            parts.append(f"{key} {_number(value)}")
    return "; ".join(parts).replace("|", "/")


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
