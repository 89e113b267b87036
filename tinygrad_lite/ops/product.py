"""Products of vectors and matrices: matmul, dot, outer, kron, cross, and chains and powers of them."""

from __future__ import annotations

import functools
import math
import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dispatch import array_code, forward
from ..errors import not_lazy
from ..graph import Rule, op
from ..tensor import implements
from ..values import Array, beside


@array_code
def matrix_product(x: Array, w: Array) -> Array:
    """`np.matmul` of arrays."""
    return np.matmul(x, w)


@array_code
def weight_gradient(x: Array, g: Array, w: Array) -> Array:
    """xᵀ @ g of two matrices: the gradient of w, as which a plug-in may lay it in memory."""
    return matrix_product(T(x), g)


@forward
def contract(*arrays: Array, inputs: tuple[str, ...], output: str) -> Array:
    """`np.einsum` with a letter for each axis."""
    sizes_of(inputs, tuple(map(np.shape, arrays)))
    return np.einsum(f"{','.join(inputs)}->{output}", *arrays, optimize=len(arrays) > 2)


def sizes_of(inputs: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]) -> dict[str, int]:
    """How long the axes of each letter are; one of 1 is repeated along the others."""
    sizes: dict[str, int] = {}
    for letters, shape in zip(inputs, shapes):
        for c, n in zip(letters, shape):
            if sizes.setdefault(c, n) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise ValueError(f"{c!r} is {sizes[c]} in one operand but {n} in another: they must be equal, or 1")
    return sizes


def T(x: Array) -> Array:
    """xᵀ: the last two axes swapped, for a matrix or a stack of them."""
    return np.swapaxes(x, -1, -2)


@op(np.matmul, np.linalg.matmul)
def matmul(x: Array, w: Array) -> Rule:
    """out = x @ w        ∂L/∂x = g @ wᵀ        ∂L/∂w = xᵀ @ g

    Shapes as in `np.matmul`: (..., n, k) @ (..., k, m) → (..., n, m), the leading axes (a stack of matrices) broadcast;
    a vector on the left is a row, on the right a column, and that axis is gone from the result.

    Raises:
        ValueError: the shapes do not fit together, or one of them is a scalar.
    """
    try:
        if getattr(x, "ndim", 0) == 2 == getattr(w, "ndim", 0):
            return matrix_product(x, w), (lambda g: matrix_product(g, w.T), lambda g: weight_gradient(x, g, w))
        value = matrix_product(x, w)
    except ValueError as error:
        raise ValueError(_mismatch(np.shape(x), np.shape(w))) from error
    if np.ndim(w) == 1:
        return value, (lambda g: np.expand_dims(g, -1) * w, lambda g: np.reshape(g, (-1,)) @ _rows(x))
    if np.ndim(w) == 2:  # one w for all: the stack is only more rows
        return value, (lambda g: matrix_product(g, T(w)), lambda g: weight_gradient(_rows(x), _rows(g), w))

    def row(a: Array) -> Array:
        return np.expand_dims(a, -2) if np.ndim(x) == 1 else a

    return value, (
        lambda g: _summed(row(g), T(w), np.shape(row(x))),
        lambda g: _summed(T(row(x)), row(g), np.shape(w)),
    )


def _rows(x: Array) -> Array:
    """A stack of matrices as one, all their rows below each other; a vector is one row."""
    return np.reshape(x, (math.prod(np.shape(x)[:-1]), np.shape(x)[-1]))


def _summed(a: Array, b: Array, shape: tuple[int, ...]) -> Array:
    """a @ b, a stack of products that is to be summed to `shape`: along axes where that has a 1, or none at all.

    The engine would do that. But if the stack is larger than both factors, one product of all a's side by side with all
    b's below each other is cheaper.
    """
    (n, k), m = np.shape(a)[-2:], np.shape(b)[-1]
    stack = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    wanted = (1,) * (len(stack) + 2 - len(shape)) + shape[:-2]
    if stack == wanted or n * m <= (n + m) * k:
        return matrix_product(a, b)
    letters = string.ascii_lowercase[: len(stack)]
    left, right = (letters[len(stack) + 2 - np.ndim(x) :] for x in (a, b))
    kept = "".join(c for c, size in zip(letters, wanted) if size != 1)
    return np.reshape(contract(a, b, inputs=(left + "NK", right + "KM"), output=kept + "NM"), shape)


def _mismatch(x: tuple[int, ...], w: tuple[int, ...]) -> str:
    """Why shapes x and w cannot be multiplied."""
    seen = f"matmul: x has shape {x} but w has shape {w}: "
    if not x or not w:
        return seen + "a scalar has no axis to sum over; use x * w"
    if x[-1] != w[-2:][0]:
        axis = "second to last" if len(w) > 1 else "only one"
        return seen + f"x's last axis ({x[-1]}) must equal w's {axis} ({w[-2:][0]})"
    return seen + f"their leading axes {x[:-2]} and {w[:-2]} must be equal, or 1, or missing"


@implements(np.dot)
def dot(a: Array, b: Array) -> Array:
    """`np.dot`: the sum over a's last axis and b's second to last (or only) one; a scalar multiplies."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


@implements(np.vdot)
def vdot(a: Array, b: Array) -> Array:
    """`np.vdot`: the sum of all products, both arrays flattened."""
    return np.matmul(np.ravel(a), np.ravel(b))


@implements(np.inner)
def inner(a: Array, b: Array) -> Array:
    """`np.inner`: the sum over the last axis of both; a scalar multiplies."""
    return a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else np.tensordot(a, b, (-1, -1))


@implements(np.outer)
def outer(a: Array, b: Array) -> Array:
    """`np.outer`: out[i, j] = a[i] · b[j], both arrays flattened."""
    return np.einsum("i,j->ij", np.ravel(a), np.ravel(b))


@implements(np.linalg.outer)
def _outer(a: Array, b: Array) -> Array:
    """`np.linalg.outer`: as np.outer, of vectors only."""
    if np.ndim(a) != 1 or np.ndim(b) != 1:
        raise ValueError("both must be vectors")
    return np.outer(a, b)


@implements(np.vecdot, np.linalg.vecdot)
def vecdot(a: Array, b: Array, axis: int = -1) -> Array:
    """`np.vecdot`: the dot products of vectors that lie along `axis`."""
    return np.einsum("...i,...i", np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1))


if hasattr(np, "matvec"):  # NumPy 2.2

    @implements(np.matvec)
    def matvec(a: Array, b: Array) -> Array:
        """`np.matvec`: a @ b of matrices and vectors in the last axes."""
        return np.einsum("...ij,...j->...i", a, b)

    @implements(np.vecmat)
    def vecmat(a: Array, b: Array) -> Array:
        """`np.vecmat`: a @ b of vectors and matrices in the last axes."""
        return np.einsum("...i,...ij->...j", a, b)


@implements(np.kron)
def kron(a: Array, b: Array) -> Array:
    """`np.kron`: each element of a times the whole of b, side by side."""
    ndim = max(np.ndim(a), np.ndim(b))
    rows = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    columns = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    axes = range(2 * ndim)
    blocks = np.einsum(np.reshape(a, rows), axes[::2], np.reshape(b, columns), axes[1::2], axes)
    return np.reshape(blocks, [n * m for n, m in zip(rows, columns)])


@op
def cross(a: Array, b: Array) -> Rule:
    """out = a × b        ∂L/∂a = b × g        ∂L/∂b = g × a"""
    not_lazy("cross", a, b)
    return np.cross(a, b), (lambda g: np.cross(b, g), lambda g: np.cross(g, a))


@implements(np.cross)
def _cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """`np.cross`: (a₁b₂ - a₂b₁, a₂b₀ - a₀b₂, a₀b₁ - a₁b₀), of vectors along an axis of 3.

    Raises:
        ValueError: an axis of vectors does not have 3 elements.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    lengths = np.shape(a)[axisa], np.shape(b)[axisb]
    if lengths != (3, 3):
        raise ValueError(f"vectors must have 3 elements, a's have {lengths[0]} and b's {lengths[1]}")
    if axisa == axisb == axisc == -1:
        return cross(a, b)
    return np.moveaxis(cross(np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)), -1, axisc)


@implements(np.linalg.cross)
def _cross_along(a: Array, b: Array, axis: int = -1) -> Array:
    """`np.linalg.cross`: as np.cross, along one axis of both."""
    return np.cross(a, b, axis=axis)


@implements(np.trace)
def trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
    """`np.trace`: the sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.matrix_power)
def matrix_power(a: Array, n: int) -> Array:
    """`np.linalg.matrix_power`: a @ a @ … n times, by repeated squaring; of the inverse where n is negative.

    Raises:
        ValueError: a is not a square matrix (or a stack of them).
        TypeError: n is not an integer.
    """
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        raise ValueError("a's last two axes must be equal")
    n = operator.index(n)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 0:
        return np.broadcast_to(beside(np.eye(np.shape(a)[-1], dtype=a.dtype), a), np.shape(a))
    if n == 1:
        return a
    half = matrix_power(a @ a, n // 2)
    return half @ a if n % 2 else half


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Array]) -> Array:
    """`np.linalg.multi_dot`: the product of a chain of matrices in the order of fewest multiplications.

    The first may be a row vector, the last a column vector.
    """
    if len(arrays) < 2:
        raise ValueError(f"needs two arrays or more, got {len(arrays)}")
    for i, a in enumerate(arrays):
        if np.ndim(a) != 2 and not (np.ndim(a) == 1 and i in (0, len(arrays) - 1)):
            raise ValueError(f"array {i} must be a matrix (the first and the last may be vectors)")
    (*rows, _), (_, *columns) = np.shape(arrays[0]), np.shape(arrays[-1])
    sizes = [*(rows or [1]), *(np.shape(a)[0] for a in arrays[1:]), *(columns or [1])]

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        """The fewest multiplications for arrays i … j, and after which of them to split."""
        if i == j:
            return 0, i
        return min((best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))

    def chain(i: int, j: int) -> Array:
        split = best(i, j)[1]
        return arrays[i] if i == j else np.matmul(chain(i, split), chain(split + 1, j))

    return chain(0, len(arrays) - 1)
