"""Compare every architecture with transformers' own classes: greedy tokens and logits.

    PYTHONPATH=TRANSFORMERS python benchmarks/family_parity.py -o benchmarks/results/family_parity

Miniatures of random weights (tests/support/tiny_families.py) are saved by the transformers in
PYTHONPATH, which also writes 48 greedy tokens after a prompt of 40. Exported as fused ONNX (fp32)
and GGUF (f32), they are fed those tokens, and should find the same best one each time. One run is
one version; -o adds its columns to those of earlier runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from machine import asked
from numpy.typing import NDArray
from report import heading, table, write

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import transformers  # noqa: E402

from kinetoken.base.errors import KinetokenError  # noqa: E402
from kinetoken.engines.protocols import LanguageModel  # noqa: E402
from kinetoken.manifest.schema import LanguageModelInfo  # noqa: E402
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary  # noqa: E402
from kinetoken_export.checkpoint.tensors import Checkpoint  # noqa: E402
from tiny_families import FAMILIES, build_family  # noqa: E402

PROMPT, ANSWER, CONTEXT = 40, 48, 128
Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """An export beside its source."""

    same: int
    """Greedy tokens of ANSWER that are the source's."""
    error: float
    """Largest difference of two logits."""


def main() -> None:
    """Measure one version and write the table of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", dest="out", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one family only")
    args = asked(parser)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    old = args.out.with_suffix(".json") if args.out else None
    record: dict[str, Any] = {"versions": {}}
    if old is not None and old.is_file():
        record = {"versions": json.loads(old.read_text())["versions"]}
    names = [*FAMILIES][:1] if args.quick else [*FAMILIES]
    measured = {name: measure(name) for name in names if has_class(name)}
    record["versions"][transformers.__version__] = measured
    write(args.out, page(record["versions"]), record)


def has_class(name: str) -> bool:
    """Tell if this version has the class of a family."""
    return hasattr(transformers, f"{FAMILIES[name][0]}ForCausalLM")


def measure(name: str) -> dict[str, Any]:
    """Parity of a family by format, or why there is none."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = build_family(Path(scratch) / "model", name)
        ids, logits = answer(folder)
        found: dict[str, Any] = {}
        for form, export in (("onnx", as_onnx), ("gguf", as_gguf)):
            out = Path(scratch) / form
            out.mkdir()
            try:
                found[form] = asdict(compare(export(folder, out), ids, logits))
            except KinetokenError as error:
                found[form] = str(error)
    return found


@torch.inference_mode()
def answer(folder: Path) -> tuple[list[int], Float32Array]:
    """A prompt with its greedy answer, and the logits (n, vocab) after each token."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = [
        int(i) for i in np.random.default_rng(0).integers(5, model.config.vocab_size - 3, PROMPT)
    ]
    for _ in range(ANSWER):
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids, model(torch.tensor([ids])).logits[0].numpy()


def as_onnx(folder: Path, out: Path) -> LanguageModel:
    """The fused graph."""
    from kinetoken.engines.onnx.model import OnnxLanguageModel
    from kinetoken_export.onnx.language_model import export_language_model
    from kinetoken_export.onnx.recipes import find_onnx_recipe

    source, motion = Checkpoint(folder), read_vocabulary(folder).motion
    recipe = find_onnx_recipe("fp32")
    info = export_language_model(source, recipe, out, motion, context=CONTEXT)
    return OnnxLanguageModel(out / info.file, info)


def as_gguf(folder: Path, out: Path) -> LanguageModel:
    """The file of llama.cpp."""
    from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel
    from kinetoken_export.gguf.language_model import export_gguf
    from kinetoken_export.gguf.recipes import find_gguf_recipe

    source, path, recipe = Checkpoint(folder), out / "lm.gguf", find_gguf_recipe("f32")
    words, shape = read_vocabulary(folder), source.shape
    tokenizer = folder / "tokenizer.json"
    export_gguf(
        source, tokenizer, words, recipe, path, name="tiny", chat_template=None, context=CONTEXT
    )
    info = LanguageModelInfo(
        "llamacpp", path.name, source.architecture.name, shape.layers, shape.kv_heads,
        shape.head_dim, shape.vocab_size, CONTEXT, recipe.name,
    )  # fmt: skip
    return LlamaCppLanguageModel(path, info)


def compare(model: LanguageModel, ids: list[int], logits: Float32Array) -> Parity:
    """Feed an answer token by token."""
    run, everything = model.start(), (range(logits.shape[1]),)
    rows = [run.push(ids[:PROMPT], everything).copy()]
    rows += [run.push([token], everything).copy() for token in ids[PROMPT:-1]]
    wanted = logits[PROMPT - 1 : -1]
    error = float(np.abs(np.stack(rows) - wanted).max())
    same = sum(int(row.argmax()) == token for row, token in zip(rows, ids[PROMPT:], strict=True))
    return Parity(same, error)


def page(versions: dict[str, dict[str, Any]]) -> list[str]:
    """The table: a row for each family, a column for each version and format."""
    columns = [(version, form) for version in sorted(versions) for form in ("onnx", "gguf")]
    rows = []
    for name in FAMILIES:
        cells = [versions[version].get(name, {}).get(form) for version, form in columns]
        if any(cells):
            rows.append([f"`{name}`", *map(cell, cells)])
    said = "Equal greedy tokens of 48, and the largest difference of two logits."
    names = ["miniature", *(f"{version} {form}" for version, form in columns)]
    return [*heading("Every architecture against transformers", "", said), *table(names, rows)]


def cell(found: Any) -> str:
    """A cell of the table."""
    if isinstance(found, str):
        return "refused"
    return "-" if found is None else f"{found['same']}, {found['error']:.0e}"


if __name__ == "__main__":
    main()
