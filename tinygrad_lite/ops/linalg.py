"""Products and decompositions of matrices: matmul, dot, inv, solve, svd, norm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Array, Rule, implements, op
from ..kernels import product as kernels


def T(x: Array) -> Array:
    """xᵀ: the last two axes swapped, for a matrix or a stack of them."""
    return np.swapaxes(x, -1, -2)


# ------------------------------------------------------------------------------------------------------- products


@op(np.matmul)
def matmul(x: Array, w: Array) -> Rule:
    """out = x @ w        ∂L/∂x = g @ wᵀ        ∂L/∂w = xᵀ @ g

    Shapes as in `np.matmul`: (..., n, k) @ (..., k, m) → (..., n, m), the leading axes (a stack of matrices) broadcast;
    a vector on the left is a row, on the right a column, and that axis is gone from the result.

    Raises:
        ValueError: the shapes do not fit together, or one of them is a scalar.
    """
    try:
        if getattr(x, "ndim", 0) == 2 == getattr(w, "ndim", 0):
            return x @ w, (lambda g: g @ w.T, lambda g: x.T @ g)
        value = kernels.matmul(x, w)
    except ValueError as error:
        raise ValueError(_mismatch(np.shape(x), np.shape(w))) from error
    row, column = np.ndim(x) == 1, np.ndim(w) == 1
    stack = np.shape(value)[: np.ndim(value) - 2 + row + column]

    def matrices() -> tuple[Array, Array]:
        return np.expand_dims(x, 0) if row else x, np.expand_dims(w, 1) if column else w

    def grad_x(g: Array) -> Array:
        x2, w2 = matrices()
        g = np.reshape(g, (*stack, np.shape(x2)[-2], np.shape(w2)[-1]))
        return np.reshape(_product(g, T(w2), np.shape(x2)), np.shape(x))

    def grad_w(g: Array) -> Array:
        x2, w2 = matrices()
        g = np.reshape(g, (*stack, np.shape(x2)[-2], np.shape(w2)[-1]))
        return np.reshape(_product(T(x2), g, np.shape(w2)), np.shape(w))

    return value, (grad_x, grad_w)


def _product(a: Array, b: Array, shape: tuple[int, ...]) -> Array:
    """a @ b, summed over those axes of the stack where `shape`, that of the result, has a 1 or no axis at all.

    Σᵢ aᵢ @ bᵢ is one product of all aᵢ side by side with all bᵢ below each other; no stack of products is formed.
    """
    stack = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    wanted = (1,) * (len(stack) + 2 - len(shape)) + shape[:-2]
    summed = [i for i, n in enumerate(stack) if n != 1 == wanted[i]]
    if not summed:
        return kernels.matmul(a, b)
    kept = [i for i in range(len(stack)) if i not in summed]

    def gathered(x: Array, side: int) -> Array:
        """x with the summed axes merged into the matrices' axis `side`."""
        *before, n, k = np.shape(x)
        before = [1] * (len(stack) - len(before)) + before
        order = [*kept, *((len(stack), *summed, -1) if side == -1 else (*summed, len(stack), -1))]
        merged = math.prod(before[i] for i in summed)
        x = np.transpose(np.reshape(x, (*before, n, k)), order)
        return np.reshape(x, (*(before[i] for i in kept), *((n, merged * k) if side == -1 else (merged * n, k))))

    return np.reshape(kernels.matmul(gathered(a, -1), gathered(b, -2)), shape)


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
    return np.reshape(a, (-1, 1)) * np.ravel(b)
