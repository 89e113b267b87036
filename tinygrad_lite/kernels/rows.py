"""The rows of an image, unfolded so that what a row of a convolution's output sees is one matrix as it lies in memory.

Unfolding along all axes but the first takes K copies of the image for a kernel of K × K. The rows of the image that a
row of the output sees then lie under each other: a matrix (K · C · elements, columns), which overlaps with that of the
next row. So one call of `np.matmul` over such views is a convolution.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..graph import Array
from .layout import batch_inner
from .threads import shared
from .windows import Windows

BLOCK = 1 << 20  # elements of rows that are unfolded at a time: 4 MB of float32
SMALL = 1 << 19  # products of numbers up to which OpenBLAS multiplies matrices as they lie, without packing them

Block = tuple[slice, slice]  # places of the output along its first and its second axis


class Rows:
    """The rows of x seen through windows: for a row of the output, `high` of them, `step` further on for the next.

    Matrices have C · elements lines for a row of x, and as columns the places along all axes but the first, and N.
    """

    def __init__(self, x: Array, windows: Windows, groups: int, dtype: Any) -> None:
        self.high, self.step, self.dtype = windows.kernel[0], windows.stride[0], dtype
        reach = (windows.places[0] - 1) * self.step + self.high
        self.windows = dataclasses.replace(
            windows,
            kernel=(1, *windows.kernel[1:]),
            stride=(1, *windows.stride[1:]),
            places=(reach, *windows.places[1:]),
        )
        self.places = windows.places
        x = batch_inner(x)
        self.x = np.moveaxis(x.reshape(groups, len(x) // groups, *x.shape[1:]), 2, 1)  # (groups, rows, C / groups, *size[1:], N)
        self.elements = math.prod(windows.kernel[1:])
        self.lines = self.x.shape[2] * self.elements
        self.inner = math.prod(windows.places[2:]) * x.shape[-1]  # columns of one place along the second axis
        # The rows of x itself are matrices for a 1 × 1 kernel.
        self.copied = not (math.prod(windows.kernel) == 1 and windows.places == windows.size and x.dtype == dtype)

    def blocks(self, work: int) -> list[list[Block]]:
        """The places of the output, for each thread a list of blocks; `work` as in `shared`."""
        high, wide = (slice(0, n) for n in self.places[:2])
        along = 0 if self.places[0] > 1 else 1
        line = len(self.x) * self.lines * self.inner
        most = max(1, BLOCK // max(1, line if along else line * self.places[1] * self.step))
        cut = [
            [slice(i, min(i + most, part.stop)) for i in range(part.start, part.stop, most)]
            for part in shared(self.places[along], work)
        ]
        return [[(high, at) if along else (at, wide) for at in some] for some in cut]

    def columns(self, block: Block) -> slice:
        return slice(block[1].start * self.inner, block[1].stop * self.inner)

    def unfold(self, block: Block) -> Array:
        """(groups, rows of x, lines, columns)"""
        rows = slice(block[0].start * self.step, (block[0].stop - 1) * self.step + self.high)
        width = block[1].stop - block[1].start
        columns = width * self.inner
        if not self.copied:
            seen = self.x[:, rows, :, block[1]]
            return seen.reshape(*seen.shape[:3], columns)
        u = empty((len(self.x), rows.stop - rows.start, self.lines), columns, self.dtype)
        to = u.reshape(*u.shape[:2], self.x.shape[2], self.elements, width, *self.places[2:], self.x.shape[-1])
        within = (rows, block[1], *(slice(0, n) for n in self.places[2:]))
        for k, inputs, places in self.windows.elements(within):
            framed(to[:, :, :, k], (places[0], slice(None), *places[1:]), self.x[:, inputs[0], :, *inputs[1:]])
        return u

    def matrices(self, block: Block) -> Array:
        """(groups, rows of the output, high · lines, columns), a view of overlapping memory."""
        u = self.unfold(block)
        shape = (len(u), block[0].stop - block[0].start, self.high * u.shape[2], u.shape[3])
        return as_strided(u, shape, (u.strides[0], u.strides[1] * self.step, *u.strides[2:]), writeable=False)


def framed(to: Array, at: tuple[slice, ...], x: Array) -> None:
    """to[:, *at] = x, and 0 all around it."""
    for axis, s in enumerate(at, 1):
        for rest in (slice(0, s.start or 0), slice(to.shape[axis] if s.stop is None else s.stop, to.shape[axis])):
            if rest.start < rest.stop:
                to[(slice(None),) * axis + (rest,)] = 0
    to[:, *at] = x


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
    columns = out.shape[-1]
    n = SMALL // max(1, w.shape[-2] * w.shape[-1]) // 16 * 16
    whole = columns // n * n if 128 <= n < columns else 0
    if whole:
        parts = (a[..., :whole].reshape(*a.shape[:-1], -1, n).swapaxes(-2, -3) for a in (u, out))
        np.matmul(w[..., None, :, :], next(parts), out=next(parts))
    if whole < columns:
        np.matmul(w, u[..., whole:], out=out[..., whole:])
