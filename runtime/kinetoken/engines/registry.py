"""All engines, a line each. A new engine is a folder here and a line in this table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.errors import BundleError, InputError
from ..manifest.schema import MANIFEST_NAME, Manifest
from .engine import Engine
from .llamacpp.engine import LLAMACPP
from .load_options import LoadOptions
from .onnx.engine import ONNX
from .remote.engine import SERVER

ENGINES: Final[Mapping[str, Engine]] = {engine.name: engine for engine in (ONNX, LLAMACPP)}
"""The engines that a manifest may name."""


def engine_of(manifest: Manifest) -> Engine:
    """The engine that a manifest names. BundleError for one that is not known."""
    name = manifest.language_model.backend
    if name not in ENGINES:
        known = " or ".join(f'"{engine}"' for engine in ENGINES)
        raise BundleError(
            f"{MANIFEST_NAME}: expected backend {known}, got {name!r}; a newer kinetoken may run it"
        )
    return ENGINES[name]


def engine_for(manifest: Manifest, options: LoadOptions) -> Engine:
    """The engine that answers: a server if one is asked for, else that of the manifest.

    InputError for an option that it would ignore.
    """
    engine = engine_of(manifest) if options.engine is None else SERVER
    for other in ENGINES.values():
        for name in sorted(other.reads - engine.reads):
            value = getattr(options, name)
            if value is not None and value is not False:
                runs = (
                    f"this bundle runs on {engine.name}"
                    if engine.reads_bundle
                    else "a server answers"
                )
                raise InputError(
                    f"{name.replace('_', '-')} is an option of {other.name}, and {runs}; leave it out"
                )
    return engine
