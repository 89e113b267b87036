"""Kernels of several passes on an array, its blocks shared out over the threads.

A block for each thread and no more: blocks that would stay in the cache from pass to pass cost more in calls than they
gain (softmax of 1000×1000 in one thread: 0.71 ms as a whole, 0.98 ms in 16 blocks). A second thread takes softmax of
4000×1000 from 3.8 to 2.4 ms; on small arrays it gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Array
from .threads import each, get_num_threads, split

BLOCK = 1 << 18  # elements that are worth a thread of their own
LONG = 500  # from such a row on NumPy is faster without its buffer


def large(x: Array) -> bool:
    """Whether x is worth a second thread, and there is one."""
    return x.size >= 2 * BLOCK and get_num_threads() > 1


def blockwise(f: Callable[..., Any], out: Array, *arrays: Array, whole: int | tuple[int, ...] = ()) -> Array:
    """`out`, into which f(out, *arrays) writes: called for a block of it in each thread where it is large.

    A block is cut from `out`, and from each array that is as long there, along the axis that is outermost in memory of
    those not in `whole`.
    """
    free = []
    if large(out):
        kept = {i % out.ndim for i in (whole if isinstance(whole, tuple) else (whole,))}
        free = [i for i in range(out.ndim) if i not in kept and out.shape[i] > 1]
    if not free:
        _unbuffered(f, out, *arrays)
        return out
    axis = max(free, key=lambda i: out.strides[i])
    n, last = out.shape[axis], axis - out.ndim

    def block(part: slice) -> None:
        here = (..., part, *(slice(None),) * (-1 - last))
        _unbuffered(f, out[here], *[a[here] if a.ndim >= -last and a.shape[last] == n else a for a in arrays])

    each(block, split(n, -(-n * BLOCK // out.size)))
    return out


def elementwise(f: Callable[..., Any], x: Array, *arrays: Array) -> Array:
    """A new array like x, into which f(out, x, *arrays) writes, an element for those in its place."""
    out = np.empty_like(x)
    if large(out):
        return blockwise(f, out, x, *arrays)
    f(out, x, *arrays)
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
