"""Sums, means and their spreading out again, as NumPy's own but in less time."""

from __future__ import annotations

from math import prod
from operator import index

import numpy as np

from ..values import Array
from .kernel import kernel
from .total import LARGE, Axis, total


def mean(x: Array, axis: tuple[int, ...], y: Array | None = None) -> Array:
    """The mean of x, or of x · y, over the axes, which stay as axes of 1."""
    shape = np.shape(x)
    return total(x, axis, y) / prod([shape[i] for i in axis])


def plain_sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return np.sum(x, axis=axis, keepdims=keepdims)


@kernel(plain_sum)
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """`np.sum`, by products where x is large."""
    if not isinstance(x, np.ndarray):
        return plain_sum(x, axis, keepdims)
    if x.size < LARGE or x.dtype.char not in "fd":
        return x.sum(axis=axis, keepdims=keepdims)  # in half the time of np.sum where x is small
    axes = axis if axis is None else tuple(map(index, axis)) if isinstance(axis, tuple) else index(axis)
    out = total(x, axes)
    return out if keepdims else np.squeeze(out, axes)[()]


def plain_average(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return np.mean(x, axis=axis, keepdims=keepdims)


@kernel(plain_average)
def average(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """`np.mean`, by products where x is large."""
    if not (isinstance(x, np.ndarray) and x.size and x.dtype.char in "fd"):
        return plain_average(x, axis, keepdims)
    out = sum(x, axis=axis, keepdims=keepdims)
    return out / (x.size // out.size)


def spread(g: Array, shape: tuple[int, ...]) -> Array:
    """`np.broadcast_to`, which takes 4 µs even for a scalar."""
    if isinstance(g, np.generic):
        return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape)) if shape else g
    return np.broadcast_to(g, shape)
