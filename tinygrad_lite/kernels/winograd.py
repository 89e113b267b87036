"""Convolution with 4 products in place of 6: Winograd's minimal filtering F(2, 3) over the rows of an image.

Two rows of the output of a kernel of 3 rows g see 4 rows of the input d, and

    y₀ = m₀ + m₁ + m₂        m₀ = (d₀ - d₂) g₀        m₁ = (d₁ + d₂) (g₀ + g₁ + g₂) / 2
    y₁ = m₁ - m₂ - m₃        m₃ = (d₁ - d₃) g₂        m₂ = (d₂ - d₁) (g₀ - g₁ + g₂) / 2

(S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional
Neural Networks, 2016.) Each product is the matrix product of conv.py, over the other axes of the kernel; the sums of d
cost no more than to unfold them. An infinite input gives NaN where the sum of its products would be infinite.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph import Array
from .columns import Block, blocks, buffer, columns_at_a_time, product, product_over_columns, shares
from .layout import batch_first, batch_last
from .threads import each
from .windows import Windows, seen_through

SUMS = ((np.subtract, 0, 2), (np.add, 1, 2), (np.subtract, 2, 1), (np.subtract, 1, 3))  # of the rows d, for each m


def pays(channels: int, outputs: int, windows: Windows, examples: int, dtype: Any) -> bool:
    """Whether there are 3 rows to do it with, and so many products that they are where the time goes."""
    rows = (windows.kernel[0], windows.stride[0], windows.dilation[0])
    run = math.prod(windows.places[1:]) * examples
    return rows == (3, 1, 1) and dtype.kind == "f" and min(channels, outputs) >= 64 and run >= 256


class Sums:
    """The sums of the rows d of every two rows of the output, as matrices (C · elements of a row, columns)."""

    def __init__(self, x: Array, windows: Windows, outputs: int, dtype: Any) -> None:
        n = len(windows.size)
        pairs = dataclasses.replace(
            windows,
            kernel=(4, *windows.kernel[1:]),
            stride=(2, *windows.stride[1:]),
            places=(-(-windows.places[0] // 2), *windows.places[1:]),
        )
        self.d = np.moveaxis(seen_through(x, pairs, dtype), 1, 0)  # (4, C, *kernel[1:], pairs, *places[1:], N)
        self.rows = math.prod(self.d.shape[1 : n + 1])
        self.places = self.d.shape[n + 1 :]
        self.longest = min(columns_at_a_time(self.rows + 4 * outputs), math.prod(self.places))

    def blocks(self) -> Iterable[Block]:
        return blocks(self.places, self.longest)

    def unfold(self, i: int, block: Block, room: Array) -> Array:
        """The sum that m of this number is a product with: (C · elements of a row, columns of the block)."""
        places, start, stop = block
        combine, first, second = SUMS[i]
        d = self.d[..., *places]
        columns = room[:, : stop - start]
        combine(d[first], d[second], out=columns.reshape(d.shape[1:]))
        return columns


def conv(x: Array, weight: Array, bias: Array | None, windows: Windows) -> Array:
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    sums = Sums(x, windows, len(weight), dtype)
    g0, g1, g2 = np.moveaxis(np.asarray(weight, dtype), 2, 0)
    w = np.stack([g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2]).reshape(4, len(weight), sums.rows)
    out: Array = np.empty((len(weight), *windows.places, len(x)), dtype)

    def fill(blocks: Iterable[Block]) -> None:
        room, results = buffer(sums.rows, sums.longest, dtype), [buffer(len(w[0]), sums.longest, dtype) for _ in w]
        for block in blocks:
            places, start, stop = block
            m = [result[:, : stop - start] for result in results]
            for i in range(4):
                product(w[i], sums.unfold(i, block, room), m[i])
            if bias is not None:
                m[1] += bias[:, None]  # and so to both rows
            m[0] += m[1]
            m[1] -= m[2]
            y0, y1 = out[:, ::2][:, *places], out[:, 1::2][:, *places]
            np.add(rows(m[0], y0), rows(m[2], y0), out=y0)
            np.subtract(rows(m[1], y1), rows(m[3], y1), out=y1)

    each(fill, shares(sums.blocks(), w[0].size * out.size // len(weight)))
    return batch_first(out)


def rows(m: Array, y: Array) -> Array:
    """m (O, columns) in the shape of y: the last row of an odd number has no second one."""
    return m.reshape(len(m), -1, *y.shape[2:])[:, : y.shape[1]]


def conv_weight(x: Array, g: Array, windows: Windows) -> Array:
    """The adjoint: with h = ∂L/∂y, ∂L/∂m₀ = h₀, ∂L/∂m₁ = h₀ + h₁, ∂L/∂m₂ = h₀ - h₁ and ∂L/∂m₃ = -h₁."""
    dtype = np.result_type(x, g)
    sums = Sums(x, windows, g.shape[1], dtype)
    h = batch_last(g)
    if h.shape[1] % 2:
        h = np.concatenate([h, np.zeros_like(h[:, :1])], axis=1)
    h0, h1 = h[:, ::2], h[:, 1::2]

    share = shares(sums.blocks(), sums.rows * h.size)
    total = np.zeros((len(share), 4, sums.rows, len(h)), dtype)

    def add(part: int) -> None:
        room, result = buffer(sums.rows, sums.longest, dtype), buffer(len(h), sums.longest, dtype)
        for block in share[part]:
            places, start, stop = block
            a, b = h0[:, *places], h1[:, *places]
            m = result[:, : stop - start]
            for i, dm in enumerate((a, a + b, a - b, -b)):
                m.reshape(a.shape)[...] = dm
                total[part, i] += product_over_columns(sums.unfold(i, block, room), m)

    each(add, range(len(share)))
    w0, w1, w2, w3 = total.sum(axis=0)
    w = np.stack([w0 + (w1 + w2) / 2, (w1 - w2) / 2, w3 + (w1 + w2) / 2])  # (3, C · elements of a row, O)
    return np.ascontiguousarray(np.moveaxis(w.reshape(3, x.shape[1], *windows.kernel[1:], len(h)), (0, -1), (2, 0)))
