"""What runtime/README.md says is so: its example runs, and no key, option or exit code is missing from it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import kinetoken
from kinetoken.base import errors
from kinetoken.manifest.manifest_file import read_manifest

README = Path(__file__).parents[3] / "runtime" / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_example_runs(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    monkeypatch.chdir(tmp_path)
    example, *_ = re.findall(
        r"```python\n(.*?)```", TEXT, re.DOTALL
    )  # the others run in tests/docs
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert "(4, 22, 3)" in capsys.readouterr().out
    assert isinstance(names["again"], kinetoken.Clip)
    assert (tmp_path / "wave.bvh").exists()


def keys(value: object) -> list[str]:
    """Names of all fields of a manifest, at any depth."""
    found: list[str] = []
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            found += [field.name, *keys(getattr(value, field.name))]
    elif isinstance(value, dict):
        found += [name for part in value.values() for name in keys(part)]
    return found


def test_every_key_of_the_manifest_is_explained(tiny: Path) -> None:
    table = TEXT[TEXT.index("## The bundle") :]
    for key in keys(read_manifest(tiny)):
        assert re.search(rf"[`.]{key}[`.]", table), key


def test_every_option_is_explained() -> None:
    for field in dataclasses.fields(kinetoken.GenerateOptions):
        assert f"`{field.name}`" in TEXT, field.name


def test_every_exit_code_is_explained() -> None:
    (text,) = re.findall(r"Exit codes: ((?:.+\n)+)", TEXT)
    codes = {
        e.exit_code
        for e in vars(errors).values()
        if isinstance(e, type) and issubclass(e, errors.KinetokenError)
    }
    assert codes <= {int(code) for code in re.findall(r"(\d+)\s", text)}
