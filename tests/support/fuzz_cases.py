"""Cases of the fuzzer: each kind spoils one input of one command, by its seed alone."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fuzz_material import PROMPTS, TEXT, Material, replace_in_bundle
from fuzz_mutations import Mutator
from kinetoken.cli.main import build_parser

WRITABLE: Final = ("npz", "bvh", "glb", "vrma", "npy")
COMMANDS: Final = (
    "generate", "batch", "decode", "convert", "inspect", "bench", "pull", "list", "rm", "chat", "play", "export", "verify",
    "train-demo",
)  # fmt: skip
_NOT_HERE: Final = {
    "--ws",
    "--vmc",
    "--vrchat",
    "--sonic",
    "--stdout",
    "--ray",
    "--help",
    "--help-all",
    "-h",
    "--gpu-layers",
}
"""Options that play in real time, or look at other machines."""
_BRIEF: Final = ("--max-seconds", "0.8")


@dataclass(frozen=True)
class Case:
    """One command line, or one call, on spoiled inputs."""

    argv: tuple[str, ...] = ()
    out: Path | None = None
    """What the command writes: a file that is there before."""
    stdin: str = ""
    replies: bytes | None = None
    """What a server says to every request; `{url}` in argv is its address."""
    greeting: bytes = b""
    """What it says to those that only ask for something (GET), if that is to be well formed."""
    call: Callable[[str], object] | None = None
    """Called with the server's URL in place of a command."""
    environment: dict[str, str] = field(default_factory=dict)


Kind = Callable[[Material, Mutator, Path], Case]


def _out(folder: Path, mutate: Mutator) -> Path:
    return folder / f"out.{mutate.draw.choice(WRITABLE)}"


def _own_bundle(material: Material, folder: Path) -> Path:
    ignore = shutil.ignore_patterns(".cache")
    return Path(shutil.copytree(material.bundle, folder / "bundle", ignore=ignore))


def _run_of(bundle: Path, mutate: Mutator, folder: Path) -> Case:
    """A command that reads a bundle."""
    out = _out(folder, mutate)
    text = folder / "answer.txt"
    text.write_text(TEXT, encoding="utf-8")
    given = ("--bundle", str(bundle))
    lines = (
        (("inspect", str(bundle), *(["--json"] if mutate.some(0.3) else [])), None),
        (("generate", "a person walks", *given, *_BRIEF, "--seed", "1", "-o", str(out)), out),
        (("decode", str(text), *given, "-o", str(out)), out),
    )
    argv, written = mutate.draw.choice(lines)
    return Case(argv, written)


def bundle_json(material: Material, mutate: Mutator, folder: Path) -> Case:
    bundle = _own_bundle(material, folder)
    path = bundle / "bundle.json"
    path.write_bytes(mutate.json(json.loads(path.read_text(encoding="utf-8"))))
    return _run_of(bundle, mutate, folder)


def bundle_files(material: Material, mutate: Mutator, folder: Path) -> Case:
    """Tokenizer, codebooks and statistics, with the digests that they have."""
    bundle = _own_bundle(material, folder)
    name = mutate.draw.choice(
        ("tokenizer.json", "tokenizer.json", "codebooks.npy", "Mean.npy", "Std.npy")
    )
    raw = (bundle / name).read_bytes()
    spoiled = mutate.json(json.loads(raw)) if name.endswith("json") else mutate.data(raw)
    replace_in_bundle(bundle, name, spoiled)
    return _run_of(bundle, mutate, folder)


def motion_file(material: Material, mutate: Mutator, folder: Path) -> Case:
    source = mutate.draw.choice(material.clips)
    path = folder / f"spoiled{source.suffix}"
    path.write_bytes(_spoiled_clip(source, mutate))
    out = _out(folder, mutate)
    return Case(("convert", str(path), str(out), *_reading(mutate)), out)


def _spoiled_clip(source: Path, mutate: Mutator) -> bytes:
    raw = source.read_bytes()
    if source.suffix in (".glb", ".vrma") and mutate.some(0.7):
        size = int.from_bytes(raw[12:16], "little")
        text = mutate.json(json.loads(raw[20 : 20 + size]))
        text += b" " * (-len(text) % 4)
        rest = raw[20 + size :]
        head = b"glTF" + (2).to_bytes(4, "little")
        head += (20 + len(text) + len(rest)).to_bytes(4, "little")
        return head + len(text).to_bytes(4, "little") + b"JSON" + text + rest
    if source.suffix == ".npz" and mutate.some(0.7):
        return _spoiled_archive(source, mutate)
    return mutate.data(raw)


def _spoiled_archive(source: Path, mutate: Mutator) -> bytes:
    """An archive that is whole, with a member that is not."""
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(out, "w") as made:
        names = given.namelist()
        chosen = mutate.draw.choice(names)
        for name in names:
            raw = given.read(name)
            made.writestr(name, mutate.data(raw) if name == chosen else raw)
    return out.getvalue()


def _reading(mutate: Mutator) -> list[str]:
    if mutate.some(0.8):
        return []
    option, values = mutate.draw.choice(
        (
            ("--unit", ("m", "cm", "7", "-1", "nan")),
            ("--up", ("y", "z", "x")),
            ("--animation", ("0", "9", "x")),
        )
    )
    return [option, mutate.draw.choice(values)]


def token_text(material: Material, mutate: Mutator, folder: Path) -> Case:
    path, out = folder / "answer.txt", _out(folder, mutate)
    path.write_bytes(mutate.data(TEXT.encode()))
    more = ["--salvage"] if mutate.some(0.5) else []
    return Case(("decode", str(path), "--bundle", str(material.bundle), "-o", str(out), *more), out)


def prompt_file(material: Material, mutate: Mutator, folder: Path) -> Case:
    path = folder / ("prompts.jsonl" if mutate.some(0.8) else "prompts.txt")
    lines = [json.loads(line) for line in PROMPTS.splitlines()]
    raw = (
        b"\n".join(mutate.json(line) for line in lines)
        if mutate.some(0.6)
        else mutate.data(PROMPTS.encode())
    )
    path.write_bytes(raw)
    given = ("batch", str(path), "-o", str(folder / "clips"), "--bundle", str(material.bundle))
    return Case(given)


def batch_folder(material: Material, mutate: Mutator, folder: Path) -> Case:
    """A folder of an earlier batch whose own files are spoiled."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from kinetoken.cli.main import main

    earlier = material.folder / "earlier"
    path = material.folder / "prompts.jsonl"
    given = ("batch", str(path), "--bundle", str(material.bundle))
    if not earlier.is_dir():
        path.write_text(PROMPTS, encoding="utf-8")
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            assert main([*given, "-o", str(earlier)]) == 0
    clips = Path(shutil.copytree(earlier, folder / "clips"))
    names = sorted(p.name for p in clips.iterdir() if p.is_file())
    spoiled = clips / mutate.draw.choice(names)
    spoiled.write_bytes(mutate.data(spoiled.read_bytes()))
    more = ["--force"] if mutate.some(0.2) else []
    return Case((*given, "-o", str(clips), *more))


def history_file(material: Material, mutate: Mutator, folder: Path) -> Case:
    path = folder / "chat.json"
    path.write_bytes(mutate.json(json.loads(material.history.read_text(encoding="utf-8"))))
    given = ("chat", "--headless", "--bundle", str(material.bundle), "--history-file", str(path))
    return Case((*given, *_BRIEF), stdin="a person walks\n")


_CHECKPOINT_JSON: Final = (
    "config.json", "config.json", "config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json",
    "kinetoken.json",
)  # fmt: skip


def checkpoint_files(material: Material, mutate: Mutator, folder: Path) -> Case:
    if material.checkpoint is None:
        return Case(("inspect", str(material.bundle)))
    model = Path(shutil.copytree(material.checkpoint, folder / "model"))
    name = mutate.draw.choice((*_CHECKPOINT_JSON, "model.safetensors"))
    raw = (model / name).read_bytes()
    if name.endswith("json"):
        (model / name).write_bytes(mutate.json(json.loads(raw)))
    else:
        size = 8 + int.from_bytes(raw[:8], "little")
        (model / name).write_bytes(mutate.data(raw[:size]) + raw[size:])
    more = ["--json"] if mutate.some(0.3) else []
    return Case(("export", str(model), "--codec", str(material.codec), "--dry-run", *more))


def codec_files(material: Material, mutate: Mutator, folder: Path) -> Case:
    if material.codec is None:
        return Case(("inspect", str(material.bundle)))
    codec = Path(shutil.copytree(material.codec, folder / "codec"))
    name = mutate.draw.choice(("config.json", "config.json", "Mean.npy", "Std.npy", "net.tar"))
    raw = (codec / name).read_bytes()
    if name == "config.json":
        own = {"model_type": "kinetoken-causal-rvq", "dilations": [1, 2], "levels": 4, "codes": 16}
        given = json.loads(raw) if mutate.some(0.7) else own
        (codec / name).write_bytes(mutate.json(given))
    else:
        (codec / name).write_bytes(mutate.data(raw))
    return Case(("export", str(material.checkpoint), "--codec", str(codec), "--dry-run"))


_ADAPTER: Final = """
import torch
from torch import nn

torch.manual_seed(0)
words = nn.ParameterList(nn.Parameter(torch.randn(16, 8)) for _ in range(4))
up = nn.ConvTranspose1d(8, 263, 4, stride=4)

def codes_to_features(codes):
    rows = sum(words[level][codes[:, level].clamp(min=0)] for level in range(4))
    return up(rows.T[None])[0].T
"""


def scripts(material: Material, mutate: Mutator, folder: Path) -> Case:
    """A codec's adapter, which runs where it is trusted and may be wrong in any way."""
    if material.codec is None:
        return Case(("inspect", str(material.bundle)))
    path = folder / "adapter.py"
    path.write_bytes(mutate.data(_ADAPTER.encode()))
    given = ("export", str(material.checkpoint), "--codec", str(material.codec), "--dry-run")
    return Case((*given, "--codec-adapter", str(path), "--trust-code"))


def pictures(material: Material, mutate: Mutator, folder: Path) -> Case:
    """A picture for a prompt; the bundle has no tower, but the file is looked at first."""
    import io

    from PIL import Image

    out, kind = io.BytesIO(), mutate.draw.choice(("png", "jpeg", "webp", "bmp"))
    Image.new("RGB", (40, 30), (9, 90, 190)).save(out, kind)
    path = folder / f"picture.{kind}"
    path.write_bytes(mutate.data(out.getvalue()))
    given = ("generate", "walk", "--bundle", str(material.bundle), "--image", str(path))
    return Case((*given, "-o", str(folder / "out.npz")), folder / "out.npz")


_HEADERS: Final = (
    "HTTP/1.1 200 OK", "HTTP/1.1 302 Found", "HTTP/1.1 404 Not Found", "HTTP/1.1 500 X", "HTTP/1.1 429 Busy", "HTTP/1.1 307 X",
    "HTTP/1.1 206 Part",
)  # fmt: skip
_PLACES: Final = (
    "http://[::1", "http://127.0.0.1:999999/", "http://a b/", "http://a..b/", f"http://{'a' * 64}/", "//", "?", "", "\x00",
    "/v1/models", "http://\u00e9/", "file:///etc/passwd", "http://127.0.0.1:1/", "javascript:x",
)  # fmt: skip
_MODELS: Final = {
    "object": "list",
    "data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 512}}],
}


def _reply(mutate: Mutator, body: bytes) -> bytes:
    kind = mutate.draw.choice(("application/json", "text/event-stream", "text/html", "x"))
    if body.startswith(b"data:") and mutate.some(0.8):
        kind = "text/event-stream"
    lines = [
        _HEADERS[0] if mutate.some(0.5) else mutate.draw.choice(_HEADERS),
        f"Content-Type: {kind}",
        f"Location: {mutate.draw.choice(_PLACES)}",
        "Connection: close",
    ]
    if mutate.some(0.6):
        lines.append(
            f"Content-Length: {mutate.draw.choice((len(body), len(body) + 5, 0, -1, 10**30))}"
        )
    if mutate.some(0.2):
        lines.append("Transfer-Encoding: chunked")
    whole = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    return mutate.data(whole) if mutate.some(0.3) else whole


def engine_server(material: Material, mutate: Mutator, folder: Path) -> Case:
    out = _out(folder, mutate)
    event = {"choices": [{"index": 0, "text": "I <move>", "finish_reason": None}]}
    body = mutate.json(_MODELS)
    if mutate.some(0.5):
        body = b"data: " + mutate.json(event) + b"\n\ndata: [DONE]\n\n"
    kinds = ("openai", "llama-server", "vllm", "llama-cpp-python")
    more = ["--engine-kind", mutate.draw.choice(kinds)] if mutate.some(0.7) else []
    given = (
        "generate",
        "walk",
        "--bundle",
        str(material.bundle),
        "-o",
        str(out),
        "--engine",
        "{url}/v1",
    )
    listed = json.dumps(_MODELS).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(listed)}"
    greeting = f"{head}\r\nConnection: close\r\n\r\n".encode() + listed
    return Case(
        (*given, "--engine-timeout", "0.3", *more),
        out,
        replies=_reply(mutate, body),
        greeting=greeting if mutate.some(0.7) else b"",
    )


def hub_server(material: Material, mutate: Mutator, folder: Path) -> Case:
    from kinetoken.hub.bundle_name import BundleName
    from kinetoken.hub.bundle_store import BundleStore
    from kinetoken.hub.hub_client import HubClient
    from kinetoken.hub.pull import pull_bundle

    manifest = json.loads((material.bundle / "bundle.json").read_text(encoding="utf-8"))

    def call(url: str) -> object:
        hub, store = HubClient(url, None, (0.0,)), BundleStore(folder / "store")
        return pull_bundle(BundleName.parse("some/bundle"), hub=hub, store=store)

    return Case(call=call, replies=_reply(mutate, mutate.json(manifest)))


_NAMES: Final = (
    "localhost", "127.0.0.1", "[::1]", "[::1", "]", "a b", "", "\x00", "localhost:x", "localhost:999999", "[v1.x]", "\udcff",
    "http://localhost", "http://[", "null", "http://localhost:80", "\u2100", "http://\u2100", "//", "LOCALHOST", "[::1%x]",
)  # fmt: skip


def page_request(material: Material, mutate: Mutator, folder: Path) -> Case:
    """Host, Origin and path of a request to the page, as the server hands them on."""
    from kinetoken.live.browser.page_files import PageFiles

    names = [mutate.draw.choice(_NAMES) for _ in range(4)]
    if mutate.some(0.5):
        names = [
            mutate.data(n.encode("utf-8", "surrogateescape")).decode("ascii", "surrogateescape")
            for n in names
        ]
    hosts = names[: mutate.draw.randint(0, 2)]
    origins = names[2 : 2 + mutate.draw.randint(0, 2)]
    token = "" if mutate.some(0.5) else "secret"
    path = mutate.draw.choice(
        ("/", "/stream", "/secret/", "/secret/stream", "//", "", "\udcff", "/?x", "/../x")
    )

    def call(_: str) -> object:
        found = PageFiles(token, local=mutate.some(0.7)).find(path, hosts, origins)
        assert found.status in (200, 403, 404, 426)
        return found

    return Case(call=call)


def addresses(material: Material, mutate: Mutator, folder: Path) -> Case:
    """Addresses that users and environments name."""
    from kinetoken.batch.cluster_address import host_and_port
    from kinetoken.engines.remote.address import ServerAddress
    from kinetoken.hub.bundle_name import BundleName
    from kinetoken.live.settings import sonic_address

    text = mutate.draw.choice((*_NAMES, *_PLACES, "http://localhost:8080/v1", "h:1", mutate.word()))
    if mutate.some(0.5):
        raw = mutate.data(text.encode("utf-8", "surrogatepass"))
        text = raw.decode("utf-8", "surrogateescape")
    parsers = (ServerAddress.parse, sonic_address, host_and_port, BundleName.parse)
    parse: Any = mutate.draw.choice(parsers)
    return Case(call=lambda _: parse(text))


def command_line(material: Material, mutate: Mutator, folder: Path) -> Case:
    """Any command with any of its options, each with a value that may be one."""
    command = mutate.draw.choices(COMMANDS, (6, 4, 3, 4, 4, 1, 2, 1, 2, 4, 3, 4, 2, 1))[0]
    out = _out(folder, mutate)
    words = [command, *_positionals(command, material, mutate, folder)]
    actions = [a for a in _parser(command)._actions if _usable(a)]
    for action in mutate.draw.sample(actions, min(len(actions), mutate.draw.randint(0, 4))):
        words += _given(action, mutate, out)
    if command in ("generate", "batch", "chat", "play", "bench"):
        words += [*(("--bundle", str(material.bundle)) if mutate.some(0.95) else ())]
        words += ["--seconds", "0.6"] if command == "bench" or mutate.some(0.3) else []
    if command == "play":
        words += ["--film", str(folder / "x.png"), "--size", "64x64"]
    if command == "chat":
        words.append("--headless")
    if command == "export":
        words.append("--dry-run")
    if mutate.some(0.1):
        words.insert(mutate.draw.randint(1, len(words)), mutate.word())
    written = out if command in ("generate", "decode", "convert") else None
    return Case(tuple(words), written, stdin="a person walks\n", environment=_environment(mutate))


def _environment(mutate: Mutator) -> dict[str, str]:
    if mutate.some(0.85):
        return {}
    names = (
        "KINETOKEN_THREADS",
        "KINETOKEN_BUNDLE",
        "HF_ENDPOINT",
        "HF_TOKEN",
        "KINETOKEN_API_KEY",
        "COLUMNS",
        "NO_COLOR",
    )
    word = mutate.word()
    return {mutate.draw.choice(names): word if "\x00" not in word else "x"}


def _parser(command: str) -> argparse.ArgumentParser:
    parser = build_parser(command)
    chosen = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(chosen.choices)[command]


def _usable(action: argparse.Action) -> bool:
    return bool(action.option_strings) and not set(action.option_strings) & _NOT_HERE


def _positionals(command: str, material: Material, mutate: Mutator, folder: Path) -> list[str]:
    if mutate.some(0.15):
        return [mutate.word() for _ in range(mutate.draw.randint(0, 3))]
    text, prompts = folder / "answer.txt", folder / "prompts.jsonl"
    text.write_text(TEXT, encoding="utf-8")
    prompts.write_text(PROMPTS, encoding="utf-8")
    clip, out = str(mutate.draw.choice(material.clips)), folder / "out.npz"
    model, codec = str(material.checkpoint), str(material.codec)
    usual = {
        "generate": ["a person walks", "-o", str(out)],
        "batch": [str(prompts), "-o", str(folder / "clips")],
        "decode": [str(text), "-o", str(out), "--bundle", str(material.bundle)],
        "convert": [clip, str(out)],
        "inspect": [str(material.bundle)],
        "pull": [mutate.draw.choice(("a/b", "a/b@c", "hf:a/b", mutate.word()))],
        "rm": [mutate.draw.choice(("a/b", "a/b@c", mutate.word()))],
        "play": [clip],
        "export": [model, "--codec", codec],
        "verify": [str(material.bundle), "--against", model if mutate.some(0.1) else mutate.word()],
        "train-demo": [mutate.word()],
    }
    return usual.get(command, [])


def _given(action: argparse.Action, mutate: Mutator, out: Path) -> list[str]:
    option = mutate.draw.choice(action.option_strings)
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return [option]
    if option in ("-o", "--out"):
        value = str(out) if mutate.some(0.6) else str(out.parent / mutate.word().replace("/", "_"))
        return [option, value if "\x00" not in value else str(out)]
    values = [mutate.word() for _ in range(action.nargs if isinstance(action.nargs, int) else 1)]
    if action.choices is not None and mutate.some(0.7):
        values = [str(mutate.draw.choice(list(action.choices)))]
    elif action.type in (int, float) and mutate.some(0.7):
        values = [
            mutate.draw.choice(
                ("0", "1", "2", "7", "-1", "99", "0.5", "1e-9", "1e9", "2147483648", "9" * 25)
            )
        ]
    return [f"{option}={values[0]}"] if len(values) == 1 and mutate.some(0.5) else [option, *values]


KINDS: Final[dict[str, Kind]] = {
    "bundle.json": bundle_json,
    "files of a bundle": bundle_files,
    "motion files": motion_file,
    "token texts": token_text,
    "prompt files": prompt_file,
    "batch folders": batch_folder,
    "chat files": history_file,
    "checkpoints": checkpoint_files,
    "codecs": codec_files,
    "scripts": scripts,
    "pictures": pictures,
    "answers of engines": engine_server,
    "answers of hubs": hub_server,
    "requests to the page": page_request,
    "addresses": addresses,
    "command lines": command_line,
}
