"""`kinetoken export`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..packages import require_packages

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from kinetoken.manifest.schema import Manifest

    from .request import ExportRequest

    SubParsers = _SubParsersAction[argparse.ArgumentParser]

_NEEDED_FOR: Final = {
    "gguf": (("gguf", "export"), ("llama_cpp", "llama")), "portable": (("optimum", "portable"),),
}  # fmt: skip
"""Packages that a format or graph needs, and the extra that installs each."""


def add_command(subparsers: SubParsers) -> None:
    """Add `kinetoken export`."""
    parser = subparsers.add_parser("export", help="turn a checkpoint and its codec into a bundle")
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="Hugging Face folder of the language model, or its hub id",
    )
    parser.add_argument(
        "--codec", required=True, help="folder, file of weights or hub id of the codec"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="BUNDLE", help="bundle folder to write"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing bundle")
    _add_model(parser.add_argument_group("the language model"))
    _add_codec(parser.add_argument_group("the codec"))
    _add_words(parser.add_argument_group("what the manifest says"))
    parser.set_defaults(func=run)


def _add_model(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--format",
        choices=("onnx", "gguf"),
        default="onnx",
        help="ONNX Runtime (default) or llama.cpp",
    )
    add(
        "--quant",
        metavar="NAME",
        help="how the weights are stored (default: int8 for onnx, q4_k_s for gguf)",
    )
    add(
        "--graph",
        choices=("fused", "portable"),
        default="fused",
        help="of ONNX: fused (default), or plain operators",
    )
    add(
        "--context",
        type=int,
        metavar="TOKENS",
        help="longest prompt and answer (default: the model's, at most 4096)",
    )
    add(
        "--prune-vocab",
        metavar="CORPUS|english",
        help="keep only the words that a text file, or English, needs",
    )
    add(
        "--importance",
        metavar="FILE|own",
        help="weigh columns by a file of prompts, an imatrix file, or own answers",
    )
    add("--revision", help="commit or branch of a hub id")


def _add_codec(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--trust-code", action="store_true", help="run the codec's own rvq_model.py to build it")
    add(
        "--codec-adapter",
        type=Path,
        metavar="FILE",
        help="Python file with codes_to_features(codes), for a codec of an unknown layout",
    )
    add(
        "--codec-precision",
        choices=("fp16", "fp32"),
        default="fp16",
        help="how its weights are stored (default: fp16)",
    )
    add("--lookahead", type=int, metavar="N", help="latent frames to wait for (default: measured)")
    add("--codec-revision", metavar="REVISION", help="commit or branch of a hub id")


def _add_words(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--name", help="name of the bundle (default: the folder's)")
    add(
        "--system-prompt",
        metavar="TEXT",
        help="what the model was trained to be told (default: the model card's)",
    )
    add("--temperature", type=float, metavar="T", help="default of the bundle (default: 0.5)")
    add("--licence", help="terms of the language model (default: its model card's)")
    add("--codec-licence", metavar="LICENCE", help="terms of the codec (default: its model card's)")
    add(
        "--acknowledgement",
        default="",
        metavar="TEXT",
        help="a line that the sources ask to be shown",
    )


def run(args: argparse.Namespace) -> int:
    """Export, and say what came out."""
    from ..checkpoint.sources import find_codec, find_model

    model, codec = (
        find_model(args.checkpoint, args.revision),
        find_codec(args.codec, args.codec_revision),
    )
    from ..checkpoint.motion_tokens import SYSTEM_PROMPT
    from .request import ExportRequest

    request = ExportRequest(
        model=model, codec=codec, out=args.out, name=args.name or args.out.resolve().name,
        format=args.format, quant=args.quant, graph=args.graph, context=args.context,
        prune_vocab=args.prune_vocab, importance=args.importance, trust_code=args.trust_code,
        codec_adapter=args.codec_adapter, codec_precision=args.codec_precision, lookahead=args.lookahead,
        system_prompt=SYSTEM_PROMPT if args.system_prompt is None else args.system_prompt, temperature=args.temperature,
        licence=args.licence, codec_licence=args.codec_licence, acknowledgement=args.acknowledgement, force=args.force,
    )  # fmt: skip
    require_packages(_NEEDED_FOR.get(request.format, ()) + _NEEDED_FOR.get(request.graph, ()))
    from .build import assemble

    _tell(request, assemble(request))
    return 0


def _tell(request: ExportRequest, manifest: Manifest) -> None:
    size = sum(info.bytes for info in manifest.files.values()) / 1e6
    lm, codec = manifest.language_model, manifest.codec
    print(f"{request.out}: {size:,.1f} MB, {lm.architecture} as {request.format} {lm.quantization}")
    print(f"lookahead {codec.lookahead} latent frame(s), exact {codec.exact}")
    for part, terms in (
        ("language model", manifest.licence.language_model),
        ("codec", manifest.licence.codec),
    ):
        if terms == "unknown":
            print(
                f"no licence found for the {part}: give it with --licence or --codec-licence",
                file=sys.stderr,
            )
