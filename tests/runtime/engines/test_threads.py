"""Threads: those asked for, those of the environment, and those of llama.cpp if nobody asks."""

from __future__ import annotations

import pytest

from kinetoken import InputError
from kinetoken.engines.threads import requested_threads, usual_threads


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (8, 8), (9, 8), (64, 8)])
def test_llama_cpp_gets_all_cores_up_to_eight(
    cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinetoken.engines.threads.available_cores", lambda: cores)
    assert usual_threads() == threads


def test_threads_come_from_the_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINETOKEN_THREADS", raising=False)
    assert requested_threads() == 0
    assert requested_threads(3) == 3
    monkeypatch.setenv("KINETOKEN_THREADS", "2")
    assert requested_threads() == 2
    monkeypatch.setenv("KINETOKEN_THREADS", "many")
    with pytest.raises(InputError, match=r"KINETOKEN_THREADS: .*'many'"):
        requested_threads()
    with pytest.raises(InputError, match=r"threads: .*'-1'"):
        requested_threads(-1)
