"""The same seeds on two machines, or with two versions of an engine: how many clips are the same?

python benchmarks/same_seed.py write here --clips 100            # on one machine
python benchmarks/same_seed.py write exact --clips 100 --exact
python benchmarks/same_seed.py compare here there                # after the same on another
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import kinetoken

SECONDS = 3.0


def write(folder: Path, clips: int, bundle: str | None, exact: bool) -> None:
    """Write a clip for each seed; the prompts are the bundle's examples, in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = kinetoken.load(bundle, threads=1, exact=exact)
    prompts, began = generator.manifest.examples, time.process_time()
    for seed in range(clips):
        clip = generator.generate(prompts[seed % len(prompts)], seed=seed, seconds=SECONDS)
        clip.save(folder / f"{seed:04}.npz")
    spent = time.process_time() - began
    rate = clips * SECONDS / spent
    print(f"{clips} clips, {spent:.0f} s of processor time, {rate:.1f} s of motion a second")


def compare(first: Path, second: Path) -> None:
    """Print how many clips of two folders have the same tokens, and how far joints are apart."""
    names = sorted({p.name for p in first.glob("*.npz")} & {p.name for p in second.glob("*.npz")})
    same, near, far = 0, 0.0, 0.0
    for name in names:
        one, other = kinetoken.Clip.load(first / name), kinetoken.Clip.load(second / name)
        if name == names[0]:
            print(f"{one.meta['engine']}, {one.meta['processor']}")
            print(f"{other.meta['engine']}, {other.meta['processor']}")
        apart = float(np.linalg.norm(one.joints - other.joints, axis=-1).max())
        if one.text == other.text and np.array_equal(one.codes, other.codes):
            same, near = same + 1, max(near, apart)
        else:
            far = max(far, apart)
    print(f"{same} of {len(names)} clips have the same tokens")
    print(f"joints apart at most: {near * 1e6:.2f} micrometres in these, {far:.2f} m in the others")


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write")
    writer.add_argument("folder", type=Path)
    writer.add_argument("--clips", type=int, default=100)
    writer.add_argument("--bundle")
    writer.add_argument("--exact", action="store_true")
    comparer = commands.add_parser("compare")
    comparer.add_argument("first", type=Path)
    comparer.add_argument("second", type=Path)
    args = parser.parse_args()
    if args.command == "write":
        write(args.folder, args.clips, args.bundle, args.exact)
    else:
        compare(args.first, args.second)


if __name__ == "__main__":
    main()
