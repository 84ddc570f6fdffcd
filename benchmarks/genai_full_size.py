"""Make an onnxruntime-genai folder of any depth where its builder does not fit, for speed alone.

    python -m venv GENAI
    GENAI/bin/pip install torch==2.13.0 onnx onnx-ir transformers onnxruntime onnxruntime-genai
    python benchmarks/full_size_checkpoint.py --wheel dashscope-*.whl -o CHECKPOINT
    python benchmarks/genai_full_size.py CHECKPOINT --genai GENAI/bin/python -o FOLDER/int4

The builder holds all layers at once, 23 GB for a 3B. Here it gets a checkpoint of the first few
(`--layers`, 6 GB for two), and its graph is then grown to full depth: each further layer copies
one behind the first, with its own bytes in the data file, so that no two share a cache. The
answers are noise, as with any random weights; operators, shapes, types and bytes are those of the
full model.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import onnx
import torch
from machine import watched
from safetensors.torch import save_file

from kinetoken_export.checkpoint.tensors import Checkpoint, expected_tensors

LAYER: Final = re.compile(r"\b(layers|past_key_values|present)\.(\d+)\b")
"""Matches the layer in the builder's names; the norm after the last counts as one more."""
PAGE: Final = 4096
TEXT: Final = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
VISION: Final = ("vision_config", "rope_scaling")
OPTIONAL: Final = ("tokenizer_config.json", "generation_config.json")
SAYS: Final = """
import sys
import onnxruntime_genai as og
model = og.Model(sys.argv[1])
params = og.GeneratorParams(model)
params.set_search_options(max_length=12, min_length=12)
generator = og.Generator(model, params)
generator.append_tokens([1, 2, 3])
while not generator.is_done():
    generator.generate_next_token()
print([int(i) for i in generator.get_sequence(0)])
"""
Named = TypeVar("Named", onnx.NodeProto, onnx.TensorProto, onnx.ValueInfoProto)


def main() -> None:
    """Build, grow, check that it runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkpoint", type=Path, help="Qwen2 or Qwen2.5-VL, of which the language model is taken"
    )
    parser.add_argument(
        "--genai", required=True, help="a Python with onnxruntime-genai and what its builder needs"
    )
    parser.add_argument(
        "--layers", type=int, default=2, help="layers that the builder gets, at least 2"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="the model folder")
    args = parser.parse_args()
    source = Checkpoint(args.checkpoint)
    if not 2 <= args.layers <= source.shape.layers:
        parser.error(f"--layers: expected 2 to {source.shape.layers}, got {args.layers}")
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out.parent) as work:
        short, built = Path(work, "short"), Path(work, "built")
        write_short(source, args.layers, short)
        builder = [
            args.genai,
            "-m",
            "onnxruntime_genai.models.builder",
            "-i",
            str(short),
            "-o",
            str(built),
        ]
        ran = watched([*builder, "-p", "int4", "-e", "cpu", "-c", str(Path(work, "cache"))])
        print(
            f"{args.layers} layers built in {ran.seconds:.0f} s with {ran.peak / 1e9:.1f} GB at peak"
        )
        grow(built, args.layers, source.shape.layers, args.out)
    size = sum(path.stat().st_size for path in args.out.glob("model.onnx*"))
    print(f"{args.out}: {source.shape.layers} layers, {size / 1e9:.2f} GB")
    print(
        "says", subprocess.check_output([args.genai, "-c", SAYS, str(args.out)], text=True).strip()
    )


def write_short(source: Checkpoint, layers: int, folder: Path) -> None:
    """Write the first layers as a checkpoint, with what the builder needs beside them."""
    folder.mkdir()
    config = {
        key: value
        for key, value in (source.config | source.config.get("text_config", {})).items()
        if key not in VISION
    }
    (folder / "config.json").write_text(json.dumps(config | TEXT | {"num_hidden_layers": layers}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )
    for name in ("tokenizer.json", *OPTIONAL):
        if name not in OPTIONAL or (source.folder / name).is_file():
            shutil.copy(source.folder / name, folder)
    names = [
        name
        for name, _ in expected_tensors(source.architecture, replace(source.shape, layers=layers))
    ]
    tensors = {name: torch.from_numpy(source.tensor(name)).to(torch.bfloat16) for name in names}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def grow(built: Path, layers: int, wanted: int, out: Path) -> None:
    """Grow the folder `built` to `wanted` layers, replacing files of `out`."""
    model = onnx.load(str(built / "model.onnx"), load_external_data=False)
    graph = model.graph
    inner = [i for i, node in enumerate(graph.node) if layer_of(node.name) is not None]
    nodes = sorted(
        (place, i, node)
        for i, node in enumerate(graph.node)
        for place, node in repeated(
            [node], layers, wanted, outside=-1 if i < inner[0] else wanted + 1
        )
    )
    _set(graph.node, (node for _, _, node in nodes))
    for field in (graph.input, graph.output, graph.value_info):
        _set(field, (value for _, value in repeated(field, layers, wanted)))
    with (built / "model.onnx.data").open("rb") as old, (out / "model.onnx.data").open("wb") as new:
        tensors = [
            with_own_bytes(tensor, old, new)
            for _, tensor in repeated(graph.initializer, layers, wanted)
        ]
    _set(graph.initializer, tensors)
    for path in built.iterdir():
        if not path.name.startswith("model.onnx"):
            shutil.copy(path, out)
    (out / "model.onnx").write_bytes(model.SerializeToString())
    config = json.loads((out / "genai_config.json").read_text())
    config["model"]["decoder"]["num_hidden_layers"] = wanted
    (out / "genai_config.json").write_text(json.dumps(config, indent=1))


def layer_of(name: str) -> int | None:
    """The layer that a node or value belongs to; None outside the layers."""
    found = LAYER.search(name)
    return int(found[2]) if found else None


def repeated(
    things: Iterable[Named], layers: int, wanted: int, outside: int = -1
) -> Iterator[tuple[int, Named]]:
    """Each item once per copy in the grown graph, with its layer there (`outside` the layers)."""
    for thing in things:
        layer = layer_of(thing.name)
        if layer is None:
            yield (
                outside,
                moved(thing, wanted - layers),
            )  # the head reads what comes behind the last layer
            continue
        for place in places(layer, layers, wanted):
            yield place, moved(thing, place - layer)


def places(layer: int, layers: int, wanted: int) -> Iterable[int]:
    """Layers of the grown graph that copy this one, never the first or the last."""
    if layer == 0:
        return (0,)
    return (wanted,) if layer == layers else range(layer, wanted, layers - 1)


def moved(thing: Named, by: int) -> Named:
    """A copy some layers further on: its own names, and those it reads from the layer before."""

    def name(old: str) -> str:
        return LAYER.sub(lambda found: f"{found[1]}.{int(found[2]) + by}", old)

    copy = type(thing)()
    copy.CopyFrom(thing)
    copy.name = name(thing.name)
    if isinstance(copy, onnx.NodeProto):
        for field in (copy.input, copy.output):
            field[:] = [name(value) for value in field]
    return copy


def with_own_bytes(tensor: onnx.TensorProto, old: BinaryIO, new: BinaryIO) -> onnx.TensorProto:
    """A tensor with its values copied to the new data file; small ones stay in the graph."""
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    where = {entry.key: entry.value for entry in tensor.external_data}
    if where:
        new.seek(-new.tell() % PAGE, 1)
        old.seek(int(where["offset"]))
        where["offset"] = str(new.tell())
        new.write(old.read(int(where["length"])))
        _set(
            copy.external_data,
            (onnx.StringStringEntryProto(key=key, value=value) for key, value in where.items()),
        )
    return copy


def _set(field: Any, values: Iterable[Any]) -> None:
    """Replace the content of a repeated field."""
    kept = list(values)
    del field[:]
    field.extend(kept)


if __name__ == "__main__":
    main()
