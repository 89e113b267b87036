"""Kernels of several passes on an array, its blocks shared out over the threads.

A block for each thread and no more: blocks that would stay in the cache from pass to pass cost more in calls than they
gain (softmax of 1000×1000 in one thread: 0.71 ms as a whole, 0.98 ms in 16 blocks). A second thread takes softmax of
4000×1000 from 3.8 to 2.4 ms; on small arrays it gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..values import Array
from .threads import each, get_num_threads, split

WORTH = 6_000_000  # bytes, times the work for each number, that are worth a second thread
LONG = 1000  # bytes: from such a run on NumPy is faster without its buffer


def large(x: Array, work: int = 1) -> bool:
    """Whether x is worth a second thread, and there is one."""
    return x.nbytes * work >= WORTH and get_num_threads() > 1


def blockwise(
    f: Callable[..., Any], out: Array, *arrays: Array, whole: int | tuple[int, ...] = (), work: int = 1
) -> Array:
    """`out`, into which f(out, *arrays) writes: called for a block of it in each thread where it is large.

    A block is cut from `out`, and from each array that is as long there, along the axis that is outermost in memory of
    those not in `whole`. `work` is what f does for each number: 1 in a pass or two, 2 in some more, 3 in many, or where
    there is an exp or a tanh among them, and so on for what takes longer still.
    """
    free = []
    if large(out, work):
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

    each(block, split(n, -(-n * WORTH // (2 * work * out.nbytes))))
    return out


def elementwise(f: Callable[..., Any], x: Array, *arrays: Array, work: int = 1) -> Array:
    """A new array like x, into which f(out, x, *arrays) writes, an element for those in its place."""
    out = np.empty_like(x)
    if large(out, work):
        return blockwise(f, out, x, *arrays, work=work)
    f(out, x, *arrays)
    return out


def _unbuffered(f: Callable[..., Any], out: Array, *arrays: Array) -> None:
    """f(out, *arrays). Where one number stands beside a run of others, or one row beside several, NumPy copies it into
    a buffer again and again to make longer runs; where runs are long already, a buffer that is too small for that takes
    half to four fifths of the time (with short ones up to 2.7 times as long)."""
    shape, least = out.shape, LONG // out.itemsize
    if len(shape) < 2 or shape[-1] < least > _run(shape, out.strides, *[a.shape for a in arrays]):
        f(out, *arrays)
        return
    before = np.setbufsize(16)
    try:
        f(out, *arrays)
    finally:
        np.setbufsize(before)


@lru_cache(1024)
def _run(shape: tuple[int, ...], strides: tuple[int, ...], *shapes: tuple[int, ...]) -> int:
    """Of how many elements that lie side by side each array has as many, or one for all."""
    run, before = 1, None
    for i in sorted(range(len(shape)), key=lambda i: (strides[i], -i)):
        if shape[i] > 1:
            single = [len(shape) - i > len(other) or other[i - len(shape)] == 1 for other in shapes]
            if before not in (None, single):
                break
            run, before = run * shape[i], single
    return run
