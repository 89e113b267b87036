"""Special functions: the error function, and the logarithm of the gamma function with its derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from ..dispatch import forward
from ..graph import Rule, op
from ..values import Array
from .ufuncs import exp

__all__ = ["digamma", "erf", "erfc", "lgamma", "ndtr", "polygamma"]

ERF: Any = np.frompyfunc(math.erf, 1, 1)
ERFC: Any = np.frompyfunc(math.erfc, 1, 1)


def of_each(function: Callable[..., Any], x: Array) -> Array:
    """function(x) in x's dtype, or in the one that NumPy's own functions give for integers."""
    x = x if hasattr(x, "dtype") else np.asarray(x)
    out, dtype = function(x), np.result_type(x, np.float16)
    return out.astype(dtype) if hasattr(out, "astype") else dtype.type(out)


@forward
def erf_forward(x: Array) -> Array:
    return of_each(ERF, x)


@op
def erf(x: Array) -> Rule:
    """out = 2/√π · ∫₀ˣ e^(-t²) dt        ∂L/∂x = g · 2/√π · e^(-x²)

    To the accuracy of x's dtype; NaN stays NaN, erf(±∞) = ±1.
    """
    return erf_forward(x), (lambda g: g * (2 / math.sqrt(math.pi) * exp(-x * x)),)


@forward
def erfc_forward(x: Array) -> Array:
    return of_each(ERFC, x)


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


def from_scipy(name: str, of: str, *args: Array) -> Array:
    """SciPy's function of that name, imported when it is first called."""
    try:
        special = import_module("scipy.special")
    except ImportError as error:
        raise ImportError(f"{of}: needs SciPy, which is not installed: pip install scipy") from error
    return of_each(lambda x: getattr(special, name)(*args[:-1], x), args[-1])


@forward
def lgamma_forward(x: Array) -> Array:
    return from_scipy("gammaln", "lgamma", x)


@op
def lgamma(x: Array) -> Rule:
    """out = log |Γ(x)|        ∂L/∂x = g · ψ(x)

    Needs SciPy. Infinite at 0, -1, -2, ….

    Raises:
        ImportError: SciPy is not installed.
    """
    return lgamma_forward(x), (lambda g: g * digamma(x),)


@forward
def digamma_forward(x: Array) -> Array:
    return from_scipy("psi", "digamma", x)


@op
def digamma(x: Array) -> Rule:
    """out = ψ(x) = Γ′(x) / Γ(x)        ∂L/∂x = g · ψ₁(x)

    Needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return digamma_forward(x), (lambda g: g * polygamma(1, x),)


@forward
def polygamma_forward(n: int, x: Array) -> Array:
    return from_scipy("polygamma", "polygamma", n, x)


@op
def polygamma(n: int, x: Array) -> Rule:
    """out = ψₙ(x)        ∂L/∂x = g · ψₙ₊₁(x)

    The n-th derivative of ψ₀, the digamma function. Needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return polygamma_forward(n, x), (None, lambda g: g * polygamma(n + 1, x))
