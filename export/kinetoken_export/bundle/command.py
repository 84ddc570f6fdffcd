"""`kinetoken export`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kinetoken.base.errors import InputError
from kinetoken.cli.parser import Advanced, Subparsers, new_command
from kinetoken.manifest.schema import Defaults

from ..checkpoint.find_spelling import AskedSpelling
from ..checkpoint.sources import find_codec, find_model
from ..packages import LLAMA_PACKAGE, require_packages
from .request import MOST_CONTEXT, VISION_QUANT, ExportRequest

if TYPE_CHECKING:
    from kinetoken.manifest.schema import Manifest

_NEEDED_FOR: Final = {
    "gguf": (("gguf", "export"), (LLAMA_PACKAGE, "llama")),
    "portable": (("optimum", "portable"),),
}
"""Packages that a format or graph needs, and the extra that installs each."""


def add_command(subparsers: Subparsers) -> None:
    """Add `kinetoken export`."""
    parser = new_command(
        subparsers,
        "export",
        "turn a checkpoint and its codec into a bundle",
        "kinetoken export my-lm --codec my-codec -o my-bundle",
        "kinetoken export my-lm --codec my-codec --dry-run",
        "kinetoken export my-lm --codec my-codec -o my-bundle --format gguf --quant q4_k_m",
        "kinetoken export my-lm --codec my-codec -o my-bundle --codec-adapter adapter.py "
        "--trust-code",
    )
    add = parser.add_argument
    add(
        "checkpoint",
        metavar="CHECKPOINT",
        help="language model: a Hugging Face folder, a hub id, or a .gguf file",
    )
    add("--codec", required=True, help="codec: a folder, a file of weights, or a hub id")
    add("-o", "--out", type=Path, metavar="BUNDLE", help="bundle folder to write")
    add("--force", action="store_true", help="replace an existing bundle")
    add(
        "--dry-run",
        action="store_true",
        help="write nothing: print what is found, what is assumed and what would be refused",
    )
    add("--json", action="store_true", help=Advanced("print the --dry-run as JSON"))
    _add_model(parser.add_argument_group("language model"))
    _add_codec(parser.add_argument_group("codec"))
    _add_manifest(parser.add_argument_group("texts for the manifest"))
    parser.set_defaults(func=lambda args: run(_parsed(args)))


def _add_model(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--format",
        choices=("onnx", "gguf"),
        help="onnx for ONNX Runtime (default) or gguf for llama.cpp",
    )
    add(
        "--quant",
        metavar="NAME",
        help="how weights are stored (default: int8 for onnx, q4_k_s for gguf)",
    )
    add(
        "--adapter",
        type=Path,
        metavar="FOLDER",
        help="merge a LoRA of PEFT into the checkpoint",
    )
    add(
        "--context",
        type=int,
        metavar="TOKENS",
        help=f"longest prompt and answer (default: the model's, up to {MOST_CONTEXT})",
    )
    add(
        "--prune-vocab",
        metavar="CORPUS|english",
        help=Advanced("keep only the words that a text file, or English, needs"),
    )
    add(
        "--importance",
        metavar="FILE|own",
        help=Advanced("weigh columns by a file of prompts, an imatrix file, or own answers (gguf)"),
    )
    add(
        "--vision-quant",
        choices=("f16", "q8_0", "bf16", "f32"),
        help=Advanced(f"how the vision tower's weights are stored (gguf; default: {VISION_QUANT})"),
    )
    add(
        "--graph",
        choices=("fused", "portable"),
        help=Advanced("kind of ONNX graph: fused (default), or portable for plain operators"),
    )
    add("--revision", help=Advanced("commit or branch of a hub id"))
    _add_spelling(group)


def _add_spelling(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--motion-tokens",
        metavar="TEMPLATE",
        help=Advanced("spelling of a code: '<Motion_{code}>', or with {level} (default: found)"),
    )
    add(
        "--move",
        nargs=2,
        metavar=("START", "END"),
        help=Advanced("tokens around a block: '<Motion>' '</Motion>' (default: found)"),
    )


def _add_codec(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--trust-code",
        action="store_true",
        help="allow the codec's rvq_model.py, or the adapter, to run",
    )
    add(
        "--codec-adapter",
        type=Path,
        metavar="FILE",
        help="Python file with codes_to_features(codes), for a codec of an unknown layout",
    )
    add(
        "--codec-window",
        type=int,
        metavar="N",
        help=Advanced("feature frames that the decoder was trained on at once (default: found)"),
    )
    add(
        "--codec-precision",
        choices=("fp16", "fp32"),
        help=Advanced(
            f"how the decoder's weights are stored (default: {ExportRequest.codec_precision})"
        ),
    )
    add(
        "--block-frames",
        type=int,
        metavar="N",
        help=Advanced("feature frames that one block stands for; more are cut (default: no cut)"),
    )
    add(
        "--lookahead",
        type=int,
        metavar="N",
        help=Advanced("latent frames to wait for (default: measured)"),
    )
    add("--codec-revision", metavar="REVISION", help=Advanced("commit or branch of a hub id"))


def _add_manifest(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--name", help="name of the bundle (default: the folder's)")
    add(
        "--system-prompt",
        metavar="TEXT",
        help=Advanced("prompt that the model was trained with (default: the model card's)"),
    )
    add(
        "--chat-template",
        metavar="NAME",
        help=Advanced("one of the checkpoint's several chat templates (default: default)"),
    )
    add(
        "--prompt-template",
        metavar="TEXT",
        help=Advanced(
            "text around {prompt}, for models without chats: 'In: {prompt} Out: <Motion>'"
        ),
    )
    add(
        "--temperature",
        type=float,
        metavar="T",
        help=Advanced(f"default of the bundle (default: {Defaults.temperature:g})"),
    )
    add("--licence", help="terms of the language model (default: its model card's)")
    add("--codec-licence", metavar="LICENCE", help="terms of the codec (default: its model card's)")
    add(
        "--acknowledgement",
        metavar="TEXT",
        help=Advanced("a line that the sources ask to be shown"),
    )


def _parsed(args: argparse.Namespace) -> ExportRequest:
    """The request; what the command line leaves out keeps the default of `ExportRequest`."""
    if args.out is None and not args.dry_run:
        raise InputError("expected -o BUNDLE, the folder to write, or --dry-run; got neither")
    if args.json and not args.dry_run:
        raise InputError("--json prints what --dry-run finds; give both, or leave it out")
    sources = {
        "model": find_model(args.checkpoint, args.revision),
        "codec": find_codec(args.codec, args.codec_revision),
        "name": args.name or (args.out.resolve().name if args.out else "dry run"),
        "out": args.out,
        "spelling": AskedSpelling(args.motion_tokens, tuple(args.move) if args.move else None),
    }
    names = {field.name for field in fields(ExportRequest)} - sources.keys()
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if sources["model"].folder.suffix == ".gguf":
        given.setdefault("format", "gguf")
    return ExportRequest(**sources, **given)


def run(request: ExportRequest) -> int:
    """Export and print a summary, or print what an export would find."""
    if request.dry_run:
        return _print_plan(request)
    require_packages(_needed(request))
    from .build import build_bundle

    _print_summary(request, build_bundle(request))
    return 0


def _needed(request: ExportRequest) -> tuple[tuple[str, str], ...]:
    """Packages beside those of every export, each with the extra that installs it."""
    return _NEEDED_FOR.get(request.format, ()) + _NEEDED_FOR.get(request.graph, ())


def _print_plan(request: ExportRequest) -> int:
    require_packages()
    from .plan import plan_export
    from .plan_text import plan_lines

    plan = plan_export(request, _needed(request))
    lines = [json.dumps(plan.to_dict(), indent=1)] if request.json else plan_lines(plan)
    print("\n".join(lines))
    return plan.exit_code


def _print_summary(request: ExportRequest, manifest: Manifest) -> None:
    size = sum(info.bytes for info in manifest.files.values()) / 1e6
    lm, codec = manifest.language_model, manifest.codec
    print(f"{request.out}: {size:,.1f} MB, {lm.architecture} as {request.format} {lm.quantization}")
    print(f"lookahead {codec.lookahead} latent frame(s), exact {codec.exact}")
    for part, option, terms in (
        ("language model", "--licence", manifest.licence.language_model),
        ("codec", "--codec-licence", manifest.licence.codec),
    ):
        if terms == "unknown":
            print(f"found no licence of the {part}: state it with {option}", file=sys.stderr)
