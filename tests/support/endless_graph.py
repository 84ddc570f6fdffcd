"""A decoder of a hostile bundle: a Loop whose condition is always true."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kinetoken.manifest.manifest_file import read_manifest


def endless_decoder(after: int = 0) -> onnx.ModelProto:
    """A graph that never ends; with `after`, only for as many latent frames or more at once."""
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
    nodes = [
        helper.make_node("Shape", ["latents"], ["shape"], start=1, end=2),
        helper.make_node("GreaterOrEqual", ["shape", "after"], ["long"]),
        helper.make_node("Squeeze", ["long"], ["begins"]),
        helper.make_node("Loop", ["", "begins", "latents"], ["features"], body=body),
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "endless",
            [size("latents", TensorProto.FLOAT, [1, "n", "width"])],
            [size("features", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.array([after], np.int64), "after")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def put_file(bundle: Path, name: str, data: bytes) -> None:
    """Replace a file of a bundle, and what its manifest says of it."""
    (bundle / name).write_bytes(data)
    manifest = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (bundle / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")


def make_endless(bundle: Path) -> None:
    """Put an endless decoder into a bundle."""
    name = read_manifest(bundle).codec.decoder
    put_file(bundle, name, endless_decoder().SerializeToString())
