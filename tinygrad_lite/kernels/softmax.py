"""softmax and its gradient with few temporaries, and the parts that its relatives share."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import Node
from ..values import Array
from .blocks import blockwise, large
from .kernel import kernel
from .total import Axis, total

MODERATE = 10.0  # where x stays below it and Σ eˣ above e to minus it, nothing need be subtracted from x


def peak(x: Array, axis: Axis) -> Array:
    """max x along `axis`, as a constant: softmax is the same whatever is subtracted; with this, eˣ cannot overflow."""
    if isinstance(x, Node):
        x = x.value
    m = np.sum(x, axis=axis, keepdims=True) if 0 in np.shape(x) else np.max(x, axis=axis, keepdims=True)
    if type(m) is np.ndarray and np.isfinite(m).all():
        return m
    return np.where(np.isfinite(m), m, np.zeros_like(m))


def exponentials(x: Array, axis: Axis, out: Array | None = None) -> tuple[Array, Array, Array]:
    """e = eˣ⁻ᵐ, Σ e along `axis`, and m: the largest x, or the number 0 where x is moderate anyway.

    One maximum over all of x is found several times faster than one for each row where rows are short, and a pass is
    saved. So small a difference from 0 costs log Σ e no digit that counts.
    """
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        m = peak(x, axis)
        e = np.exp(x - m)
        return e, total(e, axis), m
    if out is None and large(x, work=3):
        along = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
        s, m = np.empty((2, *[1 if i in along else n for i, n in enumerate(x.shape)]), x.dtype)
        e = blockwise(partial(_exponentials, axis=axis), np.empty_like(x), x, s, m, whole=along, work=3)
        return e, s, m if m.any() else 0
    if x.size and x.max() < MODERATE:
        e = np.exp(x, out=out)
        s = total(e, axis)
        if s.min() > math.exp(-MODERATE):
            return e, s, 0
    m = peak(x, axis)
    e = np.subtract(x, m, out=out)
    np.exp(e, out=e)
    return e, total(e, axis), m


def _exponentials(e: Array, x: Array, s: Array, m: Array, axis: Axis) -> None:
    _, s[...], m[...] = exponentials(x, axis, out=e)


def lowered(x: Array, m: Array) -> Array:
    """x - m for an m from `exponentials`."""
    return x if type(m) is int else x - m


def places(target: Array, axis: int) -> tuple[Array, ...]:
    """The index of one element along `axis` for each element of `target`, whose axes are the others."""
    others = [np.arange(n).reshape(-1, *(1,) * i) for i, n in zip(range(target.ndim - 1, -1, -1), target.shape)]
    return (*others[:axis], target, *others[axis:])


def plain_softmax(x: Array, axis: int) -> Array:
    e, s, _ = exponentials(x, axis)
    return e / s


@kernel(plain_softmax)
def softmax(x: Array, axis: int) -> Array:
    """eˣ / Σ eˣ, the sum along `axis`."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        return plain_softmax(x, axis)
    return blockwise(partial(_softmax, axis=axis), np.empty_like(x), x, whole=axis, work=3)


def _softmax(y: Array, x: Array, axis: int) -> None:
    s = exponentials(x, axis, out=y)[1]
    y /= s


def plain_softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    return y * (g - total(g * y, axis))


@kernel(plain_softmax_gradient)
def softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    """y · (g - Σ g · y), the sum along `axis`."""
    if type(g) is not np.ndarray:
        return plain_softmax_gradient(g, y, axis)
    return blockwise(partial(_softmax_gradient, axis=axis), np.empty_like(y), g, y, whole=axis, work=2)


def _softmax_gradient(gx: Array, g: Array, y: Array, axis: int) -> None:
    np.subtract(g, total(g, axis, y), out=gx)
    gx *= y


def plain_log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    return g - e * (total(g, axis) / s)


@kernel(plain_log_softmax_gradient)
def log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    if type(g) is not np.ndarray:
        return plain_log_softmax_gradient(g, e, s, axis)
    return blockwise(partial(_log_softmax_gradient, axis=axis), np.empty_like(e), g, e, s, whole=axis, work=2)


def _log_softmax_gradient(gx: Array, g: Array, e: Array, s: Array, axis: int) -> None:
    np.multiply(e, total(g, axis) / -s, out=gx)
    gx += g


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
    gx = blockwise(_product, np.empty_like(e), e, g.reshape(s.shape) / s)
    gx[places(target, axis)] -= g
    return gx


def _product(y: Array, x: Array, factor: Array) -> None:
    np.multiply(x, factor, out=y)
