"""Sums, means and their spreading out again, as NumPy's own but in less time."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..ops import reduce as rules
from ..values import Array
from .thresholds import ELEMENTS_TO_SUM_BY_PRODUCTS
from .total import Axis, total


@rules.sum_forward.register
def sum(
    x: Array, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Array:
    """By products where x is large; `x.sum` takes half the time of np.sum where it is small."""
    if not (type(x) is np.ndarray and dtype is initial is None and where is True):
        return NotImplemented
    if x.size < ELEMENTS_TO_SUM_BY_PRODUCTS or x.dtype.char not in "fd":
        return x.sum(axis=axis, keepdims=keepdims)
    axes = axis if axis is None else tuple(map(index, axis)) if isinstance(axis, tuple) else index(axis)
    out = total(x, axes)
    return out if keepdims else np.squeeze(out, axes)[()]


@rules.mean_forward.register
def mean(x: Array, axis: Axis = None, dtype: Any = None, keepdims: bool = False, where: Any = True) -> Array:
    if not (type(x) is np.ndarray and x.size and x.dtype.char in "fd" and dtype is None and where is True):
        return NotImplemented
    out = sum(x, axis=axis, keepdims=keepdims)
    return out / (x.size // out.size)


@rules.spread.register
def spread(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any = True) -> Array:
    """A single number as an array of `shape`: np.broadcast_to takes 4 µs for that."""
    if where is not True or not isinstance(g, np.generic):
        return NotImplemented
    return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape)) if shape else g
