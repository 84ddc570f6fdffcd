"""How long does a token take, beside everyone else on the same weights?

    kinetoken export export/checkpoints/demo/lm --codec export/checkpoints/demo/codec -o DEMO --format gguf --quant q8_0
    python benchmarks/lm_step.py --gguf DEMO [--onnx BUNDLE] [--checkpoint export/checkpoints/demo/lm] [--quick]
        [--genai PYTHON --genai-model FOLDER] [-o benchmarks/results/lm_step]

Every round, each way writes so many tokens once, the order changing from round to round. A way's time for a token is what n tokens
took less what one took, over n - 1: the prompt is no part of it. kinetoken's includes grammar and sampler; "bare" is llama_decode and
a look at its logits. create_completion and transformers sample among all tokens, and nothing keeps what they write decodable.
onnxruntime-genai runs in a Python and on a model folder of its own (`python -m onnxruntime_genai.models.builder`).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from report import bars, heading, table, write

import kinetoken
from kinetoken.bench.measure import TimedModel
from kinetoken.bundle import Bundle, open_bundle
from kinetoken.pipeline import Generator
from kinetoken.prompt import prompt_ids

PROMPT: Final = "a person walks forward"
MOVES: Final = 'root ::= "<move>" frame+ "</move>"\nframe ::= ' + " ".join(f'"<m_{q}_" [0-9]+ ">"' for q in range(4))
Way = Callable[[int], float]
"""Seconds for each of so many tokens behind the prompt."""
GENAI: Final = """
import sys, time
import onnxruntime_genai as og
model = og.Model(sys.argv[1])
ids = [int(i) for i in sys.argv[2].split(",")]
def took(n):
    params = og.GeneratorParams(model)
    params.set_search_options(max_length=len(ids) + n, min_length=len(ids) + n, do_sample=True, temperature=0.5)
    generator = og.Generator(model, params)
    began = time.perf_counter()
    generator.append_tokens(ids)
    for _ in range(n):
        generator.generate_next_token()
    return time.perf_counter() - began
took(4)
n = int(sys.argv[3])
print((took(n) - took(1)) / (n - 1))
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, help="a GGUF bundle")
    parser.add_argument("--onnx", type=Path, help="an ONNX bundle (default: the demo)")
    parser.add_argument("--checkpoint", type=Path, help="for transformers generate")
    parser.add_argument("--genai", help="a Python with onnxruntime-genai")
    parser.add_argument("--genai-model", help="a folder that its builder made")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    rounds, tokens = (2, 16) if args.quick else (args.rounds, args.tokens)
    ways, ids = all_ways(args)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 1):
        for name in map(str, np.roll(list(ways), round_)):
            seconds = ways[name](tokens)
            if round_:
                times[name].append(1000 * seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    rows = [
        (n, f"{ms:.3f}", f"{1000 / ms:.1f}", f"{min(times[n]):.3f} to {max(times[n]):.3f}") for n, ms in medians.items()
    ]
    lines = [
        *heading(
            "A token of the language model",
            f"{tokens} tokens behind a prompt of {len(ids)}, medians of {rounds} rounds.",
            "",
        ),
        *table(("way", "ms a token", "tokens/s", "from round to round, ms"), rows),
    ]
    record = {"ms": medians, "rounds": times, "tokens": tokens}
    write(args.out, lines, record, bars(medians, "ms a token"))


def all_ways(args: argparse.Namespace) -> tuple[dict[str, Way], list[int]]:
    """Every way for which there is something to run, and the prompt."""
    ways: dict[str, Way] = {}
    bundle = open_bundle(args.onnx) if args.onnx else kinetoken.load().parts
    ids = prompt_ids(bundle, PROMPT)
    ways["kinetoken, ONNX"] = runtime(bundle)
    if args.gguf:
        ways |= llama_ways(args.gguf)
    if args.checkpoint:
        ways["transformers generate"] = transformers_way(args.checkpoint, ids)
    if args.genai and args.genai_model:
        ways["onnxruntime-genai"] = genai_way(args.genai, args.genai_model, ids)
    return ways, ids


def runtime(bundle: Bundle) -> Way:
    """The runtime's own loop inside a block of motion, codec left out: from logits to logits, less what is decoded between."""
    levels = len(bundle.manifest.motion.levels)

    def way(tokens: int) -> float:
        from dataclasses import replace

        from kinetoken.bench.measure import TimedSession

        model, session = TimedModel(bundle.language_model), TimedSession(bundle.decoder.session)
        timed = replace(bundle, language_model=model, decoder=replace(bundle.decoder, session=session))
        frames = -(-tokens // levels)
        for _ in Generator(timed).stream(PROMPT, code_frames=frames, thought="none", max_pause=0, seed=1):
            pass
        return (model.ends[-1] - model.ends[0] - session.seconds) / (len(model.ends) - 1)

    return way


def llama_ways(folder: Path) -> dict[str, Way]:
    """llama.cpp: through the runtime, bare, and through the wrapper's own loop with and without a grammar."""
    import llama_cpp as llama
    from llamacpp_overhead import bare_step

    bundle = open_bundle(folder)
    model: Any = bundle.language_model
    ids = prompt_ids(bundle, PROMPT)
    first = bundle.manifest.motion.levels[0][0]

    def bare(tokens: int) -> float:
        model._rows, rows = None, model._rows  # the whole head, as anyone else has it
        run = model.start()
        model._rows = rows
        run.push(ids, (range(1),))
        return statistics.mean(bare_step(run, first)["token"] for _ in range(tokens))

    lm = bundle.manifest.language_model
    high = llama.Llama(str(folder / lm.file), n_ctx=lm.context, n_threads=model._threads, verbose=False, seed=1)
    grammar = llama.LlamaGrammar.from_string(MOVES, verbose=False)
    bias = dict.fromkeys(bundle.manifest.tokenizer.end_of_turn, -100.0)

    def took(tokens: int, rules: Any) -> tuple[float, int]:
        began = time.perf_counter()
        options = {"max_tokens": tokens, "temperature": 0.5, "logit_bias": bias, "grammar": rules}
        said = high.create_completion(ids, **options)
        return time.perf_counter() - began, said["usage"]["completion_tokens"]

    def completion(rules: Any) -> Way:
        def way(tokens: int) -> float:
            high.reset()
            one = took(1, rules)[0]
            high.reset()
            seconds, count = took(tokens, rules)
            return (seconds - one) / max(1, count - 1)

        return way

    return {"kinetoken, llama.cpp": runtime(bundle), "bare llama_decode": bare,
            "create_completion": completion(None), "create_completion, GBNF": completion(grammar)}  # fmt: skip


def transformers_way(checkpoint: Path, ids: list[int]) -> Way:
    """What a model's own script does."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    prompt = torch.tensor([ids])

    def took(tokens: int) -> float:
        began = time.perf_counter()
        with torch.no_grad():
            model.generate(
                prompt, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True, temperature=0.5, pad_token_id=0
            )
        return time.perf_counter() - began

    return lambda tokens: (took(tokens) - took(1)) / (tokens - 1)


def genai_way(python: str, folder: str, ids: list[int]) -> Way:
    """A process of its own: it brings another ONNX Runtime."""

    def way(tokens: int) -> float:
        command = [python, "-c", GENAI, folder, ",".join(map(str, ids)), str(tokens)]
        return float(subprocess.check_output(command, text=True).split()[-1])

    return way


if __name__ == "__main__":
    main()
