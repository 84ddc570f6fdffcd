"""Measure what kinetoken adds to llama.cpp's time, and what the narrow head saves.

    kinetoken export export/checkpoints/demo/lm --codec export/checkpoints/demo/codec -o DEMO \\
        --format gguf --quant q8_0
    python benchmarks/llamacpp_overhead.py DEMO [BUNDLE ...] -o benchmarks/results/llamacpp_overhead

Three runs of one GGUF bundle write the same block of motion, one token each in turn, in an order
that changes from token to token:

- bare: llama_decode and reading its logits, nothing else; the tokens are given;
- full: the runtime's own loop (allowed ids, logits, sampler, grammar) with llama.cpp's whole head;
- slice: the same loop, with the graph stopped at the hidden state and only the allowed rows
  multiplied, whatever the size of the head.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import llama_cpp as llama
import numpy as np
from machine import describe

from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel, LlamaCppRun
from kinetoken.engines.llamacpp.narrow_head import HEAD_VARIABLE
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.generation.options import GenerateOptions
from kinetoken.generation.request_grammar import request_grammar
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.tokens.allowed_ids import nth_allowed
from kinetoken.tokens.vocabulary import Vocabulary

ARMS: Final = ("bare", "full", "slice")
WARM: Final = 8  # tokens that are not counted
SEED: Final = 1
PROMPT: Final = "a person walks forward"


class Clock:
    """Seconds that the last call of a function took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed by a plain wrapper that adds little."""
        now = time.perf_counter

        def timed(*arguments: Any) -> Any:
            began = now()
            result = function(*arguments)
            self.seconds = now() - began
            return result

        return timed


class Arm:
    """One run with clocks in it."""

    def __init__(self, model: LlamaCppLanguageModel, folder: Path, frames: int) -> None:
        manifest = read_manifest(folder)
        options = GenerateOptions(code_frames=frames, thought="none", seed=SEED)
        self.prompt = HfTokenizer(folder / manifest.tokenizer.file).encode_text(PROMPT)
        self.run: Any = model.start()
        self.cursor = request_grammar(
            options, manifest, Vocabulary.of(manifest), len(self.prompt)
        ).start()
        self.chooser = options.sampler(manifest).start(SEED)
        self.decode, self.product = Clock(), Clock()
        self.run._decode = self.decode.around(self.run._decode)
        if self.run.head is not None:
            self.run.head.logits = self.product.around(self.run.head.logits)

    def step(self, fed: list[int]) -> tuple[int, dict[str, float]]:
        """The next token after `fed`, and its seconds."""
        self.product.seconds = 0.0
        began = time.perf_counter()
        allowed = self.cursor.allowed
        token = nth_allowed(allowed, self.chooser.pick(self.run.push(fed, allowed)))
        self.cursor.accept(token)
        whole = time.perf_counter() - began
        return token, {
            "token": whole,
            "decode": self.decode.seconds,
            "product": self.product.seconds,
        }


def bare_step(run: Any, token: int) -> dict[str, float]:
    """llama.cpp alone."""
    run._hold(run._length + 1)
    run._tokens[0], run._positions[0], run._batch.n_tokens = token, run._length, 1
    run._length += 1
    began = time.perf_counter()
    status = llama.llama_decode(run.context.pointer, run._batch)
    decoded = time.perf_counter()
    pointer = llama.llama_get_logits_ith(run.context.pointer, -1)
    whole = time.perf_counter() - began
    assert status == 0
    assert pointer
    return {"token": whole, "decode": decoded - began, "product": 0.0}


def measure(folder: Path, frames: int) -> dict[str, Any]:
    """Seconds of every token of every arm, and of words."""
    models = load(folder)
    bare: LlamaCppRun = models["full"].start()
    arms = {head: Arm(model, folder, frames) for head, model in models.items()}
    prompt = arms["full"].prompt
    firsts = {head: arm.step(prompt)[0] for head, arm in arms.items()}
    bare.push(prompt, (range(1),))
    token, kept, stopped = firsts["full"], {arm: list[dict[str, float]]() for arm in ARMS}, 0
    for index in range(len(arms["full"].cursor._grammar.vocabulary.levels) * frames):
        chosen = {}
        for arm in np.roll(ARMS, index):
            if arm == "bare":
                kept[arm].append(bare_step(bare, token))
            else:
                chosen[arm], seconds = arms[arm].step([token])
                kept[arm].append(seconds)
        assert chosen["full"] == chosen["slice"], "same draws, same tokens"
        token = chosen["full"]
        stopped += arms["slice"].run.head.stopper.stopped()
    counts = {
        "tokens": index + 1 - WARM,
        "stopped": stopped,
        "vocabulary": models["full"].info.vocab_size,
    }
    return summary(kept) | counts


def summary(kept: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians; gains token by token, so that passing slowdowns of all three cancel out."""
    series = {
        arm: {key: np.array([row[key] for row in rows[WARM:]]) for key in rows[0]}
        for arm, rows in kept.items()
    }
    result: dict[str, Any] = {}
    for arm, rows in series.items():
        outside = rows["token"] - rows["decode"]
        result[arm] = {
            "token_ms": 1e3 * float(np.median(rows["token"])), "decode_ms": 1e3 * float(np.median(rows["decode"])),
            "outside_us": 1e6 * float(np.median(outside)), "product_us": 1e6 * float(np.median(rows["product"])),
        }  # fmt: skip
    for against in ("bare", "full"):
        saved = 1 - series["slice"]["token"] / series[against]["token"]
        result[f"gain_over_{against}"] = float(np.median(saved))
    return result


def load(folder: Path) -> dict[str, LlamaCppLanguageModel]:
    """The bundle's model with one head and the other, over the same weights in memory."""
    os.environ[HEAD_VARIABLE] = "slice"
    info = read_manifest(folder).language_model
    narrow = LlamaCppLanguageModel(folder / info.file, info)
    whole = copy.copy(narrow)
    whole._rows = None
    return {"full": whole, "slice": narrow}


def table(results: dict[str, dict[str, Any]], frames: int) -> str:
    """The report in Markdown."""
    lines = [
        "# What kinetoken adds to llama.cpp, and what the narrow head saves", "",
        f"{describe()}, llama-cpp-python {metadata.version('llama-cpp-python')}. "
        "`python benchmarks/llamacpp_overhead.py BUNDLE ... "
        f"-o benchmarks/results/llamacpp_overhead`; {frames} code frames of four levels in one block, "
        "all runs one token each in turn; medians.", "",
        "| bundle | vocabulary | run | a token, ms | motion tokens/s | in llama_decode, ms | outside it, us | the rows in it, us |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, result in results.items():
        for arm in ARMS if is_cut(result) else ARMS[:2]:
            row = result[arm]
            rows = f"{row['product_us']:.0f}" if arm == "slice" else ""
            lines.append(
                f"| {name} | {result['vocabulary']:,} | {arm} | {row['token_ms']:.2f} | {1e3 / row['token_ms']:.1f} "
                f"| {row['decode_ms']:.2f} | {row['outside_us']:.0f} | {rows} |"
            )
    return "\n".join([*lines, "", *(remark(name, result) for name, result in results.items()), ""])


def is_cut(result: dict[str, Any]) -> bool:
    """True if the head was cut at most tokens."""
    return 2 * int(result["stopped"]) > int(result["tokens"])


def remark(name: str, result: dict[str, Any]) -> str:
    """The gain from the slice."""
    if not is_cut(result):
        return (
            f"- {name}: a level is more than an eighth of its vocabulary, so its head is never cut."
        )
    return (
        f"- {name}: with the slice a token takes {100 * result['gain_over_full']:.1f} % less than "
        f"with the full head, and {100 * result['gain_over_bare']:.1f} % less than in the bare loop "
        "(median of the ratios, token by token). Same seed, same tokens in both."
    )


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "bundles", type=Path, nargs="+", help="GGUF bundles, as NAME=FOLDER or FOLDER"
    )
    parser.add_argument("--frames", type=int, default=50, help="code frames in the block")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    results = {}
    for given in map(str, args.bundles):
        name, _, folder = given.rpartition("=")
        results[name or Path(folder).name] = measure(Path(folder), args.frames)
    report = table(results, args.frames)
    print(report)
    if args.out:
        record = {"machine": describe(), "command": " ".join(sys.argv), "results": results}
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
