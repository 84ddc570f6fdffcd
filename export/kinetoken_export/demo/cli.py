"""`kinetoken demo prepare | train-codec | train-lm | evaluate`: from motion capture to the checkpoint that ships."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.base.errors import InputError

from ..packages import require_packages

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    SubParsers = _SubParsersAction[argparse.ArgumentParser]

WORK_HELP = "folder for clips, checkpoints and logs (default: work)"


def add_command(subparsers: SubParsers) -> None:
    """Add `kinetoken demo` and its steps."""
    demo = subparsers.add_parser("demo", help="make the demo model from motion capture")
    steps = demo.add_subparsers(dest="step", metavar="STEP", required=True)

    prepare = steps.add_parser("prepare", help="CMU BVH files to clips on the 22 joints")
    prepare.add_argument(
        "source", type=Path, help="folder of CMU .bvh files (cgspeed's Daz-friendly conversion)"
    )
    prepare.add_argument(
        "--clips", type=Path, help="npz of more clips, already (T, 22, 3) at 20 fps in metres"
    )
    prepare.set_defaults(func=_prepare)

    codec = steps.add_parser(
        "train-codec", help="clips to the RVQ codec; goes on where it was stopped"
    )
    codec.add_argument("--steps", type=int, default=8200)
    codec.add_argument("-o", "--out", type=Path, help="codec folder to write (default: WORK/codec)")
    codec.set_defaults(func=_train_codec)

    lm = steps.add_parser(
        "train-lm", help="clips and codec to the language model; goes on where it was stopped"
    )
    lm.add_argument("--steps", type=int, default=9500)
    lm.add_argument("--codec", type=Path, help="codec folder (default: WORK/codec)")
    lm.add_argument(
        "-o", "--out", type=Path, help="Hugging Face folder to write (default: WORK/lm)"
    )
    lm.set_defaults(func=_train_lm)

    evaluate = steps.add_parser(
        "evaluate", help="judge a bundle by physics, and the codec on held-out clips"
    )
    evaluate.add_argument("--bundle", type=Path, help="bundle to examine (default: the demo)")
    evaluate.add_argument("--codec", type=Path, help="codec folder (default: WORK/codec)")
    evaluate.add_argument(
        "--seeds", type=int, default=5, help="samples of each wording (default: 5)"
    )
    evaluate.add_argument("--temperature", type=float, default=0.5)
    evaluate.add_argument("--levels", type=int, help="codes per frame (default: all)")
    evaluate.add_argument(
        "--exam",
        choices=("first", "second"),
        default="first",
        help="which wordings (default: first)",
    )
    evaluate.add_argument("-o", "--out", type=Path, help="write OUT.md and OUT.json too")
    evaluate.set_defaults(func=_evaluate)

    for step in (prepare, codec, lm, evaluate):
        step.add_argument("--work", type=Path, default=Path("work"), help=WORK_HELP)
    for step in (codec, lm):
        step.add_argument("--threads", type=int, help="cores to train on (default: all)")


def _threads(count: int | None) -> None:
    require_packages()
    import torch

    if count is not None:
        if count < 1:
            raise InputError(f"expected --threads of 1 or more, got {count}")
        torch.set_num_threads(count)


def _steps(count: int) -> int:
    if count < 1:
        raise InputError(f"expected --steps of 1 or more, got {count}")
    return count


def _prepare(args: argparse.Namespace) -> int:
    from .data.prepare import prepare

    prepare(args.source, args.work, args.clips)
    return 0


def _train_codec(args: argparse.Namespace) -> int:
    _threads(args.threads)
    from .training.train_codec import CodecTraining, train_codec

    out = args.out or args.work / "codec"
    train_codec(args.work, CodecTraining(steps=_steps(args.steps)), out)
    print(f"codec written to {out}")
    return 0


def _train_lm(args: argparse.Namespace) -> int:
    _threads(args.threads)
    from .training.train_lm import LmTraining, train_lm

    out = args.out or args.work / "lm"
    train_lm(
        args.work, args.codec or args.work / "codec", LmTraining(steps=_steps(args.steps)), out
    )
    print(f"language model written to {out}")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    require_packages()
    from .training.evaluate import Conditions, evaluate

    codec = args.codec or args.work / "codec"
    evaluate(
        args.bundle,
        args.work,
        codec,
        Conditions(args.seeds, args.temperature, args.levels, args.exam),
        args.out,
    )
    return 0
