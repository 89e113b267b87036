"""Products of arrays as few, large matrix products."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from ..ops import product as rules
from ..values import Array
from .threads import awake, each, shared
from .thresholds import PRODUCTS_FOR_BLAS_THREADS


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
    for i, j, subscripts in _order(inputs, output, tuple([a.shape for a in operands])):
        if j is None:
            return np.einsum(subscripts, operands[i])
        b, a = operands.pop(j), operands.pop(i)
        operands.append(_contract_pair(a, b, subscripts))
    return operands[0]


@functools.lru_cache(1024)
def _order(
    inputs: tuple[str, ...], output: str, shapes: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, int | None, str], ...]:
    """Which two operands to contract next (i < j) and how: always the cheapest pair. A single operand has no j."""
    sizes, steps = rules.sizes_of(inputs, shapes), []
    terms = list(inputs)
    if len(terms) == 1:
        return ((0, None, f"{terms[0]}->{output}"),)
    while len(terms) > 1:

        def left(i: int, j: int) -> str:
            """What of terms i and j is still needed once they are contracted."""
            needed = set(output).union(*terms[:i], *terms[i + 1 : j], *terms[j + 1 :])
            return "".join(c for c in dict.fromkeys(terms[i] + terms[j]) if c in needed)

        def cost(pair: tuple[int, int]) -> tuple[int, int]:
            """Multiplications, then the size of the result."""
            return (
                math.prod(sizes[c] for c in set(terms[pair[0]] + terms[pair[1]])),
                math.prod(sizes[c] for c in left(*pair)),
            )

        i, j = min(itertools.combinations(range(len(terms)), 2), key=cost)
        result = output if len(terms) == 2 else left(i, j)
        steps.append((i, j, f"{terms[i]},{terms[j]}->{result}"))
        del terms[j], terms[i]
        terms.append(result)
    return tuple(steps)


def _contract_pair(a: Array, b: Array, subscripts: str) -> Array:
    how = _matrices(subscripts, a.shape, b.shape)
    if how is None:
        return np.einsum(subscripts, a, b)
    alone_a, alone_b, order_a, order_b, shape_a, shape_b, shape, order = how
    if alone_a:
        a = np.einsum(alone_a, a)
    if alone_b:
        b = np.einsum(alone_b, b)
    a, b = a.transpose(order_a).reshape(shape_a), b.transpose(order_b).reshape(shape_b)
    return (a @ b).reshape(shape).transpose(order)


@functools.lru_cache(1024)
def _matrices(subscripts: str, shape_a: tuple[int, ...], shape_b: tuple[int, ...]) -> tuple[Any, ...] | None:
    """How to make matrices of two operands, (*batch, rows, summed) @ (*batch, summed, columns), and that the result.

    Before that each loses, by itself, the letters that nobody else has, its diagonals, and a 1 that broadcasts.
    None where nothing is summed, or only many short vectors: there NumPy's own loop does as well.
    """
    terms, out = subscripts.split("->")
    left, right = terms.split(",")
    sizes_a, sizes_b = dict(zip(left, shape_a)), dict(zip(right, shape_b))

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
