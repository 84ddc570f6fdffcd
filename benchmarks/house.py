"""The house in figures: folders, floors, circles, names, lines, docstrings. Reads the sources.

python benchmarks/house.py [ROOT]      # ROOT: a checkout, this one by default
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest brings it
    import tomli as tomllib

HERE: Final = Path(__file__).parents[1]
PACKAGES: Final = {
    "kinetoken": "runtime",
    "kinetoken_export": "export",
    "kinetoken_viewer": "native_viewer",
}
LINE: Final = 100  # characters
DOORS: Final = frozenset({"Clip.save/load", "Generator.session"})
RIDDLES: Final = ("What", "Whether", "Of", "Where")


def sources(root: Path) -> dict[str, Path]:
    """Module name to file, for the three packages."""
    out = {}
    for package, folder in PACKAGES.items():
        base = root / folder
        for path in sorted((base / package).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            out[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return out


def folder_sizes(files: dict[str, Path]) -> dict[Path, int]:
    """Modules in each folder, `__init__.py` not counted."""
    sizes: dict[Path, int] = defaultdict(int)
    for path in files.values():
        sizes[path.parent] += path.name != "__init__.py"
    return sizes


def imports(module: str, path: Path, known: set[str]) -> Iterator[str]:
    """Own modules that a module imports, those inside functions too, those for types alone not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            target = ".".join([*(base if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{target}.{alias.name}"
                if inner in known or target in known:
                    yield inner if inner in known else target


def rooms(files: dict[str, Path]) -> dict[str, set[str]]:
    """Folder to the folders that it imports; a module at the top of a package is its own room."""
    known = set(files)
    graph: dict[str, set[str]] = defaultdict(set)
    for module, path in files.items():
        for target in imports(module, path, known):
            a, b = room(module), room(target)
            if a != b:
                graph[a].add(b)
    return graph


def room(module: str) -> str:
    """The part of a package that a module belongs to."""
    return ".".join(module.split(".")[:2])


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1:
                out.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return out


def module_graph(files: dict[str, Path]) -> dict[str, set[str]]:
    """Module to the modules that it imports."""
    known = set(files)
    return {module: set(imports(module, path, known)) - {module} for module, path in files.items()}


def doubled_names(files: dict[str, Path]) -> dict[str, list[str]]:
    """Public classes, functions of a module and constants that two modules define."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module, path in files.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in _defined(node):
                if not name.startswith("_"):
                    homes[name].append(module)
    return {name: where for name, where in sorted(homes.items()) if len(where) > 1}


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def docstrings(files: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Place and first line of each docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for module, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                yield f"{module}:{getattr(node, 'name', '')}", text.splitlines()[0].strip()


def riddles(files: dict[str, Path]) -> list[tuple[str, str]]:
    """Docstrings that begin with one of `RIDDLES`."""
    begins = re.compile(rf"({'|'.join(RIDDLES)})\b")
    return [(where, line) for where, line in docstrings(files) if begins.match(line)]


def lines_of(files: dict[str, Path]) -> list[tuple[str, str]]:
    """Every line with its place."""
    return [
        (f"{path}:{n}", line)
        for path in files.values()
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    ]


def floors(root: Path) -> dict[str, int]:
    """Layers contracts of pyproject.toml: package to its number of floors."""
    tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return {
        contract["containers"][0]: len(contract["layers"])
        for contract in tool["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=HERE)
    parser.add_argument("-v", "--verbose", action="store_true", help="list every place")
    args = parser.parse_args()
    files = sources(args.root)
    sizes = folder_sizes(files)
    lines, said, bad = lines_of(files), list(docstrings(files)), riddles(files)
    long = [(where, line) for where, line in lines if len(line) > LINE]
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:4]
    print(f"modules {len(files)}, lines {len(lines)}")
    print("largest folders:", ", ".join(f"{p.relative_to(args.root)} {n}" for p, n in largest))
    print("floors:", ", ".join(f"{package} {n}" for package, n in floors(args.root).items()))
    for name, graph in (("folders", rooms(files)), ("modules", module_graph(files))):
        found = circles(graph)
        arrows = sum(map(len, graph.values()))
        print(f"{name}: {len(graph)} with imports, {arrows} arrows, {len(found)} circles")
        for circle in found:
            print("  circle:", " ".join(circle))
    print(f"lines over {LINE}: {len(long)} ({len(long) / len(lines):.1%})")
    print(
        f"docstrings that begin {'/'.join(RIDDLES)}: {len(bad)} of {len(said)} ({len(bad) / len(said):.1%})"
    )
    twice = doubled_names(files)
    print(f"public names that two modules define: {len(twice)}")
    if args.verbose:
        for title, rows in (("long lines", long), ("docstrings", bad)):
            print(f"\n{title}", *(f"  {where} {line}" for where, line in rows), sep="\n")
        print(
            "\nnames", *(f"  {name}: {' '.join(where)}" for name, where in twice.items()), sep="\n"
        )


if __name__ == "__main__":
    main()
