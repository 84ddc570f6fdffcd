"""Tests of llama.cpp run with whichever package brings it: llama-cpp-python or xllamacpp."""

from __future__ import annotations

import pytest

from kinetoken.engines.llamacpp.bindings.packages import find_llama_package

REASON = 'needs llama.cpp: pip install ".[llama]", or ".[llama-wheel]" without a compiler'


def needs_llama() -> None:
    """Skip the test or the module without such a package."""
    if find_llama_package() is None:
        pytest.skip(REASON, allow_module_level=True)
