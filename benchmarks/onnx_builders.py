"""Compare the fused graph with onnxruntime-genai's: speed, and the cost of making it.

    python -m venv GENAI
    GENAI/bin/pip install torch onnx onnx-ir transformers onnxruntime onnxruntime-genai
    python benchmarks/onnx_builders.py --genai GENAI/bin/python --work FOLDER
        -o benchmarks/results/onnx_builders

Both export the same Qwen2.5-0.5B of true shape, with random weights and the motion vocabulary,
each in a process of its own. Both graphs then run in one process, in the same ONNX Runtime with
the same options, one token each in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import onnxruntime as ort
import torch
from machine import describe, watched
from safetensors.torch import save_file
from tokenizers import Tokenizer, models

from kinetoken.engines.onnx.graph_base import cache_names
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.engines.onnx.session import open_ort_session
from kinetoken.manifest.architectures import QWEN2
from kinetoken.manifest.schema import HeadInfo, LanguageModelInfo, MotionInfo
from kinetoken.tokens.allowed_ids import take_allowed
from kinetoken_export.checkpoint.config.rope import Rope
from kinetoken_export.checkpoint.model_shape import LanguageModelShape
from kinetoken_export.checkpoint.tensors import expected_tensors

Result = TypeVar("Result")
MOTION: Final = MotionInfo(
    151665, 151666, tuple((151667 + 1024 * q, 151667 + 1024 * (q + 1)) for q in range(4))
)
VOCAB: Final = MOTION.levels[-1][1]
CONTEXT: Final = 2048
PROMPT: Final = 64
CONFIG: Final[dict[str, Any]] = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "torch_dtype": "bfloat16", "hidden_size": 896,
    "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": VOCAB,
    "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": True,
    "hidden_act": "silu", "bos_token_id": 151643, "eos_token_id": 151645, "use_sliding_window": False, "use_cache": True,
}  # fmt: skip
SHAPE: Final = LanguageModelShape(
    24, 896, 4864, 14, 2, VOCAB, 64, CONTEXT, Rope(1e6), 1e-6, tied=True
)

OURS: Final = """
import json, sys, time
from dataclasses import asdict
from pathlib import Path
from kinetoken.manifest.schema import MotionInfo
from kinetoken_export.checkpoint.tensors import Checkpoint
from kinetoken_export.onnx.language_model import export_language_model
from kinetoken_export.onnx.recipes import ONNX_RECIPES
source, out, recipe, motion = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
info = export_language_model(Checkpoint(source), ONNX_RECIPES[recipe], out, MotionInfo(motion[0], motion[1], tuple(map(tuple, motion[2]))))
(out / "info.json").write_text(json.dumps(asdict(info)))
"""


def main() -> None:
    """Export, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--genai", required=True, help="a Python with onnxruntime-genai and what its builder needs"
    )
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the checkpoint and both exports, 3 GB"
    )
    parser.add_argument("--rounds", type=int, default=40, help="tokens per graph")
    parser.add_argument(
        "--repeats",
        type=int,
        default=6,
        help="processes, each with its own luck of where weights lie",
    )
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    checkpoint = fresh(write_checkpoint, args.work / "checkpoint")
    exports = {
        "kinetoken int4": export_ours(checkpoint, args.work, "int4"),
        "kinetoken int4_mixed": export_ours(checkpoint, args.work, "int4_mixed"),
        "genai builder int4": export_genai(checkpoint, args.work / "genai", args.genai),
    }
    record = {"machine": describe(), "command": " ".join(sys.argv), "exports": exports}
    found = [fresh(measure, args.work, args.rounds, bool(turn % 2)) for turn in range(args.repeats)]
    record["milliseconds"] = {
        name: {what: statistics.median(times[name][what] for times in found) for what in kinds}
        for name, kinds in found[0].items()
    }
    report = table(record, args.repeats, args.rounds)
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def fresh(work: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def write_checkpoint(folder: Path) -> Path:
    """Random weights as an untrained model has them; a folder that is complete is kept."""
    if (folder / "model.safetensors").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])).save(
        str(folder / "tokenizer.json")
    )
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )
    stream, tensors = torch.Generator().manual_seed(0), {}
    for name, dims in expected_tensors(QWEN2, SHAPE):
        drawn = torch.randn(dims, generator=stream).mul_(0.02)
        tensors[name] = (torch.ones(dims) if "norm" in name else drawn).to(torch.bfloat16)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def export_ours(checkpoint: Path, work: Path, recipe: str) -> dict[str, float]:
    """Export with kinetoken: seconds, peak memory, size."""
    out = work / recipe
    out.mkdir(exist_ok=True)
    motion = json.dumps([MOTION.move_start, MOTION.move_end, MOTION.levels])
    return timed([sys.executable, "-c", OURS, str(checkpoint), str(out), recipe, motion], out)


def export_genai(checkpoint: Path, out: Path, python: str) -> dict[str, float]:
    """Export with onnxruntime-genai's builder and its defaults for processors."""
    builder = [
        python,
        "-m",
        "onnxruntime_genai.models.builder",
        "-i",
        str(checkpoint),
        "-o",
        str(out),
    ]
    return timed([*builder, "-p", "int4", "-e", "cpu", "-c", str(out) + ".cache"], out)


def timed(command: list[str], out: Path) -> dict[str, float]:
    """Run a process: its figures, and what its folder contains afterwards."""
    ran = watched(command)
    files = [path for path in out.iterdir() if ".onnx" in path.name or path.suffix == ".data"]
    size = sum(path.stat().st_size for path in files)
    return {"seconds": ran.seconds, "peak_mb": ran.peak / 2**20, "size_mb": size / 1e6}


def measure(work: Path, rounds: int, backwards: bool) -> dict[str, dict[str, float]]:
    """Median milliseconds after a prompt, by graph and by what comes next; graphs take turns."""
    openers: dict[str, Callable[[], Any]] = {
        "kinetoken int4": lambda: open_ours(work / "int4").start(),
        "kinetoken int4_mixed": lambda: open_ours(work / "int4_mixed").start(),
        "genai builder int4": lambda: GenaiRun(work / "genai" / "model.onnx"),
    }
    runs = {name: openers[name]() for name in sorted(openers, reverse=backwards)}
    words, codes = (
        (range(151643), range(151645, 151646), range(151665, 151666)),
        (range(*MOTION.levels[1]),),
    )
    prompt = np.random.default_rng(0).integers(0, 151643, PROMPT).tolist()
    times: dict[str, dict[str, list[float]]] = {
        name: {"prompt": [seconds(run, prompt, words)]} for name, run in runs.items()
    }
    for step in range(rounds):
        for name, run in runs.items():
            for what, allowed in (("motion token", codes), ("word", words)):
                times[name].setdefault(what, []).append(seconds(run, [1000 + step], allowed))
    return {
        name: {what: 1000 * statistics.median(spent) for what, spent in kinds.items()}
        for name, kinds in times.items()
    }


def seconds(run: Any, ids: Sequence[int], allowed: tuple[range, ...]) -> float:
    """Seconds of one push."""
    began = time.perf_counter()
    run.push(ids, allowed)
    return time.perf_counter() - began


def open_ours(folder: Path) -> OnnxLanguageModel:
    """kinetoken's export, opened as in a bundle."""
    info = json.loads((folder / "info.json").read_text())
    info["heads"] = tuple(HeadInfo(head["file"], tuple(head["ids"])) for head in info["heads"])
    return OnnxLanguageModel(folder / info["file"], LanguageModelInfo(**info))


class GenaiRun:
    """The builder's graph in plain ONNX Runtime, its cache bound in place like kinetoken's."""

    def __init__(self, path: Path) -> None:
        self._session = open_ort_session(path)
        self._binding = self._session.io_binding()
        self._length = 0
        layers, shape = SHAPE.layers, (1, SHAPE.kv_heads, CONTEXT, SHAPE.head_dim)
        self._cache = [
            ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32)) for _ in range(2 * layers)
        ]
        names = zip(
            cache_names("past_key_values", layers),
            cache_names("present", layers),
            self._cache,
            strict=True,
        )
        for past, present, value in names:
            self._binding.bind_ortvalue_input(past, value)
            self._binding.bind_ortvalue_output(present, value)
        self._wanted = {value.name for value in self._session.get_inputs()}

    def push(self, ids: Sequence[int], allowed: tuple[range, ...]) -> np.ndarray[Any, Any]:
        """Feed tokens; return the allowed next ids' logits, though the graph computes all."""
        self._length += len(ids)
        feeds = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, self._length), np.int64),
            "position_ids": np.arange(self._length - len(ids), self._length, dtype=np.int64)[None],
        }
        for name in self._wanted & feeds.keys():
            self._binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(feeds[name]))
        self._binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(self._binding)
        row: np.ndarray[Any, Any] = self._binding.get_outputs()[-1].numpy()[0, -1]
        assert row.shape == (VOCAB,)
        return take_allowed(row, allowed)


def table(record: dict[str, Any], repeats: int, rounds: int) -> str:
    """The report in Markdown."""
    lines = [
        "# The fused graph beside onnxruntime-genai's builder",
        "",
        f"{record['machine']}. `python {record['command']}`; Qwen2.5-0.5B's shape, vocabulary "
        f"{VOCAB:,}, random weights. Medians of {repeats} processes of {rounds} tokens after a prompt "
        f"of {PROMPT}, the graphs in turn, with the same ONNX Runtime and options.",
        "",
        "| export | seconds | peak memory, MB | size, MB | prompt, ms | word, ms | motion token, ms | motion tokens/s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, made in record["exports"].items():
        ms = record["milliseconds"][name]
        lines.append(
            f"| {name} | {made['seconds']:.0f} | {made['peak_mb']:.0f} | {made['size_mb']:.0f} | {ms['prompt']:.0f} "
            f"| {ms['word']:.1f} | {ms['motion token']:.1f} | {1000 / ms['motion token']:.0f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            "Inside a block, kinetoken's body is followed by the head of one level, 1,024 rows.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
