"""kinetoken inspect: what a bundle is, once every file of it was checked."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ..budget import GB, MB, SYSTEM, budget, longest_context, parse_size, quantizations_that_fit

if TYPE_CHECKING:
    from ..manifest import Manifest


DOES_NOT_FIT: Final = 1


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken inspect [BUNDLE]."""
    parser = subparsers.add_parser("inspect", help="check a bundle and say what it is")
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="(default: $KINETOKEN_BUNDLE, else the demo)")
    parser.add_argument(
        "--verify", action="store_true", help="digest every file again, also those that look as they did"
    )
    parser.add_argument(
        "--fit", metavar="SIZE", help="count whether it fits a machine with so much memory, such as 8GB"
    )
    parser.add_argument("--json", action="store_true", help="print the manifest")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Check, then print."""
    from ..bundle import bundle_folder, open_manifest

    size = None if args.fit is None else parse_size(args.fit)
    folder = bundle_folder(args.bundle)
    manifest = open_manifest(folder, afresh=args.verify)
    if size is not None:
        found = fitting(manifest, size)
        print(json.dumps(found, indent=2) if args.json else "\n".join(told(found)))
        return 0 if found["fits"] else DOES_NOT_FIT
    print(json.dumps(manifest.to_dict(), indent=2) if args.json else "\n".join(summary(manifest, str(folder))))
    return 0


def fitting(manifest: Manifest, size: int) -> dict[str, Any]:
    """Bytes of each part beside the memory of a machine, and what would fit it."""
    parts, room = budget(manifest), max(0, size - SYSTEM)
    return {
        "memory": size,
        "system": SYSTEM,
        "needs": asdict(parts),
        "total": parts.total,
        "with_vision": parts.total + parts.vision,
        "fits": parts.total <= room,
        "context": manifest.language_model.context,
        "longest_context": longest_context(manifest, room),
        "quantization": manifest.language_model.quantization,
        "quantizations": dict(quantizations_that_fit(manifest, room)),
    }


def told(found: dict[str, Any]) -> list[str]:
    """The same in words, a line each."""
    needs, free = found["needs"], found["memory"] - found["system"] - found["total"]
    names = {"weights": "weights", "cache": f"cache of {found['context']} tokens", "codec": "codec", "words": "tokenizer",
             "program": "program and engines"}  # fmt: skip
    rows = [*((names[name], needs[name]) for name in names), ("system", found["system"])]
    lines = [f"{name:<24} {value / MB:>8,.0f} MB" for name, value in rows]
    verdict = (
        f"fits, {free / MB:,.0f} MB to spare" if found["fits"] else f"does not fit: {-free / MB:,.0f} MB are missing"
    )
    lines.append(f"{'of':<24} {found['memory'] / MB:>8,.0f} MB: {verdict}")
    if needs["vision"]:
        more = "" if found["with_vision"] + found["system"] <= found["memory"] else "; with it, it does not fit"
        lines.append(f"{'vision tower':<24} {needs['vision'] / MB:>8,.0f} MB, only where an image is shown{more}")
    if found["longest_context"]:
        lines.append(f"longest context          {found['longest_context']:>8,} tokens (kinetoken export --context)")
    sizes = ", ".join(f"{name} {total / GB:.1f} GB" for name, total in found["quantizations"].items())
    lines.append(f"quantizations that fit   {sizes or 'none'} (kinetoken export --quant; sizes estimated)")
    return lines


def summary(manifest: Manifest, folder: str) -> list[str]:
    """The bundle in words and numbers, a line each."""
    lm, codec, words, defaults = manifest.language_model, manifest.codec, manifest.tokenizer, manifest.defaults
    first, stop = manifest.motion.levels[0]
    rate = codec.fps / codec.stride
    levels, total = len(manifest.motion.levels), sum(info.bytes for info in manifest.files.values())
    plain = sum(b - a for a, b in words.text_ids)
    rows = {
        "bundle": f"{manifest.name} ({folder})",
        "language model": f"{lm.architecture}, {lm.layers} layers, {lm.quantization}, on {lm.backend}",
        "context": f"{lm.context} tokens: at most {lm.context // levels / rate:.0f} s of motion in {levels} levels",
        "vocabulary": f"{lm.vocab_size} tokens: {plain} of text, {levels} x {stop - first} of motion",
        "codec": f"{codec.stride} frames per latent frame, {codec.fps} fps, {levels * rate:g} motion tokens a second",
        "delay": f"{(codec.lookahead + 1) / rate:g} s of codes before the first pose (lookahead {codec.lookahead})",
        "defaults": f"temperature {defaults.temperature:g}, up to {defaults.max_seconds:g} s, "
        f"thought of up to {defaults.max_thought} tokens",
        "source": " ".join(filter(None, (manifest.provenance.source, manifest.provenance.revision))),
        "made with": ", ".join(f"{tool} {version}" for tool, version in manifest.provenance.tools.items()),
        "licence": f"language model {manifest.licence.language_model}; codec {manifest.licence.codec}",
        "thanks": manifest.licence.acknowledgement,
    }
    lines = [f"{name:<15} {value}" for name, value in rows.items() if value]
    files = [f"  {name:<20} {info.bytes:>14,} bytes" for name, info in sorted(manifest.files.items())]
    return [*lines, f"files           {total / 1e6:.1f} MB, all whole and unaltered", *files]
