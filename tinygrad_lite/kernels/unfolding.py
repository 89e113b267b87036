"""The rows of an image, unfolded so that what a row of a convolution's output sees is one matrix as it lies in memory.

Unfolding along all axes but the first takes K copies of the image for a kernel of K × K. The rows of the image that a
row of the output sees then lie under each other: a matrix (K · C · elements, columns), which overlaps with that of the
next row. So one call of `np.matmul` over such views is a convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..values import Array
from .memory_order import batch_inner, put
from .threads import pieces, shared
from .thresholds import ELEMENTS_TO_UNFOLD, PRODUCTS_OF_A_SMALL_MATRIX
from .windows import Geometry, strided

Block = tuple[slice, slice]  # places of the output along its first and its second axis


class Rows:
    """The rows of x seen through windows: for a row of the output, `high` of them, `step` further on for the next.

    Matrices have C · elements lines for a row of x, and as columns the places along all axes but the first, and N.
    """

    def __init__(self, x: Array, windows: Geometry, groups: int, dtype: Any) -> None:
        self.high, self.step, self.dtype = windows.kernel[0], windows.stride[0], dtype
        self.places, self.windows = windows.places, windows.rows
        x = batch_inner(x)
        x = x.reshape(groups, len(x) // groups, *x.shape[1:])
        self.x = x.swapaxes(1, 2)  # (groups, rows, C / groups, *size[1:], N)
        self.elements = math.prod(windows.kernel[1:])
        self.lines = self.x.shape[2] * self.elements
        self.inner = math.prod(windows.places[2:]) * x.shape[-1]  # columns of one place along the second axis

    def blocks(self, outputs: int, result: int = 0) -> list[list[Block]]:
        """The places of the output, for each thread a list of blocks. `result` is what the product for a row of the
        output has as elements, if it isn't outputs · columns. To unfold an element takes as long as a few of the
        `outputs` products that it is a factor of."""
        high, wide = (slice(0, n) for n in self.places[:2])
        along = 0 if self.places[0] > 1 else 1
        columns = self.inner * (1 if along else self.places[1])
        one = columns * self.lines * self.step + (result if result and not along else outputs * columns)
        work = len(self.x) * self.high * self.lines * (outputs + 4) * math.prod(self.places[:2]) * self.inner
        most = ELEMENTS_TO_UNFOLD // max(1, len(self.x) * one)
        share = [pieces(part, most) for part in shared(self.places[along], work)]
        return [[(high, at) if along else (at, wide) for at in some] for some in share]

    def columns(self, block: Block) -> slice:
        return slice(block[1].start * self.inner, block[1].stop * self.inner)

    def seen(self, block: Block) -> Array:
        """(groups, rows of x, C, *kernel[1:], *places[1:], N), a view of x, or of x and its padding."""
        rows = slice(block[0].start * self.step, (block[0].stop - 1) * self.step + self.high)
        reach = self.windows.reach((rows, block[1], *(slice(0, n) for n in self.places[2:])))
        return seen(cut(self.x, (None, reach[0], None, *reach[1:])), self.windows.others)

    def windows_seen(self, block: Block) -> Array:
        """(groups, rows of the output, high, C, elements, columns), without a copy where columns lie in one run."""
        u = self.seen(block)
        u = u.reshape(*u.shape[:3], self.elements, (block[1].stop - block[1].start) * self.inner)
        shape = (len(u), block[0].stop - block[0].start, self.high, *u.shape[2:])
        return as_strided(u, shape, (u.strides[0], u.strides[1] * self.step, *u.strides[1:]), writeable=False)

    def matrices(self, block: Block) -> Array:
        """(groups, rows of the output, high · lines, columns), a view of overlapping memory."""
        part = self.seen(block)
        columns = (block[1].stop - block[1].start) * self.inner
        if self.elements == math.prod(self.windows.stride) == 1:  # as x lies, or nearly so
            u = part.reshape(*part.shape[:2], self.lines, columns)
            u = u if self.high == 1 and u.dtype == self.dtype else np.ascontiguousarray(u, self.dtype)
        else:
            u = empty((*part.shape[:2], self.lines), columns, self.dtype)
            put(u.reshape(part.shape), part)
        shape = (len(u), block[0].stop - block[0].start, self.high * self.lines, columns)
        return strided(u, shape, (u.strides[0], u.strides[1] * self.step, *u.strides[2:]))


def columns(x: Array, windows: Geometry, groups: int, dtype: Any) -> Array:
    """(groups, C / groups · elements, places · N): all that the windows see, along all axes, as a matrix a group."""
    u = np.asarray(seen(cut(batch_inner(x), (None, *windows.reach())), windows), dtype)
    lines = x.shape[1] // groups * math.prod(windows.kernel)
    return u.reshape(groups, lines, math.prod(windows.places) * len(x))


def cut(x: Array, ranges: Sequence[tuple[int, int] | None]) -> Array:
    """x from the first to the last index of each axis (None: all of it), and 0 where that reaches beyond x."""
    within = [slice(None) if r is None else slice(max(0, r[0]), max(0, r[1])) for r in ranges]
    part = x[tuple(within)]
    wanted = [n if r is None else r[1] - r[0] for n, r in zip(part.shape, ranges)]
    if part.shape[: len(ranges)] == tuple(wanted):
        return part
    out: Array = np.empty((*wanted, *x.shape[len(ranges) :]), x.dtype)
    at: tuple[slice, ...] = ()
    for n, length, r in zip(part.shape, wanted, ranges):
        first = min(length, max(0, -r[0])) if r else 0
        for rest in (slice(0, first), slice(first + n, length)):
            if rest.start < rest.stop:
                out[(*at, rest)] = 0
        at = (*at, slice(first, first + n))
    out[at] = part
    return out


def seen(x: Array, windows: Geometry) -> Array:
    """x (..., *size, N) seen through windows that cover it: (..., *kernel, *places, N), without a copy."""
    lead = x.ndim - 1 - len(windows.size)
    geometry = list(zip(x.shape[lead:-1], x.strides[lead:-1], windows.span, windows.stride, windows.dilation))
    places = [(length - span) // s + 1 for length, _, span, s, _ in geometry]
    steps = [step * d for _, step, _, _, d in geometry] + [step * s for _, step, _, s, _ in geometry]
    shape = (*x.shape[:lead], *windows.kernel, *places, x.shape[-1])
    return strided(x, shape, (*x.strides[:lead], *steps, x.strides[-1]))


def rows_inside(out: Array) -> Array:
    """(rows, channels, *other axes, N) seen as (N, channels, rows, *other axes)."""
    return out.transpose((-1, 1, 0, *range(2, out.ndim - 1)))


def empty(shape: tuple[int, ...], columns: int, dtype: Any) -> Array:
    """An empty array (*shape, columns). Where the columns are a multiple of 1 KB, its rows lie a cache line further
    apart: they would all fall on the same few sets of the cache."""
    apart = 64 // dtype.itemsize if columns * dtype.itemsize % 1024 == 0 else 0
    return np.empty((*shape, columns + apart), dtype)[..., :columns]


def product(w: Array, u: Array, out: Array) -> None:
    """out = w @ u for stacks of matrices, in chunks of columns where that makes them small ones."""
    n, whole = chunks(out.shape[-1], w.shape[-2] * w.shape[-1], 128)
    if whole:
        np.matmul(w[..., None, :, :], chunked(u, n, whole), out=chunked(out, n, whole))
    if whole < out.shape[-1]:
        np.matmul(w, u[..., whole:], out=out[..., whole:])


def product_over_columns(u: Array, g: Array) -> Array:
    """u @ g for stacks of matrices (…, matrices, lines, columns) and (…, matrices, columns, outputs), added up over the
    matrices; in chunks as above, which are longer where g is a matrix turned round."""
    n, whole = chunks(u.shape[-1], u.shape[-2] * g.shape[-1], 128 if g.strides[-1] == g.itemsize else 512)
    out = np.matmul(u[..., whole:], g[..., whole:, :]).sum(axis=-3)
    if whole:
        parts = g[..., :whole, :].reshape(*g.shape[:-2], whole // n, n, g.shape[-1])
        out += np.matmul(chunked(u, n, whole), parts).sum(axis=(-3, -4))
    return out


def chunks(columns: int, products: int, least: int) -> tuple[int, int]:
    """How many columns, each of so many products, make a small matrix, and how many columns are in such chunks: none
    where all are one chunk, or chunks would have fewer than `least`."""
    most = PRODUCTS_OF_A_SMALL_MATRIX // max(1, products)
    if not least <= most < columns:
        return most, 0
    n = columns // -(-columns // most) // 16 * 16  # all much alike
    return n, columns // n * n


def chunked(a: Array, n: int, whole: int) -> Array:
    """(…, lines, columns) as a stack of matrices (…, chunks, lines, n)."""
    return a[..., :whole].reshape(*a.shape[:-1], whole // n, n).swapaxes(-2, -3)
