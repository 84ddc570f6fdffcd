"""Answers that a true server writes, held to what was asked for."""

from __future__ import annotations

from typing import Any, Final

import kinetoken
from kinetoken.tokens.markup import read_strictly

SERVER_KEY: Final = "a key for the test"


def asked_of_a_server(temperature: float) -> list[dict[str, Any]]:
    """Options of an answer, one of them at this temperature, the highest that the server takes."""
    return [
        {"seconds": 0.6},
        {"seconds": 2.0, "temperature": temperature},
        {"block_code_frames": 3, "min_blocks": 2, "max_blocks": 2, "max_pause": 6},
        {"code_frames": 7, "max_block_code_frames": 3, "thought": "none"},
        {"levels": 2, "seconds": 1.0},
        {"frames": "prefix", "code_frames": 4},
        {"min_seconds": 0.4, "max_seconds": 1.2},
    ]


def check_served_rules(
    generator: kinetoken.Generator, codes: int, asked: dict[str, Any], **more: Any
) -> None:
    """Assert that an answer is what was asked for; `codes`: entries of each of four codebooks."""
    generation = generator.stream("a person walks", seed=5, **{"temperature": 1.0, **more, **asked})
    for _ in generation:
        pass
    clip = generation.clip()
    assert generation.notes == ()
    assert clip.codes is not None
    if asked.get("frames") != "prefix":
        frames = read_strictly(clip.text, 4, codes, asked.get("levels", 4)).frames
        assert [list(frame) for frame in frames] == clip.codes.tolist()
    if "seconds" in asked:
        assert len(clip) == round(asked["seconds"] * 20)
    if "code_frames" in asked:
        assert len(clip.codes) == asked["code_frames"]
    if "block_code_frames" in asked:
        assert clip.text.count("</move>") == 2
        assert len(clip.codes) == 6
