"""Special functions: the error function, and the logarithm of the gamma function with its derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module

import numpy as np

from ..graph import Rule, op
from ..kernels import erf as kernels
from ..kernels.elementwise import exp
from ..kernels.kernel import kernel
from ..values import Array

__all__ = ["digamma", "erf", "erfc", "lgamma", "ndtr", "polygamma"]


@op
def erf(x: Array) -> Rule:
    """out = 2/√π · ∫₀ˣ e^(-t²) dt        ∂L/∂x = g · 2/√π · e^(-x²)

    To the accuracy of x's dtype; NaN stays NaN, erf(±∞) = ±1.
    """
    return kernels.erf(x), (lambda g: g * (2 / math.sqrt(math.pi) * exp(-x * x)),)


@op
def erfc(x: Array) -> Rule:
    """out = 1 - erf x        ∂L/∂x = -g · 2/√π · e^(-x²)

    Accurate where erf x is so close to 1 that the subtraction would leave nothing.
    """
    return kernels.erfc(x), (lambda g: g * (-2 / math.sqrt(math.pi) * exp(-x * x)),)


@op
def ndtr(x: Array) -> Rule:
    """out = Φ(x) = ½ · (1 + erf(x / √2))        ∂L/∂x = g · e^(-½x²) / √(2π)

    The distribution function of the standard normal; in float64 accurate in its lower tail too.
    """
    return kernels.ndtr(x), (lambda g: g * (exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))),)


def _scipy(name: str, of: str) -> Callable[..., Array]:
    """SciPy's function of that name, imported when it is first called."""

    def function(*args: Array) -> Array:
        try:
            special = import_module("scipy.special")
        except ImportError as error:
            raise ImportError(f"{of}: needs SciPy, which is not installed: pip install scipy") from error
        return getattr(special, name)(*args).astype(np.result_type(args[-1], np.float16))

    return kernel(function)(function)


_gammaln, _psi, _polygamma = _scipy("gammaln", "lgamma"), _scipy("psi", "digamma"), _scipy("polygamma", "polygamma")


@op
def lgamma(x: Array) -> Rule:
    """out = log |Γ(x)|        ∂L/∂x = g · ψ(x)

    Needs SciPy. Infinite at 0, -1, -2, ….

    Raises:
        ImportError: SciPy is not installed.
    """
    return _gammaln(x), (lambda g: g * digamma(x),)


@op
def digamma(x: Array) -> Rule:
    """out = ψ(x) = Γ′(x) / Γ(x)        ∂L/∂x = g · ψ₁(x)

    Needs SciPy.

    Raises:
        ImportError: SciPy is not installed.
    """
    return _psi(x), (lambda g: g * polygamma(1, x),)


@op
def polygamma(n: int, x: Array) -> Rule:
    """out = ψₙ(x)        ∂L/∂x = g · ψₙ₊₁(x)

    Needs SciPy. ψ₀ is digamma.

    Raises:
        ImportError: SciPy is not installed.
    """
    return _polygamma(n, x), (None, lambda g: g * polygamma(n + 1, x))
