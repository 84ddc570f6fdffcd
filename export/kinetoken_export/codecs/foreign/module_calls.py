"""Watching the inputs of a module's parts, and replacing one by latents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ModuleCall:
    """One call of a part during a run of the module, with what may be latents as its input."""

    name: str
    module: nn.Module
    number: int
    """How many calls of this part came before."""
    frames_last: bool
    """Whether the input is (1, D, n), else (1, n, D)."""


def watched_inputs(
    model: nn.Module, run: Callable[[], Any], frames: int
) -> list[tuple[ModuleCall, Tensor]]:
    """Run, and return every input of a part that has so many frames, as (n, D), in order."""
    seen: list[tuple[ModuleCall, Tensor]] = []
    calls: Counter[str] = Counter()

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            value = args[0] if args else next(iter(kwargs.values()), None)
            number, calls[name] = calls[name], calls[name] + 1
            if not isinstance(value, Tensor) or value.ndim != 3 or len(value) != 1:
                return
            for last in (True, False):
                if value.is_floating_point() and value.shape[2 if last else 1] == frames:
                    rows = (value[0].T if last else value[0]).detach().clone()
                    seen.append((ModuleCall(name, module, number, last), rows))

        return before

    handles = [
        part.register_forward_pre_hook(watch(name), with_kwargs=True)
        for name, part in model.named_modules()
        if name
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    return seen


class CutDecoder(nn.Module):
    """Latents (1, D, n) to normalised features (1, 263, stride * n): a module entered at a call.

    What comes before the call runs on a stand-in and is dropped from the traced graph, since
    nothing depends on it.
    """

    def __init__(self, model: nn.Module, call: ModuleCall, run: Callable[[Tensor], Tensor]) -> None:
        """`run`: latents, of which it takes the length alone, to features."""
        super().__init__()
        self.model = model
        self._call, self._run = call, run

    def forward(self, latents: Tensor) -> Tensor:
        value = latents if self._call.frames_last else latents.transpose(1, 2)
        calls = 0

        def before(module: nn.Module, args: Any, kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 != self._call.number:
                return None
            if args:
                return (value, *args[1:]), kwargs
            return args, kwargs | {next(iter(kwargs)): value}

        handle = self._call.module.register_forward_pre_hook(before, with_kwargs=True)
        try:
            return self._run(latents)
        finally:
            handle.remove()
