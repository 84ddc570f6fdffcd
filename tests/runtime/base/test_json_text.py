"""JSON that others wrote: a value, or ValueError."""

from __future__ import annotations

import json
import math

import pytest

from kinetoken.base.json_text import DEEPEST_JSON, MOST_DIGITS, parse_json


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, "x", null, true]}', '"x"', "[]", "1e3"])
def test_values_are_those_of_json(text: str) -> None:
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)
    assert parse_json("\ufeff" + text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff{}",
        "",
        "{",
        "[1,]",
        nested(DEEPEST_JSON + 2),
        nested(900),
        nested(100_000),
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        "9" * (MOST_DIGITS + 1),
        "9" * 5_000,
    ],
)
def test_what_is_none_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_json(text)


def test_bounds_leave_room_for_real_files() -> None:
    assert parse_json(nested(DEEPEST_JSON)) is not None
    assert parse_json("1000000000000000019884624838656") == 10**30 + 19884624838656


def test_constants_of_python_are_read_unless_refused() -> None:
    assert math.isinf(parse_json("Infinity"))
    with pytest.raises(ValueError, match="NaN is not a number in JSON"):
        parse_json("[NaN]", constants=False)


def test_pairs_make_the_objects() -> None:
    assert parse_json('{"a": 1, "a": 2}', list) == [("a", 1), ("a", 2)]
