"""What a mask leaves of an array, without a branch at each element, which the processor guesses wrong."""

from __future__ import annotations

import numpy as np

from ..ops import elementwise, ufuncs
from ..values import Array


@ufuncs.keep.register
def keep(g: Array, mask: Array) -> Array:
    """By the bits of g: all where the mask holds, else none."""
    if not (type(g) is type(mask) is np.ndarray and mask.dtype == bool and g.dtype.char in "efd"):
        return NotImplemented
    bits = np.dtype(f"i{g.itemsize}")
    out = np.negative(mask.view(np.int8)).astype(bits)
    out = np.bitwise_and(out, g.view(bits), out=out if out.shape == g.shape else None)
    return out.view(g.dtype)


@ufuncs.where.register
def where(mask: Array, x: Array, y: Array) -> Array:
    """By the bits of x and y, as `keep`."""
    if not (type(mask) is np.ndarray and mask.dtype == bool and mask.ndim):
        return NotImplemented
    dtype = np.result_type(x, y)
    if dtype.char not in "efd":
        return NotImplemented
    bits = np.dtype(f"i{dtype.itemsize}")
    x, y = (np.asarray(a, dtype).view(bits) for a in (x, y))
    held = np.negative(mask.view(np.int8)).astype(bits)
    if np.broadcast_shapes(x.shape, y.shape, mask.shape) == mask.shape:
        out = np.bitwise_and(held, x ^ y, out=held)
    else:
        out = (x ^ y) & held
    out ^= y
    return out.view(dtype)


@elementwise.won.register
def won(g: Array, more: Array, tied: Array) -> Array:
    if not type(g) is type(tied) is np.ndarray:
        return NotImplemented
    out: Array = keep(g, more | tied)
    if tied.any():
        np.multiply(out, 0.5, out=out, where=tied)
    return out
