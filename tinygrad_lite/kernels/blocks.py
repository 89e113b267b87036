"""Kernels of several passes go through large arrays a block at a time: what a pass wrote, the next finds in the cache.

The blocks are shared out over the threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph import Array
from .threads import each

BLOCK = 1 << 16  # elements: a few arrays of so many float32 stay in a core's second cache


def blockwise(f: Callable[..., Any], out: Array, *arrays: Array, whole: int | None = None) -> Array:
    """`out`, into which f(out, *arrays) writes: called for one block of it after the other where it is large.

    A block is cut from `out`, and from each array that is as long there, along the axis whose elements lie farthest
    apart in memory, but never along the axis `whole`.
    """
    if out.size < 2 * BLOCK:
        f(out, *arrays)
        return out
    axes = [i for i in range(out.ndim) if whole is None or i != whole % out.ndim]
    axis = max(axes, key=lambda i: (out.shape[i] > 1) * out.strides[i], default=None)
    if axis is None:
        f(out, *arrays)
        return out
    n, before = out.shape[axis], (slice(None),) * axis
    step = max(1, n * BLOCK // out.size)

    def block(start: int) -> None:
        here = (*before, slice(start, start + step))
        f(out[here], *[a[here] if a.shape[axis] == n else a for a in arrays])

    each(block, range(0, n, step))
    return out
