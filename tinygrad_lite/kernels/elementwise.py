"""NumPy's functions over several threads, powers by products, and logarithms of sums of exponentials.

Powers and logarithms so are many times faster than NumPy's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..values import Array
from .activation import floating
from .blocks import elementwise, large
from .kernel import kernel

SHORT_CUTS = (-2, -1, 0, 0.5, 1, 2)  # exponents for which NumPy needs no help
MOST = 16  # up to which exponent products are as exact as a power, to some units in the last place


def shared(function: Any) -> Callable[[Array], Array]:
    """NumPy's function of each element, over the threads where an array is worth it."""

    def write(out: Array, x: Array) -> None:
        function(x, out=out)

    def run(x: Array) -> Array:
        if x.__class__ is np.ndarray and large(x) and x.dtype.kind == "f":
            return elementwise(write, x)
        return function(x)

    run.__doc__ = f"np.{function.__name__}, over several threads where x is large."
    return run


exp, exp2, expm1 = shared(np.exp), shared(np.exp2), shared(np.expm1)
log, log2, log10, log1p = shared(np.log), shared(np.log2), shared(np.log10), shared(np.log1p)
sqrt, cbrt = shared(np.sqrt), shared(np.cbrt)
sin, cos, tan = shared(np.sin), shared(np.cos), shared(np.tan)
arcsin, arccos, arctan = shared(np.arcsin), shared(np.arccos), shared(np.arctan)
sinh, cosh, tanh = shared(np.sinh), shared(np.cosh), shared(np.tanh)
arcsinh, arccosh, arctanh = shared(np.arcsinh), shared(np.arccosh), shared(np.arctanh)


def plain_power(x: Array, y: Array) -> Array:
    return x**y


@kernel(plain_power)
def power(x: Array, y: Array) -> Array:
    """xʸ. For a whole number y by products: NumPy's power of float32 takes up to 150 ns an element, and a product ½."""
    if type(y) not in (int, float) or y in SHORT_CUTS or not floating(x):
        return x**y
    if y == y // 1 and abs(y) <= MOST:
        return elementwise(partial(_products, n=int(y)), x, work=2)
    return elementwise(partial(_power, y=y), x, work=3)


def _power(out: Array, x: Array, y: float) -> None:
    np.power(x, y, out=out)


def _products(out: Array, x: Array, n: int) -> None:
    """xⁿ: for each binary digit of n after the first a square, and times x where it is 1."""
    y = x
    for digit in f"{abs(n):b}"[1:]:
        y = np.multiply(y, y, out=out)
        if digit == "1":
            out *= x
    if n < 0:
        np.divide(1, out, out=out)


def plain_logaddexp(x: Array, y: Array, base: float = math.e) -> Array:
    return np.logaddexp(x, y) if base == math.e else np.logaddexp2(x, y)


@kernel(plain_logaddexp)
def logaddexp(x: Array, y: Array, base: float = math.e) -> Array:
    """log(eˣ + eʸ) = max(x, y) + log(1 + e^-|x - y|), or the same with 2 in place of e."""
    larger = np.maximum(x, y)
    if not floating(larger):
        return plain_logaddexp(x, y, base)
    return elementwise(partial(_logaddexp, base=base), larger, np.asarray(x), np.asarray(y), work=3)


def _logaddexp(out: Array, larger: Array, x: Array, y: Array, base: float) -> None:
    with np.errstate(invalid="ignore"):  # equal infinities have no difference
        np.subtract(x, y, out=out)
    np.absolute(out, out=out)
    np.negative(out, out=out)
    (np.exp if base == math.e else np.exp2)(out, out=out)
    np.log1p(out, out=out)
    if base != math.e:
        out *= 1 / math.log(base)
    out += larger
    infinite = np.isinf(larger)
    if infinite.any():
        np.copyto(out, larger, where=infinite)


def plain_portion(x: Array, out: Array, base: float = math.e) -> Array:
    share = x - np.where(out == -np.inf, 0, out)
    return np.exp(share) if base == math.e else np.exp2(share)


@kernel(plain_portion)
def portion(x: Array, out: Array, base: float = math.e) -> Array:
    """eˣ⁻ᵒᵘᵗ, what x contributes to eᵒᵘᵗ; 0 where both are -∞."""
    nothing = out == -np.inf
    if np.any(nothing) or not floating(out):
        return plain_portion(x, out, base)
    return (exp if base == math.e else exp2)(x - out)
