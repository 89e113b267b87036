"""NumPy's functions over several threads, powers by products, and logarithms of sums of exponentials.

Powers and logarithms are many times faster this way than NumPy's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..dispatch import ArrayCode
from ..ops import elementwise as rules
from ..ops import ufuncs
from ..values import Array
from .blocks import in_blocks, large

SHORT_CUTS = (-2, -1, 0, 0.5, 1, 2)  # exponents for which NumPy needs no help
MOST = 16  # up to which exponent products are as exact as a power, to some units in the last place


def shared(point: ArrayCode[...]) -> ArrayCode[...]:
    """NumPy's function of each element, over the threads where an array is worth it."""
    function: Any = point.plain
    return in_blocks(point, when=large)(lambda out, *args: function(*args, out=out))


for _point in [point for point in vars(ufuncs).values() if isinstance(getattr(point, "plain", None), np.ufunc)]:
    shared(_point)


@in_blocks(rules.power_forward, work=3, when=lambda x, y: type(y) in (int, float) and y not in SHORT_CUTS)
def power(out: Array, x: Array, y: float) -> None:
    """xʸ. For a whole number y by products: NumPy's power of float32 takes up to 150 ns an element, and a product ½."""
    if y == y // 1 and abs(y) <= MOST:
        _products(out, x, int(y))
    else:
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


def _logaddexp(out: Array, x: Array, y: Array, exp: Callable[..., Array]) -> None:
    """max(x, y) + log(1 + e^-|x - y|), or the same with 2 in place of e."""
    with np.errstate(invalid="ignore"):  # equal infinities have no difference
        np.subtract(x, y, out=out)
    np.absolute(out, out=out)
    np.negative(out, out=out)
    exp(out, out=out)
    np.log1p(out, out=out)
    if exp is np.exp2:
        out *= 1 / math.log(2)
    larger = np.maximum(x, y)
    out += larger
    infinite = np.isinf(larger)
    if infinite.any():
        np.copyto(out, larger, where=infinite)


logaddexp = in_blocks(ufuncs.logaddexp, work=3)(partial(_logaddexp, exp=np.exp))
logaddexp2 = in_blocks(ufuncs.logaddexp2, work=3)(partial(_logaddexp, exp=np.exp2))


def _share(gx: Array, g: Array, x: Array, y: Array, exp: Callable[..., Array]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        np.subtract(y, x, out=gx)
        exp(gx, out=gx)
        gx += 1
        np.divide(g, gx, out=gx)
    if np.isnan(gx).any():  # equal infinities, or NaN in what was given
        gx[...] = g * rules.share(x, y, exp)


logaddexp_gradient = in_blocks(rules.logaddexp_gradient, work=3)(partial(_share, exp=np.exp))
logaddexp2_gradient = in_blocks(rules.logaddexp2_gradient, work=3)(partial(_share, exp=np.exp2))
