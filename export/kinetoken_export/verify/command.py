"""`kinetoken verify`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kinetoken.base.errors import InputError
from kinetoken.cli.parser import Advanced, Subparsers, new_command

from ..checkpoint.sources import find_codec, find_model
from ..packages import require_packages
from .request import DEFAULT_SECONDS, VerifyRequest


def add_command(subparsers: Subparsers) -> None:
    """Add `kinetoken verify`."""
    parser = new_command(
        subparsers,
        "verify",
        "measure how far a bundle is from the checkpoint it was made from",
        "kinetoken verify my-bundle --against my-lm --codec my-codec",
        "kinetoken verify my-bundle --against my-lm --prompts prompts.txt --limit 4",
        "kinetoken verify my-bundle --against my-lm --json -o reports > report.json",
    )
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", help="folder, which gets the report, or hf:OWNER/NAME")
    add(
        "--against",
        required=True,
        metavar="CHECKPOINT",
        help="folder or hub id of the checkpoint that the bundle was made from",
    )
    add("--codec", help="codec that the bundle was made from (default: the codec is not compared)")
    add(
        "--adapter",
        type=Path,
        metavar="FOLDER",
        help=Advanced("LoRA that was merged into the checkpoint"),
    )
    prompts = "text file, one prompt a line (default: prompts of its own)"
    add("--prompts", type=Path, metavar="FILE", help=prompts)
    add("--limit", type=int, metavar="N", help="use the first N prompts only")
    seconds = f"length of each clip (default: {DEFAULT_SECONDS:g}, or what the model holds)"
    add("--seconds", type=float, help=seconds)
    add("-o", "--out", type=Path, metavar="FOLDER", help="write the report there instead")
    add("--json", action="store_true", help="print the report as JSON")
    add(
        "--reference",
        choices=("transformers", "own"),
        help="what computes the checkpoint (default: transformers where it is installed)",
    )
    add(
        "--trust-code",
        action="store_true",
        help=Advanced("allow the codec's rvq_model.py, or the adapter, to run"),
    )
    add(
        "--codec-adapter",
        type=Path,
        metavar="FILE",
        help=Advanced("Python file that the codec was exported with"),
    )
    parser.set_defaults(func=lambda args: run(_parsed(args)))


def _parsed(args: argparse.Namespace) -> VerifyRequest:
    """The request; the cheapest mistakes are found first."""
    from kinetoken.manifest.manifest_file import read_manifest

    from .record import check_report_folder

    bundle = _folder(args.bundle, args.out)
    read_manifest(bundle)
    check_report_folder(args.out or bundle)
    if args.limit is not None and args.limit < 1:
        raise InputError(f"--limit: expected 1 or more prompts, got {args.limit}")
    require_packages()
    from ..own_answers import read_prompts
    from .report import VERIFY_PROMPTS

    prompts = VERIFY_PROMPTS if args.prompts is None else read_prompts(args.prompts)
    return VerifyRequest(
        bundle=bundle,
        against=find_model(args.against),
        prompts=prompts[: args.limit],
        codec=None if args.codec is None else find_codec(args.codec),
        seconds=args.seconds,
        trust_code=args.trust_code,
        codec_adapter=args.codec_adapter,
        adapter=args.adapter,
        out=args.out,
        reference=args.reference,
        json=args.json,
    )


def _folder(bundle: str, out: Path | None) -> Path:
    """The bundle's folder; InputError for one of the hub whose report would go into it."""
    from kinetoken.cli.pull_bar import local_folder
    from kinetoken.hub.bundle_name import is_bundle_name

    if is_bundle_name(bundle) and out is None:
        raise InputError(f"{bundle} stays as the hub has it: name a folder for the report with -o")
    return local_folder(bundle)


def run(request: VerifyRequest) -> int:
    """Compare, print the table, write the report."""
    from . import plot  # before the work: it may be missing
    from .report import report_table, verify

    try:
        measured = verify(request)
    except RuntimeError as error:  # torch has no error of its own for a full memory
        if "alloc" not in str(error):
            raise
        raise MemoryError from error
    text = json.dumps(measured.parity.to_dict(), indent=1)
    print(text if request.json else report_table(measured.parity))
    _write(request, text, plot.draw_report(measured))
    return 1 if measured.parity.findings else 0


def _write(request: VerifyRequest, text: str, plot: bytes) -> None:
    from .record import PLOT, REPORT, record_in_bundle, write_files

    files = {REPORT: (text + "\n").encode("utf-8"), PLOT: plot}
    if request.out is not None:
        write_files(request.out, files)
    else:
        record_in_bundle(request.bundle, files)
    print(f"written: {request.out or request.bundle}/{REPORT} and {PLOT}", file=sys.stderr)
