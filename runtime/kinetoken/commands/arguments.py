"""Arguments that several commands share; other packages' commands may use them too."""

from __future__ import annotations

import argparse
from dataclasses import fields

from ..engines import LoadOptions
from ..options import GenerateOptions


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """--bundle and how it is loaded; `load_options` reads the latter back."""
    parser.add_argument("--bundle", metavar="FOLDER", help="the model (default: $KINETOKEN_BUNDLE, else the demo)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the engine (default: $KINETOKEN_THREADS)")
    parser.add_argument("--lookahead", type=int, metavar="N", help="latent frames to wait for (default: the bundle's)")
    parser.add_argument("--gpu-layers", type=int, metavar="N", help="layers of a GGUF model on the graphics card")


def add_generation(parser: argparse.ArgumentParser) -> None:
    """The options of an answer; `generate_options` reads them back."""
    group = parser.add_argument_group("the answer")
    group.add_argument("--seed", type=int, metavar="N", help="same seed, same clip (default: a new one, reported)")
    group.add_argument("--seconds", type=float, metavar="S", help="exact length, in steps of the model's latent frame")
    group.add_argument("--min-seconds", type=float, metavar="S", help="shortest length")
    group.add_argument("--max-seconds", type=float, metavar="S", help="longest length")
    group.add_argument("--levels", type=int, metavar="N", help="codes per frame: fewer are faster and coarser")
    group.add_argument("--temperature", type=float, metavar="T", help="0 always takes the likeliest token")
    group.add_argument("--top-k", type=int, metavar="K", help="only the K likeliest tokens")
    group.add_argument("--top-p", type=float, metavar="P", help="only the likeliest tokens that sum to P")
    group.add_argument("--min-p", type=float, metavar="P", help="only tokens at least P times as likely as the best")
    group.add_argument("--max-thought", type=int, metavar="N", help="text tokens before the motion starts")
    group.add_argument("--max-tokens", type=int, metavar="N", help="tokens of the whole answer")


def load_options(args: argparse.Namespace) -> LoadOptions:
    """How the bundle is to be loaded."""
    return LoadOptions(args.threads, args.lookahead, args.gpu_layers)


def generate_options(args: argparse.Namespace) -> GenerateOptions:
    """The options that were given; InputError where one makes no sense."""
    return GenerateOptions(**{field.name: getattr(args, field.name, None) for field in fields(GenerateOptions)})
