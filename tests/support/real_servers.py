"""True servers of language models, started on loopback in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import TokenizerInfo

PATIENCE = 60.0  # seconds until it answers
VLLM_PATIENCE = 600.0  # vLLM compiles and warms up
LLAMA_SERVER = """
import sys, time
import xllamacpp
model, port, context, key = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = model, ["127.0.0.1"], int(port)
params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.warmup = int(context), 1, 1, False
if key:
    params.api_keys = [key]
server = xllamacpp.Server(params)
while True:
    time.sleep(1)
"""
NEEDED = {
    "llama-cpp-python": (
        "llama_cpp",
        "fastapi",
        "uvicorn",
        "sse_starlette",
        "starlette_context",
        "pydantic_settings",
    ),
    "llama-server": ("xllamacpp",),
}


@dataclass
class RealServer:
    """One that answers."""

    url: str
    process: subprocess.Popen[bytes]
    whole_session: bool = False
    """True where other processes were started by it that end with it."""

    def kill(self) -> None:
        """At once, as a machine that loses its power."""
        if self.whole_session:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


@contextmanager
def real_server(
    kind: str, model: Path, log: Path, *, context: int = 300, key: str = ""
) -> Iterator[RealServer]:
    """llama-cpp-python's own server, or llama.cpp's llama-server, which xllamacpp has in a wheel. Skips without the package."""
    missing = [name for name in NEEDED[kind] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, in kinetoken[servers]")
    port = _free_port()
    if kind == "llama-server":
        command = ["-c", LLAMA_SERVER, str(model), str(port), str(context), key]
    else:
        command = [
            "-m",
            "llama_cpp.server",
            "--model",
            str(model),
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
        ]
        command += [
            "--n_ctx",
            str(context),
            "--n_threads",
            "1",
            "--n_threads_batch",
            "1",
            *(["--api_key", key] if key else []),
        ]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=said, stderr=subprocess.STDOUT
        )
        server = RealServer(f"http://127.0.0.1:{port}/v1", process)
        try:
            _wait(server, log, PATIENCE)
            yield server
        finally:
            server.kill()


@contextmanager
def vllm_server(python: str, checkpoint: Path, log: Path, *, key: str) -> Iterator[RealServer]:
    """VLLM on a processor, in full precision, by the Python that it is installed for."""
    port = _free_port()
    options = {
        "model": checkpoint,
        "host": "127.0.0.1",
        "port": port,
        "dtype": "float32",
        "max-model-len": 1024,
        "api-key": key,
    }
    given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", *given, "--enforce-eager"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as said:
        # A session of its own, because the server starts another process that has to end with it.
        process = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
        server = RealServer(f"http://127.0.0.1:{port}/v1", process, whole_session=True)
        try:
            _wait(server, log, VLLM_PATIENCE)
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def _wait(server: RealServer, log: Path, patience: float) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end and server.process.poll() is None:
        try:
            urllib.request.urlopen(server.url + "/models", timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 401:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the server does not answer: {log.read_text(errors='replace')[-2000:]}")


def gguf_bundle(tiny: Path, folder: Path) -> Path:
    """The tiny bundle with a miniature checkpoint's GGUF as its language model. Needs torch and gguf."""
    from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
    from tiny_gguf import make

    made = make(folder / "made", "qwen2", "f32")
    words = read_vocabulary(made.path.parent)
    bundle = Path(shutil.copytree(tiny, folder / "bundle"))
    (bundle / "lm.onnx").unlink()
    for name in (made.path.name, "tokenizer.json"):
        shutil.copy(made.path.parent / name, bundle / name)
    manifest = read_manifest(bundle)
    text = TokenizerInfo("tokenizer.json", words.text_ids, (words.added["<|im_end|>"],))
    manifest = replace(manifest, language_model=made.info, motion=words.motion, tokenizer=text)
    files = {
        name: FileInfo.of(bundle / name)
        for name in (set(manifest.files) - {"lm.onnx"}) | {made.path.name}
    }
    (bundle / "bundle.json").write_text(json.dumps(replace(manifest, files=files).to_dict()))
    return bundle
