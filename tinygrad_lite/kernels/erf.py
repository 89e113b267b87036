"""The error function, its complement and Φ, to the accuracy of their dtype, vectorised.

Ours rather than SciPy's: no dependency, the same numbers everywhere, and more of them right. Against 60 digits
the relative error of erfc is below 6e-16 all the way to 27, where SciPy 1.17 loses two digits. The coefficients for
float64 are those of Chebyshev interpolants, computed with 60 digits; those for float32 are fitted to the least largest
error, relative for erf and absolute for Φ (Lawson's iteration: least squares, weighted anew by the error).
"""

from __future__ import annotations

import numpy as np

from ..ops import special as rules
from ..values import Array
from .blocks import in_blocks

# erf x = x · NEAR(x²) for |x| ≤ 1
NEAR = (
    1.1283791670955126, -0.37612638903183754, 0.1128379167095512, -0.026866170645129854, 0.005223977625423455,
    -0.0008548327021945428, 0.00012055332903350668, -1.4925647581008593e-05, 1.6462045711013026e-06,
    -1.6364645854816389e-07, 1.479243542696247e-08, -1.2164764337224506e-09, 8.709755232851789e-11,
    -4.2320376764874594e-12,
)  # fmt: skip
# erfc x = e^(-x²) / (1 + 2x) · TAIL((x - 3) / (x + 3)) for x ≥ 0
TAIL = (
    1.2530080582697296, -0.1356211061245812, -0.0475622943534492, 0.12964515870276475, -0.11927366341538638,
    0.06830802734384515, -0.02377051491717134, 0.0025293918180474668, 0.0018886903449991718, -0.0007798322884823084,
    -0.00010515971958448065, 0.0001250994355712812, 4.949196649968345e-06, -2.0100843094844725e-05,
    -7.308281468783614e-07, 3.473024167841533e-06, 3.5576086684080595e-07, -6.175617678992323e-07,
    -1.4047654315428462e-07, 1.0277997488271058e-07, 4.1064013667940355e-08, -1.3906145791730994e-08,
    -8.217595058711455e-09, 1.2019719440135793e-09, 8.393734858690877e-10, -3.451497487664328e-11,
)  # fmt: skip
# erf x = tanh(x · NUMERATOR(x²) / DENOMINATOR(x²)) to 3e-9, for float32; it is 1 there from |x| = 4 on
NUMERATOR = (1.1283791708455793, 0.27980733811784897, 0.0426468343733483, 0.0021783103261817103)
DENOMINATOR = (1.0, 0.15689302916109008, 0.023690131613834375, 0.00032493051746173196)
# Φ x = (1 + tanh(x · f)) / 2 to 6e-8, for float32, with f = w + a₀ + b₁ / (w + a₁ + b₂ / (w + a₂)) and w = SCALE · x²:
# ten passes before the tanh where the ratio above takes 17, and nothing to clip, for f grows with x
SCALE = 0.01813799958095125
FRACTION = ((0.45481760270050753, -0.42791188071670433), (-0.04837234743605751, 1.1833153268499916))  # (b, a)
INNERMOST = 0.8218395058324038


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Σ cᵢ · xⁱ by Horner's rule, in place."""
    y = np.multiply(x, coefficients[-1])
    for c in coefficients[-2:0:-1]:
        y += c
        y *= x
    y += coefficients[0]
    return y


def tail(x: Array) -> Array:
    """erfc of x ≥ 0 in float64."""
    x = np.minimum(x, 30.0)  # where erfc has long been 0
    near = x.astype(np.float32).astype(np.float64)  # near² is exact, so that the error of x² is not blown up by exp
    e = np.exp(-near * near) * np.exp((near - x) * (near + x))
    return e * polynomial(TAIL, (x - 3) / (x + 3)) / (1 + 2 * x)


def _single(x: Array) -> bool:
    return bool(x.dtype == np.float32)


@in_blocks(rules.erf_forward, work=30)
def erf(y: Array, x: Array) -> None:
    far = np.absolute(x) > 1
    y[~far] = x[~far] * polynomial(NEAR, np.square(x[~far]))
    y[far] = np.copysign(1 - tail(np.absolute(x[far])), x[far])


@in_blocks(rules.erf_forward, work=3, when=_single)
def erf32(y: Array, x: Array) -> None:
    x.clip(-5, 5, out=y)
    u = y * y
    y *= polynomial(NUMERATOR, u)
    y /= polynomial(DENOMINATOR, u)
    np.tanh(y, out=y)


@in_blocks(rules.erfc_forward, work=30)
def erfc(y: Array, x: Array) -> None:
    y[...] = tail(np.absolute(x, dtype=np.float64))
    np.subtract(2, y, out=y, where=x < 0)


@in_blocks(rules.ndtr_forward, work=3, when=_single)
def ndtr(y: Array, x: Array) -> None:
    with np.errstate(over="ignore"):  # of x², where the result is 0 or 1
        w = x * x
        w *= SCALE
        np.add(w, INNERMOST, out=y)
        for b, a in FRACTION:
            np.divide(b, y, out=y)
            y += w
            y += a
        y *= x
    np.tanh(y, out=y)
    y += 1
    y *= 0.5
