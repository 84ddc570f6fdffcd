"""Arguments that several commands share; other packages' commands may use them too."""

from __future__ import annotations

import argparse
from dataclasses import fields

from ..base.errors import InputError
from ..engines.load_options import LoadOptions
from ..engines.onnx.providers import PROVIDERS
from ..generation.image_file import USUAL_CELLS, ImageFile
from ..generation.options import FRAME_KINDS, THOUGHT_TOKENS, GenerateOptions


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """--bundle and how it is loaded; `load_options` reads the latter back."""
    parser.add_argument(
        "--bundle", metavar="FOLDER", help="the model (default: $KINETOKEN_BUNDLE, else the demo)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of the engine (default: $KINETOKEN_THREADS)",
    )
    parser.add_argument(
        "--lookahead",
        type=int,
        metavar="N",
        help="latent frames to wait for (default: the bundle's)",
    )
    parser.add_argument(
        "--gpu-layers", type=int, metavar="N", help="layers of a GGUF model on the graphics card"
    )
    parser.add_argument(
        "--provider",
        choices=PROVIDERS,
        help="where an ONNX model runs (default: CUDA where it is there)",
    )
    parser.add_argument(
        "--engine", metavar="URL", help="a server that runs the language model (docs/servers.md)"
    )
    parser.add_argument("--engine-kind", metavar="KIND", help="llama-server, llama-cpp-python, vllm or openai, where it "
                        "does not say so itself")  # fmt: skip
    parser.add_argument(
        "--engine-model", metavar="NAME", help="its name for the model, where it has several"
    )
    parser.add_argument(
        "--engine-timeout", type=float, metavar="S", help="seconds of silence to bear (default: 60)"
    )


def add_generation(parser: argparse.ArgumentParser) -> None:
    """The options of an answer; `generate_options` reads them back."""
    add = parser.add_argument_group("the answer").add_argument
    add("--seed", type=int, metavar="N", help="same seed, same clip (default: a new one, reported)")
    add("--temperature", type=float, metavar="T", help="0 always takes the likeliest token")
    add("--top-k", type=int, metavar="K", help="only the K likeliest tokens")
    add("--top-p", type=float, metavar="P", help="only the likeliest tokens that sum to P")
    add(
        "--min-p",
        type=float,
        metavar="P",
        help="only tokens at least P times as likely as the best",
    )
    add("--levels", type=int, metavar="N", help="codes per frame: fewer are faster and coarser")
    detail = "auto: fewer levels in a block where this machine is too slow for all; full; coarse; or of each block: 4,2 (default: full)"
    add("--detail", metavar="WHAT", help=detail)
    add(
        "--frames",
        choices=FRAME_KINDS,
        help="prefix: the model may leave out a frame's last levels (default: whole)",
    )
    add(
        "--thought",
        choices=tuple(THOUGHT_TOKENS),
        help="how much is said before the motion (default: full)",
    )
    add("--max-thought", type=int, metavar="N", help="text tokens before the motion starts")
    add("--max-pause", type=int, metavar="N", help="text tokens between two blocks of motion")
    add("--text-only", action="store_true", default=None, help="allow an answer without motion")
    add("--max-tokens", type=int, metavar="N", help="tokens of the whole answer")
    keep = "whether standing feet are kept from sliding (on where it is shown, off where it is written)"
    add("--foot-lock", action=argparse.BooleanOptionalAction, default=None, help=keep)
    _add_lengths(parser.add_argument_group("its lengths, in steps of the model's latent frame"))


def add_image(parser: argparse.ArgumentParser) -> None:
    """--image; `image_file` reads it back."""
    group = parser.add_argument_group("an image (experimental; GGUF bundles with a vision tower)")
    group.add_argument(
        "--image", metavar="FILE", help="a picture that the model sees before it reads the prompt"
    )
    cells = f"places of the context that the image may take (default: {USUAL_CELLS}): more see more, and take longer"
    group.add_argument("--image-cells", type=int, metavar="N", help=cells)


def image_file(args: argparse.Namespace) -> ImageFile | None:
    """The image that was given, checked: loading the model takes longer. InputError, FormatError."""
    if args.image is None:
        if args.image_cells is not None:
            raise InputError(
                "--image-cells says how much of an image is seen, and there is none; give --image FILE"
            )
        return None
    image = ImageFile(args.image, USUAL_CELLS if args.image_cells is None else args.image_cells)
    image.check()
    return image


def _add_lengths(group: argparse._ArgumentGroup) -> None:
    for what, of in (("", "the motion"), ("block-", "every block of it")):
        for end, word in (("", "exact"), ("min-", "shortest"), ("max-", "longest")):
            group.add_argument(
                f"--{end}{what}seconds", type=float, metavar="S", help=f"{word} length of {of}"
            )
            group.add_argument(
                f"--{end}{what}code-frames", type=int, metavar="N", help="the same in code frames"
            )
    group.add_argument("--min-blocks", type=int, metavar="N", help="fewest blocks of motion")
    group.add_argument("--max-blocks", type=int, metavar="N", help="most blocks of motion")


def load_options(args: argparse.Namespace) -> LoadOptions:
    """How the bundle is to be loaded."""
    return LoadOptions(**{field.name: getattr(args, field.name) for field in fields(LoadOptions)})


def generate_options(args: argparse.Namespace) -> GenerateOptions:
    """The options that were given; InputError where one makes no sense."""
    return GenerateOptions(
        **{field.name: getattr(args, field.name, None) for field in fields(GenerateOptions)}
    )
