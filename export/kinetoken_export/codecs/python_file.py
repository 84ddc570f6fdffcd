"""Importing a Python file of the user's: an adapter, or a codec's own rvq_model.py."""

from __future__ import annotations

import importlib.util
import re
import sys
import uuid
from pathlib import Path
from types import ModuleType
from typing import Final

from kinetoken.base.errors import FormatError, InputError, MissingPackageError
from kinetoken.base.input_file import read_input_text

# Packages that such files use, and how pip calls those that it knows by another name. Any other
# module is a file of the codec's repository: a package of its name would be a stranger's.
_NAMES: Final = """
accelerate beartype clip diffusers easydict einops einx ema_pytorch fire h5py imageio jaxtyping
librosa lightning local_attention loguru matplotlib omegaconf pandas pytorch_lightning rich
rotary_embedding_torch scipy smplx tensorboard tensorboardX termcolor timm torchaudio torchvision
tqdm transformers trimesh vector_quantize_pytorch wandb x_transformers xformers
"""
_PACKAGES: Final = {name: name for name in _NAMES.split()} | {
    "cv2": "opencv-python",
    "hydra": "hydra-core",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_imported: set[str] = set()  # modules beside earlier files, which another codec may have as well


def import_python_file(file: Path, *folders: Path) -> ModuleType:
    """Import a file under a fresh name; it may import files beside it and in `folders`.

    FormatError where it fails, InputError where a file beside it is missing, MissingPackageError
    where it needs a package. Nothing is written beside it.
    """
    # Relative imports need a package: one of a fresh name, whose folder is the file's.
    package = f"kinetoken_foreign_{uuid.uuid4().hex}"
    name, around = f"{package}.{file.stem}", [str(file.parent), *map(str, folders)]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FormatError(f"{file}: expected a Python file, NAME.py")
    parent = ModuleType(package)
    parent.__path__ = around
    module = importlib.util.module_from_spec(spec)
    for known in _imported:
        sys.modules.pop(known, None)
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    before, sys.path = sys.path, [*around, *sys.path]
    modules = set(sys.modules)
    # Dataclasses look their module up.
    sys.modules[package], sys.modules[name] = parent, module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise _missing(file, str(error.name).removeprefix(f"{package}.")) from error
    except (Exception, SystemExit) as error:  # whatever foreign code does
        raise FormatError(
            f"{file}: expected a file that can be imported, it failed with {reason_of(error)}"
        ) from error
    finally:
        _imported.update(_beside(set(sys.modules) - modules, around))
        sys.path = before
        sys.dont_write_bytecode = wrote
    return module


def _missing(file: Path, name: str) -> FormatError | InputError | MissingPackageError:
    """Return the error that says what is missing: a package, or a file of the codec's."""
    top = name.partition(".")[0]
    here = (file.parent / top).is_dir()
    if top in _PACKAGES and not here:
        return MissingPackageError(_PACKAGES[top])
    if "." in name and not here and importlib.util.find_spec(top) is not None:
        return FormatError(
            f"{file}: expected {name} in the installed package {top}, found none: install the "
            "version that the codec was written for"
        )
    path = f"{_whole_name(file, name).replace('.', '/')}.py"
    return InputError(
        f"{file}: expected the file {path} in {file.parent}, which it imports, found none: fetch "
        "it from the codec's repository"
    )


def _whole_name(file: Path, name: str) -> str:
    """The module as the file imports it: Python names only the first folder that is not there."""
    text = read_input_text(file, errors="replace")
    found = re.search(
        rf"^\s*(?:from|import)\s+\.*({re.escape(name)}(?:\.\w+)*)", text, re.MULTILINE
    )
    return found[1] if found else name


def _beside(names: set[str], folders: list[str]) -> set[str]:
    """The modules among these that lie in the folders."""
    homes = [Path(folder).resolve() for folder in folders]

    def lies_there(name: str) -> bool:
        path = getattr(sys.modules[name], "__file__", None)
        return path is not None and any(Path(path).resolve().is_relative_to(h) for h in homes)

    return {name for name in names if lies_there(name)}


def reason_of(error: BaseException) -> str:
    """One line that says what foreign code failed with."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
