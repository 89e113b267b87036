"""Products of arrays as few, large matrix products."""

from __future__ import annotations

import functools
import math
import sys
from typing import Any

import numpy as np

from ..ops import product as rules
from ..values import Array
from .threads import awake, each, shared
from .thresholds import PRODUCTS_FOR_BLAS_THREADS

Shape = tuple[int, ...]


@rules.matrix_product.register
def matmul(x: Array, w: Array) -> Array:
    """A stack of x's against one w is one product: NumPy makes one for each, up to 3 times slower.

    And a column times a row is no sum: as a product it is 5 times faster.
    """
    rows, columns = np.shape(x), np.shape(w)
    if len(rows) > 1 < len(columns) and rows[-1] == 1 == columns[-2]:
        return np.multiply(x, w)
    if len(rows) > 2 == len(columns) and rows[-1]:
        return _threaded(np.reshape(x, (-1, rows[-1])), w).reshape(*rows[:-1], columns[-1])
    return _threaded(x, w) if len(rows) == 2 == len(columns) else np.matmul(x, w)


@rules.weight_gradient.register
def weight_gradient(x: Array, g: Array, w: Array) -> Array:
    """The transposed product where w lies by columns, as the weight of a linear layer does: then w's update need not
    bring the gradient in order."""
    if w.flags.f_contiguous and not w.flags.c_contiguous:
        return matmul(g.T, x).T
    return matmul(x.T, g)


def _threaded(x: Array, w: Array) -> Array:
    """x @ w of two matrices, in the BLAS's threads, or a part of it in each of ours where these are at work now."""
    (n, k), m = x.shape, w.shape[1]
    if n * k * m < PRODUCTS_FOR_BLAS_THREADS or not awake() or k != w.shape[0] or x.dtype != w.dtype:
        return x @ w
    out = np.empty((n, m), x.dtype)
    if n > m:
        each(lambda part: np.matmul(x[part], w, out=out[part]), shared(n, n * k * m))
    else:
        each(lambda part: np.matmul(x, w[:, part], out=out[:, part]), shared(m, n * k * m))
    return out


@rules.contract.register
def contract(*arrays: Array, inputs: tuple[str, ...], output: str) -> Array:
    """`np.einsum` with a letter for each axis: two arrays at a time, as a matrix product where that is what it is."""
    operands = [np.asarray(a) for a in arrays]
    for places, subscripts, how in _steps(inputs, output, tuple([a.shape for a in operands])):
        some = [operands.pop(i) for i in places][::-1]
        operands.append(np.einsum(subscripts, *some) if how is None else _product(how, *some))
    return operands[0]


@functools.lru_cache(1024)
def _steps(inputs: tuple[str, ...], output: str, shapes: tuple[Shape, ...]) -> list[tuple[Shape, str, Any]]:
    """Which operands to contract next (the last of them first) and how, as NumPy orders them; results come last."""
    rules.sizes_of(inputs, shapes)  # which says what does not fit
    spec, arrays = f"{','.join(inputs)}->{output}", [np.broadcast_to(0.0, shape) for shape in shapes]
    waiting, steps = list(zip(inputs, shapes)), []
    for step in np.einsum_path(spec, *arrays, optimize=("greedy", sys.maxsize))[0][1:]:
        places = tuple(sorted(step, reverse=True))
        terms, seen = zip(*[waiting.pop(i) for i in places][::-1])
        sizes, needed = rules.sizes_of(terms, seen), output + "".join(term for term, _ in waiting)
        result = "".join(c for c in sizes if c in needed) if waiting else output
        waiting.append((result, tuple([sizes[c] for c in result])))
        how = _matrices(terms, seen, result) if len(terms) == 2 else None
        steps.append((places, f"{','.join(terms)}->{result}", how))
    return steps


def _product(how: tuple[Any, ...], a: Array, b: Array) -> Array:
    alone_a, alone_b, order_a, order_b, shape_a, shape_b, shape, order = how
    if alone_a:
        a = np.einsum(alone_a, a)
    if alone_b:
        b = np.einsum(alone_b, b)
    a, b = a.transpose(order_a).reshape(shape_a), b.transpose(order_b).reshape(shape_b)
    return (a @ b).reshape(shape).transpose(order)


def _matrices(terms: tuple[str, str], shapes: tuple[Shape, Shape], out: str) -> tuple[Any, ...] | None:
    """How to make matrices of two operands, (*batch, rows, summed) @ (*batch, summed, columns), and that the result.

    Before that each loses, by itself, the letters that nobody else has, its diagonals, and a 1 that broadcasts.
    None where nothing is summed, or only many short vectors: there NumPy's own loop does as well.
    """
    (left, right), (sizes_a, sizes_b) = terms, [dict(zip(term, shape)) for term, shape in zip(terms, shapes)]

    def lasting(mine: dict[str, int], other: dict[str, int]) -> str:
        return "".join(c for c, n in mine.items() if (c in other or c in out) and not n == 1 != other.get(c, 1))

    a, b = lasting(sizes_a, sizes_b), lasting(sizes_b, sizes_a)
    sizes = {c: (sizes_a if c in a else sizes_b)[c] for c in a + b}
    batch = [c for c in a if c in b and c in out]
    summed = [c for c in a if c in b and c not in out]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    if not summed or (batch and not rows and not columns):
        return None
    stack = [sizes[c] for c in batch]
    n, k, m = (math.prod(sizes[c] for c in letters) for letters in (rows, summed, columns))
    result = batch + rows + columns
    return (
        "" if a == left else f"{left}->{a}",
        "" if b == right else f"{right}->{b}",
        [a.index(c) for c in batch + rows + summed],
        [b.index(c) for c in batch + summed + columns],
        (*stack, n, k),
        (*stack, k, m),
        [sizes[c] for c in result],
        [result.index(c) for c in out],
    )
