"""Compare packages that bring llama.cpp, and releases of xllamacpp: refused or not, codes, speed.

    python benchmarks/llama_packages.py GGUF_BUNDLE [--releases FOLDER ...] [--rounds 5] [--quick]
        [-o benchmarks/results/llama_packages]

FOLDER holds one release of xllamacpp: pip install --no-deps --target FOLDER xllamacpp==VERSION. The
packages of this environment are measured too. Each answer comes from a fresh process, and the
packages take turns. Codes are greedy. Times are left out where other programs kept the cores busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from machine import asked, middle, spread
from report import heading, table, write

PROMPTS: Final = ("a person walks forward", "do a cartwheel", "jump three times", "dance")
MODULES: Final = {"llama-cpp-python": "llama_cpp", "xllamacpp": "xllamacpp"}
BUSY: Final = 0.5  # load average of a core above which times say nothing
ANSWERS: Final = """
import hashlib, json, sys, time
import kinetoken
from kinetoken.engines.registry import engine_of
bundle, seconds, prompts = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
began = time.perf_counter()
generator = kinetoken.load(bundle)
loaded = time.perf_counter() - began
generator.generate(prompts[0], seconds=1, temperature=0)
codes, tokens, spent = [], 0, 0.0
for prompt in prompts:
    answer = generator.stream(prompt, seconds=seconds, temperature=0)
    list(answer)
    codes.append(answer.clip().codes.tolist())
    tokens += answer.stats.text_tokens + answer.stats.motion_tokens
    spent += answer.stats.elapsed
engine = engine_of(generator.manifest)
digest = hashlib.sha256(json.dumps(codes).encode()).hexdigest()[:16]
print(json.dumps({
    "program": engine.program(), "lacks": list(engine.missing_kernels()), "loaded": loaded,
    "codes": digest, "token_ms": 1000 * spent / tokens,
}))
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle")
    parser.add_argument("--releases", nargs="*", type=Path, default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    quiet = os.getloadavg()[0] < BUSY * (os.cpu_count() or 1)
    here = {name: None for name, module in MODULES.items() if find_spec(module) is not None}
    cases: dict[str, Path | None] = here | {folder.name: folder for folder in args.releases}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in cases}
    refused: dict[str, str] = {}
    for _ in range(1 if args.quick else args.rounds):
        for name, folder in cases.items():
            said = answers(args.bundle, name, folder, 1.0 if args.quick else 4.0)
            if isinstance(said, str):
                refused[name] = said
            else:
                found[name].append(said)
    known = {name: runs for name, runs in found.items() if runs}
    lines = page(known, refused, quiet)
    write(args.out, lines, {"answers": known, "refused": refused})


def answers(bundle: str, name: str, folder: Path | None, seconds: float) -> dict[str, Any] | str:
    """Greedy answers from a fresh process; the line that it ends with where it refuses."""
    environment = os.environ | {"KINETOKEN_LLAMA": name if folder is None else "xllamacpp"}
    if folder is not None:
        paths = (str(folder), environment.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, bundle, str(seconds), *PROMPTS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1].partition(": ")[2]
    got: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return got


def page(known: dict[str, list[dict[str, Any]]], refused: dict[str, str], quiet: bool) -> list[str]:
    """The report; times only of a machine that was `quiet`."""
    if not known:
        return [*heading("Packages that bring llama.cpp"), *_refused(refused)]
    first = next(iter(known.values()))[0]["codes"]
    rows: list[list[str]] = [
        [
            runs[0]["program"].removeprefix("llama.cpp in "),
            "equal" if all(run["codes"] == first for run in runs) else "other",
            ", ".join(runs[0]["lacks"]) or "none",
        ]
        for runs in known.values()
    ]
    names = ["package", "codes", "kernels that it lacks"]
    said = "Times are left out: other programs kept the cores busy."
    if quiet:
        said = "Milliseconds a token are of whole answers, codec included."
        names += ["ms a token", "to the first", "load, s"]
        times = [
            middle({key: run[key] for key in ("token_ms", "loaded")} for run in runs)
            for runs in known.values()
        ]
        for row, time in zip(rows, times, strict=True):
            ratio = time["token_ms"] / times[0]["token_ms"]
            row += [spread(time, "token_ms"), f"{ratio:.2f}", spread(time, "loaded")]
    lines = [*heading("Packages that bring llama.cpp"), *table(names, rows), said, ""]
    return [*lines, *_refused(refused)]


def _refused(refused: dict[str, str]) -> list[str]:
    if not refused:
        return []
    return ["Refused:", "", *(f"- {name}: {why}" for name, why in refused.items()), ""]


if __name__ == "__main__":
    main()
