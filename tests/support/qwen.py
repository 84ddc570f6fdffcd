"""The real Qwen vocabulary with the motion tokens, where its public wheel is installed."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@cache
def qwen_tokenizer_json() -> Path:
    """tokenizer.json with 155,763 ids; skips without the vocabulary."""
    found = importlib.util.find_spec("dashscope")
    if found is None or found.origin is None:
        pytest.skip("needs the Qwen vocabulary: pip install --no-deps dashscope")
    from qwen_vocabulary import qwen_tokenizer

    path = Path(mkdtemp()) / "tokenizer.json"
    qwen_tokenizer((Path(found.origin).parent / "resources" / "qwen.tiktoken").read_bytes(), path)
    return path
