"""Thousands of crafted GGUF headers against llama.cpp, each opened as the runtime does.

    python benchmarks/gguf_headers.py [--headers 2000] [-o benchmarks/results/gguf_headers]

A header is a true one, wrong in one to three places drawn by its seed (tests/support/gguf_attacks.py).
What the check lets through is loaded and run; whether the process survives is what counts. Needs
torch, gguf and llama-cpp-python; the tests take the first 80 of each kind.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from gguf_attacks import attack
from kinetoken_export.gguf.vision_tower import export_mmproj
from tiny_gguf import make


def main() -> int:
    """Attack all kinds of files, print the page, and write it where asked."""
    parser = argparse.ArgumentParser(description="Crafted GGUF headers against llama.cpp.")
    parser.add_argument("--headers", type=int, default=2000, help="of each kind of file")
    parser.add_argument("-o", "--out", type=Path, help="write OUT.md and OUT.json")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for family, role in (("qwen2", "lm"), ("qwen2_5_vl", "lm"), ("qwen2_5_vl", "tower")):
            folder = Path(name) / f"{family}-{role}"
            made = make(folder, family, "q8_0")
            path = made.path
            if role == "tower":
                path = folder / "mmproj.gguf"
                export_mmproj(made.source, path, "f16")
            began = time.perf_counter()
            found = attack(role, path, made.info, range(args.headers))
            kind = f"{family}, {'vision tower' if role == 'tower' else 'language model'}"
            rows.append(
                {"file": kind, "headers": args.headers, **found.counts}
                | {"aborts": len(found.aborts), "seconds": round(time.perf_counter() - began)}
            )
            for seed, why in found.aborts.items():
                print(f"{kind}, seed {seed}: {why}", file=sys.stderr)
    page = report(rows)
    print(page)
    if args.out:
        args.out.with_suffix(".md").write_text(page, encoding="utf-8")
        record = {"machine": describe(), "rows": rows}
        args.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    return 1 if any(row["aborts"] for row in rows) else 0


def report(rows: list[dict[str, object]]) -> str:
    """The page."""
    names = ("file", "headers", "refused", "error", "ran", "aborts", "seconds")
    lines = [" | ".join(str(row.get(name, 0)) for name in names) for row in rows]
    return "\n".join([
        "# Crafted GGUF headers", "",
        f"{describe()}. `python benchmarks/gguf_headers.py`.", "",
        "Each header is a true one, wrong in one to three places. Refused: by the check that comes "
        "before llama.cpp; error: by llama.cpp, in one line; ran: loaded and computed.", "",
        "File | Headers | Refused | Error | Ran | Process ended | Seconds",
        "---|---:|---:|---:|---:|---:|---:", *lines, "",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
