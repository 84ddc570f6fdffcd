"""Make an OpenVINO folder of a checkpoint's language model, for lm_step.py.

    python -m venv OV
    OV/bin/pip install torch==2.13.0 torchvision openvino-genai "optimum-intel[openvino]" nncf
    python benchmarks/full_size_checkpoint.py --wheel dashscope-*.whl -o CHECKPOINT
    python benchmarks/openvino_full_size.py CHECKPOINT --openvino OV/bin/python -o FOLDER/int4

`optimum-cli export openvino` gets the language model alone, as a Qwen2 of the same shape with the
same weights: a token costs the same, and no vision tower has to be converted.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from genai_full_size import write_short
from machine import watched

from kinetoken_export.checkpoint.tensors import Checkpoint

EXPORT: Final = ("export", "openvino", "--task", "text-generation-with-past")


def main() -> None:
    """Write the language model, export it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, help="Qwen2 or Qwen2.5-VL")
    parser.add_argument(
        "--openvino", type=Path, required=True, help="a Python with openvino-genai, optimum-intel"
    )
    parser.add_argument("--weights", default="int4", help="optimum-cli's --weight-format")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the model folder")
    args = parser.parse_args()
    source = Checkpoint(args.checkpoint)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out.parent) as work:
        text = Path(work, "text")
        write_short(source, source.shape.layers, text)
        command = [str(args.openvino.with_name("optimum-cli")), *EXPORT, "-m", str(text)]
        ran = watched([*command, "--weight-format", args.weights, str(args.out)])
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {size / 1e9:.2f} GB, in {ran.seconds:.0f} s with {ran.peak / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
