"""Kernels of several passes go through large arrays a block at a time: what a pass wrote, the next finds in the cache.

The blocks are shared out over the threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Array
from .threads import each

BLOCK = 1 << 16  # elements: a few arrays of so many float32 stay in a core's second cache
LONG = 500  # from such a row on NumPy is faster without its buffer


def blockwise(f: Callable[..., Any], out: Array, *arrays: Array, whole: int | tuple[int, ...] = ()) -> Array:
    """`out`, into which f(out, *arrays) writes: called for one block of it after the other where it is large.

    A block is cut from `out`, and from each array that is as long there, along the axis that is outermost in memory;
    if that is one of `whole`, all is left in one block.
    """
    axis = max(range(out.ndim), key=lambda i: (out.shape[i] > 1, out.strides[i]), default=0)
    kept = whole if isinstance(whole, tuple) else (whole,)
    if out.size < 2 * BLOCK or axis in kept or axis - out.ndim in kept:
        _unbuffered(f, out, *arrays)
        return out
    n, last = out.shape[axis], axis - out.ndim
    step = max(1, n * BLOCK // out.size)

    def block(start: int) -> None:
        here = (..., slice(start, start + step), *(slice(None),) * (-1 - last))
        _unbuffered(f, out[here], *[a[here] if a.ndim >= -last and a.shape[last] == n else a for a in arrays])

    each(block, range(0, n, step))
    return out


def _unbuffered(f: Callable[..., Any], out: Array, *arrays: Array) -> None:
    """f(out, *arrays). Where one of several rows is broadcast, NumPy copies it into a buffer again and again to make
    longer runs; where rows are long already, it's faster by a third with a buffer that is too small for that."""
    if out.ndim < 2 or out.shape[-1] < LONG:
        f(out, *arrays)
        return
    before = np.setbufsize(16)
    try:
        f(out, *arrays)
    finally:
        np.setbufsize(before)
