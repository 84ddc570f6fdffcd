"""Files of the user's: what they may import, and what is said where something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason='reading a codec needs torch: pip install ".[export]"')

from kinetoken.base.errors import FormatError, InputError, KinetokenError, MissingPackageError
from kinetoken_export.codecs.python_file import import_python_file


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder / "rvq_model.py"


@pytest.mark.parametrize("line", ["from layers import SIZE", "from .layers import SIZE"])
def test_files_beside_it_are_imported(line: str, tmp_path: Path) -> None:
    file = write(tmp_path, rvq_model=line, layers="SIZE = 3")
    assert import_python_file(file).SIZE == 3
    assert not list(tmp_path.rglob("__pycache__"))


@pytest.mark.parametrize("line", ["from layers import SIZE", "from .layers import SIZE"])
def test_two_codecs_with_files_of_one_name_do_not_mix(line: str, tmp_path: Path) -> None:
    one = write(tmp_path / "one", rvq_model=line, layers="SIZE = 1")
    two = write(tmp_path / "two", rvq_model=line, layers="SIZE = 2")
    assert [import_python_file(file).SIZE for file in (one, two, one)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("from rvq_humanml_dataset import Motions", "rvq_humanml_dataset.py"),
        ("import models.rvq.layers", "models/rvq/layers.py"),
        ("from .quantizer import RVQ", "quantizer.py"),
        ("from .parts.quantizer import RVQ", "parts/quantizer.py"),
        ("import a_package_that_is_absent", "a_package_that_is_absent.py"),
    ],
)
def test_a_missing_file_is_named_as_one_to_fetch(line: str, path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fetch it from the codec's repository") as caught:
        import_python_file(write(tmp_path, rvq_model=line))
    assert f"expected the file {path} in" in str(caught.value)
    assert "pip" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("import vector_quantize_pytorch", MissingPackageError, "install vector_quantize_pytorch"),
        ("import pytorch_lightning", MissingPackageError, "pip install pytorch_lightning"),
        ("import torch.nn.no_such_part", FormatError, "in the installed package torch"),
        ("raise ImportError('x')", FormatError, "ImportError: x"),
    ],
)
def test_packages_are_told_apart(
    line: str, kind: type[KinetokenError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message):
        import_python_file(write(tmp_path, rvq_model=line))


def test_a_file_missing_in_a_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("")
    with pytest.raises(InputError, match=r"the file models/rvq\.py in"):
        import_python_file(write(tmp_path, rvq_model="from models.rvq import RVQ"))
