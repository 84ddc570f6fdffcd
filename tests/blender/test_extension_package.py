"""The Blender extension without Blender: the zip, its manifest, the names of bones, and a run of the real kinetoken."""

from __future__ import annotations

import ast
import importlib.util
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from kinetoken import Clip
from kinetoken.formats.bone_sets import BONE_SETS
from kinetoken.motion.skeleton import JOINT_NAMES, PARENTS
from tiny_bundle import build_tiny_bundle
from toml_library import tomllib

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "extras" / "blender"


def module(path: Path) -> ModuleType:
    """A module of the extension that knows nothing of Blender."""
    spec = importlib.util.spec_from_file_location(f"extension_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


job = module(FOLDER / "kinetoken_blender" / "job.py")
bone_names = module(FOLDER / "kinetoken_blender" / "bone_names.py")
build = module(FOLDER / "build.py")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def program(tmp_path: Path, bundle: Path) -> str:
    """A kinetoken program as pip installs one, with the tiny bundle."""
    path = tmp_path / "bin" / "kinetoken"
    path.parent.mkdir()
    paths = ":".join(filter(None, sys.path))
    path.write_text(
        f"#!/bin/sh\nPYTHONPATH='{paths}' KINETOKEN_BUNDLE='{bundle}' exec '{sys.executable}' -m kinetoken \"$@\"\n"
    )
    path.chmod(0o755)
    return str(path)


def ended(run: object) -> list[float]:
    """What the progress was until the run ended."""
    seen = []
    end = time.monotonic() + 120
    while run.running:  # type: ignore[attr-defined]
        assert time.monotonic() < end
        seen.append(run.progress)  # type: ignore[attr-defined]
        time.sleep(0.02)
    return seen


def test_the_zip_is_what_blender_installs(tmp_path: Path) -> None:
    first, second = build.build(tmp_path / "a.zip"), build.build(tmp_path / "b.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        names = packed.namelist()
        facts = tomllib.loads(packed.read("blender_manifest.toml").decode())
    assert {"__init__.py", "blender_manifest.toml", "LICENSE"} <= set(names)
    assert not [name for name in names if "/" in name]
    # Blender's manual: what schema 1.0.0 requires, and its bounds.
    required = {
        "schema_version",
        "id",
        "version",
        "name",
        "tagline",
        "maintainer",
        "type",
        "blender_version_min",
        "license",
    }
    assert required <= set(facts)
    assert facts["schema_version"] == "1.0.0"
    assert facts["type"] == "add-on"
    assert facts["id"].isidentifier()
    assert len(facts["tagline"]) <= 64
    assert facts["tagline"][-1].isalnum()
    assert all(len(why) <= 64 and why[-1].isalnum() for why in facts["permissions"].values())
    assert set(facts["permissions"]) <= {"files", "network", "clipboard", "camera", "microphone"}
    assert all(licence.startswith("SPDX:") for licence in facts["license"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert facts["version"] == project["version"]


def test_it_needs_nothing_but_blender() -> None:
    for path in (FOLDER / "kinetoken_blender").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top in ("bpy", "mathutils"), (path, name)


def test_a_run_of_the_real_program(program: str) -> None:
    run = job.Job(job.JobRequest("walk", 1.0, 3, 1, program))
    seen = ended(run)
    assert all(0.0 <= share <= 1.0 for share in seen)
    path = run.result()
    assert run.progress == pytest.approx(1.0)
    assert Clip.load(path).seconds == pytest.approx(1.0)
    run.clean()
    assert not path.parent.exists()


def test_a_folder_of_a_virtual_environment_will_do(program: str) -> None:
    assert job.find_program(str(Path(program).parents[1])) == program


def test_a_cancelled_run_leaves_nothing(program: str) -> None:
    run = job.Job(job.JobRequest("walk", 60.0, 3, 0, program))
    folder = run.out.parent
    assert run.running
    run.cancel()
    assert not run.running
    assert not folder.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("walk", 1.0, 3, 99), "level"),  # kinetoken's own line
        (("  ", 1.0, 3, 0), "Type a movement"),
        (("walk\0", 1.0, 3, 0), "null byte"),
    ],
)
def test_what_goes_wrong_is_one_line(
    program: str, fields: tuple[str, float, int, int], words: str
) -> None:
    def whole() -> None:
        run = job.Job(job.JobRequest(*fields, program))
        ended(run)
        try:
            run.result()
        finally:
            run.clean()

    with pytest.raises(job.JobError, match=words) as caught:
        whole()
    assert "\n" not in str(caught.value)


def test_a_missing_program_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for path in ("", "/nowhere/kinetoken"):
        with pytest.raises(job.JobError, match="pip install kinetoken"):
            job.Job(job.JobRequest("walk", 1.0, 3, 0, path))


def test_bones_are_known_by_name() -> None:
    mixamo = [f"mixamorig7:{bone.partition(':')[2]}" for bone in BONE_SETS["mixamo"]]
    kind, found = bone_names.bones_of([*mixamo, "mixamorig7:LeftHandIndex1"])
    assert kind == "Mixamo mixamorig7"
    assert found == dict(zip(JOINT_NAMES, mixamo, strict=True))
    assert bone_names.bones_of(["Hips", "Bone.001"]) is None
    parents = {n: JOINT_NAMES[p] for n, p in zip(JOINT_NAMES, PARENTS, strict=True) if p >= 0}
    assert parents == bone_names.PARENT
