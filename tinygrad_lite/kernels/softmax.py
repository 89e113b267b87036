"""softmax and its gradient with few temporaries, and the parts that its relatives share."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Node, kernel

Axis = int | tuple[int, ...] | None


def peak(x: Array, axis: Axis) -> Array:
    """max x along `axis`, as a constant: softmax is the same whatever is subtracted; with this, eˣ cannot overflow."""
    if isinstance(x, Node):
        x = x.value
    m = np.max(x, axis=axis, keepdims=True) if np.size(x) else np.sum(x, axis=axis, keepdims=True)
    return np.where(np.isfinite(m), m, np.zeros_like(m))


def total(x: Array, axis: Axis) -> Array:
    """Σ x along `axis`, kept as an axis of 1."""
    return np.sum(x, axis=axis, keepdims=True)


def exp(x: Array) -> Array:
    """eˣ, written over x where that is an array which can hold it."""
    return np.exp(x, out=x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else np.exp(x)


def dot(x: Array, y: Array, axis: int) -> Array:
    """Σ x · y along `axis`, kept as an axis of 1."""
    if np.ndim(x) and axis in (-1, np.ndim(x) - 1):
        return np.vecdot(x, y)[..., None]
    return np.sum(x * y, axis=axis, keepdims=True)


def plain_softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - peak(x, axis))
    return e / total(e, axis)


@kernel(plain_softmax)
def softmax(x: Array, axis: int) -> Array:
    e = exp(x - peak(x, axis))
    e /= total(e, axis)
    return e


def plain_softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    return y * (g - total(g * y, axis))


@kernel(plain_softmax_gradient)
def softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    gx = g - dot(g, y, axis)
    gx *= y
    return gx


def plain_cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    classes = np.reshape(np.arange(np.shape(e)[axis]), (-1,) + (1,) * (np.ndim(e) - 1 - axis % np.ndim(e)))
    return np.expand_dims(g, axis) * (e / s - (classes == np.expand_dims(target, axis)))


@kernel(plain_cross_entropy_gradient)
def cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    g, target = np.expand_dims(g, axis), np.expand_dims(target, axis)
    gx = e * (g / s)
    np.put_along_axis(gx, target, np.take_along_axis(gx, target, axis) - g, axis)
    return gx
