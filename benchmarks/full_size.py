"""Export a Qwen2.5-VL-3B of true size on a small machine, run it, and measure both.

    python benchmarks/full_size_checkpoint.py --wheel dashscope-*.whl -o FOLDER
    python benchmarks/full_size.py FOLDER --work WORK -o benchmarks/results/full_size

The first command writes random weights, once. Each export and each run is a process of its own.
Peak memory is the largest resident set (VmHWM), which includes mapped file pages that could have
been dropped; "own memory" excludes those. Both are sampled ten times a second.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from machine import Watched, describe, watched

CODEC = Path(__file__).parents[1] / "export" / "checkpoints" / "demo" / "codec"
PLANS = {
    "GGUF q4_k_m with mmproj": ("--format", "gguf", "--quant", "q4_k_m"),
    "ONNX int4": ("--format", "onnx", "--quant", "int4"),
}
CONTEXT = "2048"
RUN = """
import json, sys, time
import numpy as np
import kinetoken
began = time.perf_counter()
generator = kinetoken.load(sys.argv[1])
loaded = time.perf_counter()
generation = generator.stream("a person walks in a circle", seconds=4.0, seed=1, max_thought=8)
for _ in generation: pass
stats, clip = generation.stats, generation.clip()
assert clip.joints.shape == (80, 22, 3) and np.isfinite(clip.joints).all()
print(json.dumps({"load_s": loaded - began, "first_pose_s": stats.time_to_first_pose, "tokens": stats.text_tokens + stats.motion_tokens,
    "work_s": stats.elapsed, "rtf": stats.rtf}))
"""


def figures(ran: Watched) -> dict[str, float]:
    """Seconds and gigabytes."""
    return {"seconds": ran.seconds, "peak_gb": ran.peak / 1e9, "own_gb": ran.own / 1e9}


def measure(checkpoint: Path, work: Path, plan: str, options: tuple[str, ...]) -> dict[str, Any]:
    """Export, then run the bundle."""
    out = work / plan.replace(" ", "_")
    command = [
        sys.executable,
        "-m",
        "kinetoken",
        "export",
        str(checkpoint),
        "--codec",
        str(CODEC),
        "-o",
        str(out),
        "--force",
    ]
    made = figures(watched([*command, "--context", CONTEXT, *options]))
    sizes = {path.name: path.stat().st_size for path in sorted(out.iterdir())}
    ran = watched([sys.executable, "-c", RUN, str(out)])
    return {"export": made, "files": sizes, "run": figures(ran) | json.loads(ran.said)}


def table(results: dict[str, dict[str, Any]]) -> str:
    """The report in Markdown."""
    lines = [
        "# A Qwen2.5-VL-3B of the true size",
        "",
        f"{describe()}. Random weights in the published shape, 155,763 tokens, bfloat16 in two shards "
        "(7.5 GB), vision tower included; ",
        f"`python benchmarks/full_size.py FOLDER --work WORK -o benchmarks/results/full_size`, context {CONTEXT}.",
        "",
        "| export | time | peak memory | own memory | bundle | largest files |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for plan, result in results.items():
        made, files = result["export"], result["files"]
        large = ", ".join(f"{n} {b / 1e9:.2f} GB" for n, b in files.items() if b > 5e7)
        total = sum(files.values()) / 1e9
        lines.append(
            f"| {plan} | {made['seconds'] / 60:.1f} min | {made['peak_gb']:.1f} GB | {made['own_gb']:.1f} GB | {total:.2f} GB | {large} |"
        )
    lines += [
        "",
        "The bundles, each opened in a fresh process (all checksums included) to make 4 s of motion "
        "in four levels:",
        "",
        "| bundle | load | first pose | tokens/s, prompt included | real-time factor | peak memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for plan, result in results.items():
        run = result["run"]
        lines.append(
            f"| {plan} | {run['load_s']:.1f} s | {run['first_pose_s']:.1f} s | {run['tokens'] / run['work_s']:.1f} | {run['rtf']:.2f} "
            f"| {run['peak_gb']:.1f} GB |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="where the bundles go")
    parser.add_argument("--only", choices=PLANS, help="one of the exports")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    plans = {plan: options for plan, options in PLANS.items() if args.only in (None, plan)}
    results = {
        plan: measure(args.checkpoint, args.work, plan, options) for plan, options in plans.items()
    }
    report = table(results)
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(
                {"machine": describe(), "command": " ".join(sys.argv), "results": results}, indent=1
            )
            + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
