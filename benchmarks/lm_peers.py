"""Run one peer's own loop in a process of its own; print the seconds of each token after the first.

    PYTHON benchmarks/lm_peers.py transformers|genai FOLDER DTYPE|THREADS IDS TOKENS

THREADS 0 is onnxruntime-genai's own choice; IDS is the prompt, as comma-separated ids. The file
imports nothing from kinetoken, so the peer's own Python can run it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Final

REPEATS: Final = 3
ENOUGH: Final = 10.0
"""Seconds after which a run is not repeated; a full-size model's are long enough."""
Run = Callable[[int], list[float]]
"""Writes a number of tokens; returns the time of each."""


class Clock:
    """A transformers streamer that keeps only times; the prompt comes first."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, _: Any) -> None:
        """Note the time of a token."""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Ignore the end."""


def transformers(folder: str, dtype: str, ids: list[int]) -> Run:
    """Generate as a model's own script does."""
    import torch
    import transformers as library

    config = library.AutoConfig.from_pretrained(folder)
    sees = hasattr(config, "vision_config")
    kind = library.AutoModelForImageTextToText if sees else library.AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=getattr(torch, dtype))
    prompt = torch.tensor([ids])
    options: dict[str, Any] = {
        "attention_mask": torch.ones_like(prompt),
        "do_sample": True,
        "temperature": 0.5,
        "pad_token_id": 0,
    }

    def run(tokens: int) -> list[float]:
        clock = Clock()
        with torch.no_grad():
            model.generate(
                prompt, max_new_tokens=tokens, min_new_tokens=tokens, streamer=clock, **options
            )
        return clock.times[1:]

    return run


def genai(folder: str, threads: str, ids: list[int]) -> Run:
    """onnxruntime-genai's loop, with a cache of the requested length."""
    import onnxruntime_genai as library

    config = library.Config(folder)
    if threads != "0":
        options = {"session_options": {"intra_op_num_threads": int(threads)}}
        config.overlay(json.dumps({"model": {"decoder": options}}))
    model = library.Model(config)

    def run(tokens: int) -> list[float]:
        params, length = library.GeneratorParams(model), len(ids) + tokens
        params.set_search_options(
            max_length=length, min_length=length, do_sample=True, temperature=0.5
        )
        generator, times = library.Generator(model, params), []
        generator.append_tokens(ids)
        for _ in range(tokens):
            generator.generate_next_token()
            times.append(time.perf_counter())
        return times

    return run


def seconds(run: Run, tokens: int) -> float:
    """Medians by token after the first, over the runs there is time for, after a short one."""
    run(2)
    found, until = list[float](), time.perf_counter() + ENOUGH
    while len(found) < REPEATS and (not found or time.perf_counter() < until):
        times = run(tokens)
        assert len(times) == tokens, f"{len(times)} of {tokens} tokens were written"
        found.append((times[-1] - times[0]) / (tokens - 1))
    return statistics.median(found)


if __name__ == "__main__":
    peer, folder, option, prompt, tokens = sys.argv[1:]
    ids = [int(i) for i in prompt.split(",")]
    print(
        seconds(
            {"genai": genai, "transformers": transformers}[peer](folder, option, ids), int(tokens)
        )
    )
