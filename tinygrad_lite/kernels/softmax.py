"""softmax and its gradient with few temporaries, and the parts that its relatives share."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Node, kernel
from .reduce import Axis, total


def peak(x: Array, axis: Axis) -> Array:
    """max x along `axis`, as a constant: softmax is the same whatever is subtracted; with this, eˣ cannot overflow."""
    if isinstance(x, Node):
        x = x.value
    m = np.sum(x, axis=axis, keepdims=True) if 0 in np.shape(x) else np.max(x, axis=axis, keepdims=True)
    if type(m) is np.ndarray and np.isfinite(m).all():
        return m
    return np.where(np.isfinite(m), m, np.zeros_like(m))


def exp(x: Array) -> Array:
    """eˣ, written over x: for an x that nobody else holds."""
    return np.exp(x, out=x) if type(x) is np.ndarray and x.dtype.kind == "f" else np.exp(x)


def places(target: Array, axis: int) -> tuple[Array, ...]:
    """The index of one element along `axis` for each element of `target`, whose axes are the others."""
    others = [np.arange(n).reshape(-1, *(1,) * i) for i, n in zip(range(target.ndim - 1, -1, -1), target.shape)]
    return (*others[:axis], target, *others[axis:])


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
    gx = g - total(g, axis, y)
    gx *= y
    return gx


def plain_log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    return g - e * (total(g, axis) / s)


@kernel(plain_log_softmax_gradient)
def log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    gx = e * (total(g, axis) / -s)
    gx += g
    return gx


def is_target(classes: int, target: Array, axis: int) -> Array:
    """Where along `axis` each target is: one_hot."""
    index = np.reshape(np.arange(classes), (-1,) + (1,) * (np.ndim(target) - axis))
    return index == np.expand_dims(target, axis)


def pick(x: Array, target: Array, axis: int) -> Array:
    """x at each target."""
    if type(x) is np.ndarray:
        return x[places(target, axis)]
    return np.sum(x * is_target(np.shape(x)[axis], target, axis), axis=axis)


def plain_cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    return np.expand_dims(g, axis) * (e / s - is_target(np.shape(e)[axis], target, axis))


@kernel(plain_cross_entropy_gradient)
def cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    gx = e * (np.expand_dims(g, axis) / s)
    gx[places(target, axis)] -= g
    return gx
