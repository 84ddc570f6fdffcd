"""What an install brings, and what it must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from toml_library import tomllib

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
MEGABYTE = 1_000_000


def installed(*extras: str) -> set[str]:
    """Names that pip would install for `kinetoken[extras]`: each requirement counts if any extra says yes."""
    requirements = list(PROJECT["dependencies"])
    for extra in extras:
        requirements += PROJECT["optional-dependencies"][extra]
    out = set()
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": e}) for e in extras or ("",)
        ):
            out.add(requirement.name)
    return out


def test_the_base_install_is_light() -> None:
    assert installed() - {"tomli"} == {
        "numpy",
        "onnxruntime",
        "tokenizers",
        "platformdirs",
        "shtab",
    }


def test_no_install_holds_both_builds_of_onnxruntime() -> None:
    assert "onnxruntime-gpu" in installed("gpu")
    assert "onnxruntime" not in installed("gpu")
    for extra in set(PROJECT["optional-dependencies"]) - {"gpu"}:
        assert "onnxruntime" in installed(extra)
        assert "onnxruntime-gpu" not in installed(extra)


def test_gpu_stands_alone_because_it_brings_the_viewer() -> None:
    assert installed("viewer", "video") - {"onnxruntime"} <= installed("gpu")


@pytest.mark.parametrize("extra", ["viewer", "video", "gpu", "dev"])
def test_torch_comes_only_with_export(extra: str) -> None:
    assert installed(extra).isdisjoint({"torch", "transformers"})


def test_every_command_of_the_other_packages_is_an_entry_point() -> None:
    assert set(PROJECT["entry-points"]["kinetoken.commands"]) == {
        "play",
        "chat",
        "export",
        "demo",
        "train-demo",
        "verify",
    }


def test_what_ships_stays_small() -> None:
    bundle = ROOT / "runtime" / "kinetoken" / "demo_bundle"
    checkpoint = ROOT / "export" / "checkpoints" / "demo"
    assert sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file()) < 32 * MEGABYTE
    assert sum(p.stat().st_size for p in checkpoint.rglob("*") if p.is_file()) < 40 * MEGABYTE
    assert (checkpoint / "codec" / "motion_rvq_weights.safetensors").is_file()
    assert (checkpoint / "lm" / "model.safetensors").is_file()
