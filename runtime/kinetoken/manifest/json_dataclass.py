"""Frozen dataclasses from JSON values and back; unknown keys are refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from ..base.errors import BundleError

LARGEST_OF_BUNDLES: Final = 1e15
"""Exact as a float, and more than any size, time or count of a bundle's."""


def from_json(kind: Any, value: Any, where: str) -> Any:
    """A JSON value as `kind`: a dataclass, tuple, mapping, optional or plain type.

    BundleError says where (`where`) the value differs.
    """
    origin, args = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _from_dict(kind, value, where)
    if origin in (Union, UnionType):
        return (
            None
            if value is None
            else from_json(next(a for a in args if a is not NoneType), value, where)
        )
    if origin is tuple:
        _expect(isinstance(value, list), "a list", value, where)
        items = [args[0]] * len(value) if args[-1] is Ellipsis else args
        _expect(len(items) == len(value), f"{len(items)} items", value, where)
        return tuple(
            from_json(item, v, f"{where}[{i}]")
            for i, (item, v) in enumerate(zip(items, value, strict=True))
        )
    if origin is not None:  # a mapping from names
        _expect(isinstance(value, dict), "an object", value, where)
        return {key: from_json(args[1], v, f"{where}.{key}") for key, v in value.items()}
    allowed = (int, float) if kind is float else (kind,)
    _expect(
        isinstance(value, allowed) and isinstance(value, bool) == (kind is bool),
        kind.__name__,
        value,
        where,
    )
    if kind is str:
        _expect(_is_text(value), "Unicode text", ascii(value), where)
        return value
    if kind is not bool:
        fine = math.isfinite(value) and abs(value) <= LARGEST_OF_BUNDLES
        _expect(fine, f"a number of at most {LARGEST_OF_BUNDLES:.0e}", value, where)
    return kind(value)


def _is_text(value: str) -> bool:
    """False for a text with half a character, which JSON can spell and nothing can write."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_dict(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), "an object", value, where)
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(value) - set(fields)):
        known = ", ".join(fields)
        raise BundleError(
            f"{where}: unknown key {unknown[0]!r}; known are {known}; a newer kinetoken may know it"
        )
    for name, field in fields.items():
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and name not in value:
            raise BundleError(f"{where}: key {name!r} is missing; export the bundle again")
    return kind(
        **{name: from_json(hints[name], v, f"{where}: {name}") for name, v in value.items()}
    )


def _expect(true: bool, expected: str, got: Any, where: str) -> None:
    if not true:
        raise BundleError(
            f"{where}: expected {expected}, got {str(got)[:60]!r}; export the bundle again"
        )


def to_json(value: Any) -> Any:
    """The inverse of `from_json`: dicts, lists and plain values."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: to_json(v) for key, v in value.items()}
    if isinstance(value, tuple):
        return [to_json(v) for v in value]
    return value
