"""Functions of one element at a time, and of pairs of elements: arithmetic, exp, sin, maximum, where.

Where a function has a corner, its derivative there is stated in its docstring: |x|′(0) = 0, a tie in maximum shares the
gradient equally, and what is flat (floor, sign, …) has gradient zero everywhere. A derivative that NumPy would
compute as infinite (√x at 0, log x at 0) is infinite here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from ..dispatch import array_code, forward
from ..graph import Node, Rule, op
from ..tensor import implements
from ..values import Array, lazy
from . import ufuncs
from .reduce import no_out
from .ufuncs import keep

# ------------------------------------------------------------------------------------------------------ closures


def same(g: Array) -> Array:
    """The closure of an input that is passed on as it is."""
    return g


def zero(g: Array) -> Array:
    """The closure of an input in which the function is flat."""
    return np.broadcast_to(np.zeros_like(g, shape=()), np.shape(g))


# ---------------------------------------------------------------------------------------------------- arithmetic


@op(np.add)
def add(x: Array, y: Array) -> Rule:
    """out = x + y        ∂L/∂x = g        ∂L/∂y = g"""
    return x + y, (same, same)


@op(np.subtract)
def subtract(x: Array, y: Array) -> Rule:
    """out = x - y        ∂L/∂x = g        ∂L/∂y = -g"""
    return x - y, (same, lambda g: -g)


@op(np.multiply)
def multiply(x: Array, y: Array) -> Rule:
    """out = x · y        ∂L/∂x = g · y        ∂L/∂y = g · x"""
    return x * y, (lambda g: g * y, lambda g: g * x)


@op(np.divide)
def divide(x: Array, y: Array) -> Rule:
    """out = x / y        ∂L/∂x = g / y        ∂L/∂y = -g · x / y²"""
    out = x / y
    return out, (lambda g: g / y, lambda g: -g * out / y)


@op(np.negative)
def negative(x: Array) -> Rule:
    """out = -x        ∂L/∂x = -g"""
    return -x, (lambda g: -g,)


@op(np.positive, np.real, np.conjugate, np.real_if_close, linear=True)
def positive(x: Array) -> Rule:
    """out = x        ∂L/∂x = g"""
    return +x, (same,)


@forward
def power_forward(x: Array, y: Array) -> Array:
    return x**y


@op(np.power)
def power(x: Array, y: Array) -> Rule:
    """out = xʸ        ∂L/∂x = g · y · xʸ⁻¹        ∂L/∂y = g · xʸ · log x

    x⁰ is 1 everywhere, so at x = 0 its derivative is 0. Where x ≤ 0 there is no log x, and the gradient of y is 0.
    """
    out = power_forward(x, y)

    def base(g: Array) -> Array:
        if isinstance(y, (int, float)):
            return g * (y * power_forward(x, y - 1)) if y else zero(g)
        with np.errstate(divide="ignore", over="ignore"):
            vast = np.isinf(1 / x)  # at 0 and next to it, where 0 · x⁻¹ would be NaN
        return g * (y * x ** np.where(vast & (y == 0), 0, y - 1))

    return out, (base, lambda g: g * out * ufuncs.log(np.where(x > 0, x, 1)))


@op(np.square)
def square(x: Array) -> Rule:
    """out = x²        ∂L/∂x = g · 2x"""
    return x * x, (lambda g: g * (2 * x),)


@op(np.reciprocal)
def reciprocal(x: Array) -> Rule:
    """out = 1 / x        ∂L/∂x = -g / x²"""
    out = np.reciprocal(x)
    return out, (lambda g: -g * out * out,)


@op(np.sqrt)
def sqrt(x: Array) -> Rule:
    """out = √x        ∂L/∂x = g / (2 · √x)

    Infinite at 0, as NumPy's division is.
    """
    out = ufuncs.sqrt(x)
    return out, (lambda g: g / (2 * out),)


@op(np.cbrt)
def cbrt(x: Array) -> Rule:
    """out = ∛x        ∂L/∂x = g / (3 · ∛x²)

    Infinite at 0, as NumPy's division is.
    """
    out = ufuncs.cbrt(x)
    return out, (lambda g: g / (3 * out * out),)


@op(np.absolute)
def absolute(x: Array) -> Rule:
    """out = |x|        ∂L/∂x = g · sign x

    The derivative at 0 is 0.
    """
    return np.absolute(x), (lambda g: g * np.sign(x),)


# ------------------------------------------------------------------------------------ exponentials and logarithms


@op(np.exp)
def exp(x: Array) -> Rule:
    """out = eˣ        ∂L/∂x = g · eˣ"""
    out = ufuncs.exp(x)
    return out, (lambda g: g * out,)


@op(np.exp2)
def exp2(x: Array) -> Rule:
    """out = 2ˣ        ∂L/∂x = g · 2ˣ · log 2"""
    out = ufuncs.exp2(x)
    return out, (lambda g: g * out * math.log(2),)


@op(np.expm1)
def expm1(x: Array) -> Rule:
    """out = eˣ - 1        ∂L/∂x = g · eˣ"""
    return ufuncs.expm1(x), (lambda g: g * ufuncs.exp(x),)


@op(np.log)
def log(x: Array) -> Rule:
    """out = log x        ∂L/∂x = g / x"""
    return ufuncs.log(x), (lambda g: g / x,)


@op(np.log2)
def log2(x: Array) -> Rule:
    """out = log₂ x        ∂L/∂x = g / (x · log 2)"""
    return ufuncs.log2(x), (lambda g: g / (x * math.log(2)),)


@op(np.log10)
def log10(x: Array) -> Rule:
    """out = log₁₀ x        ∂L/∂x = g / (x · log 10)"""
    return ufuncs.log10(x), (lambda g: g / (x * math.log(10)),)


@op(np.log1p)
def log1p(x: Array) -> Rule:
    """out = log(1 + x)        ∂L/∂x = g / (1 + x)"""
    return ufuncs.log1p(x), (lambda g: g / (1 + x),)


@array_code
def logaddexp_gradient(g: Array, x: Array, y: Array) -> Array:
    return g * share(x, y, np.exp)


@array_code
def logaddexp2_gradient(g: Array, x: Array, y: Array) -> Array:
    return g * share(x, y, np.exp2)


def share(x: Array, y: Array, exp: Callable[[Array], Array]) -> Array:
    """eˣ / (eˣ + eʸ), 0 where both are -∞. (eˣ⁻ᵒᵘᵗ would be 1 at x = y = 1e17, where out is x.)"""
    with np.errstate(invalid="ignore"):
        d = np.where((x == y) & np.isinf(x), 0, y - x)
    e = exp(np.where(d > 0, -d, d))  # of what is not positive, so that no derivative overflows
    return np.where((x == -np.inf) & (y == -np.inf), 0, np.where(d > 0, e, 1) / (1 + e))


@op(np.logaddexp)
def logaddexp(x: Array, y: Array) -> Rule:
    """out = log(eˣ + eʸ)        ∂L/∂x = g / (1 + eʸ⁻ˣ)        ∂L/∂y = g / (1 + eˣ⁻ʸ)

    Neither overflows. Where both are -∞ so is the output, and both gradients are 0.
    """
    out = ufuncs.logaddexp(x, y)
    return out, (lambda g: logaddexp_gradient(g, x, y), lambda g: logaddexp_gradient(g, y, x))


@op(np.logaddexp2)
def logaddexp2(x: Array, y: Array) -> Rule:
    """out = log₂(2ˣ + 2ʸ)        ∂L/∂x = g / (1 + 2ʸ⁻ˣ)        ∂L/∂y = g / (1 + 2ˣ⁻ʸ)

    Neither overflows. Where both are -∞ so is the output, and both gradients are 0.
    """
    out = ufuncs.logaddexp2(x, y)
    return out, (lambda g: logaddexp2_gradient(g, x, y), lambda g: logaddexp2_gradient(g, y, x))


# ---------------------------------------------------------------------------------- trigonometry, and the hyperbolic


@op(np.sin)
def sin(x: Array) -> Rule:
    """out = sin x        ∂L/∂x = g · cos x"""
    return ufuncs.sin(x), (lambda g: g * ufuncs.cos(x),)


@op(np.cos)
def cos(x: Array) -> Rule:
    """out = cos x        ∂L/∂x = -g · sin x"""
    return ufuncs.cos(x), (lambda g: -g * ufuncs.sin(x),)


@op(np.tan)
def tan(x: Array) -> Rule:
    """out = tan x        ∂L/∂x = g · (1 + tan² x)"""
    out = ufuncs.tan(x)
    return out, (lambda g: g * (1 + out * out),)


@op(np.arcsin)
def arcsin(x: Array) -> Rule:
    """out = arcsin x        ∂L/∂x = g / √(1 - x²)"""
    return ufuncs.arcsin(x), (lambda g: g / ufuncs.sqrt((1 - x) * (1 + x)),)


@op(np.arccos)
def arccos(x: Array) -> Rule:
    """out = arccos x        ∂L/∂x = -g / √(1 - x²)"""
    return ufuncs.arccos(x), (lambda g: -g / ufuncs.sqrt((1 - x) * (1 + x)),)


@op(np.arctan)
def arctan(x: Array) -> Rule:
    """out = arctan x        ∂L/∂x = g / (1 + x²)"""
    return ufuncs.arctan(x), (lambda g: g / (1 + x * x),)


def unit(x: Array, length: Array) -> Array:
    """x / length, and 0 where the length is 0."""
    return x / np.where(length == 0, 1, length)


@op(np.hypot)
def hypot(x: Array, y: Array) -> Rule:
    """out = √(x² + y²)        ∂L/∂x = g · x / out        ∂L/∂y = g · y / out

    The gradient at (0, 0) is 0.
    """
    out = np.hypot(x, y)
    return out, (lambda g: g * unit(x, out), lambda g: g * unit(y, out))


@op(np.arctan2)
def arctan2(y: Array, x: Array) -> Rule:
    """out = 2 · arctan(y / (x + √(x² + y²)))        ∂L/∂y = g · x / (x² + y²)        ∂L/∂x = -g · y / (x² + y²)

    The angle of the point (x, y), in [-π, π]. The gradient at (0, 0) is 0.
    """

    def turn(side: Array) -> Array:
        r = np.hypot(x, y)
        return unit(unit(side, r), r)

    return np.arctan2(y, x), (lambda g: g * turn(x), lambda g: -g * turn(y))


@op(np.sinc, linear=False)
def sinc(x: Array) -> Rule:
    """out = sin πx / πx        ∂L/∂x = g · (cos πx - out) / x

    Below ½ by the derivative of its power series, in which nothing cancels: right at 0, to any order.
    """
    out = np.sinc(x)

    def slope() -> Array:
        near = np.absolute(x) < 0.5
        far = np.where(near, 1, x)
        small = np.where(near, x, 0)
        series = reduce(lambda total, c: total * (small * small) + c, SINC_SLOPE)
        return np.where(near, series * small, (ufuncs.cos(math.pi * far) - np.where(near, 1, out)) / far)

    return out, (lambda g: g * slope(),)


# d/dx sinc x = Σ cₖ x²ᵏ⁻¹ with cₖ = (-1)ᵏ π²ᵏ 2k / (2k + 1)!, the last first
SINC_SLOPE = [(-1) ** k * math.pi ** (2 * k) * 2 * k / math.factorial(2 * k + 1) for k in range(13, 0, -1)]


@op(np.sinh)
def sinh(x: Array) -> Rule:
    """out = sinh x        ∂L/∂x = g · cosh x"""
    return ufuncs.sinh(x), (lambda g: g * ufuncs.cosh(x),)


@op(np.cosh)
def cosh(x: Array) -> Rule:
    """out = cosh x        ∂L/∂x = g · sinh x"""
    return ufuncs.cosh(x), (lambda g: g * ufuncs.sinh(x),)


@op(np.tanh)
def tanh(x: Array) -> Rule:
    """out = tanh x        ∂L/∂x = g · (1 - tanh² x)"""
    out = ufuncs.tanh(x)
    return out, (lambda g: g * (1 - out * out),)


@op(np.arcsinh)
def arcsinh(x: Array) -> Rule:
    """out = arsinh x        ∂L/∂x = g / √(x² + 1)"""
    return ufuncs.arcsinh(x), (lambda g: g / np.hypot(x, 1),)


@op(np.arccosh)
def arccosh(x: Array) -> Rule:
    """out = arcosh x        ∂L/∂x = g / √(x² - 1)"""
    return ufuncs.arccosh(x), (lambda g: g / ufuncs.sqrt((x - 1) * (x + 1)),)


@op(np.arctanh)
def arctanh(x: Array) -> Rule:
    """out = artanh x        ∂L/∂x = g / (1 - x²)"""
    return ufuncs.arctanh(x), (lambda g: g / ((1 - x) * (1 + x)),)


@op(np.deg2rad, np.radians, linear=True)
def deg2rad(x: Array) -> Rule:
    """out = x · π / 180        ∂L/∂x = g · π / 180"""
    return np.deg2rad(x), (lambda g: g * (math.pi / 180),)


@op(np.rad2deg, np.degrees, linear=True)
def rad2deg(x: Array) -> Rule:
    """out = x · 180 / π        ∂L/∂x = g · 180 / π"""
    return np.rad2deg(x), (lambda g: g * (180 / math.pi),)


# ------------------------------------------------------------------------------------------------------- choices


@array_code
def won(g: Array, more: Array, tied: Array) -> Array:
    """g where there is more, ½ · g on a tie, else 0."""
    return np.where(more, g, np.where(tied, g / 2, 0))


@op(np.maximum)
def maximum(x: Array, y: Array) -> Rule:
    """out = max(x, y)
    ∂L/∂x = g where x > y, ½ · g where x = y        ∂L/∂y = g where y > x, ½ · g where x = y
    """
    return np.maximum(x, y), (lambda g: won(g, x > y, x == y), lambda g: won(g, y > x, x == y))


@op(np.minimum)
def minimum(x: Array, y: Array) -> Rule:
    """out = min(x, y)
    ∂L/∂x = g where x < y, ½ · g where x = y        ∂L/∂y = g where y < x, ½ · g where x = y
    """
    return np.minimum(x, y), (lambda g: won(g, x < y, x == y), lambda g: won(g, y < x, x == y))


@op(np.fmax)
def fmax(x: Array, y: Array) -> Rule:
    """out = x where y is NaN, y where x is NaN, else max(x, y)
    ∂L/∂x = g where x > y or y is NaN, ½ · g where x = y        ∂L/∂y = g where y > x or x is NaN, ½ · g where x = y
    """
    return np.fmax(x, y), (
        lambda g: won(g, (x > y) | np.isnan(y), x == y),
        lambda g: won(g, (y > x) | np.isnan(x), x == y),
    )


@op(np.fmin)
def fmin(x: Array, y: Array) -> Rule:
    """out = x where y is NaN, y where x is NaN, else min(x, y)
    ∂L/∂x = g where x < y or y is NaN, ½ · g where x = y        ∂L/∂y = g where y < x or x is NaN, ½ · g where x = y
    """
    return np.fmin(x, y), (
        lambda g: won(g, (x < y) | np.isnan(y), x == y),
        lambda g: won(g, (y < x) | np.isnan(x), x == y),
    )


@op
def clip(x: Array, low: Array, high: Array) -> Rule:
    """out = min(max(x, low), high)        ∂L/∂x = g where low ≤ x ≤ high
    ∂L/∂low = g where x < low ≤ high        ∂L/∂high = g where x > high or low > high

    A bound may be None. Where low > high the output is high, as NumPy has it.
    """
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    return np.clip(x, low, high), (
        lambda g: keep(g, (least <= x) & (x <= most)),
        lambda g: keep(g, (x < least) & (least <= most)),
        lambda g: keep(g, (x > most) | (least > most)),
    )


@op
def where(condition: Array, x: Array, y: Array) -> Rule:
    """out = x where condition, else y        ∂L/∂x = g where condition        ∂L/∂y = 0 where condition, else g"""
    chosen = ufuncs.where(condition, x, y)
    return chosen, (None, lambda g: keep(g, condition), lambda g: keep(g, np.logical_not(condition)))


@forward
def nan_to_num_forward(x: Array, nan: float, posinf: Any, neginf: Any) -> Array:
    if not lazy(x):
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    ends = np.finfo(x.dtype)
    least, most = ends.min if neginf is None else neginf, ends.max if posinf is None else posinf
    return np.where(np.isnan(x), nan, np.where(np.isfinite(x), x, np.where(x > 0, most, least))).astype(x.dtype)


@op(np.nan_to_num, linear=False)
def nan_to_num(x: Array, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Rule:
    """out = x where x is finite, nan where x is NaN, posinf where x > 0, else neginf
    ∂L/∂x = g where x is finite
    """
    return nan_to_num_forward(x, nan, posinf, neginf), (lambda g: keep(g, np.isfinite(x)),)


# ---------------------------------------------------------------------------------------------- steps and remainders


@op(np.sign, linear=True)
def sign(x: Array) -> Rule:
    """out = [x > 0] - [x < 0]        ∂L/∂x = 0"""
    return np.sign(x), (zero,)


@op(np.floor, linear=True)
def floor(x: Array) -> Rule:
    """out = ⌊x⌋        ∂L/∂x = 0"""
    return np.floor(x), (zero,)


@op(np.ceil, linear=True)
def ceil(x: Array) -> Rule:
    """out = ⌈x⌉        ∂L/∂x = 0"""
    return np.ceil(x), (zero,)


@op(np.trunc, np.fix, linear=True)
def trunc(x: Array) -> Rule:
    """out = sign x · ⌊|x|⌋        ∂L/∂x = 0"""
    return np.trunc(x), (zero,)


@op(np.round, np.around, linear=True)
def round(x: Array, decimals: int = 0) -> Rule:
    """out = round(x · 10^decimals) / 10^decimals        ∂L/∂x = 0"""
    return np.round(x, decimals), (zero,)


@op(np.floor_divide, linear=True)
def floor_divide(x: Array, y: Array) -> Rule:
    """out = ⌊x / y⌋        ∂L/∂x = 0        ∂L/∂y = 0"""
    return x // y, (zero, zero)


@op(np.remainder)
def remainder(x: Array, y: Array) -> Rule:
    """out = x - y · ⌊x / y⌋        ∂L/∂x = g        ∂L/∂y = -g · ⌊x / y⌋"""
    return x % y, (same, lambda g: -g * (x // y))


@op(np.fmod)
def fmod(x: Array, y: Array) -> Rule:
    """out = x - y · trunc(x / y)        ∂L/∂x = g        ∂L/∂y = -g · trunc(x / y)"""
    return np.fmod(x, y), (same, lambda g: -g * np.trunc(x / y))


@op(np.heaviside)
def heaviside(x: Array, h: Array) -> Rule:
    """out = 0 where x < 0, h where x = 0, 1 where x > 0        ∂L/∂x = 0        ∂L/∂h = g where x = 0"""
    return np.heaviside(x, h), (zero, lambda g: keep(g, x == 0))


@op(np.copysign)
def copysign(x: Array, y: Array) -> Rule:
    """out = |x| · s        ∂L/∂x = g · sign x · s        ∂L/∂y = 0        s = -1 where y < 0, else 1

    A y of -0 counts as negative.
    """
    return np.copysign(x, y), (lambda g: g * np.sign(x) * np.copysign(1, y), zero)


# --------------------------------------------------------------------------------------------------- compositions


@implements(np.clip)
def _clip(
    x: Array, a_min: Array = None, a_max: Array = None, out: None = None, *, min: Array = None, max: Array = None
) -> Any:
    no_out(out)
    if (min is not None and a_min is not None) or (max is not None and a_max is not None):
        raise ValueError("a bound was given twice, as a_min or a_max and as min or max")
    return clip(x, min if a_min is None else a_min, max if a_max is None else a_max)


@implements(np.where)
def _where(condition: Array, *choices: Array) -> Any:
    return where(condition, *choices) if choices else np.nonzero(condition)


@implements(np.fabs)
def fabs(x: Array) -> Any:
    """np.absolute, of integers in floating point."""
    return np.absolute(x * 1.0)


@implements(np.rint)
def rint(x: Array) -> Any:
    """np.round, of integers in floating point."""
    return np.round(x * 1.0)


@implements(np.float_power)
def float_power(x: Array, y: Array) -> Any:
    """np.power in float64 (or wider)."""
    return np.power(x * np.float64(1), y)


@implements(np.polyval)
def polyval(p: Array, x: Array) -> Any:
    """p[0] · xⁿ⁻¹ + … + p[n - 1], by Horner's rule."""
    p = p if isinstance(p, Node) else np.asarray(p)  # its elements have its dtype; Python's integers have none
    return reduce(lambda y, coefficient: y * x + coefficient, p, np.zeros_like(x))


@implements(np.divmod)
def divmod(x: Array, y: Array) -> tuple[Any, Any]:
    return x // y, x % y
