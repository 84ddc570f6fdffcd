"""Measure how fast llama.cpp multiplies each type of weight at a 3B's widths, and its accuracy.

    python benchmarks/quant_speed.py [--types q4_k q4_0 ...] [--layers 8] [--work FOLDER]
        [-o benchmarks/results/quant_speed]

The model has a few layers of Qwen2.5-VL-3B's shape, random weights, every matrix in one type, and
a vocabulary of a thousand, so that only layers are measured; they far exceed the processor's
cache. All types write one token each in turn, in changing order. The time for 36 layers is scaled
from these. KL is the demo's in the type's recipe (results/quantizations.json).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import llama_cpp as llama
import numpy as np
from machine import asked
from real_time_3b import bandwidth, bare_loop
from report import bars, heading, table, write

from kinetoken.engines.llamacpp.context import ModelWeights

# Of Qwen2.5-VL-3B's language model.
WIDTH, INNER, HEADS, KV_HEADS, HEAD, LAYERS = 2048, 11008, 16, 2, 128, 36
WORDS: Final = 1024
F16, Q8_0 = 1, 8  # ggml's numbers of types
FILE_TYPES: Final = {
    "q4_k": 14, "q4_0": 2, "iq4_nl": 25, "mxfp4": 38, "iq4_xs": 30, "q4_1": 3, "q5_k": 16, "q6_k": 18, "q3_k": 11, "iq3_s": 26,
    "q2_k": 10, "q8_0": 7,
}  # fmt: skip
"""Type to llama.cpp's number of a file in that type alone."""
RECIPES: Final = {"q4_k": "q4_k_s", "q5_k": "q5_k_s", "q3_k": "q3_k_s"}
"""Recipes that consist mostly of a type and have another name."""
PARITY: Final = Path(__file__).parent / "results" / "quantizations.json"
STEPS, WARM = 40, 4


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--types", nargs="+", choices=FILE_TYPES, default=list(FILE_TYPES))
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument(
        "--work", type=Path, help="where files of together 6 GB are kept (default: nowhere)"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    layers, steps = (1, 8) if args.quick else (args.layers, STEPS)
    with ExitStack() as stack:
        folder = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files = quantized(folder, layers, args.types)
        sizes = {name: weights(path) for name, path in files.items()}
        gives = [bandwidth()]
        times = measure(files, steps)
        gives.append(bandwidth())
    found = {
        name: figures(sizes[name], layers, *both, times[next(iter(times))][0])
        for name, both in times.items()
    }
    said = (
        f"{layers} layers, {steps - WARM} tokens each in turn; "
        f"memory bandwidth {min(gives) / 1e9:.1f} to {max(gives) / 1e9:.1f} GB/s."
    )
    record = {"found": found, "bandwidth": gives, "layers": layers}
    drawing = bars({name: f["ms"] for name, f in found.items()}, "ms for the 36 layers of a 3B")
    write(
        args.out,
        [*heading("How fast each type of weight is", said, ""), *page(found)],
        record,
        drawing,
    )


def figures(
    size: int, layers: int, two: list[float], one: list[float], first: list[float]
) -> dict[str, float]:
    """Figures of one type; `first`: seconds by token of the type to compare with."""
    middle = statistics.median(two)
    return {
        "bits": 8 * size / numbers(layers), "ms": 1e3 * middle * LAYERS / layers,
        "times": statistics.median(a / b for a, b in zip(two, first, strict=True)),
        "gb_s": size / middle / 1e9, "one_thread": statistics.median(one) / middle,
    }  # fmt: skip


def page(found: dict[str, dict[str, float]]) -> list[str]:
    """The table, with each type's cost to the demo."""
    results = json.loads(PARITY.read_text())["results"]
    names = ("type", "bits", "ms for 36 layers", f"times {next(iter(found))}", "GB/s of weights", "one thread, times",
             "same best token, demo", "KL, demo")  # fmt: skip
    rows = []
    for name, f in found.items():
        cost = results.get(f"gguf/{RECIPES.get(name, name)}", {}).get("parity", {}).get("motion")
        lost = (f"{100 * cost['top1']:.1f} %", f"{cost['kl_mean']:.2g}") if cost else ("", "")
        speed = (
            f"{f['bits']:.2f}",
            f"{f['ms']:.1f}",
            f"{f['times']:.2f}",
            f"{f['gb_s']:.1f}",
            f"{f['one_thread']:.2f}",
        )
        rows.append((name, *speed, *lost))
    return table(names, rows)


def measure(files: dict[str, Path], steps: int) -> dict[str, tuple[list[float], list[float]]]:
    """Seconds of each token with all cores, and with one thread, by type."""
    models = {name: ModelWeights(path, None, "") for name, path in files.items()}
    loops = {
        (name, threads): bare_loop(model, n_threads=threads, n_threads_batch=threads)
        for name, model in models.items() for threads in (os.cpu_count() or 1, 1)
    }  # fmt: skip
    spent: dict[tuple[str, int], list[float]] = {key: [] for key in loops}
    for step in range(steps):
        for key in turned(list(loops), step):
            next(
                loops[key]
            )  # the other types' weights have left the cache: this one's code and activations come back
            seconds = next(loops[key])
            if step >= WARM:
                spent[key].append(seconds)
    return {name: (spent[name, os.cpu_count() or 1], spent[name, 1]) for name in models}


_Key = TypeVar("_Key")


def turned(keys: list[_Key], step: int) -> Iterator[_Key]:
    """The keys, rotated by one at each step."""
    at = step % len(keys)
    yield from keys[at:] + keys[:at]


def quantized(folder: Path, layers: int, names: list[str]) -> dict[str, Path]:
    """Write one file of each type; keep existing ones."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"f16_{layers}.gguf"
    found = {name: folder / f"{name}_{layers}.gguf" for name in names}
    if not all(path.is_file() for path in found.values()):
        write_source(source, layers)
    for name, path in found.items():
        if not path.is_file():
            quantize(source, path, name)
    source.unlink(missing_ok=True)
    return found


def quantize(source: Path, path: Path, name: str) -> None:
    """Write a file with all matrices in one type."""
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.pure, params.nthread = FILE_TYPES[name], True, os.cpu_count() or 1
    params.output_tensor_type = params.token_embedding_type = Q8_0
    part = path.with_suffix(".part")
    status = llama.llama_model_quantize(
        os.fsencode(source), os.fsencode(part), ctypes.byref(params)
    )
    assert status == 0, name
    part.rename(path)


def matrices(inner: int = INNER) -> dict[str, tuple[int, int]]:
    """Rows and columns of a layer's matrices; `inner`: width of its feed-forward part."""
    keys = KV_HEADS * HEAD
    return {
        "attn_q": (WIDTH, WIDTH), "attn_k": (keys, WIDTH), "attn_v": (keys, WIDTH), "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (inner, WIDTH), "ffn_up": (inner, WIDTH), "ffn_down": (WIDTH, inner),
    }  # fmt: skip


def numbers(layers: int) -> int:
    """The number of weights in some layers."""
    return layers * sum(rows * columns for rows, columns in matrices().values())


def weights(path: Path) -> int:
    """Bytes of the layers' matrices."""
    from gguf import GGUFReader

    return sum(
        int(t.n_bytes)
        for t in GGUFReader(path).tensors
        if t.name.startswith("blk.") and len(t.shape) == 2
    )


def write_source(path: Path, layers: int, inner: int = INNER) -> None:
    """Write the layers in half precision; all have the same values, stored separately."""
    from gguf import GGUFWriter

    writer, random = GGUFWriter(path, "qwen2"), np.random.default_rng(0)
    for add, value in (
        (writer.add_block_count, layers), (writer.add_context_length, 4096), (writer.add_embedding_length, WIDTH),
        (writer.add_feed_forward_length, inner), (writer.add_head_count, HEADS), (writer.add_head_count_kv, KV_HEADS),
        (writer.add_rope_freq_base, 1e6), (writer.add_layer_norm_rms_eps, 1e-6), (writer.add_vocab_size, WORDS),
        (writer.add_file_type, F16), (writer.add_tokenizer_model, "none"),
    ):  # fmt: skip
        add(value)  # type: ignore[operator]
    drawn: dict[str, Any] = {
        name: (0.02 * random.standard_normal(shape, np.float32)).astype(np.float16)
        for name, shape in matrices(inner).items()
    }
    writer.add_tensor(
        "token_embd.weight", (0.02 * random.standard_normal((WORDS, WIDTH))).astype(np.float16)
    )
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(layers):
        for name, values in drawn.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", values)
        for name in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(f"blk.{layer}.{name}.bias", np.zeros(len(drawn[name]), np.float32))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
