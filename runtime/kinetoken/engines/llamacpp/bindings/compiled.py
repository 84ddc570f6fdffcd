"""llama-cpp-python's own bindings of the library that it was built with."""

from __future__ import annotations

from typing import Any

from ....base.errors import EngineError


def load_compiled() -> tuple[Any, Any]:
    """The module llama_cpp and its shared library. EngineError if it cannot be used."""
    try:
        import llama_cpp as llama
    except (ImportError, OSError, RuntimeError) as error:  # installed, but something is missing
        raise EngineError(
            f"cannot load llama.cpp ({error}): install llama-cpp-python again"
        ) from error
    if not hasattr(llama, "LLAMA_LOAD_MODE_MMAP"):
        got = getattr(llama, "__version__", "an unknown one")
        raise EngineError(
            f"expected llama-cpp-python 0.3.36 or newer, got {got}: "
            'in the clone of kinetoken, pip install -U ".[llama]"'
        )
    return llama, llama.llama_cpp._lib


def compiled_mtmd() -> Any:
    """libmtmd's functions. EngineError if llama-cpp-python was built without it."""
    try:
        from llama_cpp import mtmd_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            f"this llama-cpp-python has no libmtmd ({error}); install it again"
        ) from error
    return mtmd_cpp
