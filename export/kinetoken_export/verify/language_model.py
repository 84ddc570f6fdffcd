"""The distance of a bundle's language model from its source, on next-token distributions.

Both read the same sequences, which the source wrote. At each position the whole distributions over
the bundle's ids are compared, before grammar, temperature or any filter. What prompts have in
common is counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import EngineError
from kinetoken.cli.terminal import progress
from kinetoken.generation.bundle import Bundle
from kinetoken.tokens.vocabulary import Vocabulary

from ..own_answers import OwnAnswer
from .reference import CheckpointReference

TEXT_POSITION: Final = -1
"""Kind of a position whose next token is no motion token.

0 and up are the levels, Q is `</move>`.
"""
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ComparedPositions:
    """The comparison at each of n positions."""

    kind: NDArray[np.int64]
    """TEXT, the level of the next token, or Q."""
    agrees: NDArray[np.bool_]
    """Whether both find the same token most probable."""
    kl: _Floats
    """Kullback-Leibler divergence of the bundle from the source, nats."""
    source_nll: _Floats
    """Negative log-likelihood of the next token in the source, nats."""
    bundle_nll: _Floats


@dataclass(frozen=True)
class LmFigures:
    """Positions of one kind summed up."""

    positions: int
    top1: float
    """Share of positions with the same most probable token."""
    kl_mean: float
    """Nats."""
    kl_p99: float
    """99 of 100 positions are below; nats."""
    perplexity_source: float
    perplexity_bundle: float
    perplexity_ratio: float
    """Bundle over source: 1 loses nothing."""


def summarize(rows: ComparedPositions, chosen: NDArray[np.bool_]) -> LmFigures:
    """Sum up the chosen positions, at least one."""
    kl, source, bundle = (
        rows.kl[chosen],
        rows.source_nll[chosen].mean(),
        rows.bundle_nll[chosen].mean(),
    )
    return LmFigures(
        positions=int(chosen.sum()),
        top1=float(rows.agrees[chosen].mean()),
        kl_mean=float(kl.mean()),
        kl_p99=float(np.percentile(kl, 99)),
        perplexity_source=float(np.exp(source)),
        perplexity_bundle=float(np.exp(bundle)),
        perplexity_ratio=float(np.exp(bundle - source)),
    )


def compare_models(
    source: CheckpointReference, bundle: Bundle, answers: Sequence[OwnAnswer]
) -> ComparedPositions:
    """Compare every position of every answer, prompts included, from the second token on."""
    names = [answer.ids for answer in answers]
    compared: list[tuple[int, bool, float, float, float]] = []
    for ids, logits in zip(
        progress(names, "bundle"), source.each([ids[:-1] for ids in names]), strict=True
    ):
        first = 1 if ids is names[0] else max(1, _common(ids, names[0]))
        run, everything = (
            bundle.language_model.start(),
            (range(bundle.manifest.language_model.vocab_size),),
        )
        fed = ids[:first]
        for at in range(first, len(ids)):
            row = compare_rows(logits[at - 1], run.push(fed, everything), ids[at])
            compared.append((position_kind(bundle.vocabulary, ids[at]), *row))
            fed = ids[at : at + 1]
    kind, agrees, kl, source_nll, bundle_nll = zip(*compared, strict=True)
    return ComparedPositions(
        np.array(kind), np.array(agrees), np.array(kl), np.array(source_nll), np.array(bundle_nll)
    )


def compare_rows(
    source: NDArray[np.float32], bundle: NDArray[np.float32], following: int
) -> tuple[bool, float, float, float]:
    """Compare logits (vocab,) of both before a known token.

    Returns: equal best token, KL divergence, and both negative log-likelihoods.
    """
    for logits, whose, advice in (
        (source, "source", "it is damaged"),
        (bundle, "bundle", "export it with more bits"),
    ):
        if not np.isfinite(logits).all():
            raise EngineError(
                f"expected finite logits of the {whose}, got NaN or infinity: {advice}"
            )
    wanted, got = log_softmax(source), log_softmax(bundle)
    kl = float((np.exp(wanted) * (wanted - got)).sum())
    return (
        bool(wanted.argmax() == got.argmax()),
        max(kl, 0.0),
        -float(wanted[following]),
        -float(got[following]),
    )


def log_softmax(logits: NDArray[np.float32]) -> _Floats:
    """Log-probabilities of a row of logits."""
    shifted = logits.astype(np.float64) - float(logits.max())
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def position_kind(vocabulary: Vocabulary, token: int) -> int:
    """Kind of the position before a token."""
    place = vocabulary.code(token)
    if place is not None:
        return place[0]
    return len(vocabulary.levels) if token == vocabulary.move_end else TEXT_POSITION


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens that two sequences have in common at their start."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
