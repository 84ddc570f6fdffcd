"""Importing a Python file of the user's: an adapter, or a codec's own rvq_model.py."""

from __future__ import annotations

import importlib.util
import sys
import uuid
from pathlib import Path
from types import ModuleType

from kinetoken.base.errors import FormatError, MissingPackageError


def import_python_file(file: Path, *folders: Path) -> ModuleType:
    """Import a file under a fresh name; it may import files beside it and in `folders`.

    FormatError where it fails, MissingPackageError where it needs a package. Nothing is written
    beside it.
    """
    name = f"kinetoken_foreign_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FormatError(f"{file}: expected a Python file, NAME.py")
    module = importlib.util.module_from_spec(spec)
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    before, sys.path = sys.path, [*map(str, (file.parent, *folders)), *sys.path]
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise MissingPackageError(str(error.name)) from error
    except (Exception, SystemExit) as error:  # whatever foreign code does
        raise FormatError(
            f"{file}: expected a file that can be imported, it failed with {reason_of(error)}"
        ) from error
    finally:
        sys.path = before
        sys.dont_write_bytecode = wrote
    return module


def reason_of(error: BaseException) -> str:
    """One line that says what foreign code failed with."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
