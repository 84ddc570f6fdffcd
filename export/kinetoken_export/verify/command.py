"""`kinetoken verify`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.base.errors import InputError

from ..bundle.command import require_packages

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from .report import Measured, Request

    SubParsers = _SubParsersAction[argparse.ArgumentParser]


def add_command(subparsers: SubParsers) -> None:
    """Add `kinetoken verify`."""
    parser = subparsers.add_parser(
        "verify", help="measure how far a bundle is from the checkpoint it was made from"
    )
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", help="bundle folder; the report is written into it"
    )
    parser.add_argument(
        "--against",
        required=True,
        metavar="CHECKPOINT",
        help="folder or hub id of the checkpoint it was made from",
    )
    parser.add_argument(
        "--codec",
        metavar="CODEC",
        help="the codec it was made from (default: compare the language model only)",
    )
    parser.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="text file, one prompt a line (default: sixteen)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N prompts")
    parser.add_argument(
        "--seconds", type=float, help="length of each clip (default: 4, or what the model holds)"
    )
    parser.add_argument(
        "--trust-code", action="store_true", help="run the codec's own Python file to read it"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write the report there, not into the bundle",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print, write."""
    from kinetoken.manifest.manifest_file import read_manifest

    from .record import check_place

    read_manifest(args.bundle)  # the cheapest mistakes first
    check_place(args.out or args.bundle)
    require_packages()
    request = _request(args)
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
    _write(args, measured, text, plot.draw(measured))
    return 0


def _request(args: argparse.Namespace) -> Request:
    from ..checkpoint.sources import find_codec, find_model
    from ..own_answers import read_prompts
    from .report import PROMPTS, Request

    if args.limit is not None and args.limit < 1:
        raise InputError(f"--limit: expected 1 or more prompts, got {args.limit}")
    prompts = PROMPTS if args.prompts is None else read_prompts(args.prompts)
    model = find_model(args.against)
    codec = None if args.codec is None else find_codec(args.codec)
    request = Request(
        args.bundle, model.folder, prompts=prompts[: args.limit], seconds=args.seconds, trust_code=args.trust_code,
        against_name=model.name,
    )  # fmt: skip
    return request if codec is None else replace(request, codec=codec.folder, codec_name=codec.name)


def _write(args: argparse.Namespace, measured: Measured, text: str, plot: bytes) -> None:
    from .record import PLOT, REPORT, record, write

    files = {REPORT: (text + "\n").encode("utf-8"), PLOT: plot}
    if args.out:
        write(args.out, files)
    else:
        record(args.bundle, files)
    print(f"written: {args.out or args.bundle}/{REPORT} and {PLOT}", file=sys.stderr)
