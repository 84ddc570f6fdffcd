"""`kinetoken export`."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.errors import InputError, MissingPackageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    SubParsers = _SubParsersAction[argparse.ArgumentParser]

QUANTS = ("int8", "int4")  # recipes.py has the plans; named here so that --help needs no engine
NEEDED = ("torch", "onnx", "safetensors")


def add_command(subparsers: SubParsers) -> None:
    """Add `kinetoken export`."""
    parser = subparsers.add_parser("export", help="turn a checkpoint and its codec into a bundle")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="Hugging Face folder of the language model")
    parser.add_argument("--codec", type=Path, required=True, help="folder of the RVQ codec")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="BUNDLE", help="bundle folder to write")
    parser.add_argument(
        "--format", choices=("onnx",), default="onnx", help="engine of the language model (default: onnx)"
    )
    parser.add_argument("--quant", choices=QUANTS, default="int8", help="bits of the weights (default: int8)")
    parser.add_argument("--name", help="name written into the manifest (default: the bundle folder's)")
    parser.add_argument(
        "--context", type=int, metavar="TOKENS", help="longest prompt and answer (default: the model's)"
    )
    parser.add_argument("--licence", default="unknown", help="terms of the language model, shown by inspect")
    parser.add_argument("--codec-licence", default="unknown", help="terms of the codec, shown by inspect")
    parser.add_argument("--acknowledgement", default="", help="a line that the sources ask to be shown")
    parser.add_argument("--force", action="store_true", help="replace an existing bundle")
    parser.set_defaults(func=run)


def require_packages() -> None:
    """MissingPackageError for the first package of the [export] extra that is not installed."""
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(package, "export")


def run(args: argparse.Namespace) -> int:
    """Export, and say what came out."""
    for folder in (args.checkpoint, args.codec):
        if not folder.is_dir():
            raise InputError(
                f"expected a folder at {folder}, found {'a file' if folder.exists() else 'nothing'}: check the path"
            )
    require_packages()
    from kinetoken.manifest import Licence

    from .assemble import Request, assemble
    from .recipes import RECIPES

    licence = Licence(args.licence, args.codec_licence, args.acknowledgement)
    name = args.name or args.out.resolve().name
    request = Request(
        args.checkpoint, args.codec, args.out, RECIPES[args.quant], name, args.context, licence, args.force
    )
    manifest = assemble(request)
    size = sum(info.bytes for info in manifest.files.values()) / 1e6
    print(f"{args.out}: {size:.1f} MB, {args.quant}, lookahead {manifest.codec.lookahead} latent frame(s)")
    return 0
