"""Groups of arguments that several commands share, in all three packages.

Each function adds its arguments to a parser and returns the reader that makes one frozen object of
them, so that nothing behind a command's door sees an `argparse.Namespace`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..engines.load_options import AUTO_PROVIDER, DEFAULT_TIMEOUT, PROVIDERS, LoadOptions
from ..engines.remote.servers import SERVER_KINDS
from ..formats.humanoid.units import UNITS
from ..formats.read_options import UP, ReadOptions
from ..generation.image_file import USUAL_CELLS, ImageFile
from ..generation.options import FRAME_KINDS, THOUGHT_TOKENS, GenerateOptions
from .parser import Advanced, Reader

if TYPE_CHECKING:
    from ..generation.generator import Generator


@dataclass(frozen=True)
class BundleRequest:
    """The bundle that a command was given, and how to load it."""

    bundle: str | None
    """None: $KINETOKEN_BUNDLE, else the demo."""
    options: LoadOptions

    @property
    def has_server(self) -> bool:
        """True if a server writes the answers."""
        return self.options.engine is not None

    @property
    def folder(self) -> Path:
        """Where the bundle is; one on the hub is pulled first. KinetokenError where that fails."""
        from .pull_bar import local_folder

        return local_folder(self.bundle)

    def load(self) -> Generator:
        """Load the model."""
        from ..generation.generator import load

        return load(self.folder, self.options)


@dataclass(frozen=True)
class HistoryRequest:
    """The memory of a chat."""

    turns: int | None
    """Earlier turns shown to the model; None: as many as the bundle says."""
    file: str | None
    """File that keeps the chat."""


def add_bundle(parser: argparse.ArgumentParser) -> Reader[BundleRequest]:
    """Add --bundle and the options of loading it."""
    add = _add_folder(parser)
    add("--engine", metavar="URL", help="server of the language model (docs/servers.md)")
    layers = "layers of a GGUF model to run on the GPU (default: all)"
    add("--gpu-layers", type=int, metavar="N", help=Advanced(layers))
    kind = f"{', '.join(SERVER_KINDS)} (default: asks the server)"
    add("--engine-kind", metavar="KIND", help=Advanced(kind))
    name = "the server's name for the model, if it has several"
    add("--engine-model", metavar="NAME", help=Advanced(name))
    silence = f"give up after S seconds without an answer (default: {DEFAULT_TIMEOUT:g})"
    add("--engine-timeout", type=float, metavar="S", help=Advanced(silence))
    same = "same seed, same tokens on every machine; slower (docs/same-seed.md)"
    add("--exact", action="store_true", help=Advanced(same))
    wait = "latent frames to hold back until a pose is final (default: the bundle's)"
    add("--lookahead", type=int, metavar="N", help=Advanced(wait))
    return _bundle_request


def add_codec(parser: argparse.ArgumentParser) -> Reader[BundleRequest]:
    """Add --bundle and the options of loading its decoder alone."""
    _add_folder(parser)
    return _bundle_request


def _add_folder(parser: argparse.ArgumentParser) -> Callable[..., argparse.Action]:
    """Add what the model and its decoder both need; returns what adds to the same group."""
    add = parser.add_argument_group("the model").add_argument
    bundle = "folder or hf:OWNER/NAME (default: the demo)"
    add("--bundle", metavar="BUNDLE", help=bundle)
    add("--threads", type=int, metavar="N", help="CPU threads (default: $KINETOKEN_THREADS)")
    where = f"run ONNX on {', '.join(PROVIDERS[1:-1])} or {PROVIDERS[-1]}"
    add("--provider", choices=PROVIDERS, metavar="P", help=f"{where} (default: {AUTO_PROVIDER})")
    return add


def _bundle_request(args: argparse.Namespace) -> BundleRequest:
    given = {field.name: getattr(args, field.name, None) for field in fields(LoadOptions)}
    chosen = {name: value for name, value in given.items() if value is not None}
    return BundleRequest(args.bundle, LoadOptions(**chosen))


def add_reading(parser: argparse.ArgumentParser, *, advanced: bool = False) -> Reader[ReadOptions]:
    """Add what a user may say of a file of motion: --unit, --up, --animation."""
    add = parser.add_argument_group("a file of other programs").add_argument
    shown = Advanced if advanced else str
    unit = f"its unit of length: {', '.join(UNITS)}, or metres (default: from its legs)"
    add("--unit", metavar="U", help=shown(unit))
    add(
        "--up",
        choices=UP,
        metavar="AXIS",
        help=shown("axis that points up: y, z, x, or --up=-z (default: as the body stands)"),
    )
    which = "name or number of one of its animations (default: the first)"
    add("--animation", metavar="NAME", help=shown(which))
    return lambda args: ReadOptions.parsed(args.unit, args.up, args.animation)


def add_generation(parser: argparse.ArgumentParser) -> Reader[GenerateOptions]:
    """Add the options of an answer; the reader raises InputError for a bad value."""
    add = parser.add_argument_group("the answer").add_argument
    add("--seed", type=int, metavar="N", help="same seed, same motion (default: a random one)")
    add("--seconds", type=float, metavar="S", help="exact length of the motion")
    add("--min-seconds", type=float, metavar="S", help=Advanced("shortest length of the motion"))
    add("--max-seconds", type=float, metavar="S", help="longest length of the motion")
    add("--temperature", type=float, metavar="T", help="0 always takes the most likely token")
    add("--levels", type=int, metavar="N", help="codes per frame; fewer are faster and coarser")
    add("--detail", metavar="D", help="full (default), coarse, or levels by block: 4,2")
    pace = "keep real time by less detail (default: when watched)"
    add("--keep-up", action=argparse.BooleanOptionalAction, default=None, help=pace)
    thought = "text before the motion: full (default), brief or none"
    add("--thought", choices=tuple(THOUGHT_TOKENS), metavar="T", help=thought)
    lock = "keep standing feet from sliding (default: screen only)"
    add("--foot-lock", action=argparse.BooleanOptionalAction, default=None, help=lock)
    calm = "calm trembling, 0.1 s later (default: screen only)"
    add("--smooth", action=argparse.BooleanOptionalAction, default=None, help=calm)
    _add_sampling(parser)
    _add_blocks(parser)
    return _generate_options


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("sampling").add_argument
    add("--top-k", type=int, metavar="K", help=Advanced("only the K most likely tokens"))
    top = "only the most likely tokens that together reach probability P"
    add("--top-p", type=float, metavar="P", help=Advanced(top))
    least = "only tokens at least P times as likely as the most likely one"
    add("--min-p", type=float, metavar="P", help=Advanced(least))
    frames = "prefix: the model may leave out the last levels of a frame (default: whole)"
    add("--frames", choices=FRAME_KINDS, help=Advanced(frames))


def _add_blocks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("text and blocks of motion").add_argument
    add("--max-tokens", type=int, metavar="N", help=Advanced("longest answer, in tokens"))
    before = "most text tokens before the motion"
    add("--max-thought", type=int, metavar="N", help=Advanced(before))
    between = "most text tokens between two blocks of motion"
    add("--max-pause", type=int, metavar="N", help=Advanced(between))
    alone = "allow an answer without motion"
    add("--text-only", action="store_true", default=None, help=Advanced(alone))
    for end, word in (("", "exact"), ("min-", "shortest"), ("max-", "longest")):
        length = Advanced(f"{word} length of each block of motion")
        add(f"--{end}block-seconds", type=float, metavar="S", help=length)
    add("--min-blocks", type=int, metavar="N", help=Advanced("fewest blocks of motion"))
    add("--max-blocks", type=int, metavar="N", help=Advanced("most blocks of motion"))


def _generate_options(args: argparse.Namespace) -> GenerateOptions:
    return GenerateOptions(
        **{field.name: getattr(args, field.name, None) for field in fields(GenerateOptions)}
    )


def add_image(parser: argparse.ArgumentParser) -> Reader[ImageFile | None]:
    """Add --image; the reader checks the file, before a model is loaded.

    InputError, FormatError.
    """
    group = parser.add_argument_group("an image (experimental; GGUF bundles with a vision tower)")
    group.add_argument("--image", metavar="FILE", help="picture that goes before the prompt")
    cells = f"most context positions for the image (default: {USUAL_CELLS}); more are slower"
    group.add_argument("--image-cells", type=int, metavar="N", help=Advanced(cells))
    return _image_file


def _image_file(args: argparse.Namespace) -> ImageFile | None:
    if args.image is None:
        if args.image_cells is not None:
            raise InputError("--image-cells needs an image; give --image FILE")
        return None
    image = ImageFile(args.image, USUAL_CELLS if args.image_cells is None else args.image_cells)
    image.check()
    return image


def add_history(parser: argparse.ArgumentParser) -> Reader[HistoryRequest]:
    """Add the options of a chat's memory."""
    add = parser.add_argument_group("the chat").add_argument
    add("--history-file", metavar="FILE", help="continue the chat in this file, and save it there")
    turns = "earlier turns to show the model (default: the bundle's)"
    add("--history", type=int, metavar="N", help=Advanced(turns))
    return lambda args: HistoryRequest(args.history, args.history_file)
