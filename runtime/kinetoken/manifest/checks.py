"""Checks of a manifest's values beyond their types."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from ..base.errors import BundleError
from .sampling_numbers import SAMPLING_NUMBERS, sampling_problem
from .schema import MANIFEST_NAME, LanguageModelInfo, Manifest, MotionInfo

GRAPHS: Final = ("fused", "portable")
_PADDINGS: Final = ("none", "repeat", "zero")
_MOST_TOKENS: Final = 1 << 24  # of a context; the longest there are have a million
_RANGES: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    "language_model": {
        "layers": (1, 10_000),
        "kv_heads": (1, 10_000),
        "head_dim": (1, 1 << 16),
        "vocab_size": (1, 1 << 24),
        "context": (1, _MOST_TOKENS),
    },
    "codec": {
        "fps": (1, 1000),
        "stride": (1, 1000),
        "features": (1, 1 << 16),
        "latent_dim": (1, 1 << 16),
        "past": (0, 1 << 16),
        "lookahead": (0, 1 << 16),
        "exact_lookahead": (0, 1 << 16),
        "window": (1, 1 << 16),
        "block_frames": (1, 1 << 16),
    },
    "defaults": {
        "max_seconds": (1e-3, 1e6),
        "min_seconds": (0, 1e6),
        "min_frames": (1, _MOST_TOKENS),
        "max_block_seconds": (1e-3, 1e6),
        "max_thought": (0, _MOST_TOKENS),
        "history": (0, _MOST_TOKENS),
    },
}
"""What a number may be: beyond, memory is asked for that no machine has."""


def check_manifest(manifest: Manifest) -> None:
    """Raise BundleError if ids overlap, numbers make no sense, or a file is not listed."""
    _check_ids(manifest)
    _check_spelling(manifest.motion)
    _check_numbers(manifest)
    _check_language_model(manifest.language_model)
    _check_files(manifest)


def _check_ids(manifest: Manifest) -> None:
    """Every token id has one meaning and a row of the output."""
    motion, words = manifest.motion, manifest.tokenizer
    if (motion.move_start is None) != (motion.move_end is None):
        raise BundleError(
            f"{MANIFEST_NAME}: expected move_start and move_end, or neither, got one of them; "
            "export it again"
        )
    single = [*motion.markers, *words.end_of_turn, *words.added_words.values()]
    ranges = sorted([*motion.levels, *words.text_ids, *((i, i + 1) for i in single)])
    for first, stop in ranges:
        if not 0 <= first < stop <= manifest.language_model.vocab_size:
            size = manifest.language_model.vocab_size
            raise BundleError(
                f"{MANIFEST_NAME}: ids [{first}, {stop}) are not within 0..{size}; export it again"
            )
    for (a, a_stop), (b, b_stop) in pairwise(ranges):
        if b < a_stop:
            raise BundleError(
                f"{MANIFEST_NAME}: ids [{a}, {a_stop}) and [{b}, {b_stop}) overlap; export it again"
            )
    sizes = {stop - first for first, stop in motion.levels}
    if len(sizes) != 1:
        raise BundleError(
            f"{MANIFEST_NAME}: expected levels of one size, got {sorted(sizes)}; export it again"
        )
    if not words.text_ids or not words.end_of_turn:
        raise BundleError(
            f"{MANIFEST_NAME}: text_ids and end_of_turn must not be empty; export it again"
        )


def _check_spelling(motion: MotionInfo) -> None:
    """Motion tokens can be told from one another, and have a marker's text where there is one."""
    spelling = motion.spelling
    if problem := spelling.problem:
        raise BundleError(f"{MANIFEST_NAME}: {problem}; export it again")
    if not spelling.has_level and len(motion.levels) > 1:
        raise BundleError(
            f"{MANIFEST_NAME}: expected {{level}} in {spelling.code!r} for {len(motion.levels)} "
            "levels; export it again"
        )
    if bool(spelling.start) != (motion.move_start is not None):
        raise BundleError(
            f"{MANIFEST_NAME}: expected the text of a block's start where it has an id, "
            f"got {spelling.start!r} and {motion.move_start}; export it again"
        )


def _check_numbers(manifest: Manifest) -> None:
    lm, codec, defaults = manifest.language_model, manifest.codec, manifest.defaults
    for where, info in (("language_model", lm), ("codec", codec), ("defaults", defaults)):
        for name, (least, most) in _RANGES[where].items():
            got = getattr(info, name)
            if got is not None and not least <= got <= most:
                raise BundleError(
                    f"{MANIFEST_NAME}: {where}.{name} must be {_range(least, most)}, got {got}; "
                    "export it again"
                )
    if codec.exact_lookahead is not None and codec.exact_lookahead < codec.lookahead:
        raise BundleError(f"{MANIFEST_NAME}: lookahead is above exact_lookahead; export it again")
    if codec.window_padding not in _PADDINGS:
        known = " or ".join(f'"{padding}"' for padding in _PADDINGS)
        raise BundleError(
            f"{MANIFEST_NAME}: expected window_padding {known}, got {codec.window_padding!r}; "
            "a newer kinetoken may run it"
        )
    if codec.window is not None and codec.exact >= codec.window:
        raise BundleError(f"{MANIFEST_NAME}: lookahead reaches beyond window; export it again")
    for name in SAMPLING_NUMBERS:
        if problem := sampling_problem(name, getattr(defaults, name)):
            raise BundleError(f"{MANIFEST_NAME}: defaults: {problem}; export it again")


def _check_language_model(lm: LanguageModelInfo) -> None:
    """The graph is a known one, and the heads cover every id. Engines check their own name."""
    if lm.graph not in GRAPHS:
        known = " or ".join(f'"{graph}"' for graph in GRAPHS)
        raise BundleError(
            f"{MANIFEST_NAME}: expected graph {known}, got {lm.graph!r}; "
            "a newer kinetoken may run it"
        )
    if lm.heads:
        covered = 0
        for first, stop in sorted(head.ids for head in lm.heads):
            covered = max(covered, stop) if first <= covered else covered
        if covered < lm.vocab_size:
            raise BundleError(
                f"{MANIFEST_NAME}: no head gives the logits of id {covered}; export it again"
            )


def _check_files(manifest: Manifest) -> None:
    for name in manifest.files:
        path = PurePosixPath(name)
        # A backslash or a colon would be a separator or a drive on another system.
        if path.is_absolute() or ".." in path.parts or not path.parts or set("\\:\0") & set(name):
            raise BundleError(
                f"{MANIFEST_NAME}: path {name!r} leaves the bundle's folder; "
                "do not trust this bundle"
            )
    codec, lm = manifest.codec, manifest.language_model
    used = (
        lm.file,
        *(head.file for head in lm.heads),
        *filter(None, [lm.mmproj]),
        manifest.tokenizer.file,
    )
    for name in (*used, codec.decoder, codec.codebooks, codec.mean, codec.std):
        if name not in manifest.files:
            raise BundleError(
                f"{MANIFEST_NAME}: {name!r} is used but not listed under files; export it again"
            )


def _range(least: float, most: float) -> str:
    return f"{'above 0' if 0 < least <= 1 else f'{least:g} or more'} and at most {most:,g}"
