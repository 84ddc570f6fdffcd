"""A codec that nothing recognises, through a Python file of the user's (`--codec-adapter FILE`).

The file offers `codes_to_features(codes)`, itself or as the method of a class `Adapter`, which is
built with the folder of `--codec`. The file runs, so `--trust-code` is needed. It may import files
beside it and in the codec's folder. See `CodecAdapter` for shapes; the export's README has an
example of ten lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError

from .code_function import CodesToFeatures, try_lengths
from .python_file import import_python_file, reason_of
from .source import CodecSource, CodeSize

_FUNCTION: Final = "codes_to_features"
_CLASS: Final = "Adapter"
_NORMALISED: Final = "NORMALISED"


class CodecAdapter(Protocol):
    """An adapter file, or its class `Adapter`.

    `NORMALISED = False` in either says that the features are real ones. Without it they are
    normalised with Mean.npy and Std.npy, which lie in the codec's folder in both cases.
    """

    def codes_to_features(self, codes: Tensor, /) -> Tensor:
        """Codes (n, levels) int64 to features (n * stride, 263) float32, for every n.

        A code of -1 stands for a level that an answer left out and should add nothing; an adapter
        that cannot take it gets 0 instead. The function is traced into the bundle's decoder, so it
        consists of PyTorch operations and no loop over frames. nn.Modules and tensors that it uses
        are names of the file or attributes of the class.
        """
        ...


def read_adapted_codec(
    file: Path, codec: Path, size: CodeSize, base: Mapping[str, Any], window: int | None = None
) -> CodecSource:
    """Read a codec through an adapter file; FormatError says what is wrong with it.

    `codec`: the codec's folder. `base`: the fields that do not depend on the layout. `window`:
    feature frames that it was trained on at once, tried where it does not take any number.
    """
    module = import_python_file(file, codec)
    owner: Any = module
    if isinstance(kind := getattr(module, _CLASS, None), type):
        try:
            owner = kind(codec)
        except Exception as error:  # whatever foreign code does
            raise FormatError(f"{file}: {_CLASS}({codec}) failed: {reason_of(error)}") from error
    call = getattr(owner, _FUNCTION, None)
    if not callable(call):
        raise FormatError(
            f"{file}: expected a function {_FUNCTION}(codes), or a class {_CLASS} with this "
            "method, "
            "found none"
        )
    modules = _prepared({**vars(module), **_attributes(owner)})
    if not getattr(owner, _NORMALISED, getattr(module, _NORMALISED, True)):
        call = _normalising(call, torch.from_numpy(base["mean"]), torch.from_numpy(base["std"]))
    function = try_lengths(f"{file.name}: {_FUNCTION}", call, size, modules, window)
    return function.source("adapter", base, f"codes to features by {file.name}")


def _attributes(owner: Any) -> dict[str, Any]:
    modules = dict(owner.named_children()) if isinstance(owner, nn.Module) else {}
    return {**vars(owner), **modules}


def _prepared(names: Mapping[str, Any]) -> tuple[nn.Module, ...]:
    """The modules among some values, all of them ready to be traced."""
    for value in names.values():
        if isinstance(value, nn.Module):
            value.float().eval().requires_grad_(False)
        elif isinstance(value, Tensor) and value.is_leaf:
            value.requires_grad_(False)
    found = {id(value): value for value in names.values() if isinstance(value, nn.Module)}
    return tuple(found.values())


def _normalising(call: CodesToFeatures, mean: Tensor, std: Tensor) -> CodesToFeatures:
    return lambda codes: (call(codes) - mean) / std
