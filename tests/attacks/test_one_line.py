"""Every traceback that was once seen, as an attack: now one line and an exit code. About 10 s."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake_server import Handler, serving
from kinetoken import Clip
from kinetoken.cli.main import main
from kinetoken.generation.options import GenerateOptions
from kinetoken.live.browser.page_files import PageFiles
from synthetic_motion import walking
from tiny_bundle import build_tiny_bundle

DEEP = "[" * 5_000 + "]" * 5_000
ALMOST_DEEP = "[" * 900 + "]" * 900
LONG = "9" * 5_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_bundle(tmp_path_factory.mktemp("whole") / "tiny")


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


def line_of(*words: object) -> tuple[int, str]:
    """Exit code and the one line."""
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        code = main([*map(str, words)])
    lines = err.getvalue().splitlines()
    assert len(lines) == 1, lines
    assert len(lines[0]) < 600
    return code, lines[0]


def with_value(path: Path, value: str, *keys: str) -> None:
    """Put a raw JSON text at a place of a JSON file."""
    data = json.loads(path.read_text(encoding="utf-8"))
    inside = data
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = "HERE"
    path.write_text(json.dumps(data).replace('"HERE"', value), encoding="utf-8")


@pytest.mark.parametrize("value", [DEEP, ALMOST_DEEP, LONG, '"\\ud800"', "1e999", "NaN"])
@pytest.mark.parametrize("keys", [("name",), ("defaults", "temperature"), ("files", "lm.onnx")])
def test_odd_json_in_a_bundle(bundle: Path, value: str, keys: tuple[str, ...]) -> None:
    with_value(bundle / "bundle.json", value, *keys)
    assert line_of("inspect", bundle)[0] == 3


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("defaults", "top_k", 0),
        ("defaults", "top_k", -5),
        ("defaults", "top_p", 0),
        ("defaults", "min_p", 50),
        ("defaults", "temperature", -1),
        ("defaults", "temperature", 1e9),
        ("defaults", "max_seconds", 1e12),
        ("language_model", "context", 2**62),
        ("language_model", "context", 2**40),
        ("language_model", "kv_heads", 2**40),
        ("codec", "fps", 10**9),
    ],
)
def test_numbers_of_a_bundle(bundle: Path, part: str, name: str, value: Any) -> None:
    with_value(bundle / "bundle.json", json.dumps(value), part, name)
    code, line = line_of("generate", "walk", "--bundle", bundle)
    assert code == 3
    assert name in line


@pytest.mark.parametrize("option", ["top_k", "top_p", "min_p", "temperature"])
@pytest.mark.parametrize("value", [-1, 50.5e9, float("nan"), "5", True, 10**400])
def test_numbers_of_sampling(option: str, value: Any) -> None:
    if option == "top_k" and value == 10**400:
        return  # all tokens
    with pytest.raises(ValueError, match=f"{option}: expected"):
        GenerateOptions(**{option: value})


@pytest.mark.parametrize("value", [DEEP, ALMOST_DEEP, LONG, "{", "5"])
def test_notes_of_an_archive(tmp_path: Path, value: str) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, joints=walking(4), fps=20.0, text="", prompt="", meta=value)
    assert line_of("convert", path, tmp_path / "y.bvh")[0] == 3
    assert not (tmp_path / "y.bvh").exists()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 22, 3), ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 22, 3L" + "L" * 50,
        "{'descr': '<f4',\n'fortran_order': False,\n\t 'shape': (4, 22, '",
        "{'descr': '\\N{', 'fortran_order': False, 'shape': (4, 22, 3), }",
        "(" * 3000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
        "'''",
        "{**{}}",
    ],
)
def test_headers_of_an_array(tmp_path: Path, header: str) -> None:
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    (tmp_path / "x.npy").write_bytes(raw + bytes(1056))
    assert line_of("convert", tmp_path / "x.npy", tmp_path / "y.npz")[0] == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://a b/",
        "http://a..b",
        f"http://{'a' * 64}",
        "http://[::1",
        "http://127.0.0.1:999999",
        "http://127.0.0.1:99999999999999999999",
        "http://a\x01b",
        "http://é" + "é" * 70,
        "http://a/ b",
        "//",
    ],
)
def test_addresses_of_an_engine(whole: Path, url: str) -> None:
    code, line = line_of("generate", "walk", "--bundle", whole, "--engine", url)
    assert code == 2
    assert "expected a URL" in line


PLACES = ("http://[::1", "http://127.0.0.1:999999/", "http://a b/", f"http://{'a' * 64}/", "//[")


@pytest.mark.parametrize("place", PLACES)
def test_redirects_of_an_engine(whole: Path, place: str) -> None:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.say_json({}, 302, Location=place)

    with serving(reply) as fake:
        code, line = line_of("generate", "walk", "--bundle", whole, "--engine", fake.url)
    assert code == 6
    assert "redirects to" in line


@pytest.mark.parametrize("place", PLACES)
def test_redirects_of_a_hub(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said = f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
    import threading

    def answer() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(1 << 16)
            client.sendall(said)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with listener:
        code, line = line_of("pull", "some/bundle")
    thread.join(5)
    assert code == 7
    assert "an address that cannot be followed" in line


@pytest.mark.parametrize(
    "host", ["[::1", "[", "]", "a b", "[x]:1", "\udcff", "localhost:x", "\u2100"]
)
@pytest.mark.parametrize("where", ["Host", "Origin", "path"])
def test_hosts_and_origins_of_a_page(host: str, where: str) -> None:
    given = {"Host": "localhost:80", "Origin": "http://localhost:80", "path": "/"}
    given[where] = (
        host if where == "Host" else f"http://{host}" if where == "Origin" else f"/{host}"
    )
    for token in ("", "secret"):
        page = PageFiles(token, local=True)
        found = page.find(given["path"], [given["Host"]], [given["Origin"]])
        fine = token == "" and where == "Host" and host == "localhost:x"
        assert found.status in ((200, 403) if fine else (403, 404))


def test_a_real_page_answers_nonsense_with_a_refusal() -> None:
    pytest.importorskip("websockets")
    from kinetoken.live.browser.page_server import PageTarget
    from kinetoken.live.settings import LiveSettings

    page = PageTarget(LiveSettings(ws=0))
    try:
        for head in (b"Host: [::1", b"Host: \xff\xfe", b"Host: localhost\r\nOrigin: http://["):
            with socket.create_connection(("127.0.0.1", page.port), 5) as client:
                client.sendall(b"GET / HTTP/1.1\r\n" + head + b"\r\n\r\n")
                assert client.recv(100).split(b" ")[1] in (b"400", b"403")
    finally:
        page.close()


CONFIGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "architectures": lambda config: config.update(architectures=5),
    "a class": lambda config: config.update(architectures=[5]),
    "no heads": lambda config: config.update(num_attention_heads=0),
    "text_config": lambda config: config.update(text_config=[1]),
    "vision_config": lambda config: config.update(vision_config=[1]),
    "layers": lambda config: config.update(num_hidden_layers=2.5),
    "positions": lambda config: config.update(rope_scaling=[{}]),
    "depth": lambda config: config.update(x="DEEP"),
    "digits": lambda config: config.update(hidden_size="LONG"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configs_of_a_checkpoint(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
    from kinetoken.base.errors import KinetokenError
    from kinetoken_export.checkpoint.config.model_config import read_model_config
    from tiny_checkpoint import build_checkpoint

    model = build_checkpoint(tmp_path / "model")
    path = model / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    CONFIGS[name](config)
    text = json.dumps(config).replace('"DEEP"', ALMOST_DEEP).replace('"LONG"', LONG)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KinetokenError) as caught:
        read_model_config(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [DEEP, LONG, "[1]", '{"model_type": "kinetoken-causal-rvq", "levels": 2.5}',
             '{"model_type": "kinetoken-causal-rvq", "latent_dim": 1e9, "dilations": [1]}',
             '{"model_type": "kinetoken-causal-rvq", "dilations": ["x"]}'],
)  # fmt: skip
def test_configs_of_a_codec(text: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
    from kinetoken.base.errors import KinetokenError
    from kinetoken_export.codecs.own_model import load_codec

    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(KinetokenError) as caught:
        load_codec(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", [("list", "a\nb"), ("inspect", "a", "--fit\n"), ("a\nb",)])
def test_line_breaks_in_a_word(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()) as said:
        main(words)
    assert end.value.code == 2
    assert said.getvalue().count("\n") == 1


@pytest.mark.parametrize("option", ["--unit", "--fps", "--animation"])
def test_two_dashes_as_a_value(option: str, tmp_path: Path) -> None:
    Clip(joints=walking(4), fps=20.0).save(tmp_path / "x.npz")
    with pytest.raises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()) as said:
        main(["convert", str(tmp_path / "x.npz"), str(tmp_path / "y.npz"), f"{option}=--"])
    assert end.value.code == 2
    assert said.getvalue().count("\n") == 1
