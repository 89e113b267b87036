"""The formula is the code: each op's docstring is read as mathematics, computed, and equals what the op computes.

A formula that is printed, drawn or derived can so not differ from what trains.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS, Node, Op, fit

from .cases import Case, all_cases
from .formula import Call, Formula, Refused, read

CASES = all_cases()
BUILT_IN = {name: op for name, op in OPS.items() if op.rule.__module__.startswith("tinygrad_lite.")}

IN_WORDS: dict[str, str] = {}
NOT_SAID: dict[tuple[str, str], str] = {}


def formula_of(op: Op) -> Formula:
    return read(op.formula, list(op.parameters))


def recorded(name: str, out: Any) -> Iterator[Node]:
    """The calls of the op in the graph of `out`."""
    stack, seen = [out], set()
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.parents())
            if node.op is not None and node.op.name == name:
                yield node


def call(formula: Formula, node: Node) -> Call:
    """What the op computed, and the gradients that it gives for a random g."""
    op = node.op
    assert op is not None
    value, closures = op.run(*node.values, **node.kwargs)
    g = np.asarray(np.random.default_rng(7).standard_normal(np.shape(value)))
    asked = zip(op.parameters, closures, node.closures, node.values)
    gradients = {name: fit(closure(g), x) for name, closure, flows, x in asked if flows and closure}
    bound = inspect.signature(op.rule).bind(*node.values, **node.kwargs)
    bound.apply_defaults()
    axes = re.search(r"([123])d$", op.name)
    return Call(formula, bound.arguments, value, g, gradients, int(axes[1]) if axes else None)


def check(name: str, formula: Formula) -> dict[str, float]:
    """For each equation, the part of all elements that could be compared."""
    counts: dict[str, list[tuple[int, int]]] = {}
    for i, case in enumerate(CASES[name]):
        if (name, case.label) in NOT_SAID:
            continue
        out = case.f(*[tg.Tensor(x, requires_grad=True, dtype=np.float64) for x in case.inputs])
        with np.errstate(all="ignore"):
            for node in recorded(name, out):
                try:
                    found = call(formula, node).compare()
                except AssertionError as error:
                    raise AssertionError(f"{name}, case {case.label or i}: {error}") from error
                for equation, count in found.items():
                    counts.setdefault(equation, []).append(count)
    return {equation: sum(c for c, _ in seen) / sum(n for _, n in seen) for equation, seen in counts.items()}


@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - IN_WORDS.keys()))
def test_the_formula_is_what_the_op_computes(name: str) -> None:
    formula = formula_of(BUILT_IN[name])
    compared = check(name, formula)
    assert min(compared.values()) > 0.5
