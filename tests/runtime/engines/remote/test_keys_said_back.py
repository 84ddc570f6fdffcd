"""The key that a server was sent is never shown, in whatever form the server says it."""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import kinetoken
from dribble_server import dribbling
from fake_server import Handler, serving
from kinetoken.base.errors import EngineError, InputError, KinetokenError
from kinetoken.base.key_mask import MASK, NOT_SHOWN, KeyMask
from kinetoken.engines.remote.address import KEY_VARIABLE
from kinetoken.hub.bundle_name import BundleName
from kinetoken.hub.bundle_store import BundleStore
from kinetoken.hub.hub_client import HubClient
from kinetoken.hub.pull import pull_bundle

KEY = "sk-Very+Secret/0123=Zq9"
HONEST = (
    "the model is not loaded",
    "context length exceeded: 4096 < 5000",
    "unknown field 'top_k' at /v1/completions, see https://example.org/docs?id=12",
    "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 23.69 GiB total capacity)",
    "a reason of its own",
)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: dict[str, Callable[[str], str]] = {
    "reversed": lambda key: key[::-1],
    "spaced": " ".join,
    "dotted": ".".join,
    "quoted": lambda key: "','".join(key),
    "zero width": "\u200b".join,
    "wide letters": lambda key: "".join(chr(ord(c) + 0xFEE0) for c in key),
    "small letters": str.lower,
    "large letters": str.upper,
    "cut in the middle": lambda key: f"{key[:12]} and {key[12:]}",
    "base64": _b64,
    "base64 of a header": lambda key: _b64(f"Bearer {key}"),
    "base64 in between": lambda key: _b64(f"x{key}yz"),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(f"ab{key}".encode()).decode(),
    "base64 reversed": lambda key: _b64(key[::-1]),
    "base64 spaced": lambda key: " ".join(_b64(key)),
    "base64 twice": lambda key: _b64(_b64(key)),
    "base32": lambda key: base64.b32encode(key.encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal, spaced": lambda key: key.encode().hex(" ").upper(),
    "URL": lambda key: quote(key, safe=""),
    "URL, every letter": lambda key: "".join(f"%{ord(c):02x}" for c in key),
    "URL twice": lambda key: quote("".join(f"%{ord(c):02x}" for c in key)),
    "quoted-printable": lambda key: "".join(f"={ord(c):02X}" for c in key),
    "web page": lambda key: "".join(f"&#{ord(c)};" for c in key),
    "source code": lambda key: "".join(f"\\x{ord(c):02x}" for c in key),
    "JSON": lambda key: "".join(f"\\u{ord(c):04x}" for c in key),
    "rot13": lambda key: codecs.encode(key, "rot13"),
    "numbers": lambda key: str([ord(c) for c in key]),
}


def test_the_key_itself_is_masked() -> None:
    assert KeyMask(KEY).shown(f"the key {KEY} is unknown") == f"the key {MASK} is unknown"


@pytest.mark.parametrize("form", DISGUISES)
def test_a_disguised_key_is_not_shown(form: str) -> None:
    told = f"invalid credentials: {DISGUISES[form](KEY)}; ask for others"
    assert KeyMask(KEY).shown(told) == NOT_SHOWN


@pytest.mark.parametrize("key", [KEY, "EMPTY", "none", "0" * 40, "-", "sk-or-v1-0a1b2c3d"])
@pytest.mark.parametrize("said", HONEST)
def test_honest_words_are_shown(key: str, said: str) -> None:
    assert KeyMask(key).shown(said) == said


def _say(body: Any, status: int = 500, kind: str = "application/json", **headers: str) -> Any:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.say(json.dumps(body).encode(), kind, status, **headers)

    return reply


PLACES: dict[str, Any] = {
    "message": lambda said: _say({"error": {"message": said}}),
    "type of content": lambda said: _say({}, 200, f"text/{said}"),
    "redirect": lambda said: _say({}, 302, Location=f"http://{said.rstrip('=')}.org/"),
    "event": lambda said: (
        lambda handler, _: (
            handler.begin(),
            handler.event(json.dumps({"error": {"message": said}}).encode()),
        )
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["base64", "reversed", "hexadecimal"])
def test_no_place_of_an_answer_shows_it(
    place: str, form: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-Very-Secret-0123-Zq9"
    monkeypatch.setenv(KEY_VARIABLE, key)
    said = DISGUISES[form](key)
    with serving(PLACES[place](said)) as fake:
        generation = kinetoken.load(tiny, threads=1, engine=fake.url).stream("x")
        with pytest.raises(EngineError) as caught:
            next(generation)
    assert NOT_SHOWN in str(caught.value)
    assert said.casefold() not in str(caught.value).casefold()


def test_names_of_models_do_not_show_it(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with serving(_say({})) as fake:
        fake.models = [{"id": KEY[::-1], "owned_by": "me"}, {"id": KEY, "owned_by": "me"}]
        with pytest.raises(InputError) as caught:
            kinetoken.load(tiny, threads=1, engine=fake.url)
        assert f"{NOT_SHOWN} or {MASK}" in str(caught.value)
        fake.models = [{"id": _b64(KEY), "owned_by": "system"}]
        model: Any = kinetoken.load(tiny, threads=1, engine=fake.url).bundle.language_model
        assert model.model_name == NOT_SHOWN


@pytest.mark.parametrize("form", ["base64", "reversed"])
def test_a_hub_that_says_the_token_back(form: str, tmp_path: Path) -> None:
    token = "hf_Very0Secret1Token2Zq9"
    said = DISGUISES[form](token)
    bundle = json.dumps({"format": said}).encode()
    for answer in (
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(bundle)}\r\n\r\n".encode() + bundle,
        f"what is {said}\r\n\r\n".encode(),
    ):
        with dribbling(answer, ()) as url, pytest.raises(KinetokenError) as caught:
            pull_bundle(
                BundleName.parse("hf:some/walker"),
                hub=HubClient(url, token, waits=()),
                store=BundleStore(tmp_path),
            )
        assert said not in str(caught.value)
        assert NOT_SHOWN in str(caught.value)
