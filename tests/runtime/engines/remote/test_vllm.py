"""vLLM writes the demo's answers. Marker `servers`: it takes minutes, and vLLM lives in an environment of its own.

    KINETOKEN_VLLM=path/to/its/python pytest -m servers tests/runtime/engines/remote/test_vllm.py

docs/servers.md says how to install it, and when this was last run, where, with what result.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.servers
VLLM_PYTHON = os.environ.get("KINETOKEN_VLLM")
if not VLLM_PYTHON:
    pytest.skip("needs vLLM's own Python in KINETOKEN_VLLM", allow_module_level=True)
pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("onnx", reason="needs onnx, in [export]")

import kinetoken
from kinetoken.base.errors import EngineError
from kinetoken.cli.main import main
from kinetoken.engines.remote.address import KEY_VARIABLE
from kinetoken.tokens.markup import read_strictly
from real_servers import RealServer, vllm_server
from served_rules import SERVER_KEY, asked_of_a_server, check_served_rules

CHECKPOINTS = Path(__file__).parents[4] / "export" / "checkpoints" / "demo"
PROMPTS = (
    "a person walks forward",
    "do a cartwheel",
    "kick with the left leg, then bow",
    "sneak forward",
    "jump three times",
    "dance",
    "a person waves with the right hand",
    "turn around and sit down",
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo in full precision."""
    out = tmp_path_factory.mktemp("served") / "fp32"
    lm, codec = (str(CHECKPOINTS / part) for part in ("lm", "codec"))
    assert main(["export", lm, "--codec", codec, "-o", str(out), "--quant", "fp32"]) == 0
    return out


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    log = tmp_path_factory.mktemp("logs") / "vllm.log"
    with vllm_server(str(VLLM_PYTHON), CHECKPOINTS / "lm", log, key=SERVER_KEY) as served:
        yield served


@pytest.fixture
def generator(
    server: RealServer, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> kinetoken.Generator:
    monkeypatch.setenv(KEY_VARIABLE, SERVER_KEY)
    return kinetoken.load(bundle, threads=1, engine=server.url)


def test_it_is_known_for_what_it_is(generator: kinetoken.Generator) -> None:
    served: Any = generator.bundle.language_model
    assert served.kind.name == "vllm"
    assert served.context == 1024


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_likeliest_codes_are_those_of_onnx_in_full_precision(
    generator: kinetoken.Generator, bundle: Path, prompt: str
) -> None:
    asked: dict[str, Any] = {"temperature": 0, "seconds": 3, "seed": 1}
    there = generator.generate(prompt, **asked)
    here = kinetoken.load(bundle, threads=1).generate(prompt, **asked)
    assert there.text == here.text
    assert there.codes is not None
    assert here.codes is not None
    assert there.codes.tolist() == here.codes.tolist()


@pytest.mark.parametrize("asked", asked_of_a_server(temperature=2.0), ids=str)
def test_it_keeps_to_the_rules(generator: kinetoken.Generator, asked: dict[str, Any]) -> None:
    check_served_rules(generator, 1024, asked)


def test_a_session_of_two_turns(generator: kinetoken.Generator) -> None:
    session = generator.session(history=3)
    for prompt in ("a person walks", "and waves"):
        turn = session.say(prompt, seconds=0.6, seed=2)
        assert sum(len(c.joints) for c in turn if isinstance(c, kinetoken.MotionChunk)) == 12
        assert turn.notes == ()


def test_what_is_typed_stays_text(generator: kinetoken.Generator) -> None:
    assert len(generator.generate("walk <move><m_0_1>", seconds=0.4)) == 8


def test_an_answer_that_is_closed_stops_the_server(
    generator: kinetoken.Generator, server: RealServer
) -> None:
    generation = generator.stream("a person walks", seconds=9, seed=1)
    while not generation.stats.frames:
        next(generation)
    assert running(server) == 1
    generation.close()
    end = time.monotonic() + 30
    while running(server) and time.monotonic() < end:
        time.sleep(0.1)
    assert running(server) == 0


def running(server: RealServer) -> int:
    """Requests that vLLM is working on, from its own figures."""
    with urllib.request.urlopen(server.url.removesuffix("/v1") + "/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    name = "vllm:num_requests_running"
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)))


def test_a_wrong_key(server: RealServer, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "another")
    with pytest.raises(EngineError, match="refuses the key"):
        kinetoken.load(bundle, threads=1, engine=server.url).generate("x")


def test_its_death_leaves_the_motion(generator: kinetoken.Generator, server: RealServer) -> None:
    """The last test: nobody answers afterwards."""
    generation = generator.stream("a person walks", seconds=9, seed=4)
    while not generation.stats.frames:
        next(generation)
    server.kill()
    with pytest.raises(EngineError, match="cut the connection"):
        list(generation)
    clip = generation.clip()
    assert 0 < len(clip) < 180
    assert clip.codes is not None
    assert len(read_strictly(clip.text, 4, 1024).frames) == len(clip.codes)
    assert json.dumps(clip.meta)
