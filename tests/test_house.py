"""The house: imports go one way, nobody reaches into another file's private names, no two things share a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
# From the bottom up: each file imports from its own row or from rows before it.
ROWS = [
    "errors values mode typography settings",
    "dispatch",
    "graph",
    "tensor random",
    "ops",
    "calculus check nn optim data io",
    "symbolic replay distributed",
    "onnx sklearn",
    "kernels fast",
    "__init__",
    "exercises viz examples __main__",
]
RANK = {name: i for i, row in enumerate(ROWS) for name in row.split()}
PLUG_INS = {"tinygrad_lite.kernels", "tinygrad_lite.kernels.onednn"}
OPTIONAL = (
    "IPython", "PIL", "cupy", "dask", "distributed", "graphviz", "graphviz_pure", "matplotlib", "safetensors", "scipy",
    "sympy", "sklearn", "threadpoolctl", "tqdm", "typst",
)  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for top, package in (("tinygrad_lite", "tinygrad_lite"), ("viz", "tinygrad_lite.viz")):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT / top).with_suffix("").parts
            if not (ROOT / top).joinpath(*parts[:1]).is_symlink():
                found[".".join([package, *parts])] = path
    return found


MODULES = modules()


class AtRuntime(ast.NodeTransformer):
    """Drops what only a type checker reads."""

    def visit_If(self, node: ast.If) -> Any:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return self.generic_visit(node)


TREES = {name: AtRuntime().visit(ast.parse(path.read_text(encoding="utf-8"))) for name, path in MODULES.items()}


def room(name: str) -> str:
    """The file or folder of the package that a module belongs to."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def targets(name: str, node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """(module, name taken from it or None) for each import of this package's modules."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "tinygrad_lite":
                yield alias.name, None
    elif isinstance(node, ast.ImportFrom):
        package = name.split(".")[: -node.level] if node.level else []
        base = ".".join([*package, *([node.module] if node.module else [])])
        if base.split(".")[0] == "tinygrad_lite":
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner, None) if inner in MODULES or f"{inner}.__init__" in MODULES else (base, alias.name)


def imports(name: str) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(TREES[name]):
        yield from targets(name, node)


def as_module(target: str) -> str:
    return target if target in MODULES else f"{target}.__init__"


def test_each_file_has_a_row() -> None:
    assert {room(name) for name in MODULES} == RANK.keys()


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name: str) -> None:
    for target, _ in imports(name):
        assert RANK[room(as_module(target))] <= RANK[room(name)], f"{name} imports {target}"
        if room(name) not in ("kernels", "fast", "__init__", "viz"):
            assert room(as_module(target)) not in ("kernels", "fast"), f"the book imports a plug-in: {target}"


def test_imports_make_no_circle() -> None:
    graph = {name: {as_module(target) for target, _ in imports(name)} - {name} for name in MODULES}
    for name in list(graph):
        if name.endswith("__init__") and name != "tinygrad_lite.__init__":
            graph[name] = {t for t in graph[name] if t.startswith(name.removesuffix("__init__"))}
    graph = {name: {t for t in of if t != "tinygrad_lite.__init__"} for name, of in graph.items()}
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_imported_inside_a_function_but_optional_packages(name: str) -> None:
    for function in ast.walk(TREES[name]):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    ours = isinstance(node, ast.ImportFrom) and node.level > 0
                    first = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
                    assert not ours and first.split(".")[0] in OPTIONAL, f"{name}:{node.lineno}"


@pytest.mark.parametrize("name", MODULES)
def test_nobody_reaches_into_anothers_private_names(name: str) -> None:
    names = {}  # what a module is called here -> the module
    for node in ast.walk(TREES[name]):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for (target, taken), alias in zip(targets(name, node), node.names):
                assert taken is None or not taken.startswith("_") or taken.startswith("__"), f"{name} takes {taken}"
                if taken is None:
                    names[alias.asname or alias.name.split(".")[-1]] = target
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            assert not private, f"{name}:{node.lineno} reaches into {names[node.value.id]}.{node.attr}"


def test_no_two_files_share_a_name_for_different_things() -> None:
    """A file of versions bears the name of the rules' file that they are for; no other name is used twice."""
    seen: dict[str, list[str]] = {}
    for name in MODULES:
        if not name.endswith(("__init__", "__main__")):
            seen.setdefault(name.split(".")[-1], []).append(name)
    for stem, of in seen.items():
        rooms = {name.removesuffix(f".{stem}") for name in of}
        assert len(of) == 1 or rooms <= {"tinygrad_lite.ops", *PLUG_INS}, of


def test_no_two_classes_share_a_name() -> None:
    seen: dict[str, str] = {}
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert node.name not in seen, f"{node.name}: {seen[node.name]} and {name}"
                seen[node.name] = name
