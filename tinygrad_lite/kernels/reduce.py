"""Sums over axes as matrix products: several times faster than np.sum along short or middle axes."""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph import Array

Axis = int | tuple[int, ...] | None


def total(x: Array, axis: Axis, y: Array | None = None) -> Array:
    """Σ x, or Σ x · y, over the axes, which stay as axes of 1."""
    if type(x) is np.ndarray and x.dtype.kind == "f" and x.size and (y is None or _alike(x, y)):
        axes = range(x.ndim) if axis is None else [i % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
        order = sorted(range(x.ndim), key=lambda i: -x.strides[i])  # as the elements lie in memory
        kept = x.ndim
        while kept and order[kept - 1] in axes:
            kept -= 1
        if kept < x.ndim and x.transpose(order).flags.c_contiguous:
            lengths = [x.shape[i] for i in order[:kept]]
            rows = x.transpose(order).reshape(*lengths, -1)
            if y is None:
                out = rows @ np.ones(rows.shape[-1], x.dtype)
            else:
                out = np.vecdot(rows, y.transpose(order).reshape(rows.shape))
            out = out.reshape(*lengths, *(1,) * (x.ndim - kept)).transpose(np.argsort(order))
            rest = tuple(i for i in axes if out.shape[i] > 1)
            return np.sum(out, axis=rest, keepdims=True) if rest else out
    return np.sum(x if y is None else x * y, axis=axis, keepdims=True)


def _alike(x: Array, y: Array) -> bool:
    """Whether y's elements lie in memory as x's do."""
    return type(y) is np.ndarray and (x.shape, x.strides, x.dtype) == (y.shape, y.strides, y.dtype)


def mean(x: Array, axis: tuple[int, ...], y: Array | None = None) -> Array:
    """The mean of x, or of x · y, over the axes, which stay as axes of 1."""
    return total(x, axis, y) / prod(np.shape(x)[i] for i in axis)
