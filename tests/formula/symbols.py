"""What each symbol of the notation stands for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Array = Any


def elementwise(f: Callable[..., Any]) -> Callable[..., Array]:
    return np.vectorize(f, otypes=[float])


def psi(x: Array, n: Array = 0) -> Array:
    mpmath = pytest.importorskip("mpmath")
    return elementwise(lambda x: float(mpmath.psi(int(n), float(x))))(x)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    **{f.__name__: f for f in (np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh)},
    **{f.__name__: f for f in (np.sign, np.trunc, np.tril)},
    "arsinh": np.arcsinh,
    "arcosh": np.arccosh,
    "artanh": np.arctanh,
    "round": np.rint,
    "√": np.sqrt,
    "∛": np.cbrt,
    "log": lambda x, base=math.e: np.log(x) / np.log(base),
    "max": lambda *xs: np.max(np.broadcast_arrays(*(x for x in xs if x is not None)), 0),
    "min": lambda *xs: np.min(np.broadcast_arrays(*(x for x in xs if x is not None)), 0),
    "erf": elementwise(math.erf),
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "Φ": lambda x: (1 + FUNCTIONS["erf"](x / np.sqrt(2))) / 2,
    "Γ": elementwise(math.gamma),
    "ψ": psi,
    "det": lambda x: np.linalg.det(x)[..., None, None],
    "tr": lambda x: np.trace(x, axis1=-2, axis2=-1)[..., None, None],
}
UNIT = object()  # the unit matrix, as large as what it meets
CONSTANTS: dict[str, Any] = {"e": math.e, "π": math.pi, "∞": math.inf, "I": UNIT}
SPELLED = {"alpha": "α", "beta": "β", "delta": "δ", "negative_slope": "slope"}  # a parameter's name in formulas
STATE = {"is NaN": np.isnan, "is finite": np.isfinite}
COMPARE: dict[str, Callable[..., Any]] = {
    "=": np.equal, "≠": np.not_equal, "<": np.less, ">": np.greater, "≤": np.less_equal, "≥": np.greater_equal,
}  # fmt: skip


def plus(a: Array, b: Array) -> Array:
    """What isn't there adds nothing."""
    a, b = unit_for(a, b), unit_for(b, a)
    return b if a is None else a if b is None else a + b


def unit_for(a: Array, other: Array) -> Array:
    return np.eye(np.shape(other)[-1]) if a is UNIT else a


def transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def cross(a: Array, b: Array) -> Array:
    a, b = np.broadcast_arrays(a, b)
    return np.stack([a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))], -1)


OPERATORS: dict[str, Callable[..., Array]] = {
    "+": plus,
    "-": lambda a, b: unit_for(a, b) - unit_for(b, a),
    "·": lambda a, b: unit_for(a, b) * unit_for(b, a),
    "/": np.divide,
    "@": np.matmul,
    "×": cross,
    "mod": np.mod,
    "power": lambda a, b: np.power(np.asarray(a, float), b),
    "negative": np.negative,
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "transposed": transposed,
    "inverse": np.linalg.inv,
    "inverse transposed": lambda x: transposed(np.linalg.inv(x)),
    "pseudoinverse": lambda x: np.linalg.pinv(x, 1e-10),
}
REDUCTIONS: dict[str, Callable[..., Array]] = {
    "Σ": np.sum, "Π": np.prod, "max": np.max, "min": np.min, "mean": np.mean, "var": np.var,
}  # fmt: skip
JOIN: dict[str, Callable[..., Array]] = {"Σ": np.add, "Π": np.multiply, "max": np.maximum, "min": np.minimum}
OF_NONE = {"Σ": 0.0, "Π": 1.0, "max": -math.inf, "min": math.inf}
