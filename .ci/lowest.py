"""Install the lowest version of each dependency into an empty environment and run the quick tests.

make lowest                                   # with this Python
make lowest PYTHON=python3.10                 # with the oldest Python, to which the bounds belong

Without torch, transformers and engines that are compiled: those bounds are looked after by hand.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parents[1]
EXTRAS = ("viewer", "video", "live", "dev")
LINTERS = ("ruff", "mypy", "import-linter")
"""They see one Python and are not asked for by any test here."""
BOUND = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?\s*>=\s*([\w.]+)")


def lowest(requirements: list[str]) -> dict[str, str]:
    """Names and lowest versions; ValueError for a requirement without a lower bound."""
    found = {}
    for text in requirements:
        match = BOUND.match(text)
        if match is None:
            raise ValueError(f"pyproject.toml: {text!r} has no lower bound")
        found[match[1]] = match[2]
    return found


def project_requirements() -> list[str]:
    """What the build, the base install and the extras that the quick tests need ask for."""
    whole = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    project, extras = whole["project"], whole["project"]["optional-dependencies"]
    asked = [*whole["build-system"]["requires"], *project["dependencies"]]
    asked += [text for extra in EXTRAS for text in extras[extra]]
    return [text for text in asked if not text.startswith(LINTERS)]


def main() -> int:
    """Install, say what was installed, test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="the environment's Python")
    parser.add_argument(
        "tests", nargs="*", default=["@.ci/quick"], help="(default: the quick ones)"
    )
    args = parser.parse_args()
    versions = lowest(project_requirements())
    with tempfile.TemporaryDirectory(prefix="kinetoken-lowest-") as folder:
        subprocess.run([args.python, "-m", "venv", folder], check=True)
        python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        exact = [f"{name}=={version}" for name, version in versions.items()]
        environment = {k: v for k, v in os.environ.items() if k != "PIP_CONSTRAINT"}
        subprocess.run([*pip, *exact], check=True, env=environment)
        build = [*pip, "--no-deps", "--no-build-isolation", "."]
        subprocess.run(build, check=True, env=environment, cwd=HERE)
        version = subprocess.run(
            [str(python), "-VV"], check=True, capture_output=True, text=True
        ).stdout
        print(version.strip(), *exact, sep="\n", flush=True)
        environment["PATH"] = os.pathsep.join([str(python.parent), environment["PATH"]])
        began = time.monotonic()
        code = subprocess.run(
            [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *args.tests],
            env=environment,
            cwd=HERE,
        ).returncode
        print(f"{time.monotonic() - began:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
