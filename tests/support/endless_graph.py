"""Graphs of a hostile bundle: a Loop whose condition is always true."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kinetoken.manifest.manifest_file import read_manifest


def _endless_loop(value: str, result: str) -> list[onnx.NodeProto]:
    """Nodes that square a value for ever."""
    size = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["still_on"]),
            helper.make_node("Mul", ["x", "x"], ["squared"]),
        ],
        "body",
        [
            size("i", TensorProto.INT64, []),
            size("on", TensorProto.BOOL, []),
            size("x", TensorProto.FLOAT, None),
        ],
        [size("still_on", TensorProto.BOOL, []), size("squared", TensorProto.FLOAT, None)],
    )
    true = numpy_helper.from_array(np.array(True), "true")
    return [
        helper.make_node("Constant", [], ["begins"], value=true),
        helper.make_node("Loop", ["", "begins", value], [result], body=body),
    ]


def make_endless(bundle: Path, part: str = "decoder") -> None:
    """Put a graph that never ends into a bundle: its decoder, or its language "model"."""
    manifest = read_manifest(bundle)
    name = manifest.codec.decoder if part == "decoder" else manifest.language_model.file
    model = onnx.load(bundle / name)
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before" if made == output else made for made in node.output]
    model.graph.node.extend(_endless_loop("before", output))
    put_file(bundle, name, model.SerializeToString())


def put_file(bundle: Path, name: str, data: bytes) -> None:
    """Replace a file of a bundle, and what its manifest says of it."""
    (bundle / name).write_bytes(data)
    manifest = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (bundle / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
