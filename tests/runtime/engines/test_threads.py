"""Threads: those asked for, those of the environment, and those of llama.cpp if nobody asks."""

from __future__ import annotations

import pytest

from kinetoken.engines.threads import usual_threads


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (8, 8), (9, 8), (64, 8)])
def test_llama_cpp_gets_all_cores_up_to_eight(
    cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinetoken.engines.threads.available_cores", lambda: cores)
    assert usual_threads() == threads
