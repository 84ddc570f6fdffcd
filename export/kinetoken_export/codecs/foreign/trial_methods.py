"""Ways that a foreign module offers from codes to features, found by trying its methods."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from kinetoken.motion.features import N_FEATURES

Run = Callable[[Tensor], Tensor]

# How codes (n, Q) are put to a method. A wrong one fails, or gives another number of frames than asked.
ARRANGEMENTS: Final[tuple[Callable[[Tensor], Any], ...]] = (
    lambda c: c[None],  # (B, n, Q)
    lambda c: c.T[None],  # (B, Q, n)
    lambda c: [c[:, level][None] for level in range(c.shape[1])],  # Q times (B, n)
    lambda c: c.T[:, None],  # (Q, B, n)
    lambda c: c,  # (n, Q)
    lambda c: c.T,  # (Q, n); with one level (B, n)
)
FROM_CODES: Final = re.compile(r"code|token|indic|ids|decod|lookup|embed|dequant")
TO_FEATURES: Final = re.compile(r"decod|dec\Z|generator")
NEVER: Final = re.compile(
    r"_|encode|save|load|write|plot|train|fit|loss|init|reset|update|export|to_?codes|register|get_sub"
)
LENGTHS: Final = (12, 20)  # frames of the trials


@dataclass(frozen=True)
class Way:
    """Codes (n, Q) to normalised features (1, 263, stride * n), through the module's own code."""

    name: str
    run: Run
    levels: int
    stride: int


def find_ways(model: nn.Module, levels: int, codes: int, *, composed: bool) -> Iterator[Way]:
    """Ways that work for so many levels and codes: the module's own methods, or its parts put together."""
    for name, run in _composed(model) if composed else _own(model):
        stride = _stride(run, levels, codes)
        if stride and _every_level_counts(run, levels, codes):
            yield Way(name, run, levels, stride)


def _own(model: nn.Module) -> Iterator[tuple[str, Run]]:
    """One method from codes to features."""
    for name, method in _methods(model, FROM_CODES):
        for arrange in ARRANGEMENTS:
            yield name, lambda c, m=method, a=arrange: features_of(m(a(c)))  # type: ignore[misc]


def _composed(model: nn.Module) -> Iterator[tuple[str, Run]]:
    """A quantizer's method from codes to latents, then the decoder."""
    ends = list(_decoders(model))
    for path, part in model.named_modules():
        if (
            not path
            or TO_FEATURES.search(path)
            or isinstance(part, nn.ModuleList | nn.Sequential | nn.Embedding)
        ):
            continue
        for name, method in _methods(part, FROM_CODES):
            for arrange in ARRANGEMENTS:
                for end, decode in ends:
                    for turned in (False, True):
                        run = _join(method, arrange, decode, turned)
                        yield f"{path}.{name}, {end}", run


def _join(
    method: Callable[..., Any],
    arrange: Callable[[Tensor], Any],
    decode: Callable[..., Any],
    turned: bool,
) -> Run:
    def run(codes: Tensor) -> Tensor:
        latents = _latents(method(arrange(codes)), codes.shape[1])
        return features_of(decode(latents.transpose(1, 2) if turned else latents))

    return run


def _latents(out: Any, levels: int) -> Tensor:
    """The first tensor of an output, summed over the levels where it keeps them apart."""
    tensor = next(t for t in _tensors(out) if t.is_floating_point())
    if tensor.ndim == 4:
        tensor = tensor.sum(dim=0 if tensor.shape[0] == levels else 2)
    return tensor


def _decoders(model: nn.Module) -> Iterator[tuple[str, Callable[..., Any]]]:
    yield from _methods(model, TO_FEATURES)
    for path, part in model.named_children():
        if TO_FEATURES.search(path):
            yield path, part


def _methods(
    module: nn.Module, pattern: re.Pattern[str]
) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public methods by name, those first that speak of codes, that take one argument at least."""
    names = [
        n
        for n in dir(type(module))
        if not hasattr(nn.Module, n) and pattern.search(n) and not NEVER.match(n)
    ]
    for name in sorted(
        names, key=lambda n: (not re.search(r"code|token|indic|ids", n.replace("decode", "")), n)
    ):
        method = getattr(module, name)
        if callable(method) and _takes_one(method):
            yield name, method


def _takes_one(method: Callable[..., Any]) -> bool:
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return False
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return len(required) <= 1 <= len(parameters)


def _stride(run: Run, levels: int, codes: int) -> int | None:
    """Feature frames per code frame, the same for every length; None where the way does not work."""
    strides = set()
    for frames in LENGTHS:
        try:
            with torch.no_grad():
                out = run(_drawn(frames, levels, codes))
        except Exception:  # whatever foreign code does when a method is tried on what it is not for
            return None
        whole, rest = divmod(out.shape[2], frames)
        if rest or not whole or not torch.isfinite(out).all():
            return None
        strides.add(whole)
    return strides.pop() if len(strides) == 1 else None


def _every_level_counts(run: Run, levels: int, codes: int) -> bool:
    drawn = _drawn(LENGTHS[0], levels, codes)
    with torch.no_grad():
        base = run(drawn)
        if not torch.equal(base, run(drawn)):
            return False  # something random in it
        for level in range(levels):
            other = drawn.clone()
            other[:, level] = (other[:, level] + 1) % codes
            if torch.equal(run(other), base):
                return False
    return True


def _drawn(frames: int, levels: int, codes: int) -> Tensor:
    return torch.randint(codes, (frames, levels), generator=torch.Generator().manual_seed(frames))


def features_of(out: Any) -> Tensor:
    """The first tensor of an output that holds features, as (1, 263, n); LookupError where there is none."""
    for tensor in _tensors(out):
        whole = tensor[None] if tensor.ndim == 2 else tensor
        if whole.ndim == 3 and whole.shape[0] == 1 and whole.is_floating_point():
            if whole.shape[2] == N_FEATURES:
                return whole.transpose(1, 2)
            if whole.shape[1] == N_FEATURES:
                return whole
    raise LookupError("no features in the output")


def _tensors(out: Any) -> Iterator[Tensor]:
    if isinstance(out, Tensor):
        yield out
    elif isinstance(out, dict):
        yield from _tensors(list(out.values()))
    elif isinstance(out, list | tuple):
        for part in out:
            yield from _tensors(part)


def integers_in(out: Any) -> list[Tensor]:
    """Tensors of whole numbers in an output; several of one shape are stacked as levels too."""
    found = [
        t
        for t in _tensors(out)
        if not t.is_floating_point() and t.dtype != torch.bool and t.numel() > 1
    ]
    same = len(found) > 1 and len({t.shape for t in found}) == 1
    return [*found, torch.stack(found, dim=-1)] if same else found
