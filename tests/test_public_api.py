"""The names that users may rely on: each exists, is documented, and nothing else is offered."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import kinetoken

NAMES = [
    "BodyLine", "BundleError", "Chunk", "Clip", "DownloadError", "EngineError", "FormatError", "GenerateOptions", "Generation", "Generator",
    "InputError", "KinetokenError", "LoadOptions", "MissingPackageError", "MotionChunk", "OutputError", "Said", "Session", "Stats",
    "TextChunk", "TokenError", "Turn", "load",
]  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert kinetoken.__all__ == NAMES
    assert set(NAMES) <= set(dir(kinetoken))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(kinetoken, name)
    if name != "Chunk":  # a union of two types
        assert inspect.getdoc(value)
        assert value.__module__.startswith("kinetoken.")


@pytest.mark.parametrize(
    "name",
    [
        "BodyLine",
        "Clip",
        "Generation",
        "Generator",
        "GenerateOptions",
        "LoadOptions",
        "Session",
        "Stats",
        "Turn",
    ],
)
def test_every_public_method_says_what_it_does(name: str) -> None:
    members = inspect.getmembers(
        getattr(kinetoken, name), lambda m: inspect.isfunction(m) or isinstance(m, property)
    )
    for member, value in members:
        if not member.startswith("_"):
            assert inspect.getdoc(value), f"{name}.{member}"


def test_the_options_of_a_stream_are_those_of_generate_options() -> None:
    options = list(inspect.signature(kinetoken.GenerateOptions).parameters)
    assert options == [
        "seconds", "min_seconds", "max_seconds", "code_frames", "min_code_frames", "max_code_frames",
        "block_seconds", "min_block_seconds", "max_block_seconds",
        "block_code_frames", "min_block_code_frames", "max_block_code_frames", "min_blocks", "max_blocks",
        "seed", "temperature", "top_k", "top_p", "min_p", "levels", "detail", "keep_up", "frames",
        "max_tokens", "max_thought", "max_pause", "thought", "text_only", "foot_lock", "smooth",
    ]  # fmt: skip


def test_keywords_and_fields_are_the_same_options() -> None:
    from kinetoken.generation.options import GenerateKeywords

    assert list(GenerateKeywords.__annotations__) == list(
        inspect.signature(kinetoken.GenerateOptions).parameters
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        kinetoken.walk  # noqa: B018


def test_errors_are_one_tree_with_exit_codes() -> None:
    codes = {
        kinetoken.KinetokenError: 1, kinetoken.InputError: 2, kinetoken.FormatError: 3, kinetoken.BundleError: 3,
        kinetoken.TokenError: 3, kinetoken.MissingPackageError: 4, kinetoken.OutputError: 5, kinetoken.EngineError: 6,
        kinetoken.DownloadError: 7,
    }  # fmt: skip
    for error, code in codes.items():
        assert issubclass(error, kinetoken.KinetokenError)
        assert error.exit_code == code
    assert "pip install" in str(kinetoken.MissingPackageError("pyglet", "viewer"))


def test_load_takes_the_fields_of_load_options_as_an_object_or_by_keyword(tmp_path: Path) -> None:
    from kinetoken.engines.load_options import LoadKeywords

    fields = list(inspect.signature(kinetoken.LoadOptions).parameters)
    assert list(LoadKeywords.__annotations__) == fields
    with pytest.raises(kinetoken.InputError, match="one LoadOptions or by keyword, not both"):
        kinetoken.load(tmp_path, kinetoken.LoadOptions(), threads=1)
    with pytest.raises(kinetoken.InputError, match="unknown option 'thread'"):
        kinetoken.load(tmp_path, thread=1)  # type: ignore[call-arg]
