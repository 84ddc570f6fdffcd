"""Measure a token in kinetoken and in other programs, on the same model.

    kinetoken export export/checkpoints/demo/lm --codec export/checkpoints/demo/codec -o DEMO \\
        --format gguf --quant q8_0
    GENAI/bin/python -m onnxruntime_genai.models.builder -i export/checkpoints/demo/lm \\
        -o GENAI_DEMO/int8 -p int8 -e cpu -c CACHE
    python benchmarks/lm_step.py --gguf DEMO [--onnx BUNDLE]
        [--checkpoint export/checkpoints/demo/lm]
        [--genai GENAI/bin/python --genai-model GENAI_DEMO/int8] [--ik NAME=IK/bin/python ...]
        [--openvino OV/bin/python --openvino-model OV_DEMO/int4] [--only NAME ...]
        [--rounds 5] [--quick] [-o benchmarks/results/lm_step]

In every round each way writes the same number of tokens once, in changing order. A way's time for
a token is the time of n tokens minus that of one, over n - 1, each the median of three, so the
prompt does not count. All ways use one model's weights, in the type that a column names; only ways
of one type compare engines. kinetoken's time includes grammar and sampler but not the codec;
"bare" is llama_decode with the whole head, reading its logits; ik_llama.cpp does the same, on the
same file. create_completion, transformers, onnxruntime-genai and OpenVINO sample among all tokens,
so what they write may not decode.

transformers, onnxruntime-genai, ik_llama.cpp and OpenVINO run in a process of their own each round
(lm_peers.py), timed token by token. transformers uses its own class and the checkpoint's own type,
as a model's own script does. onnxruntime-genai has its own Python and model folder
(genai_full_size.py makes one of a full-size model); its column is the folder's name. By default it
leaves cores idle (one of two), so it also runs with all. OpenVINO's folder is the one that
openvino_full_size.py makes; its column is that folder's name too. --only keeps the ways that it
names. With a 3B everything together takes 15 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from machine import asked, middle, spread
from report import bars, heading, table, write

import kinetoken
from kinetoken.bench.measure import TimedModel
from kinetoken.codec.decoder import TensorSession
from kinetoken.engines.threads import available_cores
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.generator import Generator

PROMPT: Final = "a person walks forward"
MOVES: Final = 'root ::= "<move>" frame{40,400} "</move>"\nframe ::= ' + " ".join(
    f'"<m_{q}_" [0-9]+ ">"' for q in range(4)
)
Way = Callable[[int], float]
"""Seconds for each of a number of tokens after the prompt."""
REPEATS: Final = 3
"""Repetitions for ways that subtract one run from another."""
NEEDS: Final = {"genai": "genai_model", "ik": "gguf", "openvino": "openvino_model"}
"""What each other engine needs."""
VERSION: Final = "import sys, importlib.metadata as m; print(sys.argv[1], m.version(sys.argv[1]))"
IK_SYSTEM: Final = """
import ctypes
from ik_llama_cpp import _internals
says = _internals.C._lib.llama_print_system_info
says.restype = ctypes.c_char_p
print(says().decode())
"""
PEERS: Final = Path(__file__).with_name("lm_peers.py")


def main() -> None:
    """Measure, print, write."""
    parser = options()
    args = asked(parser)
    for engine, needed in NEEDS.items():
        if getattr(args, engine) and not getattr(args, needed):
            parser.error(f"--{engine} needs --{needed.replace('_', '-')}")
    rounds, tokens = (2, 16) if args.quick else (args.rounds, args.tokens)
    ways, ids = all_ways(args)
    if unknown := [name for name in args.only or () if name not in ways]:
        parser.error(f"--only: expected some of {', '.join(ways)}; got {', '.join(unknown)}")
    ways = {name: ways[name] for name in args.only or ways}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 1):
        for name in map(str, np.roll(list(ways), round_)):
            seconds = ways[name][1](tokens)
            if round_:
                times[name].append(1000 * seconds)
    found = {
        name: middle({"ms": ms, "rate": 1000 / ms} for ms in values)
        for name, values in times.items()
    }
    rows = [
        (n, ways[n][0], spread(ms, "ms", ".3f"), f"{ms['rate']:.1f}") for n, ms in found.items()
    ]
    run = (
        f"{tokens} tokens after a prompt of {len(ids)}, medians of {rounds} rounds (least to most)"
    )
    said = ". ".join((run, *versions(args))) + "."
    lines = [
        *heading("A token of the language model", said, ""),
        *table(("way", "weights", "ms a token", "tokens/s"), rows),
    ]
    record = {
        "found": {n: {"weights": ways[n][0]} | ms for n, ms in found.items()},
        "rounds": times,
        "tokens": tokens,
    }
    drawing = bars({f"{n} ({ways[n][0]})": ms["ms"] for n, ms in found.items()}, "ms a token")
    write(args.out, lines, record, drawing)


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gguf", type=Path, help="a GGUF bundle")
    parser.add_argument("--onnx", type=Path, help="an ONNX bundle (default: the demo)")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="a folder for transformers generate, which has to be installed",
    )
    parser.add_argument("--genai", help="a Python with onnxruntime-genai")
    parser.add_argument(
        "--genai-model",
        type=Path,
        help="a folder that its builder made, named after the weights' type",
    )
    parser.add_argument(
        "--ik",
        nargs="+",
        type=named,
        metavar="NAME=PYTHON",
        help="Pythons with ik-llama-cpp-python, for the file of --gguf",
    )
    parser.add_argument("--openvino", help="a Python with openvino-genai")
    parser.add_argument(
        "--openvino-model",
        type=Path,
        help="a folder that optimum-cli exported, named after the weights' type",
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the ways to measure, by name")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    return parser


def all_ways(args: argparse.Namespace) -> tuple[dict[str, tuple[str, Way]], list[int]]:
    """Every way that can run, with its type of weights; and the prompt."""
    ways: dict[str, tuple[str, Way]] = {}
    onnx = open_bundle(args.onnx) if args.onnx else kinetoken.load().bundle
    gguf = open_bundle(args.gguf) if args.gguf else None
    ids = prompt_ids(gguf or onnx, PROMPT)
    ways["kinetoken, ONNX"] = onnx.manifest.language_model.quantization, runtime(onnx)
    if gguf:
        ways |= llama_ways(args.gguf, gguf)
    if args.checkpoint:
        dtype = dtype_of(args.checkpoint)
        ways["transformers generate"] = (
            dtype,
            peer_way(sys.executable, "transformers", args.checkpoint, ids, dtype),
        )
    ways |= {
        name: (weights, peer_way(python, peer, model, ids, str(threads)))
        for name, weights, python, peer, model, threads in other_engines(args, gguf)
    }
    return ways, ids


def named(text: str) -> tuple[str, str]:
    """The two sides of NAME=PYTHON."""
    name, _, python = text.partition("=")
    if not name or not python:
        raise argparse.ArgumentTypeError(f"expected NAME=PYTHON, got {text!r}")
    return name, python


def versions(args: argparse.Namespace) -> Iterator[str]:
    """Packages of the engines asked for; what the llama.cpps are compiled for."""
    if args.gguf:
        import llama_cpp as llama

        system = llama.llama_print_system_info().decode()
        yield f"llama-cpp-python {llama.__version__}: {instructions(system)}"
    for name, python in args.ik or ():
        version, system = answer(python, VERSION, "ik-llama-cpp-python"), answer(python, IK_SYSTEM)
        yield f"{version}, {name}: {instructions(system)}"
    for python, package in ((args.genai, "onnxruntime-genai"), (args.openvino, "openvino-genai")):
        if python:
            yield answer(python, VERSION, package)


def answer(python: str, code: str, *arguments: str) -> str:
    """What a program prints in another Python."""
    return subprocess.check_output([python, "-c", code, *arguments], text=True).strip()


def instructions(system: str) -> str:
    """The vector instructions in llama.cpp's account of itself."""
    return " ".join(re.findall(r"(AVX\w*|NEON) = 1", system))


def other_engines(
    args: argparse.Namespace, gguf: Bundle | None
) -> Iterator[tuple[str, str, str, str, Path, int]]:
    """Name, type of weights, Python, peer, model and threads of the engines asked for."""
    cores = available_cores()
    if args.genai and args.genai_model:
        given = args.genai_model.name, args.genai, "genai", args.genai_model
        yield "onnxruntime-genai", *given, 0
        yield "onnxruntime-genai, all cores", *given, cores
    if args.ik and gguf:
        lm = gguf.manifest.language_model
        for name, python in args.ik:
            yield f"ik_llama.cpp, {name}", lm.quantization, python, "ik", args.gguf / lm.file, cores
    if args.openvino and args.openvino_model:
        folder = args.openvino_model
        yield "OpenVINO", folder.name, args.openvino, "openvino", folder, 0


def runtime(bundle: Bundle) -> Way:
    """The runtime's own loop inside a block, from logits to logits, without the codec's time."""
    levels = len(bundle.manifest.motion.levels)

    def way(tokens: int) -> float:
        model, session = TimedModel(bundle.language_model), NotedSession(bundle.decoder.session)
        timed = replace(
            bundle, language_model=model, decoder=replace(bundle.decoder, session=session)
        )
        frames = -(-tokens // levels)
        for _ in Generator(timed).stream(
            PROMPT, code_frames=frames, thought="none", max_pause=0, seed=1
        ):
            pass
        first, last = model.ends[0], model.ends[-1]
        decoding = sum(
            end - began for began, end in session.calls if first <= began and end <= last
        )
        return (last - first - decoding) / (len(model.ends) - 1)

    return way


class NotedSession:
    """A graph that notes when each of its runs began and ended."""

    def __init__(self, session: TensorSession) -> None:
        self._session = session
        self.calls: list[tuple[float, float]] = []

    def run(self, value: Any) -> Any:
        """One forward pass."""
        began = time.perf_counter()
        found = self._session.run(value)
        self.calls.append((began, time.perf_counter()))
        return found


def beyond_first(took: Callable[[int], tuple[float, int]], tokens: int) -> float:
    """Seconds per token after the first; `took` gives seconds and tokens written."""
    runs = [(took(1), took(tokens)) for _ in range(REPEATS)]
    more = min(count for _, (_, count) in runs)
    assert 2 * more > tokens, f"only {more} of {tokens} tokens were written"
    one = statistics.median(seconds for (seconds, _), _ in runs)
    return statistics.median((seconds - one) / (count - 1) for _, (seconds, count) in runs)


def llama_ways(folder: Path, bundle: Bundle) -> dict[str, tuple[str, Way]]:
    """llama.cpp: the runtime, a bare loop, the wrapper's loop with and without grammar."""
    import llama_cpp as llama
    from llamacpp_overhead import bare_step

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

    @cache
    def wrapper() -> Any:
        return llama.Llama(
            str(folder / lm.file), n_ctx=lm.context, n_threads=model._threads, verbose=False, seed=1
        )

    grammar = llama.LlamaGrammar.from_string(MOVES, verbose=False)
    bias = dict.fromkeys(bundle.manifest.tokenizer.end_of_turn, -100.0)

    def completion(rules: Any) -> Way:
        options = {"temperature": 0.5, "logit_bias": bias, "grammar": rules}

        def took(tokens: int) -> tuple[float, int]:
            high = wrapper()
            high.reset()
            began = time.perf_counter()
            said = high.create_completion(ids, max_tokens=tokens, **options)
            return time.perf_counter() - began, said["usage"]["completion_tokens"]

        return lambda tokens: beyond_first(took, tokens)

    ways = {"kinetoken, llama.cpp": runtime(bundle), "bare llama_decode": bare,
            "create_completion": completion(None), "create_completion, GBNF": completion(grammar)}  # fmt: skip
    return {name: (lm.quantization, way) for name, way in ways.items()}


def dtype_of(checkpoint: Path) -> str:
    """The type of a checkpoint's weights, from its config."""
    config = json.loads((checkpoint / "config.json").read_text())
    whole = config.get("text_config", {}) | config
    return str(whole.get("dtype") or whole.get("torch_dtype") or "float32")


def peer_way(python: str, peer: str, model: Path, ids: list[int], option: str) -> Way:
    """A peer in a new process each round, with its own libraries and memory."""

    def way(tokens: int) -> float:
        command = [
            python,
            str(PEERS),
            peer,
            str(model),
            option,
            ",".join(map(str, ids)),
            str(tokens),
        ]
        return float(subprocess.check_output(command, text=True).split()[-1])

    return way


if __name__ == "__main__":
    main()
