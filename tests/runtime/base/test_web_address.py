"""Addresses taken apart: an address that can be connected to, or ValueError."""

from __future__ import annotations

import pytest

from kinetoken.base.web_address import parse_web_address


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("http://localhost", "localhost", 80, "http://localhost"),
        ("https://a.example:8443/v1?x=1", "a.example", 8443, "https://a.example:8443"),
        ("http://[::1]:8080/v1", "::1", 8080, "http://[::1]:8080"),
        ("http://my_server:1/", "my_server", 1, "http://my_server:1"),
        ("https://a.example.", "a.example.", 443, "https://a.example."),
        ("http://bücher.example", "xn--bcher-kva.example", 80, "http://xn--bcher-kva.example"),
    ],
)
def test_addresses(text: str, host: str, port: int, shown: str) -> None:
    found = parse_web_address(text)
    assert (found.host, found.port, str(found)) == (host, port, shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:80",
        "ftp://a",
        "http://",
        "http://a b/",
        "http://a..b",
        "http://.a",
        f"http://{'a' * 64}",
        f"http://{'a.' * 140}a",
        f"http://{'ü' * 64}.example",
        "http://[::1",
        "http://[::g]",
        "http://[v1.x]",
        "http://a:0",
        "http://a:999999",
        "http://a:x",
        "http://a/\x00",
        "http://a/é",
        "http://a/ b",
        "http://\ud800",
        "http://a\udcff/",
        "http://a/\ud800",
        "http://-a",
        "http://a%00b",
        "\x00",
    ],
)
def test_what_is_none_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_web_address(text)


def test_a_user_is_told() -> None:
    assert parse_web_address("http://u:p@a/").has_user
    assert not parse_web_address("http://a/@b").has_user
