from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.ops.elementwise import clip, where

from . import Case, rand

Function = Callable[..., Any]


def one(f: Function, low: float = -1.0, high: float = 1.0) -> list[Case]:
    """The shapes that every function of one element at a time has to manage."""
    return [
        Case(f, [rand(2, 3, low=low, high=high)], "matrix"),
        Case(f, [rand(low=low, high=high)], "0-d"),
        Case(f, [rand(0, 3)], "size 0"),
        Case(f, [np.asfortranarray(rand(3, 2, low=low, high=high))], "Fortran order"),
        Case(f, [rand(4, 6, low=low, high=high)[::-1, ::2]], "strided"),
    ]


def two(f: Function, low: float = -1.0, high: float = 1.0, low2: float | None = None) -> list[Case]:
    """The pairs of shapes that every function of two elements at a time has to manage. No ties."""
    low2 = low if low2 is None else low2

    def pair(label: str, a: tuple[int, ...], b: tuple[int, ...]) -> Case:
        return Case(f, [rand(*a, low=low, high=high), rand(*b, seed=1, low=low2, high=high)], label)

    x = rand(2, 3, low=max(low, low2), high=high)
    return [
        pair("equal shapes", (2, 3), (2, 3)),
        pair("0-d", (), ()),
        pair("y broadcasts", (2, 3), (3,)),
        pair("x broadcasts", (1,), (4, 1, 3)),
        pair("both broadcast", (2, 1), (1, 3)),
        pair("0-d and matrix", (), (2, 3)),
        pair("size 0", (0, 3), (3,)),
        pair("size 0 by broadcasting", (1, 3), (0, 3)),
        Case(lambda x: f(x, 0.7), [x], "a number"),
        Case(lambda y: f(0.7, y), [x], "of a number"),
    ]


MASK = np.array([[True, False, True], [False, False, True]])

CASES = {
    "add": two(np.add),
    "subtract": two(np.subtract),
    "multiply": [*two(np.multiply), Case(lambda x: x * x, [rand(2, 3)], "x · x")],
    "divide": two(np.divide, low=0.5, high=2),
    "negative": one(np.negative),
    "positive": one(np.positive),
    "power": [
        *two(np.power, low=0.5, high=2),
        *[
            Case(lambda x, n=n: x**n, [np.array([-1.5, -0.5, 0.5, 2.0])], f"negative base, exponent {n}")
            for n in (-2, -1, 0, 1, 2, 3)
        ],
        *[Case(lambda x, n=n: x**n, [np.array([0.0, 1.0])], f"base 0, exponent {n}") for n in (0, 1, 2, 3, 4.0)],
        Case(
            lambda x: x ** np.arange(4, dtype=x.dtype),
            [np.array([0.0, 0.0, 0.0, 0.0])],
            "base 0, exponents in an array",
        ),
    ],
    "square": one(np.square),
    "reciprocal": one(np.reciprocal, low=0.5, high=2),
    "sqrt": one(np.sqrt, low=0.5, high=2),
    "cbrt": [*one(np.cbrt, low=0.5, high=2), Case(np.cbrt, [rand(3, low=-2, high=-0.5)], "negative")],
    "absolute": one(np.absolute),
    "exp": one(np.exp),
    "exp2": one(np.exp2),
    "expm1": one(np.expm1),
    "log": one(np.log, low=0.5, high=2),
    "log2": one(np.log2, low=0.5, high=2),
    "log10": one(np.log10, low=0.5, high=2),
    "log1p": one(np.log1p, low=-0.5),
    "logaddexp": two(np.logaddexp),
    "logaddexp2": two(np.logaddexp2),
    "sin": one(np.sin),
    "cos": one(np.cos),
    "tan": one(np.tan),
    "arcsin": one(np.arcsin, low=-0.9, high=0.9),
    "arccos": one(np.arccos, low=-0.9, high=0.9),
    "arctan": one(np.arctan),
    "hypot": two(np.hypot),
    "arctan2": two(np.arctan2),
    "sinc": [
        *one(np.sinc),
        Case(np.sinc, [np.array([0.0, 1e-9, 1e-4, 0.499, 0.501, 1.0, 2.0, -3.3])], "at 0 and around"),
    ],
    "sinh": one(np.sinh),
    "cosh": one(np.cosh),
    "tanh": one(np.tanh),
    "arcsinh": one(np.arcsinh),
    "arccosh": one(np.arccosh, low=1.5, high=3),
    "arctanh": one(np.arctanh, low=-0.9, high=0.9),
    "deg2rad": one(np.deg2rad),
    "rad2deg": one(np.rad2deg),
    "maximum": two(np.maximum),
    "minimum": two(np.minimum),
    "fmax": two(np.fmax),
    "fmin": two(np.fmin),
    "clip": [
        *one(lambda x: np.clip(x, -0.3, 0.4)),
        Case(lambda x: np.clip(x, None, 0.1), [rand(2, 3)], "from above"),
        Case(lambda x: np.clip(x, 0.1, None), [rand(2, 3)], "from below"),
        Case(clip, [rand(2, 3), rand(3, seed=1, high=0), rand(2, 1, seed=2, low=0)], "bounds broadcast"),
        Case(clip, [rand(2, 3), np.array(0.3), np.array(-0.2)], "bounds crossed"),
    ],
    "where": [
        *two(lambda x, y: where(rand(seed=9) > 2, x, y) + where(rand(seed=9) < 2, x, y)),
        Case(lambda x, y: np.where(MASK, x, y), [rand(2, 3), rand(3)], "mask"),
        Case(lambda x, y: np.where(MASK, x, y), [rand(2, 1), rand()], "all broadcast"),
        Case(lambda x: np.where(x > 0, x, 0), [rand(2, 3)], "its own sign"),
    ],
    "nan_to_num": one(np.nan_to_num),
    "sign": one(np.sign),
    "floor": one(np.floor),
    "ceil": one(np.ceil),
    "trunc": one(np.trunc),
    "round": [*one(np.round), Case(lambda x: np.round(x, 1), [rand(2, 3)], "decimals")],
    "floor_divide": two(np.floor_divide, low=0.3),
    "remainder": two(np.remainder, low=0.3),
    "fmod": two(np.fmod, low=0.3),
    "heaviside": two(np.heaviside),
    "copysign": two(np.copysign),
}
