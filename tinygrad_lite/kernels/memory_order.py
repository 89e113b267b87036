"""Memory order: how an array lies in memory, whatever the order of its axes.

Kernels over images keep the batch innermost (C, *size, N): windows, pooling and matrix products then run over long
contiguous stretches, for any size of the image. A user sees (N, C, *size) by strides alone, elementwise functions keep
the order by themselves, and a batch of one is contiguous either way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..values import Array
from .threads import each, pieces
from .thresholds import (
    ELEMENTS_FOR_ONE_ORDER,
    ELEMENTS_OF_A_TURNED_STRIP,
    ELEMENTS_TO_COPY_BY_KERNEL_ELEMENT,
    EXAMPLES_FOR_BATCH_INNERMOST,
    EXAMPLES_TO_TURN_SINGLY,
)


def batch_last(x: Array) -> Array:
    """x (N, ...) as a contiguous array (..., N): a view if it lies so in memory already."""
    turned = x.transpose((*range(1, x.ndim), 0))  # np.moveaxis would take as long as a small kernel
    if turned.flags.c_contiguous or not x.flags.c_contiguous:
        return np.ascontiguousarray(turned)
    return turned_into(np.empty(turned.shape, x.dtype), x)


def turned_into(out: Array, x: Array) -> Array:
    """out (..., N), whose batch is innermost in memory, filled with x (N, ...) in C order."""
    if len(x) <= EXAMPLES_TO_TURN_SINGLY:
        for n, example in enumerate(x):
            out[..., n] = example
        return out

    def turn(box: tuple[Any, ...]) -> None:
        part = x[(slice(None), *box)]
        # Rows of x may lie a power of two apart, where all of a column falls on the same few sets of the cache.
        rows = np.empty((len(part), part[0].size + 16), x.dtype)[:, :-16].reshape(part.shape)
        rows[...] = part
        out[box] = rows.transpose((*range(1, part.ndim), 0))

    each(turn, boxes(x.shape[1:]) if x.size else ())
    return out


def boxes(shape: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Indices that cut an array of `shape` into boxes of at most ELEMENTS_OF_A_TURNED_STRIP elements."""
    inner = math.prod(shape[1:])
    if inner > ELEMENTS_OF_A_TURNED_STRIP:
        return [(i, *box) for i in range(shape[0]) for box in boxes(shape[1:])]
    return [(some,) for some in pieces(slice(0, shape[0]), ELEMENTS_OF_A_TURNED_STRIP // inner)]


def batch_is_inner(x: Array) -> bool:
    return bool(x.ndim > 1 and x.strides[0] == x.itemsize)


def batch_inner(x: Array) -> Array:
    """x (N, ...) seen as (..., N), with the batch innermost in memory: copied only where it isn't so yet."""
    if len(x) == 1 or batch_is_inner(x):
        return x.transpose((*range(1, x.ndim), 0))
    return batch_last(x)


def with_batch_inner(x: Array) -> Array:
    """x (N, ...) with the batch innermost in memory, where a rule uses it more than once.

    Small batches gain nothing, and arrays of other libraries are left alone.
    """
    gains = isinstance(x, np.ndarray) and x.ndim > 2 and len(x) >= EXAMPLES_FOR_BATCH_INNERMOST
    return batch_first(batch_last(x)) if gains and x.flags.c_contiguous and x.dtype.kind == "f" else x


def batch_first(x: Array) -> Array:
    """(..., N) seen as (N, ...): the other way, always a view."""
    return x.transpose((-1, *range(x.ndim - 1)))


def copied(a: Array, short: int) -> Array:
    """A copy of a in C order. The last `short` axes, a kernel's, have few elements, and NumPy would copy only so few at
    a time: element by element of the kernel, 128×64×3×3 takes a quarter of the time."""
    if math.prod(a.shape[:-short]) < ELEMENTS_TO_COPY_BY_KERNEL_ELEMENT:
        return np.ascontiguousarray(a)
    out: Array = np.empty(a.shape, a.dtype)
    for at in np.ndindex(a.shape[-short:]):
        out[(..., *at)] = a[(..., *at)]
    return out


def put(out: Array, a: Array) -> None:
    """out[...] = a, with a short last axis copied as one item, since NumPy is slow in loops over a few numbers.

    Runs of 2 and 4 float32 take an eighth of the time, others up to 32 half of it.
    """
    n = a.shape[-1]
    if a.dtype == out.dtype and out.strides[-1] == a.strides[-1] == a.itemsize and 1 < n <= 256 // a.itemsize:
        item = f"V{n * a.itemsize}"
        out, a = out.view(item), a.view(item)
    out[...] = a


def empty_as(x: Array, shape: tuple[int, ...], dtype: Any = None) -> Array:
    """An empty array of `shape` whose axes lie in memory in the order of those of x."""
    if x.flags.c_contiguous:
        return np.empty(shape, dtype or x.dtype)
    order = np.argsort([-abs(s) for s in x.strides], kind="stable")
    return np.empty([shape[i] for i in order], dtype or x.dtype).transpose(np.argsort(order))


def ordered_as(x: Array, a: Array) -> Array:
    """a in the memory order of x, or at least with its batch innermost as x's is, so that both can be read side by
    side."""
    if not (isinstance(x, np.ndarray) and isinstance(a, np.ndarray)):
        return a
    if x.flags.c_contiguous and a.flags.c_contiguous:
        return a
    out = empty_as(x, a.shape, a.dtype)
    if all(s == t for s, t, n in zip(out.strides, a.strides, a.shape) if n > 1):
        return a
    if batch_is_inner(out) and a.flags.c_contiguous:
        turned_into(out.transpose((*range(1, out.ndim), 0)), a)
    else:
        out[...] = a
    return out


def side_by_side(x: Array, a: Array) -> Array:
    """a, of x's shape, in the order of x: copied only where another axis is innermost in it."""
    if a.size < ELEMENTS_FOR_ONE_ORDER or a.strides == x.strides or 0 in a.strides:  # a broadcast array is small
        return a
    return a if innermost(a) == innermost(x) else ordered_as(x, a)


def innermost(x: Array) -> int:
    """The axis along which neighbours in memory lie."""
    return min((abs(s), i) for i, (s, n) in enumerate(zip(x.strides, x.shape)) if n > 1)[1]
