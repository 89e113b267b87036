"""Sums over axes as matrix products: several times faster than np.sum where rows are short or lie apart."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import Array, kernel
from .threads import awake, one_blas_thread

Axis = int | tuple[int, ...] | None
LARGE = 1 << 15  # elements; OpenBLAS takes no second thread for fewer
RUN = 1024  # elements: longer runs are summed in pieces, as exactly as np.sum does


def total(x: Array, axis: Axis, y: Array | None = None) -> Array:
    """Σ x, or Σ x · y, over the axes, which stay as axes of 1."""
    if getattr(x, "size", 0) < LARGE or not awake():
        return _by_products(x, axis, y)
    with one_blas_thread:
        return _by_products(x, axis, y)


def _by_products(x: Array, axis: Axis, y: Array | None) -> Array:
    if type(x) is np.ndarray and x.dtype.char in "fd" and x.size and (y is None or _alike(x, y)):
        n = x.ndim
        axes: Sequence[int] = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if x.flags.c_contiguous:
            if axes == (n - 1,) or axes == (-1,):
                return (_runs(x) if y is None else np.vecdot(x, y))[..., None]
            return _total(x, _from_start(axes, n), y)
        axes = _from_start(axes, n)
        order = sorted(range(n), key=lambda i: -x.strides[i])  # as the elements lie in memory
        ordered, along = x.transpose(order), [order.index(i) for i in axes]
        if ordered.flags.c_contiguous or _ends_in_runs(ordered, along):
            out = _total(ordered, along, None if y is None else y.transpose(order))
            return out.transpose(np.argsort(order))
    return np.sum(x if y is None else x * y, axis=axis, keepdims=True)


def _ends_in_runs(x: Array, axes: Sequence[int]) -> bool:
    """Whether the axes at the end of x are among those summed over, and its elements along them lie in one run."""
    kept = x.ndim
    while kept and kept - 1 in axes:
        kept -= 1
    return kept < x.ndim and bool(x[(0,) * kept].flags.c_contiguous)


def ones(n: int, dtype: Any) -> Array:
    return _few_ones(n, dtype) if n <= 4096 else np.ones(n, dtype)


@functools.lru_cache(64)
def _few_ones(n: int, dtype: Any) -> Array:
    out = np.ones(n, dtype)
    out.setflags(write=False)
    return out


def _from_start(axes: Sequence[int], n: int) -> Sequence[int]:
    if not all(-n <= i < n for i in axes):
        raise np.exceptions.AxisError(f"axis {axes} is out of bounds for an array of {n} dimensions")
    return [i % n for i in axes]


def _total(x: Array, axes: Sequence[int], y: Array | None) -> Array:
    """Where x lies in memory as its axes say: axes at either end in one product, others in a sum after it."""
    shape = x.shape
    kept = x.ndim
    while kept and kept - 1 in axes:
        kept -= 1
    last = x.ndim - kept
    if last:
        rows = x.reshape(*shape[:kept], -1)
        out = _runs(rows) if y is None else np.vecdot(rows, y.reshape(rows.shape))
        if len(axes) > last:
            out = np.sum(out, axis=tuple(i for i in axes if i < kept), keepdims=True)
        return out.reshape(*out.shape, *(1,) * last)
    first = len(axes)
    if first and max(axes) < first:
        columns = x.reshape(-1, prod(shape[first:]))
        if y is None:
            out = ones(len(columns), x.dtype) @ columns
        else:
            out = np.einsum("ij,ij->j", columns, y.reshape(columns.shape))
        return out.reshape((1,) * first + shape[first:])
    return np.sum(x if y is None else x * y, axis=tuple(axes), keepdims=True)


def _runs(x: Array) -> Array:
    """The sum of each run along the last axis."""
    n = x.shape[-1]
    if n <= 4 * RUN:
        return x @ ones(n, x.dtype)
    whole = n // RUN * RUN
    pieces = x[..., :whole].reshape(*x.shape[:-1], whole // RUN, RUN) @ ones(RUN, x.dtype)
    return np.sum(pieces, axis=-1) + np.sum(x[..., whole:], axis=-1)


def _alike(x: Array, y: Array) -> bool:
    """Whether y's elements lie in memory as x's do."""
    return type(y) is np.ndarray and x.strides == y.strides and x.shape == y.shape and x.dtype == y.dtype


def mean(x: Array, axis: tuple[int, ...], y: Array | None = None) -> Array:
    """The mean of x, or of x · y, over the axes, which stay as axes of 1."""
    shape = np.shape(x)
    return total(x, axis, y) / prod([shape[i] for i in axis])


def plain_sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return np.sum(x, axis=axis, keepdims=keepdims)


@kernel(plain_sum)
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """`np.sum`, by products where x is large. Not over all axes: an x that has left the cache gains nothing there."""
    if not _large(x) or axis is None:
        return plain_sum(x, axis, keepdims)
    axes = normalize_axis_tuple(axis, x.ndim, "axis")
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
    return out / (x.size // np.size(out))


def _large(x: Array) -> bool:
    return isinstance(x, np.ndarray) and x.size >= LARGE and x.dtype.char in "fd"


def spread(g: Array, shape: tuple[int, ...]) -> Array:
    """`np.broadcast_to`, which takes 4 µs even for a scalar."""
    if isinstance(g, np.generic):
        return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape)) if shape else g
    return np.broadcast_to(g, shape)
