"""The trip of `kinetoken play "a person walks"` from the command's door to its first picture.

    python benchmarks/trip.py [ROOT ...] [-v]     # checkouts to compare; this one by default

Every run is traced. A step is a call from a function of one room to a function of another; each
pair of functions counts once, so loops do not. Rooms are the folders of a package, and the modules
that lie beside them. Steps are those of the command line and the viewer; what the runtime does in
itself is not counted, nor are constructors of dataclasses, properties, and methods such as __len__.
A climb is a step to a module on a higher floor; the floor of a module is the longest chain of
imports below it. A function sees the command line if it is handed an argparse.Namespace.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

import house

DOORS: Final = {"kinetoken_viewer.commands.play": "--film", "kinetoken_viewer.cli": "--out"}
"""The command's module in this layout and in an older one, and its option for a picture."""
OURS: Final = ("kinetoken_viewer", "kinetoken.cli", "kinetoken.commands")
"""Modules whose calls are counted."""
HIDDEN: Final = re.compile(r"^__create_fn__|\.__(len|enter|exit|next|iter|call)__$")


class Call(NamedTuple):
    """A function that calls another."""

    module: str
    function: str
    to_module: str
    to_function: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function} -> {self.to_module}.{self.to_function}"


class Tracer:
    """Notes calls between functions of our packages until the first picture is drawn."""

    def __init__(self) -> None:
        self.calls: dict[Call, None] = {}
        self.sees_arguments: dict[str, None] = {}
        self.drawn = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Takes an event of sys.setprofile."""
        place = _place(frame)
        if self.drawn or place is None:
            return
        if event == "return" and place[1].endswith(".render"):
            self.drawn = True
        elif event == "call":
            names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            if any(isinstance(frame.f_locals.get(name), argparse.Namespace) for name in names):
                self.sees_arguments[".".join(place)] = None
            caller = _caller(frame)
            if caller is not None:
                self.calls[Call(*caller, *place)] = None


def _place(frame: FrameType) -> tuple[str, str] | None:
    """Module and function, if the function is ours; not the body of a module, which is imported."""
    module = frame.f_globals.get("__name__", "")
    function = frame.f_code.co_qualname
    if module.split(".")[0] not in house.PACKAGES or function == "<module>":
        return None
    return module, function


def _caller(frame: FrameType) -> tuple[str, str] | None:
    """The nearest caller that is ours; a comprehension or a lambda counts as its function."""
    caller = frame.f_back
    while caller is not None:
        if caller.f_code.co_qualname == "<module>":
            return None
        place = _place(caller)
        if place is not None:
            return place[0], place[1].split(".<locals>")[0]
        caller = caller.f_back
    return None


def trace() -> dict[str, Any]:
    """Plays a prompt into a picture file, and returns what was noted."""
    parser, module = _parser()
    tracer = Tracer()
    words = ["play", "a person walks", "--seed", "1", "--headless", DOORS[module], "picture.png"]
    args = parser.parse_args(words)
    with contextlib.redirect_stdout(io.StringIO()):
        sys.setprofile(tracer)
        args.func(args)
        sys.setprofile(None)
    return {"calls": list(tracer.calls), "sees_arguments": list(tracer.sees_arguments)}


def _parser() -> tuple[argparse.ArgumentParser, str]:
    for name in DOORS:
        with contextlib.suppress(ImportError):
            door = importlib.import_module(name)
            parser = argparse.ArgumentParser()
            with contextlib.suppress(ImportError):
                parser = importlib.import_module("kinetoken.cli.parser").CommandParser()
            door.add_command(parser.add_subparsers())
            return parser, name
    raise SystemExit("no viewer found")


def traced(root: Path) -> dict[str, Any]:
    """The trace of another checkout, in a process of its own."""
    path = os.pathsep.join(str(root / folder) for folder in house.PACKAGES.values())
    env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), "--trace"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{root}: {done.stderr.decode().strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def steps(calls: list[Call], files: dict[str, Path], *, by_room: bool) -> list[Call]:
    """Calls from one room, or one module, to another."""
    properties = set(_properties(files))
    return [
        call
        for call in calls
        if call.module.startswith(OURS)
        and not HIDDEN.search(call.to_function)
        and (call.to_module, call.to_function) not in properties
        and (house.room(call.module) != house.room(call.to_module) or not by_room)
        and call.module != call.to_module
    ]


def _properties(files: dict[str, Path]) -> list[tuple[str, str]]:
    found = []
    for module, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found += [
                    (module, f"{node.name}.{each.name}")
                    for each in node.body
                    if isinstance(each, ast.FunctionDef)
                    and any(ast.unparse(mark) == "property" for mark in each.decorator_list)
                ]
    return found


def floors(files: dict[str, Path]) -> dict[str, int]:
    """Module to its floor; the modules of a circle share one."""
    graph = house.module_graph(files)
    shared = {module: circle[0] for circle in house.circles(graph) for module in circle}

    def one(module: str) -> str:
        return shared.get(module, module)

    below: dict[str, set[str]] = {}
    for module, targets in graph.items():
        below.setdefault(one(module), set()).update({one(each) for each in targets} - {one(module)})

    @cache
    def floor(module: str) -> int:
        return 1 + max((floor(each) for each in below.get(module, ())), default=0)

    return {module: floor(one(module)) for module in files}


def main() -> None:
    """Traces each checkout and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("roots", nargs="*", type=Path, default=[house.HERE], metavar="ROOT")
    parser.add_argument("-v", "--verbose", action="store_true", help="list every step")
    parser.add_argument("--trace", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trace:
        print(json.dumps(trace()))
        return
    for root in args.roots:
        found, files = traced(root), house.sources(root)
        calls = [Call(*call) for call in found["calls"]]
        between_rooms = steps(calls, files, by_room=True)
        rooms = {house.room(name) for call in between_rooms for name in (call[0], call[2])}
        level = floors(files)
        climbs = [call for call in between_rooms if level[call.to_module] > level[call.module]]
        print(
            f"{root}: {len(between_rooms)} steps between {len(rooms)} rooms, {len(climbs)} climbs"
        )
        print(f"  {len(steps(calls, files, by_room=False))} steps between modules")
        readers = found["sees_arguments"]
        print(f"  {len(readers)} functions see the command line")
        if args.verbose:
            print(*(f"    {call}" for call in between_rooms), sep="\n")
            print(*(f"  climb {call}" for call in climbs), sep="\n")
            print(*(f"  sees the command line: {name}" for name in readers), sep="\n")


if __name__ == "__main__":
    main()
