"""True servers write the answer: llama-cpp-python's own, and llama.cpp's llama-server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")

import kinetoken
from kinetoken.base.errors import EngineError, InputError
from kinetoken.engines.remote.address import KEY_VARIABLE
from kinetoken.tokens.markup import read_strictly
from real_servers import NEEDED, RealServer, gguf_bundle, real_server
from served_rules import SERVER_KEY, asked_of_a_server, check_served_rules


@pytest.fixture(scope="module")
def bundle(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_bundle(tiny, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module", params=list(NEEDED))
def server(
    request: pytest.FixtureRequest, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    log = tmp_path_factory.mktemp("logs") / "server.log"
    with real_server(request.param, bundle / "lm.gguf", log, key=SERVER_KEY) as served:
        yield served


@pytest.fixture
def generator(
    server: RealServer, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> kinetoken.Generator:
    monkeypatch.setenv(KEY_VARIABLE, SERVER_KEY)
    return kinetoken.load(bundle, threads=1, engine=server.url)


@pytest.mark.parametrize("asked", asked_of_a_server(temperature=5.0), ids=str)
def test_a_model_without_sense_keeps_to_the_rules(
    generator: kinetoken.Generator, asked: dict[str, Any]
) -> None:
    check_served_rules(generator, 16, asked, max_thought=8)


def test_the_likeliest_codes_are_those_of_the_model_here(
    generator: kinetoken.Generator, bundle: Path
) -> None:
    asked: dict[str, Any] = {"temperature": 0, "thought": "none", "seconds": 1.6, "seed": 1}
    needs_llama()
    there, here = (
        generator.generate("a person walks", **asked),
        kinetoken.load(bundle, threads=1).generate("a person walks", **asked),
    )
    assert there.text == here.text
    np.testing.assert_array_equal(there.joints, here.joints)


def test_what_is_typed_stays_text_or_is_refused(generator: kinetoken.Generator) -> None:
    server: Any = generator.bundle.language_model
    if server.kind.takes_ids:
        assert len(generator.generate("walk <move><m_0_1>", seconds=0.4, max_thought=4)) == 8
    else:
        with pytest.raises(InputError, match="spells special tokens"):
            generator.stream("walk <move><m_0_1>")


def test_a_session_of_two_turns(generator: kinetoken.Generator) -> None:
    session = generator.session(history=3)
    for prompt in ("a person walks", "and waves"):
        turn = session.say(prompt, seconds=0.6, max_thought=4, seed=2)
        assert (
            sum(len(chunk.joints) for chunk in turn if isinstance(chunk, kinetoken.MotionChunk))
            == 12
        )
        assert turn.notes == ()
    assert len(session.history) == 2


@pytest.mark.parametrize("key", ["", "another"])
def test_a_wrong_key(
    server: RealServer, bundle: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(EngineError, match="refuses the key"):
        kinetoken.load(bundle, threads=1, engine=server.url).generate("x")


def test_several_answers_at_once(generator: kinetoken.Generator) -> None:
    """llama-cpp-python breaks off the first for the second; nothing that came is lost, and it is said."""
    first, second = (generator.stream("x", seconds=3, max_thought=4, seed=seed) for seed in (1, 2))
    for _ in zip(first, second, strict=False):
        pass
    for generation in (first, second):
        list(generation)
        clip = generation.clip()
        assert len(clip) == 60 or generation.notes
        read_strictly(clip.text, 4, 16)


@pytest.mark.parametrize("kind", list(NEEDED))
def test_a_server_that_dies_leaves_the_motion(bundle: Path, tmp_path: Path, kind: str) -> None:
    with real_server(kind, bundle / "lm.gguf", tmp_path / "log") as served:
        generation = kinetoken.load(bundle, threads=1, engine=served.url).stream(
            "x", seconds=9, max_thought=2, seed=4
        )
        while not generation.stats.frames:
            next(generation)
        served.kill()
        with pytest.raises(EngineError, match="cut the connection"):
            list(generation)
    clip = generation.clip()
    assert 0 < len(clip) < 180
    assert clip.codes is not None
    assert len(read_strictly(clip.text, 4, 16).frames) == len(clip.codes)


def test_a_server_with_too_small_a_context_says_so_or_breaks_off(
    bundle: Path, tmp_path: Path
) -> None:
    with real_server("llama-server", bundle / "lm.gguf", tmp_path / "log", context=256) as served:
        assert (
            kinetoken.load(bundle, threads=1, engine=served.url).manifest.language_model.context
            == 256
        )
    with real_server(
        "llama-cpp-python", bundle / "lm.gguf", tmp_path / "log", context=64
    ) as served:
        generator = kinetoken.load(bundle, threads=1, engine=served.url)
        with pytest.raises(EngineError, match="cut the connection") as caught:
            generator.generate("x")
    assert "\n" not in str(caught.value)
