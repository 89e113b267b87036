"""Products and decompositions of matrices: matmul, einsum, inv, svd."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Rule, op


def T(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


@op(np.matmul)
def matmul(x: Array, w: Array) -> Rule:
    """out = x @ w        ∂L/∂x = g @ wᵀ        ∂L/∂w = xᵀ @ g"""
    return x @ w, (lambda g: g @ T(w), lambda g: T(x) @ g)
