"""The floors of the house, checked: who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def _benchmark(name: str) -> ModuleType:
    """A module of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = _benchmark("house")
HEAVY = (
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "onnx",
    "pyglet",
    "PIL",
    "llama_cpp",
    "scipy",
    "pythonosc",
    "websockets",
)
LONGEST_FILE = 500  # lines; the alarm: does it hold two things?
LONGEST_FUNCTION = 50  # lines; the alarm, not the aim
MODULES_IN_A_FOLDER = 16
LONG_LINES = 0.01  # share of all lines
RIDDLES = 0.03  # share of all docstrings
MAY_REPEAT = {"add_command", "run"}  # the two entry points of a command
DOORS = (  # upward, for the caller's convenience: Clip.save, .load, .show, .to_robot, Generator.session
    ("kinetoken.motion.clip", "kinetoken.formats.registry"),
    ("kinetoken.motion.clip", "kinetoken.formats.clip_page"),
    ("kinetoken.motion.clip", "kinetoken.robots.robot_files"),
    ("kinetoken.generation.generator", "kinetoken.chat.session"),
)


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts stand in pyproject.toml under [tool.importlinter]."""
    cli = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(ROOT)
    for folder in ("runtime", "export", "native_viewer"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after a statement."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "runtime",
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import kinetoken",
        "import kinetoken; kinetoken.Clip, kinetoken.MotionChunk, kinetoken.GenerateOptions, kinetoken.InputError",
        "import kinetoken; kinetoken.Generator, kinetoken.load",
        "import kinetoken.cli.generate, kinetoken.cli.decode, kinetoken.cli.inspect",
        "import kinetoken.live.live_output, kinetoken.live.settings, kinetoken.cli.live_arguments",
        "import kinetoken.formats.registry, kinetoken.generation.options, kinetoken.tokens.markup",
    ],
)
def test_names_come_without_an_engine(statement: str) -> None:
    loaded = loaded_by(statement)
    assert "kinetoken" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_bare_import_does_not_even_load_numpy() -> None:
    assert "numpy" not in loaded_by("import kinetoken")


def test_a_command_imports_no_other_package() -> None:
    loaded = loaded_by("from kinetoken.cli.main import build_parser; build_parser('generate')")
    assert loaded.isdisjoint({"kinetoken_viewer", "kinetoken_export", *HEAVY})


FILES = house.sources(ROOT)


@pytest.mark.parametrize("path", FILES.values(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


def test_folders_can_be_surveyed() -> None:
    sizes = house.folder_sizes(FILES)
    assert {str(folder): n for folder, n in sizes.items() if n > MODULES_IN_A_FOLDER} == {}


def test_the_only_circles_are_the_doors() -> None:
    """Imports inside functions count; those for types alone do not."""
    graph = house.module_graph(FILES)
    for inside, outside in DOORS:
        assert outside in graph[inside], "a door that nobody uses any more"
        graph[inside].remove(outside)
    assert house.circles(graph) == []


def test_floors_are_few() -> None:
    floors = house.floors(ROOT)
    assert floors["kinetoken"] <= 9
    assert set(floors) >= {"kinetoken", "kinetoken_export", "kinetoken_viewer"}


def test_no_public_name_means_two_things() -> None:
    assert set(house.doubled_names(FILES)) <= MAY_REPEAT


def test_lines_have_room() -> None:
    lines = house.lines_of(FILES)
    long = [(where, line) for where, line in lines if len(line) > house.LINE]
    assert len(long) / len(lines) < LONG_LINES


def test_docstrings_begin_with_a_verb_or_the_noun_they_are() -> None:
    found = house.riddles(FILES)
    assert len(found) / len(list(house.docstrings(FILES))) < RIDDLES


ONE_DOOR = {
    "json.load": "base/json_text.py",
    "json.loads": "base/json_text.py",
    "np.load": "demo/",  # training reads what it wrote itself
}
"""Readers of what others wrote, and the one place that may call them."""


def test_what_others_wrote_is_read_in_one_place() -> None:
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (door := ONE_DOOR.get(ast.unparse(node.func))):
                assert door in path.as_posix(), f"{path}:{node.lineno}"


SYSTEM_CALLS = (
    "os.name", "sys.platform", "os.kill", "os.fork", "os.sysconf", "os.nice", "os.sched_getaffinity",
    "os.memfd_create", "os.getuid", "signal.SIGHUP", "signal.SIGKILL", "signal.pthread_sigmask",
    "socket.SO_REUSEADDR", "select.select", "ctypes.CDLL(None", "fcntl", "msvcrt", "resource", "termios",
)  # fmt: skip
"""What some system does not have."""
KNOW_SYSTEMS = {
    "operating_system.py": "the one that others ask",
    "survivor.py": "does nothing but on Linux",
    "foreign_calls.py": "select on a socket pair, which all systems can",
}


def test_one_module_knows_the_systems() -> None:
    for path in FILES.values():
        if path.name in KNOW_SYSTEMS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            code = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Call) else ""
            found = [
                word
                for word in SYSTEM_CALLS
                if word in named
                or word == code
                or (word.endswith("(None") and code.startswith(word))
            ]
            assert not found, (
                f"{path.name}:{getattr(node, 'lineno', 0)}: ask base/operating_system.py"
            )
