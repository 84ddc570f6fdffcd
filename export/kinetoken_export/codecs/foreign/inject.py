"""Looking at what passes between the parts of a foreign module, and putting latents in there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Place:
    """Where a run of the module hands latents over: the n-th call of one of its parts."""

    name: str
    module: nn.Module
    call: int
    frames_last: bool
    """Whether they come as (1, D, n), else as (1, n, D)."""


class _EnoughError(BaseException):
    """Ends a run whose rest nobody looks at; no foreign `except Exception` holds it up."""


def handed_over(
    model: nn.Module, run: Callable[[], Any], frames: int, until: Place | None = None
) -> list[tuple[Place, Tensor]]:
    """Latents (n, D) of so many frames at every place of a run where they could be latents, in the order of the calls.

    With `until` the run ends there.
    """
    seen: list[tuple[Place, Tensor]] = []
    calls: Counter[str] = Counter()

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            value = _first(args, kwargs)
            call, calls[name] = calls[name], calls[name] + 1
            if (
                value is not None
                and value.ndim == 3
                and value.shape[0] == 1
                and value.is_floating_point()
            ):
                for last in (True, False):
                    if value.shape[2 if last else 1] == frames:
                        rows = (value[0].T if last else value[0]).detach().clone()
                        seen.append((Place(name, module, call, last), rows))
                if until is not None and (name, call) == (until.name, until.call):
                    raise _EnoughError

        return before

    parts = [(name, part) for name, part in model.named_modules() if name]
    handles = [
        part.register_forward_pre_hook(watch(name), with_kwargs=True) for name, part in parts
    ]
    try:
        with torch.no_grad(), suppress(_EnoughError):
            run()
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _first(args: Any, kwargs: Any) -> Tensor | None:
    """What a part is called with: its first argument."""
    value = args[0] if args else next(iter(kwargs.values()), None)
    return value if isinstance(value, Tensor) else None


class Injected(nn.Module):
    """Latents (1, D, n) to normalised features (1, 263, stride * n): the module's own run, entered at a place.

    What comes before the place runs on a stand-in and is dropped from the traced graph, since nothing hangs on it.
    """

    shift: Tensor

    def __init__(
        self, model: nn.Module, place: Place, run: Callable[[Tensor], Tensor], shift: Tensor
    ) -> None:
        """`run`: latents, of which it takes the length alone, to features. `shift` (D,) is added to the latents."""
        super().__init__()
        self.model = model
        self._place, self._run = place, run
        self.register_buffer("shift", shift)

    def forward(self, latents: Tensor) -> Tensor:
        value = latents + self.shift[None, :, None]
        value = value if self._place.frames_last else value.transpose(1, 2)
        calls = 0

        def before(module: nn.Module, args: Any, kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 != self._place.call:
                return None
            if args:
                return (value, *args[1:]), kwargs
            return args, kwargs | {next(iter(kwargs)): value}

        handle = self._place.module.register_forward_pre_hook(before, with_kwargs=True)
        try:
            return self._run(latents)
        finally:
            handle.remove()
