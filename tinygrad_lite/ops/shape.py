"""The same elements in another arrangement: reshape, transpose, broadcast_to, concatenate, pad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Array, Rule, op


@op(np.reshape, linear=True)
def reshape(x: Array, shape: Any) -> Rule:
    """out = x, in another shape        ∂L/∂x = g, in x's shape"""
    before = np.shape(x)
    return np.reshape(x, shape), (lambda g: np.reshape(g, before),)


@op(np.broadcast_to, linear=True)
def broadcast_to(x: Array, shape: Any) -> Rule:
    """out = x, repeated along new axes and axes of 1        ∂L/∂x = Σ g over the repeats"""
    return np.broadcast_to(x, shape), (lambda g: g,)  # the engine undoes broadcasting


@op(np.expand_dims, linear=True)
def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Rule:
    """out = x with new axes of 1        ∂L/∂x = g without them"""
    before = np.shape(x)
    return np.expand_dims(x, axis), (lambda g: np.reshape(g, before),)


@op(np.transpose, linear=True)
def transpose(x: Array, axes: Any = None) -> Rule:
    """out = xᵀ, its axes in another order        ∂L/∂x = gᵀ, in x's order"""
    back = None if axes is None else tuple(np.argsort([a % np.ndim(x) for a in axes]))
    return np.transpose(x, axes), (lambda g: np.transpose(g, back),)


@op(np.ndarray.astype, linear=True)
def astype(x: Array, dtype: Any) -> Rule:
    """out = x, in another dtype        ∂L/∂x = g, in x's dtype"""
    return x.astype(dtype), (lambda g: g,)  # the engine gives a gradient its tensor's dtype


@op(np.swapaxes, linear=True)
def swapaxes(x: Array, axis1: int, axis2: int) -> Rule:
    """out = x with two axes swapped        ∂L/∂x = g with the same two swapped"""
    return np.swapaxes(x, axis1, axis2), (lambda g: np.swapaxes(g, axis1, axis2),)
