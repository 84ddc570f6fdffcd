"""Measure whether a full-size model keeps real time here: five targets, and what else was tried.

    python benchmarks/real_time_3b.py BUNDLE [--other NAME=BUNDLE ...]
        -o benchmarks/results/real_time_3b

BUNDLE is a GGUF of true size; random weights cost what trained ones do. Tokens: kinetoken's loop
and a bare llama_decode loop with the whole head write the same block, one token each in turn
(llamacpp_overhead.py). Answers: a fresh process each, with the system prompt's state on disk and a
prepared session, as the window has while somebody types; medians. The unavoidable part of the
first pose is llama_decode's own time for the prompt's new tokens, the words and the codes of one
latent frame. Variants: bare loops in turn. In between, the memory's bandwidth is measured; it
limits a token, which reads every weight once.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import llama_cpp as llama
from llamacpp_overhead import measure
from report import heading, table, write

import kinetoken
from kinetoken.bench.machine import read_bandwidth
from kinetoken.bench.measure import bytes_per_token
from kinetoken.engines.llamacpp import weights
from kinetoken.engines.llamacpp.context import ModelWeights
from kinetoken.manifest.manifest_file import read_manifest

PROMPT: Final = "a person walks forward"
SECONDS: Final = 4.0
WORDS: Final = 8
STEPS: Final = 24
"""Counted tokens of each variant."""


def answer(bundle: str, detail: str) -> None:
    """Answer once in a prepared session, in its own process, and print figures as JSON."""
    session = kinetoken.load(bundle).session(history=0)
    session.prepare()
    run: Any = session._run
    decode, spent = run._decode, list[tuple[float, int]]()

    def timed(context: Any, batch: Any) -> Any:
        began = time.perf_counter()
        status = decode(context, batch)
        spent.append((time.perf_counter() - began, int(batch.n_tokens)))
        return status

    run._decode = timed
    began, ends, first = time.perf_counter(), list[float](), 0.0
    turn = session.say(
        PROMPT, seconds=SECONDS, max_thought=WORDS, max_pause=0, seed=1, detail=detail
    )
    for chunk in turn:
        if isinstance(chunk, kinetoken.MotionChunk):
            ends.append(time.perf_counter() - began)
            first = first or ends[0]
    stats, whole = turn.stats, time.perf_counter() - began
    levels = len(read_manifest(Path(bundle)).motion.levels) if detail == "full" else stats.levels
    codes = (
        stats.text_tokens + 1 + levels
    )  # words, <move>, one latent frame; the prompt's pieces come before
    prompt = sum(count for _, count in spent) - stats.text_tokens - stats.motion_tokens + 1
    at, fed = 0, 0
    while fed < prompt:
        at, fed = at + 1, fed + spent[at][1]
    unavoidable = sum(seconds for seconds, _ in spent[: at + codes])
    print(json.dumps({
        "first_pose": first, "unavoidable": unavoidable, "rtf_whole": stats.seconds_of_motion / whole, "prompt_tokens": prompt,
        "rtf": (stats.seconds_of_motion - turn.clip().seconds / len(ends)) / (ends[-1] - ends[0]), "words": stats.text_tokens,
        "outside": 1.0 - sum(seconds for seconds, _ in spent) / whole, "peak": peak_bytes(), "detail": turn.clip().meta.get("detail", ""),
    }))  # fmt: skip


def peak_bytes() -> int:
    """Peak resident memory of this process, not of its parent, which getrusage may report."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def answers(bundle: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """Medians over processes by detail, in turn, without each one's first, which saves state."""
    runs: dict[str, list[dict[str, Any]]] = {"full": [], "auto": []}
    for _ in range(rounds + 1):
        for detail, done in runs.items():
            command = [sys.executable, __file__, str(bundle), "--answer", detail]
            done.append(json.loads(subprocess.check_output(command).splitlines()[-1]))
    return {detail: middle(done[1:]) for detail, done in runs.items()}


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median of every figure."""
    found: dict[str, Any] = {
        key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "detail"
    }
    return found | {
        "detail": runs[-1]["detail"],
        "ratio": statistics.median(r["first_pose"] / r["unavoidable"] for r in runs),
        "least": min(r["rtf"] for r in runs), "most": max(r["rtf"] for r in runs),
    }  # fmt: skip


def targets(
    tokens: dict[str, Any], full: dict[str, Any], size: int
) -> list[tuple[str, str, str, str]]:
    """Target, result, and whether it was met."""
    faster = tokens["bare"]["token_ms"] / tokens["slice"]["token_ms"]
    rows = [
        ("motion tokens/s against the bare loop with the whole head", ">= 1.15", f"{faster:.3f}", faster >= 1.15),
        ("real-time factor at four levels, once it moves", ">= 1", f"{full['rtf']:.2f}", full["rtf"] >= 1),
        ("first pose against the unavoidable", "<= 1.3", f"{full['ratio']:.2f}", full["ratio"] <= 1.3),
        ("peak resident memory against the GGUF's size", "<= 1.15", f"{full['peak'] / size:.2f}", full["peak"] <= 1.15 * size),
        ("share of time outside llama_decode", "< 2 %", f"{100 * full['outside']:.1f} %", full["outside"] < 0.02),
    ]  # fmt: skip
    return [(what, asked, got, "yes" if met else "no") for what, asked, got, met in rows]


def bare_loop(model: ModelWeights, together: int = 1, **settings: int) -> Iterator[float]:
    """Seconds of successive llama_decode calls, whole head, after a prompt of 32 tokens.

    `together`: tokens in one call; only the last one's logits are computed.
    """
    params = llama.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.no_perf = 4096, 64, 64, True
    params.n_threads = params.n_threads_batch = os.cpu_count() or 1
    for name, value in settings.items():
        setattr(params, name, value)
    context = llama.llama_init_from_model(model.pointer, params)
    if not context:
        return
    tokens = (ctypes.c_int32 * 32)(*range(100, 132))
    llama.llama_decode(context, llama.llama_batch_get_one(tokens, 32))
    try:
        while True:
            began = time.perf_counter()
            assert llama.llama_decode(context, llama.llama_batch_get_one(tokens, together)) == 0
            yield time.perf_counter() - began
    finally:
        llama.llama_free(context)


def variants(bundle: Path, others: dict[str, Path]) -> list[tuple[str, str, str]]:
    """Name, milliseconds a token, and their ratio to the first variant's, step by step."""
    file = bundle / read_manifest(bundle).language_model.file
    model, q8 = ModelWeights(file, None, ""), llama.GGML_TYPE_Q8_0
    loops = {
        "as it is": bare_loop(model),
        "one thread": bare_loop(model, n_threads=1, n_threads_batch=1),
        "cache of q8_0": bare_loop(
            model, type_k=q8, type_v=q8, flash_attn_type=llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
        ),
        "context of 1,024": bare_loop(model, n_ctx=1024),
        "pages of 4 KB": bare_loop(in_small_pages(file)),
    }
    for name, folder in others.items():
        other = ModelWeights(folder / read_manifest(folder).language_model.file, None, "")
        loops[name] = bare_loop(other)
    kept: dict[str, list[float]] = {name: [] for name in loops}
    for step in range(STEPS + 4):
        for name in (*list(loops)[step % len(loops) :], *list(loops)[: step % len(loops)]):
            if (seconds := next(loops[name], None)) is not None and step >= 4:
                kept[name].append(seconds)
    first = next(iter(kept.values()))
    return [
        (name, f"{1e3 * statistics.median(times):.1f}", f"{statistics.median(a / b for a, b in zip(times, first, strict=True)):.2f}")
        for name, times in kept.items() if times
    ]  # fmt: skip


def bandwidth() -> float:
    """Bytes per second that all cores read together."""
    return read_bandwidth(os.cpu_count() or 1)


def bound(weights: int, tokens: dict[str, Any], gives: list[float]) -> list[str]:
    """The memory's limit: real time at four levels is twenty tokens a second."""
    reached = weights * 1e3 / tokens["slice"]["token_ms"] / 1e9
    return [
        f"A token inside a block reads {weights / 1e9:.2f} GB: twenty a second are {20 * weights / 1e9:.1f} GB/s. "
        f"Memory bandwidth was {min(gives) / 1e9:.1f} to {max(gives) / 1e9:.1f} GB/s between the parts "
        f"of this run; kinetoken reached {reached:.1f}.", "",
    ]  # fmt: skip


def in_small_pages(file: Path) -> ModelWeights:
    """The same weights without large pages, as any other program has them."""
    asked = weights.ask_for_large_pages
    weights.ask_for_large_pages = lambda _: None
    try:
        return ModelWeights(file, None, "")
    finally:
        weights.ask_for_large_pages = asked


def bytes_of_token(bundle: Path) -> int:
    """Weights that a token inside a block reads."""
    manifest = read_manifest(bundle)
    return bytes_per_token(bundle, manifest, kinetoken.load(bundle).bundle.language_model)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--other", action="append", default=[], metavar="NAME=BUNDLE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=40, help="code frames of the block")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    if args.answer:
        return answer(str(args.bundle), args.answer)
    info = read_manifest(args.bundle).language_model
    gives = [bandwidth()]
    tokens = measure(args.bundle, args.frames)
    gives.append(bandwidth())
    full, auto = answers(args.bundle, args.rounds).values()
    gives.append(bandwidth())
    others = {
        name: Path(folder) for name, _, folder in (each.partition("=") for each in args.other)
    }
    tried = variants(args.bundle, others)
    gives.append(bandwidth())
    size = (args.bundle / info.file).stat().st_size
    load = os.getloadavg()[0]
    page = [
        *heading("A full-size model in real time", f"{info.architecture} "
                 f"{info.quantization}, {size / 1e9:.2f} GB, context {info.context}; "
                 f"load average at the end {load:.1f} (of this run alone: about 2)."),
        *table(("target", "asked", "reached", "met"), targets(tokens, full, size)),
        *table(
            ("loop", "a token, ms", "motion tokens/s"),
            [(name, f"{tokens[arm]['token_ms']:.1f}", f"{1e3 / tokens[arm]['token_ms']:.1f}")
             for name, arm in (("bare, whole head", "bare"), ("kinetoken, whole head", "full"), ("kinetoken, narrow head", "slice"))],
        ),
        f"Token by token the narrow head takes {100 * tokens['gain_over_bare']:.1f} % less than the bare "
        "loop (median of the ratios).", "",
        *table(
            ("answer", "first pose, s", "unavoidable, s", "RTF once it moves", "RTF of all", "peak, GB"),
            [(name, *(f"{a[key]:.2f}" for key in ("first_pose", "unavoidable", "rtf", "rtf_whole")), f"{a['peak'] / 1e9:.2f}")
             for name, a in (("--detail full", full), (f"--detail auto ({auto['detail']})", auto))],
        ),
        f"{full['prompt_tokens']:.0f} tokens of the prompt were new, {full['words']:.0f} words were said; "
        f"RTF once it moves, all levels: {full['least']:.2f} to {full['most']:.2f}.", "",
        *bound(bytes_of_token(args.bundle), tokens, gives),
        *table(("variant of the bare loop", "a token, ms", "times as long"), tried),
    ]  # fmt: skip
    write(
        args.out,
        page,
        {
            "tokens": tokens,
            "bandwidth": gives,
            "full": full,
            "auto": auto,
            "variants": tried,
            "size": size,
        },
    )
    return None


if __name__ == "__main__":
    main()
