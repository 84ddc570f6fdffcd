"""Servers that refuse, stall, break off or talk nonsense: one clear line each, and the motion that came is kept."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kinetoken
from fake_server import FakeServer, Handler, Reply, serving, texts
from kinetoken.base.errors import EngineError, InputError
from kinetoken.cli import main as cli
from kinetoken.engines.remote import http
from kinetoken.engines.remote.address import KEY_VARIABLE, ServerAddress
from kinetoken.engines.tokenizer import HfTokenizer

FRAME = "<m_0_1><m_1_2><m_2_3><m_3_4>"
BEGUN = f"<move>{FRAME * 3}"
SECRET = "sk-very-secret-0123"


def load(tiny: Path, url: str, **asked: Any) -> kinetoken.Generator:
    return kinetoken.load(tiny, threads=1, engine=url, **asked)


def failing(tiny: Path, reply: Reply, **asked: Any) -> tuple[str, int, list[FakeServer]]:
    """What the error says, how many frames had come, and the server."""
    with serving(reply) as fake:
        generation = load(tiny, fake.url, **asked).stream("x", min_block_code_frames=1)
        with pytest.raises(EngineError) as caught:
            for _ in generation:
                pass
        clip = generation.clip()
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    return line, len(clip), [fake]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited before trying again, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(http.time, "sleep", seconds.append)
    return seconds


def refusing(status: int, message: Any = "because", **headers: str) -> Reply:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.say_json({"error": {"message": message}}, status, **headers)

    return reply


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, f"refuses the key (401): put the right one into ${KEY_VARIABLE}"),
        (403, "refuses the key (403)"),
        (404, "knows no such model or path (404)"),
        (400, "refuses the request (400)"),
        (500, "failed (500): see its log"),
        (502, "failed (502)"),
    ],
)
def test_a_refusal_is_one_line(tiny: Path, status: int, expected: str) -> None:
    line, frames, _ = failing(tiny, refusing(status))
    assert expected in line
    assert line.endswith('it says "because"')
    assert frames == 0


def test_a_page_for_browsers_is_not_quoted(tiny: Path) -> None:
    line, _, _ = failing(
        tiny, lambda handler, _: handler.say(b"<html>Bad gateway</html>", "text/html", 502)
    )
    assert "html" not in line


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(tiny: Path, waits: list[float], status: int) -> None:
    def reply(handler: Handler, body: dict[str, Any]) -> None:
        if len(handler.fake.asked) < 3:
            handler.say_json({"error": "slow down"}, status, Retry_After="3")
        else:
            texts(BEGUN, "</move>")(handler, body)

    with serving(reply) as fake:
        assert len(load(tiny, fake.url).generate("x")) == 12
    assert waits == [3.0, 3.0]


@pytest.mark.parametrize(
    ("after", "good"),
    [
        ("86400", lambda s: s == http.LONGEST_WAIT),
        ("Wed, 21 Oct 2099 07:28:00 GMT", lambda s: s == http.LONGEST_WAIT),
        ("Wed, 21 Oct 2015 07:28:00 GMT", lambda s: s == 0),
        ("-5", lambda s: s == 0),
        ("soon", lambda s: 0 < s < 10),
        ("nan", lambda s: 0 < s < 10),
        ("inf", lambda s: 0 < s < 10),
    ],
)
def test_it_is_not_asked_for_ever(
    tiny: Path, waits: list[float], after: str, good: Callable[[float], bool]
) -> None:
    line, _, (fake,) = failing(tiny, refusing(429, "slow down", Retry_After=after))
    assert "still busy after 4 tries (429)" in line
    assert len(fake.asked) == 4
    assert len(waits) == 3
    assert all(map(good, waits))


def cut(handler: Handler, _: dict[str, Any]) -> None:
    handler.begin()
    handler.choice(text=BEGUN)
    handler.choice(text="<m_0_1>")


def cut_chunked(handler: Handler, _: dict[str, Any]) -> None:
    """In the middle of a chunk of HTTP/1.1."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    data = (
        b"data: "
        + json.dumps({"choices": [{"text": BEGUN, "finish_reason": None}]}).encode()
        + b"\n\n"
    )
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) + b"40\r\ndata: {")
    handler.close_connection = True


@pytest.mark.parametrize("reply", [cut, cut_chunked])
def test_a_connection_cut_in_the_middle_keeps_the_motion(tiny: Path, reply: Reply) -> None:
    line, frames, _ = failing(tiny, reply)
    assert "cut the connection" in line
    assert frames == 12


def test_the_motion_held_back_comes_before_the_error(tiny: Path) -> None:
    with serving(cut) as fake:
        generation = load(tiny, fake.url).stream("x")
        chunks: list[kinetoken.Chunk] = []
        with pytest.raises(EngineError):
            chunks.extend(generation)
        assert sum(len(chunk.joints) for chunk in chunks) == 12
        assert generation.text == BEGUN + "</move>"


def silent(handler: Handler, _: dict[str, Any]) -> None:
    handler.begin()
    handler.choice(text=BEGUN)
    time.sleep(1)


def pinging(handler: Handler, _: dict[str, Any]) -> None:
    handler.begin()
    handler.choice(text=BEGUN)
    for _ in range(40):
        handler.wfile.write(b": ping\n\n")
        handler.choice(text="")
        time.sleep(0.02)


@pytest.mark.parametrize("reply", [silent, pinging])
def test_a_silent_server_is_given_up(tiny: Path, reply: Reply) -> None:
    line, frames, _ = failing(tiny, reply, engine_timeout=0.3)
    assert "gave no answer for 0.3 s; give it more with --engine-timeout" in line
    assert frames == 12


def test_a_slow_reader_is_not_a_silent_server(tiny: Path) -> None:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        for text in (BEGUN, FRAME, "</move>"):
            handler.choice(text=text)
            handler.wfile.write(b": ping\n\n")
        handler.end()

    with serving(reply) as fake:
        generation = load(tiny, fake.url, engine_timeout=0.3).stream("x")
        next(generation)
        time.sleep(0.5)
        for _ in generation:
            pass
    assert len(generation.clip()) == 16


def raw(data: bytes) -> Reply:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        handler.choice(text=BEGUN)
        handler.wfile.write(data)

    return reply


@pytest.mark.parametrize(
    "data",
    [
        b"data: {not json}\n\n",
        b"data: 17\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"choices": 3}\n\n',
        b'data: {"choices": [7]}\n\n',
        b'data: {"choices": [{"text": 5}]}\n\n',
        b'data: {"choices": [{"text": "\\ud83d"}]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"\xff\xfe\x00 what is this\n\n",
        b"<html>\n\n",
    ],
)
def test_nonsense_is_one_line(tiny: Path, data: bytes) -> None:
    line, frames, _ = failing(tiny, raw(data))
    assert "writes what is no completion" in line
    assert frames == 12


def test_a_line_without_an_end(tiny: Path) -> None:
    line, frames, _ = failing(tiny, raw(b"data: " + b"x" * (http.LONGEST_REPLY_LINE + 5)))
    assert "lines without an end" in line
    assert frames == 12


@pytest.mark.parametrize("field", [b"data", b"error"])
def test_an_error_while_it_writes(tiny: Path, field: bytes) -> None:
    line, frames, _ = failing(
        tiny, raw(field + b': {"error": {"message": "out of memory", "code": 500}}\n\n')
    )
    assert 'failed while it wrote; it says "out of memory"' in line
    assert frames == 12


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_another_content_type(tiny: Path, kind: str) -> None:
    line, _, _ = failing(tiny, lambda handler, _: handler.say(b"<p>welcome</p>", kind))
    assert "expected a stream of events of http://127.0.0.1" in line
    assert f"got {kind}" in line


def test_a_redirect_on_the_same_server_is_followed(tiny: Path) -> None:
    def reply(handler: Handler, body: dict[str, Any]) -> None:
        if len(handler.fake.asked) == 1:
            handler.say_json({}, 307, Location="/v1/completions")
        else:
            texts(BEGUN, "</move>")(handler, body)

    with serving(reply) as fake:
        assert len(load(tiny, fake.url).generate("x")) == 12


def test_a_redirect_elsewhere_is_refused(tiny: Path) -> None:
    line, _, _ = failing(tiny, refusing(302, Location="https://elsewhere.example/v1/completions"))
    assert "redirects to https://elsewhere.example; give that address, if you trust it" in line
    line, _, (fake,) = failing(tiny, refusing(308, Location="/v1/completions"))
    assert "in circles (308)" in line
    assert len(fake.asked) == 4


def test_the_key_is_sent_and_never_shown(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    line, _, (fake,) = failing(tiny, refusing(401, f"the key {SECRET} is not known"))
    assert fake.headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert 'it says "the key *** is not known"' in line
    with serving(texts(BEGUN, "</move>")) as fake:
        generator = load(tiny, fake.url)
        clip = generator.generate("x")
    assert SECRET not in repr(generator.bundle.language_model) + repr(clip.meta) + str(
        vars(generator)
    )
    monkeypatch.setenv(KEY_VARIABLE, "a\nb")
    with pytest.raises(InputError, match=KEY_VARIABLE):
        load(tiny, "http://127.0.0.1:9")


# At the door.


@pytest.fixture
def closed() -> str:
    """An address at which nothing listens."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{place.getsockname()[1]}/v1"


def test_nothing_there(tiny: Path, closed: str) -> None:
    with pytest.raises(
        EngineError,
        match=r"nothing answers at http://127.0.0.1:\d+/v1 \(Connection refused\); start",
    ):
        load(tiny, closed)


@pytest.fixture
def babbling() -> Iterator[str]:
    """Something else than HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_no_http(tiny: Path, babbling: str) -> None:
    with pytest.raises(EngineError, match="speaks no HTTP"):
        load(tiny, babbling)


def test_no_tls(tiny: Path, closed: str) -> None:
    with (
        serving(texts("x")) as fake,
        pytest.raises(EngineError, match="nothing answers at https://"),
    ):
        load(tiny, fake.url.replace("http:", "https:"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080",
        "ftp://a/v1",
        "http://",
        "http://a:b/v1",
        "http://a:99999/v1",
        "http://a/v1?x=1",
        "http://[::1/v1",
    ],
)
def test_urls_that_are_none(tiny: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"expected a URL such as http://127.0.0.1:8080/v1"):
        load(tiny, url)


def test_urls_that_are_some(tiny: Path) -> None:
    assert str(ServerAddress.parse("http://a")) == "http://a:80/v1"
    assert str(ServerAddress.parse(" https://a.b:8443/llm/v1/ ")) == "https://a.b:8443/llm/v1"
    assert ServerAddress.parse("https://a.b:8443/llm/v1/").root == "/llm"
    assert str(ServerAddress.parse("http://[::1]:8080/v1")) == "http://[::1]:8080/v1"
    with pytest.raises(InputError, match="a URL must not contain a password"):
        ServerAddress.parse("http://me:secret@a/v1")


def test_several_models_have_to_be_told_apart(tiny: Path) -> None:
    with serving(texts(BEGUN, "</move>")) as fake:
        fake.models = [{"id": name, "owned_by": "vllm"} for name in ("base", "motion")]
        with pytest.raises(
            InputError, match="several models: choose with --engine-model base or motion"
        ):
            load(tiny, fake.url)
        with pytest.raises(InputError, match="has no model 'other': choose with"):
            load(tiny, fake.url, engine_model="other")
        load(tiny, fake.url, engine_model="motion").generate("x")
    assert fake.asked[0]["model"] == "motion"


@pytest.mark.parametrize("listed", [[], {}, "none", [3]])
def test_no_model_at_all(tiny: Path, listed: Any) -> None:
    with serving(texts("x")) as fake:
        fake.listed = lambda: listed  # type: ignore[method-assign]
        with pytest.raises(EngineError, match="lists no model"):
            load(tiny, fake.url)


@pytest.mark.parametrize("kind", ["llama-server", "llama-cpp-python", "vllm"])
def test_another_model_is_noticed(tiny: Path, kind: str, tmp_path: Path) -> None:
    data = json.loads((tiny / "tokenizer.json").read_text())
    data["added_tokens"] = data["added_tokens"][:2]
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    with (
        serving(texts("x"), kind, HfTokenizer(tmp_path / "tokenizer.json")) as fake,
        pytest.raises(EngineError, match="runs another model: expected token ids"),
    ):
        load(tiny, fake.url)


def test_hidden_motion_tokens_are_noticed(tiny: Path) -> None:
    with serving(texts("x"), "llama-cpp-python", HfTokenizer(tiny / "tokenizer.json")) as fake:
        fake.hidden = True
        with pytest.raises(EngineError, match="hides motion tokens"):
            load(tiny, fake.url)


def test_a_server_without_a_list_is_taken_at_its_kind(tiny: Path) -> None:
    with serving(texts(BEGUN, "</move>")) as fake:
        url = fake.url.replace("/v1", "/v2")
        with pytest.raises(EngineError, match="404"):
            load(tiny, url)
        with pytest.raises(EngineError, match="404"):
            load(tiny, url, engine_kind="openai", engine_model="m").generate("x")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"engine_kind": "ollama"}, "engine-kind: expected llama-server"),
        ({"engine_timeout": 0}, "engine-timeout: expected seconds above 0"),
        ({"engine_timeout": float("nan")}, "engine-timeout"),
    ],
)
def test_options_that_make_no_sense(tiny: Path, asked: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        load(tiny, "http://127.0.0.1:9/v1", **asked)
    with pytest.raises(InputError, match=f"describes the server that engine names|{expected}"):
        kinetoken.load(tiny, **({"engine_model": "x"} | asked))


def test_closing_hangs_up(tiny: Path) -> None:
    noticed = threading.Event()

    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        handler.choice(text="<move>")
        try:
            for _ in range(2000):
                handler.choice(text=FRAME)
                time.sleep(0.005)
        except OSError:
            noticed.set()

    with serving(reply) as fake:
        generation = load(tiny, fake.url).stream("x", seconds=4)
        next(generation)
        generation.close()
        assert noticed.wait(10)
        assert len(generation.clip()) > 0


# The command line.


def test_the_command_reports_what_went_wrong(
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    closed: str,
) -> None:
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    out = tmp_path / "x.npz"
    with serving(texts(BEGUN, "<m_3_1>")) as fake:
        assert cli.main(["generate", "x", "--engine", fake.url, "-o", str(out), "--json"]) == 0
    said, err = capsys.readouterr()
    report = json.loads(said)
    assert "wrote <m_3_1> where" in report["notes"][0]
    assert err == f"kinetoken: {report['notes'][0]}\n"
    assert len(kinetoken.Clip.load(out)) == 12
    with serving(cut) as fake:
        assert cli.main(["generate", "x", "--engine", fake.url, "-o", str(out)]) == 6
    assert f"the 0.6 s of motion so far are in {out}" in capsys.readouterr().err
    assert cli.main(["generate", "x", "--engine", closed]) == 6
    assert cli.main(["generate", "x", "--engine", "nowhere"]) == 2
    assert cli.main(["generate", "x", "--engine-kind", "vllm"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
