"""A bundle reads its own listed files and no others: neither by links nor by what a graph names."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kinetoken.base.errors import BundleError
from kinetoken.chat.prompt_cache import PromptCache
from kinetoken.cli.main import main
from kinetoken.engines.onnx.graph_files import external_locations
from kinetoken.generation.bundle import open_bundle, open_codec, open_manifest
from kinetoken.manifest.file_info import FileInfo

DOORS: tuple[Callable[[Path], object], ...] = (open_manifest, open_bundle)


def relist(bundle: Path, *names: str, without: str | None = None) -> None:
    """Put files into the manifest with their true digests, as whoever made the bundle can."""
    path = bundle / "bundle.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name in names:
        info = FileInfo.of(bundle / name)
        data["files"][name] = {"bytes": info.bytes, "sha256": info.sha256}
    if without is not None:
        del data["files"][without]
    path.write_text(json.dumps(data), encoding="utf-8")


def move_weights(graph: Path, location: str) -> None:
    """Let the graph look for its weights in a file at `location`, as it is there."""
    model = onnx.load(graph)
    inside = graph.with_name("inside.data")
    onnx.save(model, graph, save_as_external_data=True, location=inside.name, size_threshold=64)
    model = onnx.load(graph, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    graph.write_bytes(model.SerializeToString())


def refused(capsys: pytest.CaptureFixture[str], bundle: Path, words: str) -> None:
    """`inspect`, `generate` and every way to open the bundle refuse it, in one line."""
    for door in DOORS:
        with pytest.raises(BundleError, match=words):
            door(bundle)
    assert main(["inspect", str(bundle)]) == 3
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("graph", ["lm.onnx", "decoder.onnx"])
@pytest.mark.parametrize(
    "where", ["up", "absolute", "a link", "memory", "backslash", "a drive", "nothing"]
)
def test_weights_outside_the_bundle_are_refused(
    own_tiny: Path, capsys: pytest.CaptureFixture[str], graph: str, where: str
) -> None:
    outside = own_tiny.parent / "outside.data"
    location = {
        "up": f"../{outside.name}",
        "absolute": str(outside),
        "a link": "linked.data",
        "memory": "*/_ORT_MEM_ADDR_/*",
        "backslash": "..\\outside.data",
        "a drive": "c:outside.data",
        "nothing": "",
    }[where]
    move_weights(own_tiny / graph, location)
    os.replace(own_tiny / "inside.data", outside)
    if where == "a link":
        (own_tiny / location).symlink_to(outside)
        relist(own_tiny, graph, location)
    else:
        relist(own_tiny, graph)
    expected = "leads out of" if where == "a link" else "expected weights in the bundle's folder"
    refused(capsys, own_tiny, expected)
    if graph == "decoder.onnx":
        with pytest.raises(BundleError, match=expected):
            open_codec(own_tiny)


def test_weights_beside_the_graph_are_listed_and_unaltered(
    own_tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    move_weights(own_tiny / "decoder.onnx", "inside.data")
    relist(own_tiny, "decoder.onnx")
    refused(capsys, own_tiny, "'inside.data' is used but not listed")
    relist(own_tiny, "inside.data")
    for door in (*DOORS, open_codec):
        door(own_tiny)
    (own_tiny / "inside.data").write_bytes(b"\0" * (own_tiny / "inside.data").stat().st_size)
    for door in (*DOORS, open_codec):
        with pytest.raises(BundleError, match=r"inside\.data was altered"):
            door(own_tiny)


@pytest.mark.parametrize("name", ["bundle.json", "lm.onnx", "tokenizer.json", "Mean.npy"])
def test_a_link_out_of_the_bundle_is_refused_even_if_the_digest_is_right(
    own_tiny: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    os.replace(own_tiny / name, own_tiny.parent / name)
    (own_tiny / name).symlink_to(own_tiny.parent / name)
    refused(capsys, own_tiny, "leads out of the bundle's folder")


def test_a_link_that_stays_inside_is_accepted(own_tiny: Path) -> None:
    os.replace(own_tiny / "Mean.npy", own_tiny / "other.npy")
    (own_tiny / "Mean.npy").symlink_to("other.npy")
    linked = own_tiny.parent / "linked"
    linked.symlink_to(own_tiny)  # the folder itself may be a link
    open_manifest(linked)


def test_a_link_that_leads_to_itself(own_tiny: Path) -> None:
    (own_tiny / "Mean.npy").unlink()
    (own_tiny / "Mean.npy").symlink_to("Mean.npy")
    with pytest.raises(BundleError, match=r"Mean\.npy"):
        open_manifest(own_tiny)


@pytest.mark.parametrize("link", ["the folder", "a file", "no link"])
def test_nothing_is_written_where_links_in_a_cache_lead(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    outside = own_tiny.parent / "outside"
    outside.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_tiny.parent / "user"))
    states = PromptCache(open_bundle(own_tiny))
    usual = states.save([1], b"state")
    assert usual is not None
    assert usual.is_relative_to(own_tiny)
    if link == "the folder":
        shutil.rmtree(own_tiny / ".cache")
        (own_tiny / ".cache").symlink_to(outside)
    elif link == "a file":
        (outside / "precious").write_text("precious")
        usual.unlink()
        usual.symlink_to(outside / "precious")
    written = states.save([1], b"state")
    assert written is not None
    assert written.is_relative_to(own_tiny) == (link == "no link")
    assert states.load([1]) == b"state"
    assert [path.read_text() for path in outside.iterdir()] in ([], ["precious"])


def test_a_graph_that_reads_a_compiled_one_is_refused(
    own_tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(own_tiny / "decoder.onnx")
    model.graph.node.append(
        helper.make_node(
            "EPContext", [], ["x"], domain="com.microsoft", ep_cache_context="../../other.bin"
        )
    )
    (own_tiny / "decoder.onnx").write_bytes(model.SerializeToString())
    relist(own_tiny, "decoder.onnx")
    refused(capsys, own_tiny, "EPContext")


def outside_tensor() -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    return tensor


def hidden(place: str) -> bytes:
    """A graph with weights outside at an unusual place."""
    tensor, graph = outside_tensor(), helper.make_graph([], "g", [], [])
    sparse = onnx.SparseTensorProto(values=tensor)
    functions = []
    if place == "a constant":
        graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    elif place == "a list":
        graph.node.append(helper.make_node("Custom", [], ["c"], values=[tensor]))
    elif place == "a sparse tensor":
        graph.sparse_initializer.append(sparse)
    elif place == "a sparse constant":
        graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    elif place == "a branch":
        inner = helper.make_graph([], "i", [], [], [tensor])
        graph.node.append(helper.make_node("If", ["x"], ["c"], then_branch=inner))
    elif place == "a function":
        node = helper.make_node("Constant", [], ["c"], value=tensor)
        functions = [helper.make_function("d", "f", [], ["c"], [node], [])]
    model = helper.make_model(graph, functions=functions)
    if place == "training":
        model.training_info.add().algorithm.initializer.append(tensor)
    data = model.SerializeToString()
    if place == "a second graph":  # which protobuf merges into the first
        data += onnx.ModelProto(
            graph=helper.make_graph([], "h", [], [], [tensor])
        ).SerializeToString()
    return bytes(data)


@pytest.mark.parametrize(
    "place",
    [
        "a constant", "a list", "a sparse tensor", "a sparse constant", "a branch", "a function",
        "training", "a second graph",
    ],
)  # fmt: skip
def test_weights_are_found_wherever_a_graph_may_hold_them(tmp_path: Path, place: str) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(hidden(place))
    assert external_locations(path) == {"../secret"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ORTM" * 99, "another kind of file|damaged"),
        (struct.pack("<I", 24) + b"ORTM" + bytes(400), "another kind of file|damaged"),
        (b"\x3a\xff\xff\xff\xff\x0f", "damaged"),
        (b"\x3a\x05ab", "damaged"),
        (b"\x08\x08", "another kind of file"),
        (b"\x80" * 30, "another kind of file"),
        (b"\xba\x80\x80\x80\x10\x00", "another kind of file"),  # a tag whose upper bits are dropped
        (b"", "empty"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words):
        external_locations(path)


def test_a_graph_nested_without_end_is_refused(tmp_path: Path) -> None:
    inner = b""
    for _ in range(200):  # graph in an attribute of a node of a graph
        for field in (6, 5, 1):
            inner = bytes([field << 3 | 2]) + varint(len(inner)) + inner
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"\x3a" + varint(len(inner)) + inner)
    with pytest.raises(ValueError, match="nested"):
        external_locations(path)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def test_random_damage_gives_an_answer_or_one_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(18)
    whole = np.frombuffer(hidden("a branch") + hidden("a constant"), np.uint8)
    path = tmp_path / "graph.onnx"
    for _ in range(300):
        data = whole.copy()
        data[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(data.tobytes())
        try:
            external_locations(path)
        except ValueError:
            continue


def in_hub_cache(bundle: Path) -> Path:
    """Lay a bundle out as the hub's clients keep it: a snapshot of links to blobs."""
    model = bundle.parent / "models--me--body"
    blobs, snapshot = model / "blobs", model / "snapshots" / "0123abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in bundle.iterdir():
        os.replace(path, blobs / f"{path.name}.blob")
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}.blob")
    return snapshot


def test_a_bundle_in_the_cache_of_the_hub_is_accepted(own_tiny: Path) -> None:
    snapshot = in_hub_cache(own_tiny)
    for door in (*DOORS, open_codec):
        door(snapshot)


@pytest.mark.parametrize("place", ["outside", "models--me--body", "models--other--body/blobs"])
def test_a_link_out_of_the_cache_of_the_hub_is_refused(
    own_tiny: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    snapshot, outside = in_hub_cache(own_tiny), own_tiny.parent / place
    outside.mkdir(parents=True, exist_ok=True)
    blob = snapshot / "../../blobs/Mean.npy.blob"
    os.replace(blob, outside / "Mean.npy")
    blob.symlink_to(outside / "Mean.npy")
    refused(capsys, snapshot, "leads out of the bundle's folder")
