"""Special functions, and those that lose digits when written as their formula, against mpmath's 60 digits.

Values and gradients at points from 1e-30 to where the function ends, in float64 and float32: each within 4 eps of
the exact number, or as many as the list says, or within the smallest normal number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

mp = pytest.importorskip("mpmath")
mp.mp.dps = 60

Function = Callable[..., Any]

NEAR = [1e-30, 1e-12, 1e-8, 3e-4, 0.01, 0.1, 0.25, 0.5, 0.9, 0.999]
FAR = [1.0, 1.0001, 1.46, 1.9999, 2.0, 2.5, 3.0, 5.0, 8.0, 12.0, 15.5, 20.0, 30.0]
LARGE = [40.0, 80.0, 300.0, 1e3, 1e5]
BOTH = [*(-x for x in reversed(NEAR + FAR + LARGE)), *NEAR, *FAR, *LARGE]
POSITIVE = [*NEAR, *FAR, *LARGE]
UNIT = [*(-x for x in reversed(NEAR)), *NEAR]


# They saturate: the gradient 1 - out² has the digits of a number near 1, as PyTorch's has.
SATURATING = {"tanh", "sigmoid", "tanhshrink", "log_softmax", "cross_entropy", "silu", "mish", "gelu", "logsigmoid"}
# x / √2 is rounded, and e^(-x²/2) makes that larger by x².
ROUNDED = {"ndtr", "gelu", "log_ndtr"}


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


def log_ndtr(x: Any) -> Any:
    return mp.log1p(-mp.ncdf(-x)) if x > 0 else mp.log(mp.ncdf(x))


# name -> (ours, mpmath's, the points, how many eps the value and the gradient may be off)
ONE: dict[str, tuple[Function, Function, list[float], int, int]] = {
    "erf": (tg.erf, mp.erf, BOTH, 4, 4),
    "erfc": (tg.erfc, mp.erfc, BOTH, 4, 4),
    "ndtr": (tg.ndtr, mp.ncdf, BOTH, 4, 4),
    "lgamma": (tg.lgamma, mp.loggamma, POSITIVE, 4, 8),
    "digamma": (tg.digamma, mp.digamma, POSITIVE[:11] + POSITIVE[13:], 8, 8),
    "polygamma 1": (lambda x: tg.polygamma(1, x), lambda x: mp.polygamma(1, x), POSITIVE[2:], 8, 8),
    "polygamma 2": (lambda x: tg.polygamma(2, x), lambda x: mp.polygamma(2, x), POSITIVE[3:], 8, 8),
    "erfcx": (tg.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [x for x in BOTH if -12 < x < 8], 4, 64),
    "erfinv": (tg.erfinv, mp.erfinv, UNIT, 4, 16),
    "log_ndtr": (tg.log_ndtr, log_ndtr, BOTH, 8, 8),
    "logit": (tg.logit, lambda x: mp.log(x / (1 - x)), [x for x in NEAR if x != 0.5], 4, 4),
    "entr": (tg.entr, lambda x: -x * mp.log(x), [x for x in POSITIVE if abs(x - 1) > 0.01], 4, 8),
    "i0": (tg.i0, lambda x: mp.besseli(0, x), [x for x in BOTH if abs(x) < 600], 8, 8),
    "i0e": (tg.i0e, lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), [x for x in BOTH if abs(x) < 20], 8, 64),
    "i1": (tg.i1, lambda x: mp.besseli(1, x), [x for x in BOTH if abs(x) < 600], 8, 8),
    "expm1": (np.expm1, mp.expm1, BOTH, 4, 4),
    "log1p": (np.log1p, mp.log1p, [x for x in BOTH if x > -1], 4, 4),
    "sinc": (np.sinc, mp.sincpi, [*(x for x in UNIT if abs(x) < 0.6), 1.5, 2.5, 7.25], 4, 32),
    "tanh": (np.tanh, mp.tanh, BOTH, 4, 8),
    "arctanh": (np.arctanh, mp.atanh, UNIT, 4, 4),
    "arcsinh": (np.arcsinh, mp.asinh, BOTH, 4, 4),
    "arccosh": (np.arccosh, mp.acosh, [1.0001, 1.46, 2.0, 30.0, 1e5], 4, 4),
    "arcsin": (np.arcsin, mp.asin, UNIT, 4, 4),
    "arccos": (np.arccos, mp.acos, UNIT, 4, 4),
    "cbrt": (np.cbrt, mp.cbrt, POSITIVE, 4, 4),
    "sigmoid": (tg.sigmoid, sigmoid, BOTH, 4, 4),
    "logsigmoid": (tg.logsigmoid, lambda x: -softplus(-x), BOTH, 4, 4),
    "softplus": (lambda x: tg.softplus(x, threshold=1e9), softplus, BOTH, 4, 4),
    "silu": (tg.silu, lambda x: x * sigmoid(x), BOTH, 4, 32),
    "mish": (tg.mish, lambda x: x * mp.tanh(softplus(x)), BOTH, 4, 32),
    "gelu": (tg.gelu, lambda x: x * mp.ncdf(x), BOTH, 4, 32),
    "elu": (tg.elu, lambda x: x if x > 0 else mp.expm1(x), BOTH, 4, 4),
    "selu": (tg.selu, lambda x: mp.mpf("1.0507009873554804934193349852946") * (
        x if x > 0 else mp.mpf("1.6732632423543772848170429916717") * mp.expm1(x)), BOTH, 4, 4),
    "tanhshrink": (F.tanhshrink, lambda x: x - mp.tanh(x), [x for x in BOTH if abs(x) > 0.2], 16, 16),
    "softsign": (tg.softsign, lambda x: x / (1 + abs(x)), BOTH, 4, 4),
}  # fmt: skip

PAIRS = [(0.0, 0.0), (1e-20, 1.0), (3.0, 3.0), (50.0, -50.0), (1e4, 1e4), (1e4, 1e4 - 1), (-1e3, 1e3), (1e17, 1e17)]
TWO: dict[str, tuple[Function, Function, list[tuple[float, float]]]] = {
    "logaddexp": (np.logaddexp, lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))), PAIRS),
    "logaddexp2": (np.logaddexp2, lambda x, y: max(x, y) + mp.log(1 + 2 ** -abs(x - y), 2), PAIRS),
    "logsumexp": (
        lambda x, y: tg.logsumexp(np.stack([x, y]), 0),
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        PAIRS,
    ),
    "logcumsumexp": (
        lambda x, y: tg.logcumsumexp(np.stack([x, y]), 0)[1],
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        PAIRS,
    ),
    "log_softmax": (
        lambda x, y: tg.log_softmax(np.stack([x, y]), 0)[0],
        lambda x, y: -softplus(y - x),
        [(x, y) for x, y in PAIRS if abs(x) < 1e9],
    ),
    "cross_entropy": (
        lambda x, y: tg.cross_entropy(np.stack([x, y]), 0),
        lambda x, y: softplus(y - x),
        [(x, y) for x, y in PAIRS if abs(x) < 1e9],
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, y: tg.binary_cross_entropy_with_logits(x, y, reduction="none"),
        lambda x, y: softplus(x) - x * y,
        [(x, y) for x in (-40.0, -15.0, -1.0, 1e-8, 1.0, 15.0, 40.0, 90.0) for y in (0.0, 1.0)],
    ),
    "hypot": (np.hypot, mp.hypot, [(3.0, 4.0), (1e30, 1e30), (1e-30, 1e-30), (1e8, 1.0)]),
    "norm": (
        lambda x, y: np.linalg.norm(np.stack([x, y])),
        mp.hypot,
        [(3.0, 4.0), (1e8, 1.0), (1e18, 1e18), (1e-18, 1e-18)],
    ),
    "arctan2": (np.arctan2, mp.atan2, [(1.0, 1e-12), (1e-12, 1.0), (1e15, 1e15), (-3.0, -4.0)]),
    "xlogy": (tg.xlogy, lambda x, y: x * mp.log(y), [(0.5, 1e-20), (1e-20, 0.3), (3.0, 1.01), (1e5, 7.0)]),
    "xlog1py": (tg.xlog1py, lambda x, y: x * mp.log1p(y), [(0.5, 1e-20), (1e-20, -0.7), (3.0, 0.01), (1e5, 7.0)]),
    "std": (lambda x, y: np.std(np.stack([x, y])), lambda x, y: abs(x - y) / 2, [(1e6, 1e6 + 1), (1.0, 3.0)]),
    "power": (np.power, mp.power, [(0.5, 30.0), (1.0001, 1e3), (7.0, -3.5), (1e-10, 0.5)]),
}


def derivative(f: Function, x: Any) -> Any:
    """f′(x) to some 30 digits; where it is tiny beside f, as of tanh at 300, with as many more as that takes."""
    for digits in (110, 400):
        with mp.workdps(digits):
            h = abs(x) * mp.mpf(10) ** -15 if x else mp.mpf(10) ** -20
            change = 8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))
            if abs(change) > abs(f(x)) * mp.mpf(10) ** -70:
                break
    return change / (12 * h)


def ulps(found: Any, exact: Any, dtype: Any, scale: float = 0.0) -> float:
    """How many eps of the exact number, or of `scale`, lie between; less than the smallest normal number is nothing."""
    info = np.finfo(dtype)
    if abs(exact) > mp.mpf(float(info.max)):
        return 0.0 if np.isinf(found) else float("inf")
    if not np.isfinite(found):
        return float("inf")
    error = abs(mp.mpf(float(found)) - exact)
    return 0.0 if error < float(info.tiny) else float(error / (max(abs(exact), scale) * mp.mpf(float(info.eps))))


def check(
    name: str, f: Function, exact: Function, point: tuple[float, ...], dtype: Any, most: tuple[float, float]
) -> None:
    leaves = [tg.Tensor(dtype(x), requires_grad=True) for x in point]
    with np.errstate(all="ignore"):
        out = f(*leaves)
        out.backward()
    inputs = [mp.mpf(float(leaf.data)) for leaf in leaves]
    right, scale = exact(*inputs), float(name in SATURATING)
    error = ulps(out.data, right, dtype, scale if len(point) > 1 else 0.0)
    allowed = most[0] + (float(inputs[0]) ** 2 if name in ROUNDED else 0)
    said = f"{name}{point} in {dtype.__name__}: {out.data!r} is {error:.3g} eps from {mp.nstr(right, 20)}"
    assert error <= allowed, said
    for i, leaf in enumerate(leaves):
        slope = derivative(lambda x, i=i: exact(*inputs[:i], x, *inputs[i + 1 :]), inputs[i])
        assert leaf.grad is not None
        error = ulps(leaf.grad.data, slope, dtype, scale)
        said = (
            f"{name}{point} in {dtype.__name__}: ∂/∂{i} {leaf.grad.data!r} is {error:.3g} eps from {mp.nstr(slope, 20)}"
        )
        assert error <= most[1] + allowed - most[0], said


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ONE)
def test_of_one_number(name: str, dtype: Any) -> None:
    f, exact, points, value, gradient = ONE[name]
    for x in points:
        check(name, f, exact, (x,), dtype, (value, gradient))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", TWO)
def test_of_two_numbers(name: str, dtype: Any) -> None:
    f, exact, points = TWO[name]
    for point in points:
        check(name, f, exact, point, dtype, (8, 8))
