"""What a drawing says in words and numbers: pills, shapes, numbers, names."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.typography import SUPERSCRIPT

from .graph import is_constant, parameter_name
from .heatmap import drawable

SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "·", "divide": "÷", "matmul": "@", "negative": "−x", "power": "^",
    "sum": "Σ", "sqrt": "√", "square": "x²", "absolute": "|x|", "transpose": "xᵀ", "swapaxes": "xᵀ",
    "matrix_transpose": "xᵀ", "exp": "eˣ",
    "maximum": "max", "minimum": "min", "clip": "clip", "getitem": "[ ]", "reciprocal": "1/x",
}  # fmt: skip
WITH_CONSTANTS = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "clip"}
COMMUTE = {"add", "multiply", "maximum", "minimum"}


def pill(node: Node) -> str:
    """The op's symbol, with the constants that it was given: "@", "· 0.5", "x²", "relu"."""
    op = node.op
    assert op is not None
    symbol = SYMBOLS.get(op.name, op.name)
    if op.name == "getitem" and len(node.args) > 1:
        return f"[{index_text(node.values[1])}]"
    if op.name not in WITH_CONSTANTS:
        return symbol
    constants = [(i, number(scalar(v))) for i, v in enumerate(node.values) if is_folded(node, i)]
    if not constants:
        return symbol
    if op.name == "power" and constants[0][0] == 1:
        return "x" + constants[0][1].translate(SUPERSCRIPT)
    if constants[0][0] == 0 and op.name not in COMMUTE:
        return f"{constants[0][1]} {symbol}"
    return f"{symbol} {', '.join(text for _, text in constants)}"


def is_folded(node: Node, place: int) -> bool:
    a = node.args[place]
    return is_constant(a) if isinstance(a, Node) else np.size(a) == 1 and scalar(a) is not None


def scalar(a: Any) -> Any:
    """The number in an array of one element, or None."""
    a = a.value if isinstance(a, Node) else a
    try:
        return np.asarray(a).reshape(()).item() if not isinstance(a, (str, bytes)) and a is not None else None
    except (ValueError, TypeError):
        return None


def index_text(index: Any) -> str:
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


def number(x: Any) -> str:
    """A number as a card shows it: four digits, a real minus sign."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)) and abs(int(x)) < 10**7:
        return str(int(x)).replace("-", "−")
    try:
        text = f"{x:.4g}"
    except (TypeError, ValueError):
        return shortened(str(x), 24)
    mantissa, e, exponent = text.partition("e")
    return (mantissa + (f"e{int(exponent)}" if e else "")).replace("-", "−").replace("nan", "NaN").replace("inf", "∞")


def number_or_text(a: Any) -> str:
    """What an array of one element shows: its number, or its text where it holds none (a symbol, for one)."""
    x = scalar(a)
    return number(a if x is None else x)


def shape_text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) if shape else "scalar"


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def shortened(text: str, most: int) -> str:
    """At most so many characters, the middle left out; on one line."""
    if len(text) > 4 * most:
        text = text[: 2 * most] + text[-2 * most :]
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[len(text) - most // 2 :]}"


def count_bad(a: Any) -> tuple[int, int]:
    """How many NaN and how many infinities."""
    numbers = drawable(a)
    if numbers is None:
        return 0, 0
    nan = int(np.isnan(numbers).sum())
    return nan, int(numbers.size - np.isfinite(numbers).sum()) - nan


def bad_text(a: Any) -> str:
    nan, inf = count_bad(a)
    return " · ".join(f"{n:,} {what}" for n, what in ((nan, "NaN"), (inf, "Inf")) if n)


def call_text(node: Node) -> str:
    """conv2d(x, weight, stride=2)"""
    assert node.op is not None
    said = []
    for i, a in enumerate(node.args):
        name = parameter_name(node, i)
        said.append(
            name
            if np.size(node.values[i]) > 1 or isinstance(a, Node) and not is_constant(a)
            else f"{name}={brief(node.values[i])}"
        )
    said += [f"{name}={brief(v)}" for name, v in node.kwargs.items()]
    return f"{node.op.name}({', '.join(said)})"


def brief(a: Any) -> str:
    x = scalar(a)
    return number(x) if isinstance(x, (int, float)) else shortened(repr(a), 40)


def printable(text: str) -> str:
    """Without what XML cannot hold (control characters, lone surrogates), which becomes �."""
    return "".join(
        c
        if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff\x7f"
        else " "
        if c in "\t\r\n"
        else "�"
        for c in text
    )
