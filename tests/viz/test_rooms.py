"""The rooms of viz: each imports only those before it, at the top of the file, and nobody else's private names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent / "viz"
FILES = sorted(ROOT.rglob("*.py"))
ROOMS = ["scene", "layout", "render", ""]  # "": the front
OPTIONAL = {"typst"}


def imports(file: Path) -> list[tuple[ast.stmt, str, list[str]]]:
    """Each import: its statement, the module (relative ones from viz), the names."""
    found: list[tuple[ast.stmt, str, list[str]]] = []
    folder = file.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["viz", *folder[: len(folder) + 1 - node.level]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append((node, module, [alias.name for alias in node.names]))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    here = file.parent.relative_to(ROOT).as_posix().replace(".", "")
    for _, module, names in imports(file):
        parts = module.split(".")
        if parts[0] == "viz":
            room = next((part for part in [*parts[1:], *names] if part in ROOMS), "")
            assert ROOMS.index(room) <= ROOMS.index(here), module
        assert not any(name.startswith("_") for name in [*parts, *names] if name != "__future__"), module


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_are_at_the_top_except_those_of_optional_packages(file: Path) -> None:
    inside = [
        node
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    ]
    for node in inside:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert {alias.name for alias in node.names} <= OPTIONAL
