"""Kernels that make several passes over a new array in place, in one block for each thread.

More blocks, small enough to stay in the cache from pass to pass, cost more in calls than they gain (softmax of
1000×1000 in one thread: 0.71 ms as a whole, 0.98 ms in 16 blocks). A second thread takes softmax of 4000×1000 from 3.8
to 2.4 ms; on small arrays it gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from ..dispatch import ArrayCode
from ..values import Array
from . import thresholds
from .threads import each, get_num_threads, split

SETTINGS = {int, float, bool, tuple, type(None)}  # NumPy scalars aside: they may change the dtype of a result


def in_blocks(
    point: ArrayCode[...], work: int = 1, when: Callable[..., bool] | None = None
) -> Callable[[Callable[..., None]], ArrayCode[...]]:
    """Register f(out, *arguments), which writes what `point` returns into `out`, for arrays of float32 or float64.

    The arguments are arrays of one shape and dtype, masks of that shape, and settings. If one of them is called `axis`,
    the axes in it stay whole, and an array may have a 1 there. `out` has the dtype of the first array, and its order in
    memory is that of the last one of full shape: a gradient comes first, and may be one number broadcast.

    `work` is as for `blockwise`; `when` tells from the arguments whether f is to be used.
    """
    code = getattr(point.plain, "__code__", None)  # a ufunc has none
    names = code.co_varnames[: code.co_argcount] if code else ()
    axis = names.index("axis") if "axis" in names else None

    def register(write: Callable[..., None]) -> ArrayCode[...]:
        def version(*args: Any) -> Array:
            first: Any = None
            like: Any = None
            for a in args:
                if a.__class__ is ndarray:
                    if first is None:
                        if a.dtype.char not in "fd" or not a.ndim:
                            return NotImplemented
                        first = like = a
                    elif a.shape == first.shape:
                        if a.dtype.char != first.dtype.char and a.dtype.char != "?":
                            return NotImplemented
                        like = a
                    elif axis is None or not _reduced(a, first):
                        return NotImplemented
                elif a.__class__ not in SETTINGS:
                    return NotImplemented
            if first is None or when is not None and not when(*args):
                return NotImplemented
            out = np.empty_like(like) if like.dtype is first.dtype else np.empty_like(like, first.dtype)
            if axis is not None:
                return blockwise(write, out, *args, whole=args[axis], work=work)
            if large(out, work):
                return blockwise(write, out, *args, work=work)
            write(out, *args)
            return out

        return point.register(version)

    return register


def _reduced(a: Array, x: Array) -> bool:
    """Whether a is like x but for axes of 1."""
    return a.ndim == x.ndim and a.dtype.char == x.dtype.char and all(n in (1, m) for n, m in zip(a.shape, x.shape))


def large(x: Array, work: int = 1) -> bool:
    """Whether x is worth a second thread, and there is one."""
    return x.nbytes * work >= thresholds.BYTES_FOR_A_SECOND_THREAD and get_num_threads() > 1


def blockwise(
    f: Callable[..., Any], out: Array, *args: Any, whole: int | tuple[int, ...] | None = (), work: int = 1
) -> Array:
    """`out`, after f(out, *args) has written into it: if it is large, block by block, one in each thread.

    Blocks are cut along the axis that is outermost in memory, of those not in `whole` (None: all are), from `out` and
    from every array of that length there. `work` is what f does for each number: 1 for a pass or two, 2 for a few, 3
    for many or with an exp or a tanh, more for what takes longer still.
    """
    free = []
    if whole is not None and large(out, work):
        kept = {i % out.ndim for i in (whole if isinstance(whole, tuple) else (whole,))}
        free = [i for i in range(out.ndim) if i not in kept and out.shape[i] > 1]
    if not free:
        _unbuffered(f, out, *args)
        return out
    axis = max(free, key=lambda i: out.strides[i])
    n, last = out.shape[axis], axis - out.ndim

    def cut(a: Any, here: Any) -> Any:
        return a[here] if a.__class__ is ndarray and a.ndim >= -last and a.shape[last] == n else a

    def block(part: slice) -> None:
        here = (..., part, *(slice(None),) * (-1 - last))
        _unbuffered(f, out[here], *[cut(a, here) for a in args])

    each(block, split(n, -(-n * thresholds.BYTES_FOR_A_SECOND_THREAD // (2 * work * out.nbytes))))
    return out


def _unbuffered(f: Callable[..., Any], out: Array, *args: Any) -> None:
    """f(out, *args), with NumPy's buffer off if the runs are long.

    To broadcast one number along a run, or one row over several, NumPy copies it into a buffer again and again, which
    makes longer runs. Long ones take half to four fifths of the time without; short ones up to 2.7 times as long.
    """
    shape, least = out.shape, thresholds.BYTES_FOR_A_RUN_WITHOUT_BUFFER // out.itemsize
    shapes = [a.shape for a in args if isinstance(a, ndarray)]
    if len(shape) < 2 or shape[-1] < least > _run(shape, out.strides, *shapes):
        f(out, *args)
        return
    before = np.setbufsize(16)
    try:
        f(out, *args)
    finally:
        np.setbufsize(before)


@lru_cache(1024)
def _run(shape: tuple[int, ...], strides: tuple[int, ...], *shapes: tuple[int, ...]) -> int:
    """The length of the runs, side by side in memory, in which each array has either all elements or one for all."""
    run, before = 1, None
    for i in sorted(range(len(shape)), key=lambda i: (strides[i], -i)):
        if shape[i] > 1:
            single = [len(shape) - i > len(other) or other[i - len(shape)] == 1 for other in shapes]
            if before not in (None, single):
                break
            run, before = run * shape[i], single
    return run
