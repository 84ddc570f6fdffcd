"""kinetoken decode: motion tokens in any text become a clip."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import FormatError, InputError, TokenError
from .arguments import add_bundle, load_options

if TYPE_CHECKING:
    from ..manifest.schema import Manifest
    from ..tokens.markup import Reading


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken decode FILE -o OUT."""
    parser = subparsers.add_parser("decode", help="make a clip from a text with motion tokens")
    parser.add_argument("file", help="the text; - reads standard input")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        required=True,
        help="write the clip: .npz, .bvh, .glb or .vrma",
    )
    parser.add_argument(
        "--levels", type=int, metavar="N", help="codes per frame of the text (default: all)"
    )
    parser.add_argument(
        "--salvage", action="store_true", help="keep what fits and report every token left out"
    )
    add_bundle(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Read, decode, save, report."""
    from dataclasses import replace

    from ..base.atomic_file import check_writable
    from ..formats.write import writer_for
    from ..generation.bundle import bundle_folder, open_codec
    from ..generation.motion_stream import decode_clip

    writer_for(args.out)
    check_writable(args.out)
    text = read_text(args.file)
    manifest, decoder = open_codec(bundle_folder(args.bundle), load_options(args))
    reading = _read(text, manifest, args)
    clip = replace(decode_clip(decoder, reading.frames), text=text, fps=float(manifest.codec.fps))
    clip.save(args.out)
    for line in reading.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(
        f"{len(reading.frames)} code frames, {clip.seconds:.1f} s of motion{_salvaged(reading, args)} -> {args.out}"
    )
    return 0


def read_text(name: str) -> str:
    """The text of a file or of standard input; FormatError where it is none."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read {name}: {error.strerror}; check the path") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{name}: expected UTF-8 text, got byte {error.start} that is none; convert it"
        ) from None


def _read(text: str, manifest: Manifest, args: argparse.Namespace) -> Reading:
    from ..tokens.markup import read_strictly, salvage

    total = len(manifest.motion.levels)
    if args.levels is not None and not 1 <= args.levels <= total:
        raise InputError(
            f"levels: expected 1 to {total}, got {args.levels}; this codec has {total}"
        )
    first, stop = manifest.motion.levels[0]
    read = salvage if args.salvage else read_strictly
    try:
        reading = read(text, total, stop - first, args.levels)
    except TokenError as error:
        raise TokenError(f"{args.file}: {error}") from None
    if not reading.frames:
        left = f"; {len(reading.left_out)} tokens fit nowhere" if reading.left_out else ""
        raise TokenError(
            f"{args.file}: expected motion tokens such as <move><m_0_5>...</move>, got none to decode{left}"
        )
    return reading


def _salvaged(reading: Reading, args: argparse.Namespace) -> str:
    if not args.salvage:
        return ""
    return f" ({reading.partial} frames without their last levels, {len(reading.left_out)} tokens left out)"
