"""What only the finished bundle can tell: how soon its decoder may speak, on motion that its own model makes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from kinetoken.base.errors import InputError
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.bundle import open_bundle
from kinetoken.generation.options import GenerateOptions
from kinetoken.manifest.schema import CodecInfo

from ..own_answers import PROMPTS, answers
from .lookahead import choose, measure_lookaheads

FAR: Final = (
    3  # latent frames (0.6 s): a decoder that sees further is not worth waiting for in full
)
CLIPS: Final = 4
SHORTEST, LONGEST = 4.0, 10.0  # seconds of a clip


def measured_codec(folder: Path, codec: CodecInfo, asked: int | None) -> CodecInfo:
    """The codec with its table of lookaheads and the one chosen: the user's, the exact one, or the smallest that costs little."""
    exact = codec.exact
    if asked is not None and not 0 <= asked <= exact:
        raise InputError(
            f"lookahead: expected 0 to {exact} latent frames, got {asked}; this codec sees no further"
        )
    if exact == 0:
        return codec
    bundle = open_bundle(folder, LoadOptions(lookahead=exact))
    wanted = min(
        LONGEST, max(SHORTEST, 2.2 * exact * codec.stride / codec.fps)
    )  # longer than what the decoder sees
    seconds = min(
        wanted,
        bundle.language_model.context
        / 2
        / len(bundle.vocabulary.levels)
        * codec.stride
        / codec.fps,
    )
    made = answers(bundle, GenerateOptions(seconds=seconds), PROMPTS[:CLIPS], "lookahead")
    errors = measure_lookaheads(bundle.decoder, [answer.codes for answer in made])
    chosen = asked if asked is not None else exact if exact <= FAR else choose(errors)
    for row in errors if chosen < exact else ():
        mark = "  <- chosen" if row.lookahead == chosen else ""
        print(
            f"lookahead {row.lookahead:2d}: {row.mean_mm:7.2f} mm mean, {row.largest_mm:7.2f} mm largest{mark}",
            file=sys.stderr,
        )
    return replace(codec, lookahead=chosen, exact_lookahead=exact, lookahead_errors=errors)
