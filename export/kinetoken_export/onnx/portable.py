"""A language model through optimum: plain ONNX operators, where fused ones are not available.

The language model of a vision-language checkpoint is taken out as a text model: for text alone its
rotary positions are the same. Optimum holds the whole model in float32 a few times over; the fused
graph needs neither that memory nor that time.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kinetoken.base.errors import FormatError, InputError, MissingPackageError
from kinetoken.cli.terminal import progress
from kinetoken.manifest.architectures import QWEN2
from kinetoken.manifest.schema import LanguageModelInfo

from ..checkpoint.tensors import TensorSource, expected_tensors
from .language_model import DATA_FILE, GRAPH_FILE

PORTABLE_PRECISIONS: Final = ("fp32", "fp16", "int8")
_TASK: Final = "text-generation-with-past"
_MOST_IN_HALF: Final = 1e4  # the converter cuts off what is larger
_LARGE: Final = 1024  # bytes of a tensor that is weights rather than a shape
_PRECISE: Final = ("layernorm/", "/norm/", "rotary_emb/")
"""In names of nodes that need single precision: they square activations or turn by positions."""


def export_portable(
    source: TensorSource, precision: str, folder: Path, *, context: int | None = None
) -> LanguageModelInfo:
    """Write the graph and its weights into `folder` and return the manifest entry.

    `precision` is one of PORTABLE_PRECISIONS: fp16 halves weights, activations and cache; int8
    rounds weights, and activations as they come. MissingPackageError without optimum-onnx,
    InputError for a context that the model does not know.
    """
    require_optimum()
    if precision not in PORTABLE_PRECISIONS:
        raise InputError(
            f"expected a precision out of {', '.join(PORTABLE_PRECISIONS)}, got {precision}"
        )
    shape = source.shape
    context = shape.context if context is None else context
    if not 1 <= context <= shape.context:
        raise InputError(
            f"expected a context of 1 to {shape.context} tokens, got {context}: this model knows "
            "no more positions"
        )
    check_portable_computes(source, context)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".portable.") as name:
        work = Path(name)
        most = _MOST_IN_HALF if precision == "fp16" else None
        write_text_checkpoint(source, work / "text", most)
        path = _traced(work / "text", work / "traced")
        model = {"fp32": _single, "fp16": _halved, "int8": _integers}[precision](path)
        (folder / DATA_FILE).unlink(missing_ok=True)  # onnx would append to it
        onnx.save_model(
            model,
            folder / GRAPH_FILE,
            save_as_external_data=True,
            location=DATA_FILE,
            size_threshold=_LARGE,
        )
    return LanguageModelInfo(
        "onnx",
        GRAPH_FILE,
        source.architecture.name,
        shape.layers,
        shape.kv_heads,
        shape.head_dim,
        shape.vocab_size,
        context,
        precision,
        graph="portable",
    )


def check_portable_computes(source: TensorSource, context: int) -> None:
    """FormatError for what has not been tried with portable graphs."""
    if source.architecture.text_class != QWEN2.text_class:
        raise FormatError(
            f"a portable graph of {source.architecture.name} has not been tried: give --graph fused"
        )
    kind, window = source.shape.rope.kind, source.shape.smallest_window(context)
    if kind != "default":
        raise FormatError(
            f"positions of type {kind!r} are not computed in portable graphs: give --graph fused"
        )
    if window is not None:
        raise FormatError(
            f"a sliding window of {window} tokens is not computed in portable graphs: "
            f"give --context {window}, which it does not affect, or --graph fused"
        )


def require_optimum() -> None:
    """Raise MissingPackageError unless optimum's exporter is installed."""
    found = importlib.util.find_spec("optimum") and importlib.util.find_spec(
        "optimum.exporters.onnx"
    )
    if not found:
        raise MissingPackageError("optimum-onnx", "portable")


def write_text_checkpoint(source: TensorSource, folder: Path, most: float | None = None) -> None:
    """Write the language model as a float32 checkpoint of its own.

    One shard a layer, so that memory holds one layer. FormatError for a weight above `most`.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(_config(source)), encoding="utf-8")
    shards: dict[str, list[str]] = {}
    for name, _ in expected_tensors(source.architecture, source.shape):
        layer = name.split(".")[2] if ".layers." in name else "rest"
        shards.setdefault(f"{layer}.safetensors", []).append(name)
    for shard, names in progress(shards.items(), "checkpoint for optimum"):
        tensors = {name: source.tensor(name) for name in names}
        for name, tensor in tensors.items():
            if most is not None and np.abs(tensor).max() > most:
                raise FormatError(
                    f"{name}: expected weights up to {most:g} in float16, got "
                    f"{np.abs(tensor).max():g}: choose --quant fp32 or int8"
                )
        save_file(tensors, folder / shard, {"format": "pt"})
    places = {name: shard for shard, names in shards.items() for name in names}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places})
    )


def _config(source: TensorSource) -> dict[str, Any]:
    entry, shape = source.architecture, source.shape
    return {
        "architectures": [entry.text_class],
        "model_type": entry.text_model_type,
        "hidden_act": entry.activation,
        "torch_dtype": "float32",
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rope.theta,
        "rms_norm_eps": shape.norm_eps,
        "tie_word_embeddings": shape.tied,
        "use_sliding_window": False,
    }


def _traced(checkpoint: Path, out: Path) -> Path:
    """Write optimum's graph with its head cut to the last position.

    Files pass between the steps, so that memory holds one copy of the weights.
    """
    from optimum.exporters.onnx import main_export

    with _quiet():
        main_export(
            str(checkpoint), output=out, task=_TASK, device="cpu", dtype="fp32", do_validation=False
        )
    path = out / "cut.onnx"
    model = _last_position(onnx.load(out / "model.onnx"))
    onnx.save_model(
        model, path, save_as_external_data=True, location="cut.data", size_threshold=_LARGE
    )
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the tracer's remarks about the exporter's own code."""
    from transformers.utils import logging as chatter

    before, bars, switches = (
        logging.root.manager.disable,
        chatter.is_progress_bar_enabled(),
        cast(Any, chatter),
    )
    logging.disable(logging.ERROR)
    switches.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if bars:
            switches.enable_progress_bar()


def _last_position(model: onnx.ModelProto) -> onnx.ModelProto:
    """Compute logits of the last position only: the head of a long prompt is most of its cost."""
    graph = model.graph
    head = _head(graph)
    for name, value in (("starts", -1), ("ends", 2**62), ("axes", 1)):
        graph.initializer.append(
            numpy_helper.from_array(np.array([value], np.int64), f"last.{name}")
        )
    cut = helper.make_node(
        "Slice", [head.input[0], "last.starts", "last.ends", "last.axes"], ["last"], name="last"
    )
    graph.node.insert(list(graph.node).index(head), cut)
    head.input[0] = "last"
    logits = next(output for output in graph.output if output.name == "logits")
    logits.type.tensor_type.shape.dim[1].Clear()
    logits.type.tensor_type.shape.dim[1].dim_value = 1
    return model


def _head(graph: onnx.GraphProto) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in graph.node if "logits" in node.output)
    return found


def _single(path: Path) -> onnx.ModelProto:
    return _tied(onnx.load(path))


def _tied(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store a tied embedding once: the tracer keeps it a second time, transposed for the head."""
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    head = _head(graph)
    rows = _embedding(graph, tensors)
    weight = tensors.get(head.input[1])
    if (
        head.op_type != "MatMul"
        or rows is None
        or weight is None
        or list(weight.dims) != [rows.dims[1], rows.dims[0]]
    ):
        return model
    if not np.array_equal(numpy_helper.to_array(weight).T, numpy_helper.to_array(rows)):
        return model
    flat, back = (np.array(dims, np.int64) for dims in ((-1, rows.dims[1]), (1, -1, rows.dims[0])))
    graph.initializer.extend(
        [numpy_helper.from_array(flat, "head.flat"), numpy_helper.from_array(back, "head.back")]
    )
    at = list(graph.node).index(head)
    del graph.node[at]
    for node in reversed((
        helper.make_node("Reshape", [head.input[0], "head.flat"], ["head.in"], name="head.in"),
        helper.make_node("Gemm", ["head.in", rows.name], ["head.out"], name="head.out", transB=1),
        helper.make_node("Reshape", ["head.out", "head.back"], ["logits"], name="logits"),
    )):  # fmt: skip
        graph.node.insert(at, node)
    graph.initializer.remove(weight)
    return model


def _embedding(graph: onnx.GraphProto, tensors: dict[str, TensorProto]) -> TensorProto | None:
    """The matrix whose rows `input_ids` choose."""
    found = (n.input[0] for n in graph.node if n.op_type == "Gather" and n.input[1] == "input_ids")
    return tensors.get(next(found, ""))


def _halved(path: Path) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(path)
    _infer_types(model)
    precise = [
        node.name for node in model.graph.node if any(mark in node.name for mark in _PRECISE)
    ]
    with _quiet():
        half: onnx.ModelProto = convert_float_to_float16(
            _tied(model), disable_shape_infer=True, node_block_list=precise
        )
    return _without_detours(half)


def _without_detours(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove casts down and up again between two nodes that compute in single precision."""
    graph = model.graph
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    down = {
        out: node.input[0]
        for out, node in casts.items()
        if node.attribute[0].i == TensorProto.FLOAT16
    }
    straight = {
        out: down[node.input[0]]
        for out, node in casts.items()
        if node.attribute[0].i == TensorProto.FLOAT and node.input[0] in down
    }
    for node in graph.node:
        node.input[:] = [straight.get(name, name) for name in node.input]
    used = {name for node in graph.node for name in node.input} | {
        output.name for output in graph.output
    }
    for node in casts.values():
        if node.output[0] not in used:
            graph.node.remove(node)
    return model


def _infer_types(model: onnx.ModelProto) -> None:
    """Note the type of every value, which the converter needs.

    Types are inferred on a copy without weights, since the function ends at 2 GB.
    """
    graph = model.graph
    light = helper.make_model(
        helper.make_graph(graph.node, graph.name, graph.input, graph.output),
        opset_imports=model.opset_import,
    )
    for tensor in graph.initializer:
        small = len(tensor.raw_data) <= _LARGE
        place = None if small else TensorProto.EXTERNAL
        bare = TensorProto(
            name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, data_location=place
        )
        light.graph.initializer.append(tensor if small else bare)
    del model.graph.value_info[:]
    model.graph.value_info.extend(onnx.shape_inference.infer_shapes(light).graph.value_info)


def _integers(path: Path) -> onnx.ModelProto:
    """Quantize matrices to 8 bits with a scale per column, activations as they come.

    The head too, which becomes a matrix of its own.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = path.with_name("small.onnx")
    with _quiet():
        quantize_dynamic(
            path,
            small,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QUInt8,
            use_external_data_format=True,
        )
    return onnx.load(small)
