"""Run one peer's own loop in a process of its own; print the seconds of each token after the first.

    PYTHON benchmarks/lm_peers.py transformers|genai|ik|openvino MODEL DTYPE|THREADS IDS TOKENS

MODEL is a folder, for ik a GGUF file. THREADS 0 is the peer's own choice; IDS is the prompt, as
comma-separated ids. The file imports nothing from kinetoken, so the peer's own Python can run it.
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
ROOM: Final = 512
"""Tokens in the cache, where a peer wants to know."""
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


def ik(file: str, threads: str, ids: list[int]) -> Run:
    """ik_llama.cpp's llama_decode, logits read; its Python sampler would visit every token."""
    from ik_llama_cpp import IkLlama, _internals

    model = IkLlama(
        file, n_ctx=ROOM, n_threads=int(threads)
    )  # takes its context along when it goes

    def push(batch: Any) -> None:
        assert model._context.decode(batch) == 0
        model._context.get_logits(-1)
        _internals.C.llama_batch_free(batch)

    def run(tokens: int) -> list[float]:
        model._context.kv_cache_clear()
        push(_internals.make_batch_range(ids))
        times = [time.perf_counter()]
        for place in range(len(ids), len(ids) + tokens - 1):
            push(_internals.make_batch_single(ids[-1], place))
            times.append(time.perf_counter())
        return times

    return run


def openvino(folder: str, threads: str, ids: list[int]) -> Run:
    """OpenVINO GenAI's pipeline, on ids."""
    import numpy as np
    import openvino_genai as library
    from openvino import Tensor

    class Streamer(library.StreamerBase):
        """Keeps the time of each token; the prompt's comes with the first."""

        def __init__(self) -> None:
            super().__init__()
            self.times: list[float] = []

        def write(self, _: Any) -> Any:
            """Note the time of a token."""
            self.times.append(time.perf_counter())
            return library.StreamingStatus.RUNNING

        def end(self) -> None:
            """Ignore the end."""

    pipeline = library.LLMPipeline(
        folder, "CPU", **({"INFERENCE_NUM_THREADS": int(threads)} if threads != "0" else {})
    )
    prompt = np.array([ids], np.int64)
    inputs = library.TokenizedInputs(Tensor(prompt), Tensor(np.ones_like(prompt)))

    def run(tokens: int) -> list[float]:
        config, streamer = library.GenerationConfig(), Streamer()
        config.max_new_tokens, config.ignore_eos = tokens, True
        config.do_sample, config.temperature = True, 0.5
        pipeline.generate(inputs, config, streamer)
        return streamer.times

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


PEERS: Final = {"genai": genai, "ik": ik, "openvino": openvino, "transformers": transformers}


if __name__ == "__main__":
    peer, model, option, prompt, tokens = sys.argv[1:]
    ids = [int(i) for i in prompt.split(",")]
    print(seconds(PEERS[peer](model, option, ids), int(tokens)))
