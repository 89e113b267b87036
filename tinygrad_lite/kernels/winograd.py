"""Convolution with 6 products in place of 12: Winograd's minimal filtering F(4, 3) over the rows of an image.

Four rows y of the output of a kernel of three rows see six rows d of the input, and

    y = Aᵀ [(G w) · (Bᵀ d)]        with A = V₄, G = V₃ and B = V₆⁻¹

where each of the six products · is a convolution along the rows, and Vₙ evaluates a polynomial of n coefficients at
five points and at infinity. For the product of a polynomial of 3 coefficients with one of 4, V₆⁻¹ [(V₃ w) · (V₄ h)]
gives its 6 coefficients; the filter is the adjoint of that in h. (S. Winograd, Arithmetic Complexity of Computations,
1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2016.)

A convolution along the rows is a sum of products, one for each element of a row of the kernel. Aᵀ makes sums as well:
[Aᵀ Aᵀ Aᵀ] makes both at once, and no row is unfolded.

The points 0, ±√½, ±√2 round best of those tried: in float32, with 70 channels and 3 × 3 kernels, the rms error is 1.2
times that of the plain sum and the largest of 1,000,000 errors as large; for the weight 1.8 and 1.7 times (with the
customary 0, ±1, ±2: 1.7 and 2.1, 2.7 and 3.1 times). An infinite input gives NaN where the sum of its products would be
infinite.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..values import Array
from .layout import batch_inner, copied, put
from .rows import cut, empty, product, product_over_columns, rows_inside, seen, turned
from .threads import each, pieces, shared
from .windows import Windows, strided

HOT = 1 << 19  # elements of products at a time: 2 MB of float32. Fewer make two threads meet at the interpreter's lock
POINTS = (0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2))


def evaluated(n: int) -> Array:
    """Vₙ: the powers of each point, and for infinity the last coefficient."""
    return np.vstack([np.vander(POINTS, n, increasing=True), np.eye(n)[-1]])


A, G, B = evaluated(4), evaluated(3), np.linalg.inv(evaluated(6))


def pays(channels: int, outputs: int, windows: Windows, dtype: Any) -> bool:
    """Whether there are 3 rows to do it with, and so many products that they are where the time goes."""
    rows = (windows.kernel[0], windows.stride[0], windows.dilation[0])
    return rows == (3, 1, 1) and dtype.kind == "f" and min(channels, outputs) >= 16 and windows.places[0] >= 4


class Tiles:
    """Four rows of the output at a time, and the six rows Bᵀ d of the input that they see, as matrices.

    What an element of a row of the kernel sees, in all places, lies in one run of these rows, further on for the next
    element: matrices that overlap, and nothing is copied. Along more axes, or with a stride, all that the elements see
    is unfolded into one matrix.
    """

    def __init__(self, x: Array, windows: Windows, outputs: int, dtype: Any) -> None:
        self.x = batch_inner(x).swapaxes(0, 1)  # (rows, C, *size[1:], N)
        self.windows, self.others, self.dtype, self.outputs = windows, windows.others, dtype, outputs
        self.count = -(-windows.places[0] // 4)
        self.overlap = self.others.stride[0] == 1
        self.unfolded = self.others.along(slice(int(self.overlap), None))
        self.elements = self.others.kernel[0] if self.overlap else 1
        self.lines = x.shape[1] * math.prod(self.unfolded.kernel)
        self.columns = math.prod(self.others.places) * len(x)

    def blocks(self) -> list[list[slice]]:
        """The tiles, for each thread a list of blocks: of several where each is small."""
        one = 6 * self.elements * self.outputs * self.columns
        return [pieces(part, HOT // max(1, one)) for part in shared(self.count, self.count * one * self.lines)]

    def rows(self, block: slice) -> Array:
        """Bᵀ d with its padding: (tiles of the block, 6, C, *size[1:], N)"""
        n = block.stop - block.start
        first = 4 * block.start - self.windows.padding[0]
        d = np.ascontiguousarray(cut(self.x, [(first, first + 4 * n + 2), None, *self.others.reach()]), self.dtype)
        six = strided(d, (n, 6, d[0].size), (4 * d.strides[0], d.strides[0], d.itemsize))
        rows: Array = np.empty((n, 6, *d.shape[1:]), self.dtype)
        product(B.T.astype(self.dtype), six, rows.reshape(six.shape))
        return rows

    def matrices(self, block: slice) -> Array:
        """(tiles of the block, elements, 6, lines, columns)"""
        v = self.rows(block)
        if self.unfolded.size:
            part = seen(v, self.unfolded)
            if self.overlap:
                part = np.moveaxis(part, 3, 3 + len(self.unfolded.size))
            v = empty((len(v), 6, self.lines), part[0, 0].size // self.lines, self.dtype)
            put(v.reshape(part.shape), part)
        further = self.others.dilation[0] * math.prod(self.unfolded.places) * self.x.shape[-1] * v.itemsize
        shape = (len(v), self.elements, 6, self.lines, self.columns)
        return strided(v, shape, (v.strides[0], further, *v.strides[1:3], v.itemsize))


def filters(weight: Array, elements: int, dtype: Any) -> Array:
    """G w: (elements, 6, O, lines)"""
    outputs, channels, _, *wide = weight.shape
    others = math.prod(wide) // elements
    w = np.ascontiguousarray(weight.reshape(outputs, channels, 3, elements, others).transpose(2, 3, 0, 1, 4), dtype)
    six: Array = np.empty((6, elements, outputs, channels * others), dtype)
    product(G.astype(dtype), w.reshape(3, six[0].size), six.reshape(6, six[0].size))
    return six.swapaxes(0, 1)


def conv(x: Array, weight: Array, bias: Array | None, windows: Windows) -> Array:
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    outputs, tiles = len(weight), Tiles(x, windows, len(weight), dtype)
    w = filters(weight, tiles.elements, dtype)
    sums = np.tile(A.T.astype(dtype), tiles.elements)
    out: Array = np.empty((4 * tiles.count, outputs, *windows.places[1:], len(x)), dtype)
    flat = out.reshape(tiles.count, 4, outputs, tiles.columns)

    def fill(blocks: Iterable[slice]) -> None:
        for block in blocks:
            v = tiles.matrices(block)
            terms = math.prod(v.shape[:3])  # products for each place of an output
            few = max(8, HOT // max(1, terms * tiles.columns) // 8 * 8)
            parts = pieces(slice(0, tiles.columns), HOT // (terms * few)), pieces(slice(0, outputs), few)
            for columns, some in itertools.product(*parts):
                u, y = v[..., columns], flat[block, :, some, columns]
                m: Array = np.empty((*u.shape[:3], *y.shape[2:]), dtype)
                product(w[:, :, some], u, m)
                add_up(sums, m, y)
                if bias is not None:
                    y += bias[some, None]

    each(fill, tiles.blocks())
    return rows_inside(out[: windows.places[0]])


def add_up(sums: Array, m: Array, y: Array) -> None:
    """y (tiles, 4, outputs, columns) = sums @ m (tiles, elements, 6, outputs, columns)"""
    tiles, four, outputs, columns = y.shape
    if columns * y.itemsize == y.strides[2]:  # all outputs lie in one run
        outputs, columns = 1, outputs * columns
        y = y.reshape(tiles, four, outputs, columns)
    product(sums, m.reshape(tiles, sums.shape[1], outputs, columns).swapaxes(1, 2), y.swapaxes(1, 2))


def conv_weight(x: Array, g: Array, windows: Windows) -> Array:
    """The adjoint in w: Gᵀ Σ (Bᵀ d) · (A g)ᵀ."""
    dtype = np.result_type(x, g)
    outputs, rest = g.shape[1], -windows.places[0] % 4
    tiles = Tiles(x, windows, outputs, dtype)
    h = batch_inner(g).swapaxes(0, 1)
    h = np.concatenate([h, np.zeros((rest, *h.shape[1:]), dtype)]) if rest else h
    h = h.reshape(tiles.count, 4, outputs, tiles.columns)
    share = tiles.blocks()
    total = np.zeros((len(share), tiles.elements, 6, tiles.lines, outputs), dtype)

    def add(part: int) -> None:
        for block in share[part]:
            u = tiles.matrices(block)
            lines = turned(h[block]).reshape(len(u), 4, tiles.columns * outputs)
            m = np.matmul(A.astype(dtype), lines).reshape(len(u), 6, tiles.columns, outputs)
            total[part] += product_over_columns(u.transpose(1, 2, 0, 3, 4), m.swapaxes(0, 1))

    each(add, range(len(share)))
    w = np.tensordot(G.T.astype(dtype), total.sum(axis=0), (1, 1))
    w = w.reshape(3, tiles.elements, x.shape[1], tiles.lines // x.shape[1], outputs).transpose(4, 2, 0, 1, 3)
    return copied(w, 3).reshape(outputs, x.shape[1], *windows.kernel)
