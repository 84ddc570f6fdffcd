"""Lengths that prompts name in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kinetoken.generation.generator import Generator
from kinetoken.generation.said_length import seconds_said

SAID = {
    "walk for five seconds": 5,
    "a person stands for 2.5 s": 2.5,
    "dance for half a minute": 30,
    "an 8-second walk": 8,
    "camina durante ocho segundos": 8,
    "gehe zwölf Sekunden lang": 12,
    "marche pendant dix-sept secondes": 17,
    "走八秒": 8,
    "走二十五秒": 25,
    "10秒間歩いて": 10,
    "8s of dancing": 8,
    "hold still a second": 1,
    "get up, it should last 3 seconds": 3,
    "a dance lasting 12 seconds": 12,
    "wave as in the last 3 seconds": None,
    "walk as if your ankle was sprained": None,
    "walk as slowly as a snail": None,
    "stand as a guard": None,
    "one s": None,
    "walk three steps": None,
    "wave every 2 seconds": None,
    "stop after three seconds": None,
    "walk for 5 seconds, then wave": None,
    "walk 2 seconds, run 3 seconds": None,
    "run for 1000 seconds": None,
    "say hello 100% for 0 seconds": None,
}


@pytest.mark.parametrize(("prompt", "seconds"), SAID.items(), ids=[*SAID])
def test_a_length_is_read_where_the_prompt_names_one(prompt: str, seconds: float | None) -> None:
    assert seconds_said(prompt) == seconds


def test_only_bundles_that_say_so_keep_it(generator: Generator) -> None:
    bundle = generator.bundle
    defaults = replace(bundle.manifest.defaults, prompt_seconds=True)
    reads = Generator(replace(bundle, manifest=replace(bundle.manifest, defaults=defaults)))
    assert reads.generate("walk for four seconds", seed=1).seconds == 4
    assert reads.generate("walk for four seconds", seed=1, seconds=2).seconds == 2
    assert reads.session(keep_state=False).say("walk for four seconds", seed=1).close() is None
    asked = "walk for nine seconds"
    assert {generator.generate(asked, seed=seed).seconds for seed in range(3)} != {9}


@pytest.mark.parametrize(
    "prompt", ["1" * 300_000, "1." * 150_000, "一" * 300_000, "5" + " " * 300_000]
)
def test_long_prompts_are_gone_through_once(prompt: str) -> None:
    """Each took minutes where every place in a number began anew."""
    assert seconds_said(prompt) is None
