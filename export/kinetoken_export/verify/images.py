"""Images: what the bundle's vision tower makes of a picture, beside what the checkpoint's makes.

Twice: the embeddings themselves, and the logits that follow when the bundle's language model is
shown the one and the other. So the figures are the tower's alone, whatever the language model's
quantization; where transformers is the reference, the whole prompt is compared as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.cli.terminal import progress
from kinetoken.engines.prompt_items import EncodedImage, PromptItem, count_cells
from kinetoken.engines.protocols import Vision, feed_items
from kinetoken.generation.bundle import Bundle
from kinetoken.generation.chat_format import prompt_ids, with_image

from ..checkpoint.tensors import Float32Array
from .findings import most_divergence
from .language_model import compare_rows
from .reference import CheckpointReference

_GRIDS: Final = ((5, 6), (13, 4))
"""Rows and columns of cells of the pictures: within windows of the tower, and across them."""
_MOST_APART: Final = {"f32": 0.02, "f16": 0.02, "bf16": 0.1}
_MOST_APART_OTHERWISE: Final = 0.25
"""Relative distances of embeddings that a tower's precision explains: several times what was seen."""

_LEGEND: Final = (
    "embeddings: distance over their size; largest, rms, same best: logits behind the image,",
    "through the tower alone; KL: the whole prompt against transformers",
)


@dataclass(frozen=True)
class ImageFigures:
    """One picture in a prompt."""

    width: int
    """Pixels."""
    height: int
    cells: int
    embeddings: float
    """Root mean square of the difference over that of the source's embeddings."""
    positions: int
    """Tokens after the picture, whose logits are compared."""
    largest: float
    """Largest difference of a logit between the two towers' embeddings."""
    rms: float
    """Root mean square of these differences."""
    same_best: int
    """Positions with the same most probable token."""
    kl: float | None
    """Mean divergence of the bundle from the source on the whole prompt, nats; None: not compared."""


@dataclass(frozen=True)
class ImageReport:
    """What verify says of a vision tower."""

    precision: str
    """Of the bundle's tower: "f16", "q8_0"."""
    pictures: tuple[ImageFigures, ...]


def compare_images(
    bundle: Bundle, reference: CheckpointReference, prompt: str
) -> ImageReport | None:
    """Compare the bundle's tower; None where it has none, or no picture fits its context."""
    vision, tower = bundle.vision, bundle.manifest.language_model.mmproj
    if vision is None or tower is None:
        return None
    from kinetoken.engines.llamacpp.gguf_header import read_header

    from ..gguf.existing_file import quantization_name

    ids = prompt_ids(bundle, prompt)
    pictures = [_picture(rows * vision.pixels, columns * vision.pixels) for rows, columns in _GRIDS]
    fitting = [picture for picture in pictures if _fits(bundle, vision, ids, picture)]
    if not fitting:
        return None
    found = [_compare(bundle, vision, reference, ids, p) for p in progress(fitting, "images")]
    return ImageReport(quantization_name(read_header(bundle.folder / tower).said), tuple(found))


def image_findings(bundle: Bundle, report: ImageReport) -> Iterator[str]:
    """A line for each picture that is further away than the bits explain."""
    most = _MOST_APART.get(report.precision, _MOST_APART_OTHERWISE)
    name = bundle.manifest.language_model.quantization
    for picture in report.pictures:
        size = f"image of {picture.width}x{picture.height}"
        if not picture.embeddings <= most:
            yield (
                f"{size}: embeddings are {picture.embeddings:.2g} of their size away, and "
                f"{report.precision} explains {most:g}: the tower was read otherwise than it was "
                "meant"
            )
        elif picture.kl is not None and picture.kl > most_divergence(name):
            yield (
                f"{size}: mean KL {picture.kl:.2g} behind it, and {name} explains "
                f"{most_divergence(name):g}: it stands elsewhere, or its normalisation differs"
            )


def image_table(report: ImageReport) -> list[str]:
    """Lines for the screen."""
    head = (
        f"{f'image ({report.precision})':<12}{'cells':>10}{'embeddings':>12}{'largest':>9}"
        f"{'rms':>9}{'same best':>12}{'KL':>9}"
    )
    rows = [
        f"{f'{p.width}x{p.height}':<12}{p.cells:>10}{p.embeddings:>12.2g}{p.largest:>9.2g}"
        f"{p.rms:>9.2g}{f'{p.same_best} of {p.positions}':>12}"
        f"{'-' if p.kl is None else f'{p.kl:.2g}':>9}"
        for p in report.pictures
    ]
    return [head, *rows, *_LEGEND]


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    """A gradient (height, width, 3) with a bright square: rows, columns and windows differ."""
    rows, columns = np.mgrid[:height, :width]
    made = np.stack([rows, columns, rows * columns % 256], -1).astype(np.uint8)
    made[height // 5 : height // 2, width // 3 : width // 2] = (255, 40, 0)
    return made


def _fits(bundle: Bundle, vision: Vision, ids: Sequence[int], picture: NDArray[np.uint8]) -> bool:
    rows, columns = (side // vision.pixels for side in picture.shape[:2])
    outline = EncodedImage(rows * columns, columns, "", np.zeros((0, 0), np.float32))
    return count_cells(with_image(bundle, ids, outline)) <= bundle.language_model.context


def _compare(
    bundle: Bundle,
    vision: Vision,
    reference: CheckpointReference,
    ids: Sequence[int],
    picture: NDArray[np.uint8],
) -> ImageFigures:
    ours, wanted = vision.see(picture), reference.embed(picture)
    theirs = replace(ours, embeddings=wanted, digest=f"{ours.digest} of the source")
    apart = float(np.sqrt(((ours.embeddings - wanted) ** 2).mean() / (wanted**2).mean()))
    chat = with_image(bundle, ids, ours)
    got = _logits(bundle, chat)
    other = _logits(bundle, [theirs if piece is ours else piece for piece in chat])
    whole = reference.image_logits(chat, picture)
    return ImageFigures(
        width=picture.shape[1],
        height=picture.shape[0],
        cells=ours.cells,
        embeddings=apart,
        positions=len(got),
        largest=float(np.abs(got - other).max()),
        rms=float(np.sqrt(((got - other) ** 2).mean())),
        same_best=int((got.argmax(1) == other.argmax(1)).sum()),
        kl=None if whole is None else _divergence(whole[-len(got) :], got),
    )


def _logits(bundle: Bundle, chat: Sequence[PromptItem]) -> Float32Array:
    """Logits (n, vocab) after each of the n tokens that follow the image."""
    last = max(at for at, piece in enumerate(chat) if isinstance(piece, EncodedImage))
    run = bundle.language_model.start()
    every = (range(bundle.manifest.language_model.vocab_size),)
    rows = [feed_items(run, chat[: last + 2], every).copy()]
    rows += [feed_items(run, [piece], every).copy() for piece in chat[last + 2 :]]
    return np.array(rows)


def _divergence(source: Float32Array, bundle: Float32Array) -> float:
    """Mean KL divergence in nats."""
    pairs = zip(source, bundle, strict=True)
    return float(np.mean([compare_rows(one, other, 0)[1] for one, other in pairs]))
