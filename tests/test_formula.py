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
    "unwrap": "how many periods are added is a matter of all the elements before",
    **dict.fromkeys(["pick", "put"], "an element of a window by its number"),
    **dict.fromkeys(["qr", "eigh", "svd"], "several matrices, defined by what they satisfy, packed in one array"),
    **dict.fromkeys(
        ["eigenvalues", "with_eigenvalues", "singular_values", "with_singular_values"],
        "takes the packed result of `eigh` or `svd` apart",
    ),
    **dict.fromkeys(["bessel_i", "bessel_ie", "i0"], "Iₙ is defined by an integral with a bound of its own"),
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
    ("max", "where, initial"): "one element more",
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


def check(name: str, formula: Formula, cases: list[Case] | None = None) -> dict[str, float]:
    """For each equation, the part of all elements that could be compared."""
    counts: dict[str, list[tuple[int, int]]] = {}
    if cases is None:
        cases = [case for case in CASES[name] if (name, case.label) not in NOT_SAID] + EDGES.get(name, [])
    for i, case in enumerate(cases):
        with np.errstate(all="ignore"):
            out = case.f(*[tg.Tensor(x, requires_grad=True, dtype=np.float64) for x in case.inputs])
            for node in recorded(name, out):
                try:
                    found = call(formula, node).compare()
                except AssertionError as error:
                    raise AssertionError(f"{name}, case {case.label or i}: {error}") from error
                for equation, count in found.items():
                    counts.setdefault(equation, []).append(count)
    return {equation: sum(c for c, _ in seen) / sum(n for _, n in seen) for equation, seen in counts.items()}


READ = sorted(BUILT_IN.keys() - IN_WORDS.keys())


@pytest.mark.parametrize("name", READ)
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


@pytest.mark.parametrize(("name", "label"), NOT_SAID)
def test_what_a_formula_does_not_speak_of_differs(name: str, label: str) -> None:
    with pytest.raises((AssertionError, IndexError, Refused)):
        check(name, formula_of(BUILT_IN[name]), [case for case in CASES[name] if case.label == label])


def test_most_formulas_are_read() -> None:
    assert len(READ) >= 110


# ------------------------------------------------------------------------------------------ a wrong formula is noticed


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("multiply", "∂L/∂x = g · y", "∂L/∂x = -g · y"),
        ("tanh", "1 - tanh² x", "1 + tanh² x"),
        ("sqrt", "2 · √x", "3 · √x"),
        ("relu", "[x > 0]", "[x < 0]"),
        ("arccos", "∂L/∂x = -g", "∂L/∂x = g"),
        ("maximum", "½ · g where x = y", "g where x = y"),
        ("softmax", "g - Σ g · out", "g - Σ g"),
        ("standardize", "- mean h", "+ mean h"),
        ("var", "n - ddof", "n"),
        ("cumsum", "i ≥ j", "i > j"),
        ("prod", "j ≠ k", "j = j"),
        ("matmul", "g @ wᵀ", "g @ w"),
        ("inv", "-outᵀ @ g", "outᵀ @ g"),
        ("cholesky", "- I · P", ""),
        ("conv2d", "g ∗ weight", "g ⋆ weight"),
        ("max_pool2d", " and x[i] = out[p]", ""),
        ("avg_pool2d", "g[p] / K", "g[p]"),
        ("convolve", "gₖ · wₖ₋ᵢ", "gₖ · wₖ"),
        ("getitem", "+= g", "= g"),
        ("clip", "x < low ≤ high", "x < low"),
        ("erf", "e^(-t²)", "e^(-t)"),
        ("digamma", "ψ₁(x)", "ψ₂(x)"),
    ],
)
def test_a_wrong_formula_is_noticed(name: str, right: str, wrong: str) -> None:
    op = BUILT_IN[name]
    assert right in op.formula
    with pytest.raises((AssertionError, ValueError)):
        check(name, read(op.formula.replace(right, wrong), list(op.parameters)))


def doubled(tree: Any) -> Any:
    """Twice what a tree says; Σ stays at the head."""
    return (*tree[:3], doubled(tree[3]), tree[4]) if tree[0] == "reduce" else ("·", ("number", 2.0), tree)


@pytest.mark.parametrize("name", READ)
def test_no_gradient_may_be_doubled(name: str) -> None:
    formula = formula_of(BUILT_IN[name])
    for n, (left, *right) in enumerate(formula.equations):
        if subject(left) != "out" and right != [("number", 0.0)]:
            equations = [*formula.equations[:n], [left, *map(doubled, right)], *formula.equations[n + 1 :]]
            with pytest.raises(AssertionError, match=subject(left)):
                check(name, Formula(equations, formula.names))


# ------------------------------------------------------------------------------------------------------- the notation

X, Y = np.array([0.5, 2.0, 3.0]), np.array([4.0, -1.0, 0.25])
M = np.array([[2.0, 1.0], [0.5, 3.0]])


def value(expression: str, **values: Any) -> Any:
    """Of an expression in x, y and m, and whatever else is given."""
    values = {"x": X, "y": Y, "m": M, **values}
    formula = read(f"out = {expression}", list(values))
    return Call(formula, values, np.zeros(()), np.zeros(()), {}).value(formula.equations[0][1])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x + y · x", X + Y * X),
        ("x - y - x", X - Y - X),
        ("x / y · x", X / Y * X),
        ("x / 2y", X / (2 * Y)),
        ("x / 2 · y", X / 2 * Y),
        ("-x²", -(X**2)),
        ("-x · y", -(X * Y)),
        ("3x²", 3 * X**2),
        ("x⁻²", X**-2.0),
        ("(x + y)²", (X + Y) ** 2),
        ("e⁻ˣ", np.exp(-X)),
        ("xʸ⁻¹", X ** (Y - 1)),
        ("2ˣ · x", 2**X * X),
        ("e^(x / 2)", np.exp(X / 2)),
        ("½x²", X**2 / 2),
        ("2/√π · x", 2 / np.sqrt(np.pi) * X),
        ("√x²", X),
        ("√(2π) · x", np.sqrt(2 * np.pi) * X),
        ("∛x", np.cbrt(X)),
        ("sin πx / πx", np.sin(np.pi * X) / (np.pi * X)),
        ("sin x · y", np.sin(X) * Y),
        ("sin² x", np.sin(X) ** 2),
        ("log₂ x", np.log2(X)),
        ("log |x - y|", np.log(np.abs(X - Y))),
        ("log(x) + 1", np.log(X) + 1),
        ("|y| · x", np.abs(Y) * X),
        ("⌊x / y⌋ + ⌈x⌉", np.floor(X / Y) + np.ceil(X)),
        ("7 mod 3 + x", 1 + X),
        ("max(x, y, 1)", np.maximum(np.maximum(X, Y), 1)),
        ("[x > 1]", [0, 1, 1]),
        ("[0 < x ≤ 2]", [1, 1, 0]),
        ("x where x > 1, else y", [4, 2, 3]),
        ("x where x > 1", [0, 2, 3]),
        ("1 where x < 2, 2 where x = 2, 3 where x > 2", [1, 2, 3]),
        ("x where x > 1 and y > 0 or x < 1", [0.5, 0, 3]),
        ("x where x is finite, else y", X),
        ("m⁻¹ @ mᵀ", np.linalg.inv(M) @ M.T),
        ("2 · m⁻ᵀ - I", 2 * np.linalg.inv(M).T - np.eye(2)),
        ("tr m", [[5]]),
        ("det m · m", 5.5 * M),
        ("[x, y]", [X, Y]),
        ("Φ′(x)", np.exp(-X * X / 2) / np.sqrt(2 * np.pi)),
        ("∫₀ˣ 3t² dt", X**3),
    ],
)
def test_an_expression(expression: str, expected: Any) -> None:
    np.testing.assert_allclose(value(expression), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Σ x", [5.5]),
        ("Σ x · y / 2", [0.375]),
        ("Σ x - 1", [4.5]),
        ("x / Σ x", X / 5.5),
        ("log Σ eˣ", [np.log(np.exp(X).sum())]),
        ("Π x", [3.0]),
        ("mean x - x", 5.5 / 3 - X),
        ("x - max x", X - 3),
        ("Σ x / n", [5.5 / 3]),
        ("Σᵢ xᵢ · i", [8.0]),
        ("Σᵢ xᵢ · yᵢ₊₁", [0.5 * -1 + 2 * 0.25]),
        ("Σᵢ xᵢ over i ≥ 1", [5.0]),
        ("Σ x[i] · y[k] over i + k = 2", [0.5 * 0.25 + 2 * -1 + 3 * 4]),
    ],
)
def test_a_sum_along_the_axis(expression: str, expected: Any) -> None:
    np.testing.assert_allclose(value(expression, axis=-1), expected)


def test_definitions_and_chains() -> None:
    formula = read("out = h + s, where h = 2x        s = h²", ["x"])
    call = Call(formula, {"x": X}, 2 * X + 4 * X**2, X, {})
    assert call.compare() == {"out": (3, 3)}
    with pytest.raises(AssertionError):
        Call(read("out = x = 2x", ["x"]), {"x": X}, X, X, {}).compare()


def test_broadcasting_is_undone() -> None:
    formula = read("out = x + y        ∂L/∂x = g        ∂L/∂y = g", ["x", "y"])
    g = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    gradients = {"x": np.array([5.0, 7.0, 9.0]), "y": np.array([[6.0], [15.0]])}
    y = np.array([[1.0], [2.0]])
    Call(formula, {"x": X, "y": y}, X + y, g, gradients).compare()
    with pytest.raises(AssertionError, match="∂L/∂y"):
        Call(formula, {"x": X, "y": y}, X + y, g, {**gradients, "y": y}).compare()


def test_elements_must_all_be_given() -> None:
    formula = read("out[i + 1] = x[i]", ["x"])
    with pytest.raises(AssertionError, match="all but 1"):
        Call(formula, {"x": X}, np.array([0.0, *X]), X, {}).compare()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("out = x, in another shape", "missing"),
        ("out = the larger of x and y", "a word"),
        ("out = x y", "an operator is missing"),
        ("out = x (1 - y)", "an operator is missing"),
        ("out = f(x)", "an operator is missing"),
        ("out = x · unknown", "a word"),
        ("out = x +", "ends too early"),
        ("out = (x + y", "ends too early"),
        ("out = (x, y", "is missing"),
        ("out = |x", "ends too early"),
        ("out = x ) y", "more than a formula"),
        ("out = x · -y", "no expression"),
        ("out = x $ y", "no symbol"),
        ("out = x / Σ y · x", "brackets are missing"),
        ("out = [x]", "no condition"),
        ("out = x where x > 0, 1", "'where' is missing"),
        ("x + y", "no equation"),
        ("out = ∫₀ˣ t²", "too early"),
        ("out = x is wide", "more than a formula"),
    ],
)
def test_what_is_refused(said: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read(said, ["x", "y"])


@pytest.mark.parametrize("expression", ["Σ x", "x ⋆ y", "Σᵢ i", "x · q", "K · x", "x where x ∈ y"])
def test_what_has_no_value_is_refused(expression: str) -> None:
    with pytest.raises(Refused):
        value(expression)
