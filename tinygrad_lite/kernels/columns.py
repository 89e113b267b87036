"""The windows of an image as the columns of a matrix, a block at a time, and products with such matrices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..graph import Array
from .threads import split
from .windows import Slices, Windows, seen_through

BLOCK = 1 << 18  # elements of the buffer of columns: 1 MB of float32
CHUNK = 512  # columns of one matrix product: BLAS is fastest where all of it fits the cache
WORTH = 1 << 22  # products of numbers: fewer are done before another thread has begun

Block = tuple[Slices, int, int]  # places and examples; the first and the last of the columns that they make


def blocks(shape: tuple[int, ...], most: int) -> Iterator[Block]:
    """`shape` (places and examples) cut into contiguous runs of at most `most` columns, of much the same length."""
    if 0 in shape:
        return
    inner, axis = 1, len(shape) - 1
    while axis > 0 and inner * shape[axis] <= most:
        inner *= shape[axis]
        axis -= 1
    length = shape[axis]
    count = -(-length // (most // inner))
    rest = tuple(slice(0, n) for n in shape[axis + 1 :])
    for i, outer in enumerate(np.ndindex(shape[:axis])):
        for j in range(count):
            first, last = length * j // count, length * (j + 1) // count
            start, stop = (i * length + first) * inner, (i * length + last) * inner
            yield (*(slice(o, o + 1) for o in outer), slice(first, last), *rest), start, stop


def columns_at_a_time(rows: int) -> int:
    return max(CHUNK, BLOCK // max(1, rows))


def buffer(rows: int, columns: int, dtype: Any) -> Array:
    """An empty matrix whose rows lie a cache line further apart than they are long: the rows of one that is a power of
    two wide would all fall on the same few sets of the cache."""
    return np.empty((rows, columns + 16), dtype)[:, :columns]


def shared(n: int, products: int) -> list[slice]:
    """range(n) in a part for each thread, or fewer where these would have too few of so many products to do."""
    return split(n, max(1, -(-WORTH * n // max(1, products))))


def shares(blocks: Iterable[Block], products: int) -> list[list[Block]]:
    """The blocks for each thread, where there are so many products in all that it is worth it."""
    blocks = list(blocks)
    return [blocks[part] for part in shared(len(blocks), products)]


def chunks(a: Array) -> Iterator[Array]:
    """The matrix a (rows, columns) as a stack of CHUNK columns each, and what is left over."""
    whole = a.shape[1] // CHUNK * CHUNK
    if whole:
        yield a[:, :whole].reshape(len(a), whole // CHUNK, CHUNK).transpose(1, 0, 2)
    if whole < a.shape[1]:
        yield a[None, :, whole:]


def product(a: Array, b: Array, out: Array) -> None:
    """out = a @ b, a chunk of columns at a time."""
    for b_part, out_part in zip(chunks(b), chunks(out)):
        np.matmul(a, b_part, out=out_part)


def product_over_columns(a: Array, b: Array) -> Array:
    """a @ bᵀ, a chunk of columns at a time."""
    return sum(np.matmul(p, q.transpose(0, 2, 1)).sum(axis=0) for p, q in zip(chunks(a), chunks(b)))


class Columns:
    """The windows seen, as a matrix (C · elements, columns) of which a block is unfolded at a time."""

    def __init__(self, x: Array, windows: Windows, dtype: Any) -> None:
        n = len(windows.size)
        self.seen = seen_through(x, windows, dtype)
        self.rows = math.prod(self.seen.shape[: n + 1])
        self.places = self.seen.shape[n + 1 :]
        self.longest = min(columns_at_a_time(self.rows), math.prod(self.places))  # block
        self.copied = math.prod(windows.kernel) > 1

    def blocks(self) -> Iterator[Block]:
        return blocks(self.places, self.longest)

    def buffer(self) -> Array:
        return buffer(self.rows, self.longest, self.seen.dtype) if self.copied else None

    def unfold(self, block: Block, buffer: Array) -> Array:
        """(C · elements, columns of the block)"""
        places, start, stop = block
        part = self.seen[..., *places]
        if not self.copied:  # a 1 × 1 kernel has its columns in x itself
            return part.reshape(self.rows, stop - start)
        columns = buffer[:, : stop - start]
        columns.reshape(part.shape)[...] = part
        return columns
