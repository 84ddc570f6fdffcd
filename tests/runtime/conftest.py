"""The tiny bundle, built once, and what the shared folder holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

import kinetoken
from batch_runs import Run
from kinetoken.cli import main as cli
from tiny_bundle import build_tiny_bundle

settings.register_profile("kinetoken", deadline=None, max_examples=60)
settings.load_profile("kinetoken")

GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "mocap" / "golden"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that must not be changed."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def own_tiny(tiny: Path, tmp_path: Path) -> Path:
    """A bundle that a test may break."""
    return Path(shutil.copytree(tiny, tmp_path / "own", ignore=shutil.ignore_patterns(".cache")))


@pytest.fixture(scope="session")
def generator(tiny: Path) -> kinetoken.Generator:
    """The tiny bundle, loaded."""
    return kinetoken.load(tiny, threads=1)


@pytest.fixture(scope="session")
def golden() -> Path:
    """HumanML3D's own samples."""
    if not GOLDEN.is_dir():
        pytest.skip("the golden HumanML3D samples (../shared/data/mocap/golden) are not here")
    return GOLDEN


@pytest.fixture
def run(tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """kinetoken with these arguments: exit code, standard output, standard error."""
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    monkeypatch.setenv("KINETOKEN_THREADS", "1")

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
