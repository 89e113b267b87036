"""A graph of scalars as JavaScript: what each op computes and its local derivatives, read from the op's own rule.

The rule runs on a `Traced` in place of each number, and what it computes with that is written down. There is no second
list of derivatives that could differ from the rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.replay import computed

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "greater": ">", "greater_equal": ">=",
    "less": "<", "less_equal": "<=", "equal": "===", "not_equal": "!==", "bitwise_and": "&", "bitwise_or": "|",
    "logical_and": "&&", "logical_or": "||",
}  # fmt: skip
FORM = {
    "negative": "-{}", "positive": "{}", "reciprocal": "1/{}", "square": "{0}*{0}", "exp2": "2**{}",
    "logical_not": "!{}", "invert": "!{}", "isnan": "{0}!=={0}", "isinf": "Math.abs({})===Infinity",
    "isfinite": "Number.isFinite({})", "where": "{}?{}:{}",
}  # fmt: skip
MATH = {
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max",
    "asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2", "hypot", "sign", "floor", "ceil", "trunc", "abs", "min",
}  # fmt: skip
SHORT = {"maximum": "max", "minimum": "min", "absolute": "abs", "fabs": "abs"}
AS_IT_IS = {"reshape", "broadcast_to", "squeeze", "expand_dims", "transpose", "sum", "mean", "max", "min"}


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """A number that is not known yet: the JavaScript that computes it."""

    dtype, shape, ndim, size = np.dtype(np.float64), (), 0, 1

    def __init__(self, text: str) -> None:
        self.text = text

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return written(ufunc.__name__, *inputs) if method == "__call__" else inputs[0]

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name in ("shape", "ndim", "size", "result_type"):
            return getattr(self, name.replace("result_type", "dtype"))
        if name == "clip":
            low, high = (*args[1:], kwargs.get("min"), kwargs.get("max"))[:2]
            x = args[0] if low is None else written("maximum", args[0], low)
            return x if high is None else written("minimum", x, high)
        return args[0] if name in AS_IT_IS else written(name, *args)

    def astype(self, *_: Any, **__: Any) -> Traced:
        return self

    def __bool__(self) -> bool:
        raise TypeError("its rule depends on the number itself")


def written(name: str, *inputs: Any) -> Traced:
    """A function of NumPy's as JavaScript."""
    said = [literal(x) for x in inputs]
    short = SHORT.get(name, "a" + name[3:] if name.startswith("arc") else name)
    if name == "multiply" and "1.0" in said:
        said.remove("1.0")
        return Traced(said[0])
    if name in INFIX:
        return Traced(f"({INFIX[name].join(said)})")
    if name in FORM:
        return Traced(f"({FORM[name].format(*said)})")
    if short in MATH:
        return Traced(f"Math.{short}({','.join(said)})")
    raise TypeError(f"{name} has no counterpart in JavaScript")


def literal(x: Any) -> str:
    if isinstance(x, Traced):
        return x.text
    x = float(x)
    text = "NaN" if math.isnan(x) else repr(x) if math.isfinite(x) else "-Infinity"[x > 0 :]
    return f"({text})" if text.startswith("-") else text


@dataclass(frozen=True)
class Program:
    """A graph of scalars. Each node has a slot: the leaves the first ones, then the ops in the order of computation."""

    slots: dict[Node, int]
    leaves: list[float]
    formulas: list[str]  # functions of an op's inputs that return [value, derivative in each input]
    ops: list[tuple[int, list[int], list[int]]]  # formula, slot of each input, the inputs that a gradient flows to


def program(roots: Sequence[Node]) -> Program:
    """The graph behind `roots` as a program.

    Raises:
        TypeError: a tensor in it is not a scalar, or an op can't be written in JavaScript.
    """
    nodes = computed(list(roots), {})
    leaves: dict[Node, float] = {}
    for node in (*roots, *nodes):
        for a, value in ((node, node.value), *zip(node.args, node.values)):
            if np.shape(value) != ():
                raise TypeError(f"a tensor of shape {np.shape(value)}")
            if isinstance(a, Node) and a.op is None:
                leaves.setdefault(a, float(value))
    slots = {node: i for i, node in enumerate((*leaves, *nodes))}
    formulas: dict[str, int] = {}
    ops = []
    for node in nodes:
        formula = formulas.setdefault(traced(node), len(formulas))
        inputs = [(a, i < len(node.closures) and node.closures[i] is not None) for i, a in enumerate(node.args)]
        inputs = [(a, flows) for a, flows in inputs if isinstance(a, Node)]
        flows = [i for i, (_, flow) in enumerate(inputs) if flow]
        ops.append((formula, [slots[a] for a, _ in inputs], flows))
    return Program(slots, list(leaves.values()), list(formulas), ops)


def traced(node: Node) -> str:
    """The op of a node as a JavaScript function: its value and its derivative in each input that is a tensor."""
    assert node.op is not None
    names = iter("abcdefghijklmnopqrstuvwxyz")
    given = [Traced(next(names)) if isinstance(a, Node) else a for a in node.args]
    try:
        value, closures = node.op.rule(*given, **node.kwargs)
        made = [value]
        for a, closure in zip(given, (*closures, *[None] * len(given))):
            if isinstance(a, Traced):
                made.append(0.0 if closure is None else closure(1.0))
        body = ",".join(map(literal, made))
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise TypeError(f"{node.op.name} can't be computed in a browser: {error}") from error
    return f"({','.join(x.text for x in given if isinstance(x, Traced))})=>[{body}]"
