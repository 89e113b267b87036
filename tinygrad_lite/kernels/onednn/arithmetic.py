"""Sums, differences and products of large arrays, in all threads: NumPy goes through them in one."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ...graph import OPS, Rule
from ...ops import norm as rules
from ...ops.elementwise import same
from ...values import Array
from ..one_order import in_one_order
from ..thresholds import ELEMENTS_FOR_ONEDNN_ARITHMETIC
from . import binding as dnn
from .binding import Call, Shape, Unsupported, call, dense, fits, version

ADD, MULTIPLY, SUBTRACT = 0x1FFF0, 0x1FFF1, 0x1FFF5
FUNCTIONS = {ADD: np.add, MULTIPLY: np.multiply, SUBTRACT: np.subtract}


@version(rules.scale_forward, ELEMENTS_FOR_ONEDNN_ARITHMETIC)
def scale(x: Array, weight: Any, bias: Any) -> Any:
    return both(ADD, both(MULTIPLY, x, weight), bias) if fits(weight, bias) else NotImplemented


def whole(name: str, rule: Callable[[Array, Array], Rule]) -> None:
    """Put `rule` in place of an op's, for a large x."""
    op = OPS[name]
    otherwise = op.run
    op.run = lambda x, y: rule(x, y) if fits(y) and dnn.ours(x, scale.least) else otherwise(x, y)


whole("add", lambda x, y: (both(ADD, x, y), (same, same)))
whole("subtract", lambda x, y: (both(SUBTRACT, x, y), (same, np.negative)))
whole("multiply", lambda x, y: (both(MULTIPLY, x, y), (lambda g: times(g, y), lambda g: times(g, x))))


def times(x: Array, y: Array) -> Array:
    """x · y, where x may be one number for all elements."""
    return both(MULTIPLY, y, x) if fits(x, y) and 0 in x.strides else both(MULTIPLY, x, y)


def both(function: int, x: Array, y: Array) -> Array:
    """The function of two arrays: by oneDNN where y repeats over x as it can, else by NumPy."""
    x, y = in_one_order(x, y)
    seen = repeats(x, y) if fits(x, y) else None
    if seen is not None:
        once, shape = seen
        out = np.empty_like(x)
        if x.strides == out.strides:
            try:
                call(_binary, function, *shape)(x, once, out)
            except Unsupported:
                pass
            else:
                return out
    return FUNCTIONS[function](x, y)


def repeats(x: ndarray, y: ndarray) -> tuple[ndarray, Shape] | None:
    """y without what repeats, and (n, c, s): in x, seen in that shape, y repeats along n and s. None if it can't be."""
    y = y[(None,) * (x.ndim - y.ndim)]
    if y.ndim != x.ndim or any(n not in (1, m) for n, m in zip(y.shape, x.shape)):
        return None
    once = y[tuple([slice(None) if step else slice(1) for step in y.strides])]
    along = [i for i, n in enumerate(once.shape) if n > 1]
    first, last = (along[0], along[-1] + 1) if along else (0, 0)
    if once.shape[first:last] != x.shape[first:last]:
        return None
    if 1 < once.size < x.size:
        once = np.ascontiguousarray(once)
        if not x.flags.c_contiguous:
            return None
    elif once.size > 1 and once.strides != x.strides:
        return None
    return once, (prod(x.shape[:first]), once.size, prod(x.shape[last:]))


def _binary(function: int, n: int, c: int, s: int) -> Call:
    here, there = dense((n, c, s)), dense((1, c, 1))
    what = dnn.description("binary", function, here, there, here, None)
    return Call(what, [(dnn.SRC, here), (dnn.SRC_1, there), (dnn.DST, here)], [dnn.DST])
