"""What does each extra cost: megabytes on disk, packages, and seconds to import?

    python benchmarks/install_size.py [--extras base viewer live ...] [--quick] [-o benchmarks/results/install_size]

Each extra is installed with pip into a new virtual environment; its size is that of site-packages less pip itself. The time is that
of a fresh interpreter that loads the command, and of one that loads the demo and makes a second of motion; medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from report import bars, heading, table, write

ROOT: Final = Path(__file__).parents[1]
EXTRAS: Final = ("base", "viewer", "video", "live", "gpu", "llama", "export")
QUICK: Final = ("base", "live")
COMMAND: Final = "import kinetoken.cli; kinetoken.cli.build_parser()"
MOTION: Final = "import kinetoken; kinetoken.load().generate('a person walks', seconds=1, seed=1)"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--extras", nargs="+", choices=EXTRAS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    chosen = args.extras or (QUICK if args.quick else EXTRAS)
    rows = {extra: measure(extra, 3 if args.quick else 9) for extra in chosen}
    lines = [
        *heading("What each extra costs"),
        *table(
            ("extra", "MB on disk", "packages", "pip, s", "command loaded, s", "a second of motion, s"),
            [
                (
                    name,
                    f"{r['mb']:.0f}",
                    r["packages"],
                    f"{r['pip_s']:.0f}",
                    f"{r['command_s']:.2f}",
                    f"{r['motion_s']:.2f}",
                )
                for name, r in rows.items()
            ],
        ),
        "The base carries ONNX Runtime, numpy and tokenizers and the demo; `import kinetoken` alone loads none of them.",
        "",
    ]
    write(args.out, lines, {"extras": rows}, bars({name: r["mb"] for name, r in rows.items()}, "MB on disk"))


def measure(extra: str, rounds: int) -> dict[str, Any]:
    """One extra in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        before = size_of(folder)
        what = f"{ROOT}{'' if extra == 'base' else f'[{extra}]'}"
        began = time.perf_counter()
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--no-compile", what], check=True, stderr=subprocess.DEVNULL
        )
        took = time.perf_counter() - began
        listed = subprocess.check_output(
            [python, "-m", "pip", "list", "--format=freeze"], text=True, stderr=subprocess.DEVNULL
        )
        return {
            "mb": (size_of(folder) - before) / 1e6,
            "packages": len([line for line in listed.split() if not line.startswith(("pip=", "setuptools="))]),
            "pip_s": took,
            "command_s": fresh(python, COMMAND, rounds),
            "motion_s": fresh(python, MOTION, rounds),
        }


def size_of(folder: str) -> int:
    """Bytes of everything that Python did not compile itself."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc")


def fresh(python: Path, code: str, rounds: int) -> float:
    """Median seconds of an interpreter that runs a line, after one that is not counted."""
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run([python, "-c", code], check=True, cwd="/")
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
