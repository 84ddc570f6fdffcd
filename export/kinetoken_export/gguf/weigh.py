"""Which columns of the matrices matter, from a file, or from answers of a draft of the bundle itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from kinetoken.generation.bundle import open_bundle
from kinetoken.generation.options import GenerateOptions

from ..checkpoint.reference_model import Reference
from ..checkpoint.tensors import Array, TensorSource
from ..own_answers import PROMPTS, answers, read_prompts
from ..request import DRAFT, OWN, Request
from .importance import is_importance_file, measure_importance, read_importance


def find_importance(
    request: Request, source: TensorSource, folder: Path, build: Callable[[Request], object]
) -> Mapping[str, Array]:
    """Importance by llama.cpp's tensor names.

    For prompts, `build` makes a draft of the bundle in `folder`; it answers them, and prompts and answers go through the source.
    """
    assert request.importance is not None
    path = Path(request.importance)
    if request.importance != OWN and path.is_file() and is_importance_file(path):
        return read_importance(path)
    prompts = PROMPTS if request.importance == OWN else read_prompts(path)
    build(replace(request, quant=DRAFT, importance=None))
    made = answers(open_bundle(folder), GenerateOptions(), prompts, "own answers")
    return measure_importance(Reference(source), [answer.ids for answer in made])
