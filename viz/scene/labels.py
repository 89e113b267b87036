"""What a drawing calls an op: its symbol, its call and its formula, and the names of its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node, Op
from tinygrad_lite.typography import SUPERSCRIPT

from .formatting import brief, number, scalar, shortened

SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "·", "divide": "÷", "matmul": "@", "negative": "−x", "power": "^",
    "sum": "Σ", "sqrt": "√", "square": "x²", "absolute": "|x|", "exp": "eˣ", "reciprocal": "1/x", "getitem": "[ ]",
    "transpose": "xᵀ", "swapaxes": "xᵀ", "matrix_transpose": "xᵀ", "maximum": "max", "minimum": "min",
}  # fmt: skip
WITH_CONSTANTS = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "clip"}
COMMUTE = {"add", "multiply", "maximum", "minimum"}


def is_constant(node: Node) -> bool:
    """Whether a leaf has no card because it is written into its op's pill: one element, no name, no gradient."""
    return node.op is None and not node.requires_grad and node.name is None and np.size(node.value) == 1


def parameter_name(node: Node, place: int) -> str:
    """What the op calls the argument at this place."""
    assert node.op is not None
    return [*node.op.parameters][: place + 1][-1]  # the last one may stand for several arguments


def arguments(node: Node) -> Iterator[tuple[str, Any, Any]]:
    """Each argument of a node's op: the parameter's name, the argument, and its value as the op saw it."""
    return ((parameter_name(node, i), a, value) for i, (a, value) in enumerate(zip(node.args, node.values)))


def equations(op: Op) -> list[str]:
    """The formula at the start of the op's docstring, one equation each."""
    first = op.formula.split("\n\n")[0]
    return [line.strip() for part in first.split("\n") for line in part.split("   ") if line.strip()]


def symbol(op: Op) -> str:
    return SYMBOLS.get(op.name, op.name)


def pill(node: Node) -> str:
    """The op's symbol with its constant arguments: "@", "· 0.5", "x²", "relu"."""
    op = node.op
    assert op is not None
    if op.name == "getitem" and len(node.args) > 1:
        return f"[{index_text(node.values[1])}]"
    constants = [
        (place, number(scalar(value)))
        for place, (_, a, value) in enumerate(arguments(node))
        if op.name in WITH_CONSTANTS
        and (is_constant(a) if isinstance(a, Node) else np.size(a) == 1 and scalar(a) is not None)
    ]
    if not constants:
        return symbol(op)
    place, first = constants[0]
    if op.name == "power" and place == 1:
        return "x" + first.translate(SUPERSCRIPT)
    if place == 0 and op.name not in COMMUTE:
        return f"{first} {symbol(op)}"
    return f"{symbol(op)} {', '.join(text for _, text in constants)}"


def index_text(index: Any) -> str:
    """The index of x[index] as one types it, with ▦ for an array."""

    def one(i: Any) -> str:
        if isinstance(i, slice):
            ends = ":".join("" if end is None else str(end) for end in (i.start, i.stop))
            return ends + (f":{i.step}" if i.step not in (None, 1) else "")
        if i is None:
            return "None"
        if i is Ellipsis:
            return "…"
        return str(i) if isinstance(i, (int, np.integer)) and not isinstance(i, bool) else "▦"

    return shortened(", ".join(map(one, index if isinstance(index, tuple) else (index,))), 18)


def call_text(node: Node) -> str:
    """The call that made a node: conv2d(x, weight, stride=2)."""
    assert node.op is not None
    said = []
    for name, a, value in arguments(node):
        parts = value if isinstance(value, tuple) else (value,)  # an index may be arrays of several shapes
        many = sum(np.size(part) for part in parts if not isinstance(part, type)) > 1
        is_input = many or isinstance(a, Node) and not is_constant(a)
        said.append(name if is_input else f"{name}={brief(value)}")
    said += [f"{name}={brief(value)}" for name, value in node.kwargs.items()]
    return f"{node.op.name}({', '.join(said)})"
