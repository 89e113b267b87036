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
import tinygrad_lite.nn.functional as F
from tinygrad_lite.graph import OPS, Node, Op, fit

from .cases import Case, all_cases
from .formula import Call, Formula, Refused, read, subject

CASES = all_cases()
BUILT_IN = {name: op for name, op in OPS.items() if op.rule.__module__.startswith("tinygrad_lite.")}

# What no formula of one line says better than words, each with its reason.
IN_WORDS = {
    **dict.fromkeys(
        ["reshape", "squeeze", "expand_dims", "transpose", "swapaxes", "broadcast_to", "astype"],
        "the elements stay; their arrangement or dtype is what the arguments say",
    ),
    **dict.fromkeys(["concatenate", "pad"], "where an array stands in the output is a matter of all the arguments"),
    **dict.fromkeys(["unfold", "fold"], "windows become columns: channels and window elements share an axis"),
    **dict.fromkeys(["pick", "put"], "an element of a window by its number"),
    **dict.fromkeys(["qr", "eigh", "svd"], "several matrices, defined by what they satisfy, packed in one array"),
    **dict.fromkeys(["eigenvalues", "singular_values"], "takes the packed result of `eigh` or `svd` apart"),
    "einsum": "its letters come with the call",
    "checkpointed": "its function comes with the call",
}

# Cases with an option of which the formula does not speak.
NOT_SAID = {
    ("gelu", "tanh"): "an approximation of Φ",
    ("discounted_sum", "reverse"): "from the end",
    ("setitem", "the last value stays"): "of values for one element the last one stays",
    ("sliding_window_view", "an axis twice"): "i and k run along different numbers of axes",
    ("take", "wrapped"): "indices beyond the end",
    ("tril", "vector"): "NumPy repeats a vector",
    ("triu", "vector"): "NumPy repeats a vector",
    **dict.fromkeys([("sum", "initial"), ("prod", "where, initial")], "one summand, or factor, more"),
    **dict.fromkeys([("max", "where, initial"), ("min", "where, initial")], "one element more"),
}

# Ties, kinks and NaN, at which `tests/cases` must not check derivatives.
NAN, INF = np.nan, np.inf
SIGNS = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5])
PAIRS = [np.array([-1.0, 0.0, 1.0, 2.0, 2.0, 3.0]), np.array([1.0, 0.0, 1.0, -2.0, 2.5, 3.0])]
HOLES = [np.array([NAN, 1.0, 2.0, 2.0, -1.0]), np.array([1.0, NAN, 2.0, 3.0, -2.0])]
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
EDGES = {
    **{
        f.__name__: [Case(f, [SIGNS])]
        for f in (np.absolute, np.sign, np.floor, np.ceil, np.trunc, np.round, F.relu, F.leaky_relu, F.elu, F.hardtanh)
    },
    **{f.__name__: [Case(f, PAIRS)] for f in (np.maximum, np.minimum, np.remainder, np.floor_divide, np.heaviside)},
    **{f.__name__: [Case(f, HOLES)] for f in (np.fmax, np.fmin)},
    **{name: [Case(lambda x, f=f: f(x, axis=1), [TIES])] for name, f in (("max", np.max), ("min", np.min))},
    "clip": [Case(lambda x: np.clip(x, -0.5, 1.0), [SIGNS])],
    "nan_to_num": [Case(lambda x: np.nan_to_num(x, nan=3, posinf=4, neginf=5), [np.array([NAN, INF, -INF, 1.0])])],
}


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
    for i, case in enumerate([*CASES[name], *EDGES.get(name, [])]):
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
    assert compared.keys() == {subject(left) for left, *_ in formula.equations}, "an equation that no case compares"
    assert min(compared.values()) > 0.9


@pytest.mark.parametrize("name", sorted(IN_WORDS))
def test_what_is_listed_as_words_cannot_be_read(name: str) -> None:
    assert name in BUILT_IN
    with pytest.raises(Refused):
        formula_of(BUILT_IN[name])


def test_most_formulas_are_read() -> None:
    assert len(BUILT_IN) - len(IN_WORDS) >= 110
