"""kinetoken convert: a clip from one file format to another."""

from __future__ import annotations

import argparse


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken convert IN OUT."""
    parser = subparsers.add_parser("convert", help="convert a clip between file formats")
    parser.add_argument(
        "source",
        metavar="IN",
        help=".npz, .npy with joints (T, 22, 3) or features (T, 263), or .bvh",
    )
    parser.add_argument("out", metavar="OUT", help=".npz, .bvh, .glb, .vrma or .npy")
    choices = ("joints", "features")
    parser.add_argument(
        "--as", dest="array", choices=choices, default="joints", help="what a .npy shall hold"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Load, save, report."""
    from pathlib import Path

    from ..formats.read import load
    from ..formats.write import save
    from ..formats.write_npy import write_npy

    npy = Path(args.out).suffix.lower() == ".npy"
    clip = load(args.source)
    if npy:
        write_npy(clip, args.out, args.array)
    else:
        save(clip, args.out)
    print(f"{len(clip)} frames, {clip.seconds:.1f} s of motion -> {args.out}")
    return 0
