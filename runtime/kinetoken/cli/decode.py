"""kinetoken decode: makes a clip from the motion tokens in any text."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.errors import FormatError, InputError, TokenError
from ..base.input_file import LARGEST_TEXT, read_typed, within
from ..formats.body_checks import MAX_FRAMES
from ..formats.registry import WRITABLE, check_can_save, in_words
from .arguments import BundleRequest, add_codec
from .parser import Subparsers, new_command
from .terminal import counted

if TYPE_CHECKING:
    from ..manifest.schema import Manifest
    from ..tokens.markup import Reading


@dataclass(frozen=True)
class DecodeRequest:
    """Everything that the command line asks for."""

    file: str
    """The text; "-" for standard input."""
    out: str
    levels: int | None
    """Codes per frame of the text; None: as many as the codec has."""
    salvage: bool
    bundle: BundleRequest


def add_command(subparsers: Subparsers) -> None:
    """kinetoken decode FILE -o OUT."""
    parser = new_command(
        subparsers,
        "decode",
        "make a motion from a text with motion tokens",
        "kinetoken decode answer.txt -o answer.bvh",
        "some-program | kinetoken decode - -o answer.npz --salvage",
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="text with motion tokens; - reads standard input")
    out = f"write the motion: {in_words(WRITABLE)}"
    add("-o", "--out", metavar="FILE", required=True, help=out)
    levels = "codes per frame in the text (default: all)"
    add("--levels", type=int, metavar="N", help=levels)
    salvage = "keep the tokens that form frames, and list the others"
    add("--salvage", action="store_true", help=salvage)
    bundle = add_codec(parser)
    parser.set_defaults(
        func=lambda args: run(
            DecodeRequest(args.file, args.out, args.levels, args.salvage, bundle(args))
        )
    )


def run(request: DecodeRequest) -> int:
    """Read, decode, save, report."""
    from dataclasses import replace

    from ..generation.bundle import open_codec
    from ..generation.motion_stream import decode_clip
    from ..tokens.markup import spelling_notes

    check_can_save(request.out)
    text = read_text(request.file)
    manifest, decoder = open_codec(request.bundle.folder, request.bundle.options)
    reading = _read(text, manifest, request)
    most = int(MAX_FRAMES / manifest.codec.frames_per_code_frame)
    if len(reading.frames) > most:
        raise FormatError(
            f"{request.file}: expected at most {most:,} code frames, got {len(reading.frames):,}; "
            "cut it into pieces"
        )
    clip = replace(
        decode_clip(decoder, reading.frames, reading.blocks),
        text=text,
        fps=float(manifest.codec.fps),
        meta=spelling_notes(manifest.motion.spelling),
    )
    clip.save(request.out)
    for line in reading.left_out:
        print(f"left out: {line}", file=sys.stderr)
    made = f"{counted(len(reading.frames), 'code frame')}, {clip.seconds:.1f} s of motion"
    print(f"{made}{_salvaged(reading, request)} -> {request.out}")
    return 0


def read_text(name: str) -> str:
    """Read the text of a file or of standard input. FormatError."""
    try:
        raw = _standard_input() if name == "-" else read_typed(name, LARGEST_TEXT)
    except OSError as error:
        raise FormatError(f"cannot read {name}: {error.strerror}; check the path") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{name}: expected UTF-8 text, got another encoding at byte {error.start}; convert it"
        ) from None


def _standard_input() -> bytes:
    """All of standard input, which may be a program's; FormatError where it has no end."""
    return within(sys.stdin.buffer.read(LARGEST_TEXT + 1), LARGEST_TEXT, "standard input")


def _read(text: str, manifest: Manifest, request: DecodeRequest) -> Reading:
    from ..tokens.markup import Markup, read_strictly, salvage

    total = len(manifest.motion.levels)
    if request.levels is not None and not 1 <= request.levels <= total:
        raise InputError(
            f"levels: expected 1 to {total}, got {request.levels}; this codec has {total}"
        )
    first, stop = manifest.motion.levels[0]
    markup = Markup(manifest.motion.spelling)
    read = salvage if request.salvage else read_strictly
    try:
        reading = read(text, total, stop - first, request.levels, markup)
    except TokenError as error:
        raise TokenError(f"{request.file}: {error}") from None
    if not reading.frames:
        left = (
            f"; {counted(len(reading.left_out), 'token')} fit nowhere" if reading.left_out else ""
        )
        raise TokenError(
            f"{request.file}: expected motion tokens such as {markup.example}, "
            f"got none to decode{left}"
        )
    return reading


def _salvaged(reading: Reading, request: DecodeRequest) -> str:
    if not request.salvage:
        return ""
    left = f"{counted(len(reading.left_out), 'token')} left out"
    return f" ({counted(reading.partial, 'frame')} without their last levels, {left})"
