"""Puts numbers or names into an op's formula: g · 2x becomes 0.5 · 2 · (−3)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.typography import SUPERSCRIPT

from .formatting import number, number_or_text
from .labels import arguments

AS_WRITTEN = {"alpha": "α", "beta": "β", "negative_slope": "slope"}  # a parameter's name in its op's formula
RAISED = {"x": "ˣ", "y": "ʸ", "p": "ᵖ", "out": "ᵒᵘᵗ"}
POWERS = SUPERSCRIPT | str.maketrans("e", "ᵉ")


def substitute(equation: str, symbols: dict[str, str]) -> str:
    """The equation with a text in place of each of its symbols, in brackets where needed."""
    raised = {RAISED[name]: text for name, text in symbols.items() if name in RAISED}
    names = "|".join(sorted(map(re.escape, symbols), key=len, reverse=True))
    powers = "|".join(sorted(raised, key=len, reverse=True)) or "(?!)"

    def put(found: re.Match[str]) -> str:
        if found["power"] is not None:
            text = raised[found["power"]]
            return text.translate(POWERS) if re.fullmatch(r"[−.0-9e]+", text) else f"^{text}"
        before, after = equation[: found.start()], equation[found.end() : found.end() + 1]
        text = symbols[found["name"]]
        if after and after in "²³⁻ˣʸᵖᵒ":  # the base of a power
            text = text if re.fullmatch(r"\w+|[.0-9]+|\(.*\)", text) else f"({text})"
        elif text.startswith("−") and before and before[-1] not in "([|⌊⌈":
            text = f"({text})"
        return f" · {text}" if before[-1:].isalnum() else text

    return re.sub(rf"(?<![A-Za-z_∂])(?P<name>{names})(?![A-Za-z_])|(?P<power>{powers})", put, equation)


def numbers(node: Node, g: Any = None, at: tuple[int, ...] = ()) -> dict[str, str]:
    """The number for each symbol in the formula of an op on scalars; `g` is the gradient of its output, if known.

    Of an op on each element by itself, the numbers are those of the element `at`.
    """
    assert node.op is not None

    def one(a: Any) -> Any:
        return np.broadcast_to(a, np.shape(node.value))[at] if np.ndim(a) else a

    options = {name: p.default for name, p in node.op.parameters.items()} | node.kwargs
    found = {AS_WRITTEN.get(name, name): number(v) for name, v in options.items() if is_number(v)}
    found |= {name: as_factor(one(value)) for name, _, value in arguments(node) if value is not None}
    found["out"] = as_factor(one(node.value))
    return found if g is None else found | {gradient_symbol(node): as_factor(one(g))}


def gradient_symbol(node: Node) -> str:
    """What the formula calls ∂L/∂out: g, or h if an input is called g."""
    assert node.op is not None
    return "h" if "g" in node.op.parameters else "g"


def right(equation: str) -> str:
    """The right-hand side of an equation."""
    return equation.partition(" = ")[2]


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool)


def as_factor(a: Any) -> str:
    """A number, or a symbolic expression, in brackets if it is a sum."""
    text = number_or_text(a)
    return f"({text})" if re.search(" [+−-] ", text) else text


def bracketed(text: str) -> str:
    """A factor or summand, in brackets if it is negative."""
    return f"({text})" if text.startswith("−") else text


def bare(text: str) -> str:
    """`text` without brackets around the whole of it."""
    return text[1:-1] if re.fullmatch(r"\([^()]*\)", text) else text
