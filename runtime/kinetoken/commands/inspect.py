"""kinetoken inspect: what a bundle is, once every file of it was checked."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..manifest import Manifest


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken inspect [BUNDLE]."""
    parser = subparsers.add_parser("inspect", help="check a bundle and say what it is")
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="(default: $KINETOKEN_BUNDLE, else the demo)")
    parser.add_argument(
        "--verify", action="store_true", help="digest every file again, also those that look as they did"
    )
    parser.add_argument("--json", action="store_true", help="print the manifest")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Check, then print."""
    from ..bundle import bundle_folder, open_manifest

    folder = bundle_folder(args.bundle)
    manifest = open_manifest(folder, afresh=args.verify)
    print(json.dumps(manifest.to_dict(), indent=2) if args.json else "\n".join(summary(manifest, str(folder))))
    return 0


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
