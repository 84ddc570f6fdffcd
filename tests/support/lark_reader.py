"""llguidance, which others wrote, reads a grammar in Lark's form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest


def takes(rules: str, tokenizer: Path, ids: Sequence[int]) -> bool:
    """Tell if a grammar lets these tokens pass, and the answer end behind them. Skips without llguidance."""
    llguidance = pytest.importorskip("llguidance", reason="needs llguidance, see CONTRIBUTING.md")
    reader = llguidance.LLTokenizer(tokenizer.read_text(encoding="utf-8"))
    matcher = llguidance.LLMatcher(reader, rules)
    assert not matcher.is_error(), matcher.get_error()
    return bool(matcher.try_consume_tokens(list(ids)) == len(ids) and matcher.is_accepting())
