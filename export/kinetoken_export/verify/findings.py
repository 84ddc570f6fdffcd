"""What of a bundle is not as its source: further away than its quantization explains, another prompt, other sampling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kinetoken.generation.bundle import Bundle
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.manifest.schema import Manifest

from ..checkpoint.config.generation_config import read_sampling
from .language_model import LmFigures
from .reference import CheckpointReference
from .request import VerifyRequest
from .transformers_reference import TransformersReference, UnusableError

_MOST_KL: Final = ((16, 0.01), (8, 0.05), (6, 0.15), (5, 0.3), (4, 0.8), (3, 2.5), (2, 6.0))
"""Bits of a weight, and the mean divergence in nats that they explain: several times what was measured."""


@dataclass(frozen=True)
class Findings:
    """The differences, and what could not be compared, a line each."""

    wrong: tuple[str, ...]
    unchecked: tuple[str, ...]


def find_differences(
    request: VerifyRequest,
    bundle: Bundle,
    reference: CheckpointReference,
    parts: dict[str, LmFigures],
) -> Findings:
    """Compare what has a right answer; `parts`: the figures of the language model by name."""
    wrong = [*_far(bundle.manifest, parts, reference), *_sampling(request, bundle.manifest)]
    unchecked: list[str] = []
    try:
        wrong += _prompts(request, bundle, reference)
    except UnusableError as error:
        unchecked.append(f"prompts were not compared with the chat template: {error}")
    return Findings(tuple(wrong), tuple(unchecked))


def _far(
    manifest: Manifest, parts: dict[str, LmFigures], reference: CheckpointReference
) -> Iterator[str]:
    """A line for each part that is further away than the bits explain."""
    name = manifest.language_model.quantization
    most = most_divergence(name)
    for part, figures in parts.items():
        if figures.kl_mean > most:
            yield (
                f"{part}: {figures.top1:.0%} of the likeliest tokens are those of {reference.title}, "
                f"mean KL {figures.kl_mean:.2g}, and {name} explains {most:g}: the checkpoint was read "
                "otherwise than it was meant"
            )


def most_divergence(quantization: str) -> float:
    """The mean KL in nats that a quantization explains; infinite for a single bit."""
    found = re.search(r"\d+", quantization)
    bits = int(found[0]) if found else 4
    return next((most for least, most in _MOST_KL if bits >= least), float("inf"))


def _sampling(request: VerifyRequest, manifest: Manifest) -> Iterator[str]:
    """A line where the bundle's defaults are neither the checkpoint's nor the user's."""
    if not request.against.folder.is_dir():
        return
    asked = read_sampling(request.against.folder)
    said = manifest.provenance.options.get("temperature")
    wanted = asked.defaults(None if said is None else float(said))
    for name in ("temperature", "top_k", "top_p", "min_p"):
        got, right = getattr(manifest.defaults, name), getattr(wanted, name)
        if got != right and getattr(asked, name) is not None:
            yield f"sampling: {name} {got}, and generation_config.json asks for {right:g}"


def _prompts(
    request: VerifyRequest, bundle: Bundle, reference: CheckpointReference
) -> Iterator[str]:
    """A line for the first prompt that is put to the model otherwise than by transformers."""
    options, chat = bundle.manifest.provenance.options, bundle.manifest.chat
    if not isinstance(reference, TransformersReference):
        raise UnusableError("transformers is not the reference")
    if "prompt_template" in options:
        raise UnusableError("the bundle has a prompt template of its own")
    for prompt in request.prompts:
        wanted = reference.prompt_ids(chat.system_prompt, prompt, options.get("chat_template"))
        got = prompt_ids(bundle, prompt)
        if got != wanted:
            at = next(
                (i for i, pair in enumerate(zip(got, wanted, strict=False)) if pair[0] != pair[1]),
                min(len(got), len(wanted)),
            )
            yield (
                f"prompt {prompt!r}: {len(got)} tokens, and {len(wanted)} by the checkpoint's chat "
                f"template in {reference.title}; the first other one is number {at}"
            )
            return
