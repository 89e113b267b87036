"""What a mask leaves of an array, without a branch for each element."""

from __future__ import annotations

import numpy as np

from ..values import Array
from .kernel import kernel


def plain_keep(g: Array, mask: Array) -> Array:
    return np.where(mask, g, 0)


@kernel(plain_keep)
def keep(g: Array, mask: Array) -> Array:
    """g where the mask holds, else 0, whatever g is there (NaN too).

    By the bits of g: np.where branches at each element, which the processor guesses wrong on a mask without order.
    """
    if not (type(g) is type(mask) is np.ndarray and mask.dtype == bool and g.dtype.char in "efd"):
        return plain_keep(g, mask)
    bits = np.dtype(f"i{g.itemsize}")
    out = np.negative(mask.view(np.int8)).astype(bits)  # all bits where it holds, else none
    out = np.bitwise_and(out, g.view(bits), out=out if out.shape == g.shape else None)
    return out.view(g.dtype)


def plain_choose(mask: Array, x: Array, y: Array) -> Array:
    return np.where(mask, x, y)


@kernel(plain_choose)
def choose(mask: Array, x: Array, y: Array) -> Array:
    """x where the mask holds, else y: by their bits, as `keep`."""
    dtype = np.result_type(x, y)
    if not (type(mask) is np.ndarray and mask.dtype == bool and mask.ndim and dtype.char in "efd"):
        return plain_choose(mask, x, y)
    bits = np.dtype(f"i{dtype.itemsize}")
    x, y = (np.asarray(a, dtype).view(bits) for a in (x, y))
    held = np.negative(mask.view(np.int8)).astype(bits)
    if np.broadcast_shapes(x.shape, y.shape, mask.shape) == mask.shape:
        out = np.bitwise_and(held, x ^ y, out=held)
    else:
        out = (x ^ y) & held
    out ^= y
    return out.view(dtype)


def plain_won(g: Array, more: Array, tied: Array) -> Array:
    return np.where(more, g, np.where(tied, g / 2, 0))


@kernel(plain_won)
def won(g: Array, more: Array, tied: Array) -> Array:
    """g where there is more, ½ · g on a tie, else 0."""
    if not type(g) is type(tied) is np.ndarray:
        return plain_won(g, more, tied)
    out: Array = keep(g, more | tied)
    if tied.any():
        np.multiply(out, 0.5, out=out, where=tied)
    return out
