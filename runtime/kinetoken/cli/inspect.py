"""kinetoken inspect: checks every file of a bundle and describes it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from ..engines.memory_estimate import (
    CARD_BYTES,
    GB,
    MB,
    SYSTEM_BYTES,
    estimate_memory,
    parse_size,
    quantizations_that_fit,
    room_for_context,
)
from ..manifest.spelling import Spelling
from .parser import Subparsers, new_command

if TYPE_CHECKING:
    from ..manifest.schema import Manifest

_DOES_NOT_FIT: Final = 1


@dataclass(frozen=True)
class InspectRequest:
    """Everything that the command line asks for."""

    bundle: str | None
    verify: bool
    """Whether to digest every file again."""
    fit: str | None
    """Memory of a machine, as in "8GB"."""
    json: bool


def add_command(subparsers: Subparsers) -> None:
    """kinetoken inspect [BUNDLE]."""
    parser = new_command(
        subparsers,
        "inspect",
        "check a bundle and describe it",
        "kinetoken inspect",
        "kinetoken inspect my-bundle --verify",
        "kinetoken inspect my-bundle --fit 8GB",
    )
    add = parser.add_argument
    bundle = "folder or hf:OWNER/NAME (default: $KINETOKEN_BUNDLE, or the demo)"
    add("bundle", nargs="?", metavar="BUNDLE", help=bundle)
    verify = "compute every digest again, also of files that look unchanged"
    add("--verify", action="store_true", help=verify)
    add("--fit", metavar="SIZE", help="estimate whether it fits into this much memory, such as 8GB")
    add("--json", action="store_true", help="print the manifest, or the estimate, as JSON")
    parser.set_defaults(
        func=lambda args: run(InspectRequest(args.bundle, args.verify, args.fit, args.json))
    )


def run(request: InspectRequest) -> int:
    """Check, then print."""
    from ..engines.registry import engine_of
    from ..generation.bundle import open_manifest
    from .pull_bar import local_folder

    size = None if request.fit is None else parse_size(request.fit)
    folder = local_folder(request.bundle)
    manifest = open_manifest(folder, afresh=request.verify)
    if size is not None:
        present = engine_of(manifest).file_bits(folder, manifest)
        found = fit_report(manifest, size, present)
        print(json.dumps(found, indent=2) if request.json else "\n".join(fit_lines(found)))
        return 0 if found["fits"] else _DOES_NOT_FIT
    print(
        json.dumps(manifest.to_dict(), indent=2)
        if request.json
        else "\n".join(summary(manifest, str(folder), engine_of(manifest).program()))
    )
    return 0


def fit_report(manifest: Manifest, size: int, present: float | None = None) -> dict[str, Any]:
    """Bytes of each part, and what else would fit into a memory of that size.

    `present`: bits per weight of the bundle's file.
    """
    parts, room, context = (
        estimate_memory(manifest),
        max(0, size - SYSTEM_BYTES),
        manifest.language_model.context,
    )
    longest = room_for_context(manifest, room)
    return {
        "memory": size,
        "system": SYSTEM_BYTES,
        "needs": asdict(parts),
        "total": parts.total,
        "fits": parts.total <= room,
        "fits_without_images": parts.without_images <= room,
        "card": CARD_BYTES,
        "fits_with_card": parts.total + CARD_BYTES <= room,
        "context": context,
        "longest_context": min(longest, context),
        "room_for_longer_context": longest > context,
        "quantization": manifest.language_model.quantization,
        "quantizations": dict(quantizations_that_fit(manifest, room, present)),
    }


_PART_NAMES: Final = {
    "weights": "weights",
    "packed": "repacked weights",
    "codec": "codec",
    "words": "tokenizer",
    "vision": "vision tower",
    "program": "program and engines",
}


def fit_lines(found: dict[str, Any]) -> list[str]:
    """The report of `fit_report` in words, a line each."""
    rows = [
        (_PART_NAMES.get(name, f"cache of {found['context']} tokens"), size)
        for name, size in found["needs"].items()
        if size
    ]
    lines = [_row(name, size) for name, size in (*rows, ("system", found["system"]))]
    free = found["memory"] - found["system"] - found["total"]
    verdict = (
        f"fits, {free / MB:,.0f} MB to spare"
        if free >= 0
        else f"does not fit: {-free / MB:,.0f} MB missing"
    )
    if free < 0 and found["fits_without_images"]:
        verdict += "; without images it fits"
    lines.append(f"{_row('of', found['memory'])}: {verdict}")
    more = "" if found["fits_with_card"] or free < 0 else "; with it, it does not fit"
    lines.append(f"{_row('CUDA, if used', found['card'])} more, an allowance, not measured{more}")
    return [*lines, *_choices(found)]


def _row(name: str, size: int) -> str:
    return f"{name:<24} {size / MB:>8,.0f} MB"


def _choices(found: dict[str, Any]) -> list[str]:
    """Lines on the contexts and quantizations that would fit."""
    longest, lines = found["longest_context"], []
    if longest:
        more = (
            "; there is room for a longer one, if the model allows it"
            if found["room_for_longer_context"]
            else ""
        )
        lines.append(
            f"longest context          {longest:>8,} tokens{more} (kinetoken export --context)"
        )
    images = "" if found["fits"] or not found["needs"]["vision"] else ", without images"
    sizes = ", ".join(
        f"{name} {total / GB:.1f} GB" for name, total in found["quantizations"].items()
    )
    source = f"(kinetoken export --quant; sizes estimated{images})"
    return [*lines, f"quantizations that fit   {sizes or 'none known'} {source}"]


def summary(manifest: Manifest, folder: str, program: str) -> list[str]:
    """Describe the bundle, a line each; `program` is what computes its model here."""
    lm, codec, words, defaults = (
        manifest.language_model,
        manifest.codec,
        manifest.tokenizer,
        manifest.defaults,
    )
    first, stop = manifest.motion.levels[0]
    rate = codec.fps / codec.frames_per_code_frame
    levels, total = len(manifest.motion.levels), sum(info.bytes for info in manifest.files.values())
    plain = sum(b - a for a, b in words.text_ids)
    longest, delay = lm.context // levels / rate, (codec.lookahead + 1) / rate
    licence = manifest.licence
    rows = {
        "bundle": f"{manifest.name} ({folder})",
        "language model": f"{lm.architecture}, {lm.layers} layers, {lm.quantization}, "
        f"on {lm.backend}",
        "engine here": program,
        "context": f"{lm.context} tokens: at most {longest:.0f} s of motion in {levels} levels",
        "vocabulary": f"{lm.vocab_size} tokens: {plain} of text, "
        f"{levels} x {stop - first} of motion{_spelled(manifest.motion.spelling)}",
        "codec": f"{codec.stride} frames per latent frame, {codec.fps} fps, "
        f"{levels * rate:g} motion tokens per second",
        "delay": f"{delay:g} s of codes before the first pose (lookahead {codec.lookahead})",
        "defaults": f"temperature {defaults.temperature:g}, up to {defaults.max_seconds:g} s"
        f"{_in_blocks(defaults.max_block_seconds)}, thought of up to {defaults.max_thought} tokens",
        "source": " ".join(
            filter(None, (manifest.provenance.source, manifest.provenance.revision))
        ),
        "made with": ", ".join(
            f"{tool} {version}" for tool, version in manifest.provenance.tools.items()
        ),
        "try": "; ".join(manifest.examples[:5]),
        "licence": licence.summary,
        "thanks": licence.acknowledgement,
    }
    lines = [f"{name:<15} {value}" for name, value in rows.items() if value]
    files = [
        f"  {name:<20} {info.bytes:>14,} bytes" for name, info in sorted(manifest.files.items())
    ]
    return [*lines, f"files           {total / 1e6:.1f} MB, all whole and unaltered", *files]


def _in_blocks(longest: float | None) -> str:
    """How long a block is at most, where the bundle says so."""
    return "" if longest is None else f" in blocks of up to {longest:g} s"


def _spelled(spelling: Spelling) -> str:
    """How motion tokens are written, unless it is the usual way."""
    if spelling == Spelling():
        return ""
    around = f" in {spelling.start} {spelling.end}" if spelling.start else ""
    return f", {spelling.shown}{around}"
