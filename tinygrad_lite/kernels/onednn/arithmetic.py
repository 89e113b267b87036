"""Sums, differences and products of two large arrays, in all threads: NumPy goes through them in one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from ...graph import OPS, Rule
from ...ops.elementwise import same
from ...values import Array
from ..one_order import in_one_order
from ..thresholds import ELEMENTS_FOR_ONEDNN_ARITHMETIC
from . import binding as dnn
from .binding import Call, Unsupported, call, dense, fits

ADD, MULTIPLY, SUBTRACT = 0x1FFF0, 0x1FFF1, 0x1FFF5


def whole(name: str, rule: Callable[[Array, Array], Rule]) -> None:
    """Put `rule` in place of an op's, for large arrays of one shape."""
    op = OPS[name]
    otherwise = op.run

    def run(x: Array, y: Array) -> Rule:
        if not (fits(y) and dnn.ours(x, ELEMENTS_FOR_ONEDNN_ARITHMETIC) and x.shape == y.shape):
            return otherwise(x, y)
        return rule(x, y)

    op.run = run


whole("add", lambda x, y: (both(ADD, np.add, x, y), (same, same)))
whole("subtract", lambda x, y: (both(SUBTRACT, np.subtract, x, y), (same, np.negative)))
whole("multiply", lambda x, y: (times(x, y), (lambda g: times(g, y), lambda g: times(g, x))))


def times(x: ndarray, y: ndarray) -> Array:
    return both(MULTIPLY, np.multiply, y, x) if is_one_number(x) else both(MULTIPLY, np.multiply, x, y)


def both(function: int, numpy: np.ufunc, x: ndarray, y: ndarray) -> Array:
    """The function of two arrays of one shape; y may be one number, broadcast. `numpy` does what oneDNN does not."""
    x, y = in_one_order(x, y)
    out = np.empty_like(x)
    if x.strides == out.strides and fits(x, y) and (is_one_number(y) or x.strides == y.strides):
        try:
            call(_binary, function, x.size, 1 if is_one_number(y) else x.size)(x, y, out)
        except Unsupported:
            pass
        else:
            return out
    return numpy(x, y)


def is_one_number(x: ndarray) -> bool:
    """Whether all of x is one number in memory."""
    return not any(x.strides)


def _binary(function: int, elements: int, others: int) -> Call:
    here, there = dense((elements,)), dense((others,))
    what = dnn.description("binary", function, here, there, here, None)
    return Call(what, [(dnn.SRC, here), (dnn.SRC_1, there), (dnn.DST, here)], [dnn.DST])
