"""The method of a foreign module that decodes codes, found by name and tried on random codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from torch import Tensor, nn

from kinetoken.base.errors import FormatError

from ..code_function import CodeFunction, CodesToFeatures, code_frames, try_function
from ..source import CodeSize
from .outputs import features_of

# How a method may want codes (n, Q). A wrong arrangement fails or gives another number of frames.
_ARRANGEMENTS: Final[tuple[Callable[[Tensor], Any], ...]] = (
    lambda c: c[None],  # (B, n, Q)
    lambda c: c.T[None],  # (B, Q, n)
    lambda c: [c[:, level][None] for level in range(c.shape[1])],  # Q times (B, n)
    lambda c: c.T[:, None],  # (Q, B, n)
    lambda c: c,  # (n, Q)
    lambda c: c.T,  # (Q, n); with one level (B, n)
)
_DECODES: Final = re.compile(r"code|token|indic|ids|decod|lookup|embed|dequant")
_SPEAKS_OF_CODES: Final = re.compile(r"code|token|indic|ids")
_NEVER: Final = re.compile(
    r"_|encode|save|load|write|plot|train|fit|loss|init|reset|update|export|to_?codes|register|"
    r"get_sub"
)


def find_decoding_method(
    model: nn.Module, size: CodeSize, window: int | None = None
) -> CodeFunction | None:
    """Find a method from codes to features that passes the trials; None where none does.

    `window`: feature frames of the trials; None: two lengths.
    """
    trials = ({},) if window is None else tuple({"lengths": (n,)} for n in code_frames(window))
    for name, method in decoding_methods(model):
        for arrange in _ARRANGEMENTS:
            for lengths in trials:
                try:
                    found = try_function(
                        name, _arranged(method, arrange), size, (model,), **lengths
                    )
                except FormatError:
                    continue
                if window is None or found.frames * found.stride == window:
                    return found
    return None


def decoding_methods(model: nn.Module) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public methods of one argument whose names speak of decoding, those with "codes" first."""
    names = [
        name
        for name in dir(type(model))
        if not hasattr(nn.Module, name) and _DECODES.search(name) and not _NEVER.match(name)
    ]
    for name in sorted(
        names, key=lambda n: (not _SPEAKS_OF_CODES.search(n.replace("decode", "")), n)
    ):
        method = getattr(model, name)
        if callable(method) and _takes_one(method):
            yield name, method


def _arranged(method: Callable[..., Any], arrange: Callable[[Tensor], Any]) -> CodesToFeatures:
    return lambda codes: features_of(method(arrange(codes)))[0].T


def _takes_one(method: Callable[..., Any]) -> bool:
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.default is p.empty and p.kind in positional]
    return len(required) <= 1 <= len(parameters)
