"""`kinetoken verify`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.base.errors import InputError

from ..packages import require_packages

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from .report import VerifyRequest

    SubParsers = _SubParsersAction[argparse.ArgumentParser]


def add_command(subparsers: SubParsers) -> None:
    """Add `kinetoken verify`."""
    parser = subparsers.add_parser(
        "verify", help="measure how far a bundle is from the checkpoint it was made from"
    )
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", help="folder, which gets the report, or hf:OWNER/NAME")
    add(
        "--against",
        required=True,
        metavar="CHECKPOINT",
        help="folder or hub id of the checkpoint that the bundle was made from",
    )
    add(
        "--codec",
        metavar="CODEC",
        help="codec that the bundle was made from (default: compare the language model only)",
    )
    add("--trust-code", action="store_true", help="allow the codec's own Python file to run")
    add(
        "--codec-adapter",
        type=Path,
        metavar="FILE",
        help="Python file that the codec was exported with",
    )
    add("--prompts", type=Path, metavar="FILE", help="text file, one prompt a line (default: 16)")
    add("--limit", type=int, metavar="N", help="use the first N prompts only")
    add("--seconds", type=float, help="length of each clip (default: 4, or what the model holds)")
    add("-o", "--out", type=Path, metavar="FOLDER", help="write the report there instead")
    add("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print the table, write the report."""
    from kinetoken.manifest.manifest_file import read_manifest

    from .record import check_place

    out: Path | None = args.out
    bundle = _folder(args)
    read_manifest(bundle)  # the cheapest mistakes first
    check_place(out or bundle)
    require_packages()
    request = _parsed(args, bundle)
    from . import plot  # before the work: it may be missing
    from .report import table, verify

    try:
        measured = verify(request)
    except RuntimeError as error:  # torch has no error of its own for a full memory
        if "alloc" not in str(error):
            raise
        raise MemoryError from error
    text = json.dumps(measured.parity.to_dict(), indent=1)
    print(text if args.json else table(measured.parity))
    _write(request.bundle, out, text, plot.draw(measured))
    return 0


def _folder(args: argparse.Namespace) -> Path:
    """The bundle's folder; InputError for one of the hub whose report would go into it."""
    from kinetoken.cli.pull_bar import local_folder
    from kinetoken.hub.bundle_name import is_bundle_name

    if is_bundle_name(args.bundle) and args.out is None:
        raise InputError(f"{args.bundle} stays as the hub has it: name a folder for the report, -o")
    return local_folder(args.bundle)


def _parsed(args: argparse.Namespace, bundle: Path) -> VerifyRequest:
    from ..checkpoint.sources import find_codec, find_model
    from ..own_answers import read_prompts
    from .report import VERIFY_PROMPTS, VerifyRequest

    if args.limit is not None and args.limit < 1:
        raise InputError(f"--limit: expected 1 or more prompts, got {args.limit}")
    prompts = VERIFY_PROMPTS if args.prompts is None else read_prompts(args.prompts)
    model = find_model(args.against)
    codec = None if args.codec is None else find_codec(args.codec)
    return VerifyRequest(
        bundle,
        model.folder,
        None if codec is None else codec.folder,
        prompts[: args.limit],
        args.seconds,
        args.trust_code,
        args.codec_adapter,
        against_name=model.name,
        codec_name="" if codec is None else codec.name,
    )


def _write(bundle: Path, out: Path | None, text: str, plot: bytes) -> None:
    from .record import PLOT, REPORT, record, write

    files = {REPORT: (text + "\n").encode("utf-8"), PLOT: plot}
    if out is not None:
        write(out, files)
    else:
        record(bundle, files)
    print(f"written: {out or bundle}/{REPORT} and {PLOT}", file=sys.stderr)
