"""How a drawing writes numbers, shapes and names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .statistics import Statistics


def drawable(a: Any) -> np.ndarray[Any, Any] | None:
    """`a` as an array of real numbers, or None if it holds something else (symbols, strings)."""
    if np.iscomplexobj(a):
        a = np.abs(a)
    a = np.asarray(a)
    return a.astype(np.float64) if a.dtype.kind in "fiub" else None


def scalar(a: Any) -> Any:
    """The one element of `a` as a Python number, or None if `a` is not a single number."""
    try:
        return np.asarray(a).reshape(()).item() if not isinstance(a, (str, bytes)) and a is not None else None
    except (ValueError, TypeError):
        return None


def number(x: Any) -> str:
    """Four significant digits and a real minus sign."""
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
    """The number in an array of one element; its text if it holds something else, such as a symbol."""
    x = scalar(a)
    return number(a if x is None else x)


def brief(a: Any) -> str:
    """An argument of an op: a number, a name of a dtype, or the start and end of its repr."""
    x = scalar(a)
    said = a.__name__ if isinstance(a, type) else repr(a)
    return number(x) if isinstance(x, (int, float)) else shortened(said, 40)


def norm(a: Any) -> float:
    """The square root of the sum of all squared elements."""
    return float(np.linalg.norm(np.ravel(a)))


def shape_text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) if shape else "scalar"


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def joined(*words: str) -> str:
    """The words that are not empty, with two spaces between them."""
    return "  ".join(filter(None, words))


def times_text(times: int) -> str:
    """×12 for what stands for twelve, nothing for what stands for itself."""
    return f"×{times:,}" if times > 1 else ""


def shortened(text: str, most: int) -> str:
    """`text` on one line, with its middle left out where it has more than `most` characters."""
    if len(text) > 4 * most:
        text = text[: 2 * most] + text[-2 * most :]
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[len(text) - most // 2 :]}"


def printable(text: str) -> str:
    """`text` with � for each character that XML can't hold (control characters, lone surrogates)."""

    def one(c: str) -> str:
        if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff\x7f":
            return c
        return " " if c in "\t\r\n" else "�"

    return "".join(map(one, text))


def is_finite(a: Any) -> bool:
    """Whether `a` holds neither NaN nor infinity."""
    if isinstance(a, (float, np.floating)):
        return math.isfinite(a)
    try:
        # NaN and infinity reach the sum, which is one quick pass; a sum that only overflows is looked into.
        with np.errstate(all="ignore"):
            return bool(np.isfinite(np.sum(a))) or bool(np.all(np.isfinite(a)))
    except TypeError:  # symbols
        return True


def span(known: Statistics) -> str:
    """The range of the finite numbers."""
    return f"{number(known.low)} … {number(known.high)}" if known.finite else ""
