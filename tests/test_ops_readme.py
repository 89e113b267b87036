"""tinygrad_lite/ops/README.md, the table of ops, is made from the code: `python -m tests.test_ops_readme` writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.graph import OPS, TABLE, Op

from .cases import all_cases

README = Path(tg.__file__).parent / "ops" / "README.md"

HEAD = """# The ops

Made from the code by `python -m tests.test_ops_readme`; a test fails when it is stale. g is ∂L/∂out. Every rule is
checked against central differences to the order given, in every shape of its cases in `tests/cases/`. `F` is
`tinygrad_lite.nn.functional`.
"""

COMPOSED = """
## Composed of these

NumPy's functions that a Tensor takes and that need no rule of their own, and the functional names likewise.
"""


def table() -> str:
    """The whole README."""
    names, cases = public_names(), all_cases()
    built_in = [op for op in OPS.values() if op.rule.__module__.startswith("tinygrad_lite.")]
    parts = [HEAD]
    for module in sorted({op.rule.__module__ for op in built_in}):
        heading = module.removeprefix("tinygrad_lite.").removeprefix("ops.")
        parts.append(f"\n## {heading}\n\n| op | formula | called as | order |\n| --- | --- | --- | --- |")
        for op in sorted((op for op in built_in if op.rule.__module__ == module), key=lambda op: op.name):
            called = ", ".join(sorted(names.pop(op, [])))
            parts.append(f"| `{op.name}` | {formula(op)} | {called} | {2 if cases.get(op.name) else 0} |")
    composed = sorted(composed_names())
    return "\n".join([*parts, COMPOSED, ", ".join(composed)]) + "\n"


def formula(op: Op) -> str:
    """The first paragraph of the docstring, an equation a line."""
    first = op.formula.split("\n\n")[0]
    return "<br>".join(re.split(r"\s{2,}|\n", first)).replace("|", "\\|")


def numpy_names() -> Iterator[tuple[str, Callable[..., Any]]]:
    """(name, what a Tensor does) for each function of NumPy in the table."""
    for function, ours in TABLE.items():
        module = getattr(function, "__module__", None) or "numpy"
        if module.startswith("numpy"):
            place = "np.linalg" if module == "numpy.linalg" else "np"
            yield f"`{place}.{function.__name__}`", ours


def functional_names() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, function in vars(F).items():
        ours = getattr(function, "__module__", "").startswith("tinygrad_lite.")
        if callable(function) and not name.startswith("_") and ours:
            yield f"`F.{name}`", function


def public_names() -> dict[Op, set[str]]:
    names: dict[Op, set[str]] = {}
    for name, function in [*numpy_names(), *functional_names()]:
        if hasattr(function, "op"):
            names.setdefault(function.op, set()).add(name)
    return names


def composed_names() -> set[str]:
    return {name for name, function in [*numpy_names(), *functional_names()] if not hasattr(function, "op")}


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="the table names what NumPy has since 2.2")
def test_the_table_of_ops_is_what_the_code_says() -> None:
    assert README.read_text("utf-8") == table(), "tinygrad_lite/ops/README.md is stale: python -m tests.test_ops_readme"


if __name__ == "__main__":
    README.write_text(table(), "utf-8")
