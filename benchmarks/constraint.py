"""Measure what it costs per token to allow only valid motion, and check the allowed ids.

    python benchmarks/constraint.py --gguf MODEL.gguf [--others OTHER/bin/python]
        [-o benchmarks/results/constraint]

The vocabulary is Qwen's with the motion tokens (155,763 ids; needs the dashscope wheel); the
position is inside a block of whole frames of four levels. A step takes the chosen token, says what
may come next, and chooses among random logits. All engines walk the same random path; medians over
the steps. Off the clock, each step's allowed ids are compared with those of the definition, logits
are renewed at every token, and what llama.cpp's grammar left is read. MODEL.gguf gives llama.cpp
the vocabulary: any GGUF exported with it works. xgrammar (which installs torch) and outlines-core
run in a Python of their own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import constraint_engines as engines
import numpy as np
from constraint_ids import Runs, right, walk
from machine import describe
from qwen_vocabulary import qwen_tokenizer

HERE: Final = Path(__file__).parent
PATIENCE: Final = 900  # seconds for an engine under another Python
Step = tuple[float, Runs]
"""Microseconds, and the ids that were allowed."""


def steps(advance: engines.Advance, tokens: list[int], seen: Callable[[Any], Runs]) -> list[Step]:
    """Time the block's tokens except its ends; `seen` reads allowed ids off the clock."""
    out = []
    for token in tokens[:-1]:
        began = time.perf_counter()
        result = advance(token)
        spent = (time.perf_counter() - began - engines.off.taken()) * 1e6
        out.append((spent, seen(result)))
    return out[1:]


def elsewhere(python: str, script: str, tokenizer: Path) -> list[Step] | str:
    """An engine in a process of its own; a string if it did not run."""
    command = [python, str(HERE / script), str(tokenizer)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"no first mask within {PATIENCE} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no reason"])[-1][:160]
    return [(us, allowed) for us, allowed in json.loads(done.stdout.splitlines()[-1])]


def row(name: str, taken: list[Step] | str) -> dict[str, Any]:
    """Figures of an engine."""
    if isinstance(taken, str):
        return {"engine": name, "failed": taken}
    times = sorted(us for us, _ in taken)
    wrong = sum(allowed != right(i) for i, (_, allowed) in enumerate(taken, start=1))
    return {
        "engine": name, "median_us": statistics.median(times), "p99_us": times[int(len(times) * 0.99)], "steps": len(taken),
        "allowed": sorted({sum(stop - first for first, stop in allowed) for _, allowed in taken}), "wrong": wrong,
    }  # fmt: skip


def measured(gguf: Path, tokenizer: Path, others: str | None) -> list[dict[str, Any]]:
    """A row for each engine."""
    e, tokens = engines, walk()
    logits = np.random.default_rng(1).normal(size=155_763).astype(np.float32)
    rows = [
        row("kinetoken: grammar alone", steps(e.kinetoken_rules(), tokens, e.runs_of_ranges)),
        row("llguidance: grammar alone, mask made", steps(e.llguidance_rules(tokenizer), tokens, e.runs_of_bits)),
        row("kinetoken: grammar and sampler", steps(e.kinetoken_sampling(logits), tokens, e.runs_of_ranges)),
        row(
            "llguidance: ranges of ids, then min-p over all",
            steps(e.llguidance_sampling(tokenizer, logits), tokens, e.runs_of_bits),
        ),
        row(
            "llguidance: its own kernel on the logits, then min-p over all",
            steps(e.llguidance_kernel(tokenizer, logits), tokens, e.runs_of_bits),
        ),
        row("llama.cpp GBNF over characters, its own min-p", steps(e.llamacpp_sampling(gguf, True, logits), walk(25), e.runs)),
        row("llama.cpp GBNF with token ids, its own min-p", steps(e.llamacpp_sampling(gguf, False, logits), walk(6), e.runs)),
    ]  # fmt: skip
    if others:
        rows.append(
            row(
                "xgrammar: grammar alone, mask made",
                elsewhere(others, "constraint_xgrammar.py", tokenizer),
            )
        )
        rows.append(
            row(
                "outlines-core: grammar alone, mask made",
                elsewhere(others, "constraint_outlines.py", tokenizer),
            )
        )
    return rows


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument(
        "--others", metavar="PYTHON", help="has xgrammar, outlines-core and tokenizers"
    )
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    found = importlib.util.find_spec("dashscope")
    if found is None or found.origin is None:
        parser.error("expected the Qwen vocabulary: pip install --no-deps dashscope")
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = Path(folder) / "tokenizer.json"
        qwen_tokenizer(
            (Path(found.origin).parent / "resources" / "qwen.tiktoken").read_bytes(), tokenizer
        )
        rows = measured(args.gguf, tokenizer, args.others)
    report = table(rows)
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps({"machine": describe(), "rows": rows}, indent=1) + "\n"
        )
    return 0


def table(rows: list[dict[str, Any]]) -> str:
    """The report in Markdown."""
    lines = [
        "# What the guarantee costs per token", "",
        f"{describe()}. `python benchmarks/constraint.py --gguf MODEL.gguf --others PYTHON`.",
        "One step inside a block, 155,763 ids, medians. "
        "Wrong: steps whose allowed ids differ from the definition's.", "",
        "| engine | median, us | 99th percentile, us | ids allowed | wrong |", "|---|---:|---:|---|---|",
    ]  # fmt: skip
    for r in rows:
        if "failed" in r:
            lines.append(f"| {r['engine']} | did not run: {r['failed']} | | | |")
            continue
        counts = ", ".join(map(str, r["allowed"][:4]))
        wrong = f"{r['wrong']} of {r['steps']}"
        lines.append(
            f"| {r['engine']} | {r['median_us']:,.0f} | {r['p99_us']:,.0f} | {counts} | {wrong} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
