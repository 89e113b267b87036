"""Many elements to one: sum, mean, max, norm, and the running kind (cumsum)."""

from __future__ import annotations


import numpy as np

from ..graph import Array, Rule, op

Axis = int | tuple[int, ...] | None


def spread(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """Give what was reduced over `axis` its axes back: each of the reduced elements gets the same."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)


@op(np.sum, linear=True)
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Rule:
    """out = Σ x        ∂L/∂x = g, the same for every summand"""
    shape = np.shape(x)
    return np.sum(x, axis=axis, keepdims=keepdims), (lambda g: spread(g, shape, axis, keepdims),)
