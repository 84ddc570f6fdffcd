"""Answers of a bundle to sample prompts, as token ids and codes, to measure on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import InputError
from kinetoken.base.input_file import read_typed_text
from kinetoken.cli.terminal import progress
from kinetoken.generation.bundle import Bundle
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.options import GenerateOptions
from kinetoken.generation.request_grammar import request_grammar
from kinetoken.tokens.allowed_ids import nth_allowed

SAMPLE_PROMPTS: Final = (
    "a person walks forward",
    "a person walks in a circle to the left",
    "someone waves with the right hand",
    "a man jumps up and down",
    "a person sits down and stands up again",
    "the person kicks with the left leg",
    "a woman turns around and walks back",
    "someone does jumping jacks",
)


@dataclass(frozen=True)
class OwnAnswer:
    """One prompt and its answer."""

    ids: tuple[int, ...]
    """Prompt and answer as token ids."""
    codes: NDArray[np.int64]
    """(n, Q), all blocks one after the other."""


def collect_answers(
    bundle: Bundle,
    options: GenerateOptions,
    prompts: Sequence[str] = SAMPLE_PROMPTS,
    label: str = "own motion",
) -> list[OwnAnswer]:
    """Answer each prompt once, the n-th with seed n."""
    return [
        _answer(bundle, options, prompt, seed)
        for seed, prompt in enumerate(progress(prompts, label))
    ]


def _answer(bundle: Bundle, options: GenerateOptions, prompt: str, seed: int) -> OwnAnswer:
    ids = prompt_ids(bundle, prompt)
    cursor = request_grammar(
        options, bundle.manifest, bundle.vocabulary, len(ids), outgrows=False
    ).start()
    chooser, run = options.sampler(bundle.manifest).start(seed), bundle.language_model.start()
    fed, said, frames = ids, list(ids), []
    while not cursor.done:
        allowed = cursor.allowed
        token = nth_allowed(allowed, chooser.pick(run.push(fed, allowed)))
        frame = cursor.accept(token)
        frames += [frame] if frame is not None else []
        said.append(token)
        fed = [token]
    return OwnAnswer(
        tuple(said), np.array(frames, np.int64).reshape(-1, len(bundle.vocabulary.levels))
    )


def read_prompts(path: Path) -> tuple[str, ...]:
    """Read prompts from a text file, one a line; InputError where there is none."""
    try:
        lines = read_typed_text(path).splitlines()
    except OSError as error:
        raise InputError(
            f"{path}: expected a text file of prompts, cannot read it ({error.strerror})"
        ) from error
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: expected UTF-8 text, one prompt a line, got other bytes: save it as UTF-8"
        ) from None
    prompts = tuple(line.strip() for line in lines if line.strip())
    if not prompts:
        raise InputError(f"{path}: expected one prompt a line, got an empty file: write some")
    return prompts
