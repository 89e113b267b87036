"""Special functions: the error function and its relatives, entropies, the gamma and the Bessel functions.

What SciPy computes here needs SciPy. Its own functions (scipy.special.expit, …), called on a Tensor, find these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from ..dispatch import forward
from ..graph import TABLE, Rule, op
from ..values import Array, as_array, foreign
from .ufuncs import exp, log, log1p, where

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "i0", "i0e", "i1", "i1e", "lgamma", "log_ndtr", "logit",
    "ndtr", "ndtri", "polygamma", "xlog1py", "xlogy",
]  # fmt: skip

ERF: Any = np.frompyfunc(math.erf, 1, 1)
ERFC: Any = np.frompyfunc(math.erfc, 1, 1)


def of_each(function: Callable[..., Any], x: Array) -> Array:
    """function(x) in x's dtype, or in the one that NumPy's own functions give for integers."""
    x = as_array(x)
    out, dtype = function(x), np.result_type(x, np.float16)
    return out.astype(dtype) if hasattr(out, "astype") else dtype.type(out)


@forward
def erf_forward(x: Array) -> Array:
    return from_scipy("erf", "erf", x) if foreign(x) else of_each(ERF, x)


@op
def erf(x: Array) -> Rule:
    """out = 2/√π · ∫₀ˣ e^(-t²) dt        ∂L/∂x = g · 2/√π · e^(-x²)

    To the accuracy of x's dtype; NaN stays NaN, erf(±∞) = ±1.
    """
    return erf_forward(x), (lambda g: g * (2 / math.sqrt(math.pi) * exp(-x * x)),)


@forward
def erfc_forward(x: Array) -> Array:
    return from_scipy("erfc", "erfc", x) if foreign(x) else of_each(ERFC, x)


@op
def erfc(x: Array) -> Rule:
    """out = 1 - erf x        ∂L/∂x = -g · 2/√π · e^(-x²)

    Accurate where erf x is so close to 1 that the subtraction would leave nothing.
    """
    return erfc_forward(x), (lambda g: g * (-2 / math.sqrt(math.pi) * exp(-x * x)),)


@forward
def ndtr_forward(x: Array) -> Array:
    return 0.5 * erfc(x * -math.sqrt(0.5))


@op
def ndtr(x: Array) -> Rule:
    """out = Φ(x) = ½ · (1 + erf(x / √2))        ∂L/∂x = g · e^(-½x²) / √(2π)

    The distribution function of the standard normal, accurate in its lower tail too.
    """
    return ndtr_forward(x), (lambda g: g * (exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))),)


@forward
def from_scipy(name: str, of: str, *args: Array) -> Array:
    """SciPy's function of that name, for our function `of`; imported when it is first called."""
    try:
        special = import_module("scipy.special")
    except ImportError as error:
        raise ImportError(f"{of}: needs SciPy, which is not installed: pip install scipy") from error
    return of_each(lambda x: getattr(special, name)(*args[:-1], x), args[-1])


@op
def erfinv(x: Array) -> Rule:
    """erf(out) = x        ∂L/∂x = g · ½√π · e^(out²)

    Needs SciPy. ±∞ at ±1.

    Raises:
        ImportError: SciPy is not installed.
    """
    y = from_scipy("erfinv", "erfinv", x)
    return y, (lambda g: g * (0.5 * math.sqrt(math.pi) * exp(y * y)),)


@op
def ndtri(x: Array) -> Rule:
    """Φ(out) = x        ∂L/∂x = g · √(2π) · e^(½out²)

    The quantiles of the standard normal. Needs SciPy. ±∞ at 0 and 1.

    Raises:
        ImportError: SciPy is not installed.
    """
    y = from_scipy("ndtri", "ndtri", x)
    return y, (lambda g: g * (math.sqrt(2 * math.pi) * exp(0.5 * y * y)),)


@op
def erfcx(x: Array) -> Rule:
    """out = e^(x²) · (1 - erf(x))        ∂L/∂x = g · (2x · out - 2/√π)

    Needs SciPy. It is nearly 1 / (√π · x) where the two factors are ∞ and 0.

    Raises:
        ImportError: SciPy is not installed.
    """
    y = from_scipy("erfcx", "erfcx", x)
    return y, (lambda g: g * (2 * x * y - 2 / math.sqrt(math.pi)),)


@op
def log_ndtr(x: Array) -> Rule:
    """out = log Φ(x)        ∂L/∂x = g · e^(-½x²) / (√(2π) · Φ(x))

    Needs SciPy. The gradient is √(2/π) / erfcx(-x / √2), right where Φ(x) is 0 to all digits.

    Raises:
        ImportError: SciPy is not installed.
    """
    return from_scipy("log_ndtr", "log_ndtr", x), (lambda g: g * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5))),)


# --------------------------------------------------------------------------------------------------------- entropies


@forward
def logit_forward(x: Array) -> Array:
    """By artanh near ½, where the logarithm of nearly 1 would lose its digits."""
    middle = np.absolute(x - 0.5) < 0.25
    return where(middle, 2 * np.arctanh(where(middle, 2 * x - 1, 0)), log(x / (1 - x)))


@op
def logit(x: Array) -> Rule:
    """out = log(x / (1 - x))        ∂L/∂x = g / (x · (1 - x))"""
    return logit_forward(x), (lambda g: g / (x * (1 - x)),)


@forward
def xlogy_forward(x: Array, y: Array) -> Array:
    nothing = (x == 0) & ~np.isnan(y)
    return where(nothing, 0, x * log(where(nothing, 1, y)))


@op
def xlogy(x: Array, y: Array) -> Rule:
    """out = x · log y where x ≠ 0        ∂L/∂x = g · log y        ∂L/∂y = g · x / y

    0 where x = 0, whatever y is but NaN. Both gradients are 0 at x = y = 0.
    """
    return xlogy_forward(x, y), (
        lambda g: g * log(where((x == 0) & (y == 0), 1, y)),
        lambda g: g * x / where((x == 0) & (y == 0), 1, y),
    )


def xlog1py(x: Array, y: Array) -> Array:
    """x · log(1 + y), and 0 where x = 0."""
    nothing = (x == 0) & ~np.isnan(y)
    return where(nothing, 0, x * log1p(where(nothing, 0, y)))


@forward
def entr_forward(x: Array) -> Array:
    return where(x < 0, -np.inf, -xlogy(x, where(x < 0, 1, x)))


@op
def entr(x: Array) -> Rule:
    """out = -x · log x where x > 0        ∂L/∂x = g · (-log x - 1)

    The entropy of a probability: 0 at 0, and -∞ below.
    """
    return entr_forward(x), (lambda g: g * (-log(x) - 1),)


# ------------------------------------------------------------------------------------------------------------- gamma


# log Γ(2 + d) = (1 - γ) · d + Σ (-1)ᵏ (ζ(k) - 1) / k · dᵏ, from k = 2 on
EULER = 0.42278433509846714  # 1 - γ
ZETA = (
    0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
    -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05,
    -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06, 4.374866789907488e-06,
    -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554665e-07,
    -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
)  # fmt: skip


def lgamma_near_2(d: Array) -> Array:
    """log Γ(2 + d) for |d| < ⅓, with all its digits: it is 0 at 2."""
    total: Array = 0.0
    for c in ZETA[::-1]:
        total = (total + c) * d
    return d * (EULER + total)


@forward
def lgamma_forward(x: Array) -> Array:
    y = from_scipy("gammaln", "lgamma", x)
    one, two = np.absolute(x - 1) < 0.3, np.absolute(x - 2) < 0.3
    d = where(one, x - 1, where(two, x - 2, 0))
    near = lgamma_near_2(d)
    return where(one, near - log1p(d), where(two, near, y)).astype(y.dtype)


@op
def lgamma(x: Array) -> Rule:
    """out = log |Γ(x)|        ∂L/∂x = g · ψ(x)

    Needs SciPy. Infinite at 0, -1, -2, ….

    Raises:
        ImportError: SciPy is not installed.
    """
    return lgamma_forward(x), (lambda g: g * digamma(x),)


@op
def digamma(x: Array) -> Rule:
    """out = ψ(x) = Γ′(x) / Γ(x)        ∂L/∂x = g · ψ₁(x)

    Needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return from_scipy("psi", "digamma", x), (lambda g: g * polygamma(1, x),)


@forward
def polygamma_forward(n: int, x: Array) -> Array:
    """By ψₙ(x) = (-1)ⁿ⁺¹ · n! · ζ(n + 1, x) for another library's arrays: SciPy's polygamma takes NumPy's alone."""
    if not foreign(x):
        return from_scipy("polygamma", "polygamma", n, x)
    if not n:
        return from_scipy("psi", "polygamma", x)
    return from_scipy("zeta", "polygamma", n + 1, x) * ((-1.0) ** (n + 1) * math.gamma(n + 1))


@op
def polygamma(n: int, x: Array) -> Rule:
    """out = ψₙ(x)        ∂L/∂x = g · ψₙ₊₁(x)

    The n-th derivative of ψ₀, the digamma function. Needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return polygamma_forward(n, x), (None, lambda g: g * polygamma(n + 1, x))


# ------------------------------------------------------------------------------------------------------------ Bessel


@op
def bessel_i(n: int, x: Array) -> Rule:
    """out = Iₙ(x), the modified Bessel function        ∂L/∂x = ½ · g · (Iₙ₋₁(x) + Iₙ₊₁(x))

    Needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return from_scipy("iv", "i1", n, x), (None, lambda g: g * (0.5 * (bessel_i(n - 1, x) + bessel_i(n + 1, x))))


@op
def bessel_ie(n: int, x: Array) -> Rule:
    """out = e^(-|x|) · Iₙ(x)        ∂L/∂x = g · (½ · e^(-|x|) · (Iₙ₋₁(x) + Iₙ₊₁(x)) - sign x · out)

    Needs SciPy. The derivative at 0 is that of Iₙ.

    Raises:
        ImportError: SciPy is not installed.
    """

    def slope() -> Array:
        return 0.5 * (bessel_ie(n - 1, x) + bessel_ie(n + 1, x)) - np.sign(x) * bessel_ie(n, x)

    return from_scipy("ive", "i0e", n, x), (None, lambda g: g * slope())


@op(np.i0, linear=False)
def i0(x: Array) -> Rule:
    """out = I₀(x), the modified Bessel function        ∂L/∂x = g · I₁(x)

    Its gradient needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return np.i0(x), (lambda g: g * bessel_i(1, x),)


def i1(x: Array) -> Array:
    """I₁(x), the modified Bessel function. Needs SciPy."""
    return bessel_i(1, x)


def i0e(x: Array) -> Array:
    """e^(-|x|) · I₀(x). Needs SciPy."""
    return bessel_ie(0, x)


def i1e(x: Array) -> Array:
    """e^(-|x|) · I₁(x). Needs SciPy."""
    return bessel_ie(1, x)


# What SciPy's functions do for a Tensor. They are known by name, so that SciPy is not imported for it.
SCIPY: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (entr, erf, erfc, erfcx, erfinv, i0, i0e, i1, i1e, log_ndtr, logit, ndtr, ndtri)},
    **{f.__name__: f for f in (xlog1py, xlogy)},
    **{name: getattr(np, name) for name in ("cbrt", "exp2", "expm1", "log1p")},
    "gammaln": lgamma, "psi": digamma,
}  # fmt: skip
TABLE.update({f"scipy.special.{name}": function for name, function in SCIPY.items()})
