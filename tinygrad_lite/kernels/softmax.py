"""softmax and its gradient with few temporaries, and the parts that its relatives share."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import Array, Node, kernel
from .blocks import blockwise
from .reduce import Axis, total

MODERATE = 10.0  # where x stays below it and Σ eˣ above e to minus it, nothing need be subtracted from x


def peak(x: Array, axis: Axis) -> Array:
    """max x along `axis`, as a constant: softmax is the same whatever is subtracted; with this, eˣ cannot overflow."""
    if isinstance(x, Node):
        x = x.value
    m = np.sum(x, axis=axis, keepdims=True) if 0 in np.shape(x) else np.max(x, axis=axis, keepdims=True)
    if type(m) is np.ndarray and np.isfinite(m).all():
        return m
    return np.where(np.isfinite(m), m, np.zeros_like(m))


def exponentials(x: Array, axis: Axis) -> tuple[Array, Array, Array]:
    """e = eˣ⁻ᵐ, Σ e along `axis`, and m: the largest x, or 0 where x is moderate anyway.

    One maximum over all of x is found several times faster than one for each row where rows are short, and a pass is
    saved. So small a difference from 0 costs log Σ e no digit that counts.
    """
    if not in_place(x):
        m = peak(x, axis)
        e = np.exp(x - m)
        return e, total(e, axis), m
    along = tuple(range(x.ndim)) if axis is None else axis
    s, m = room(x, along)
    return blockwise(partial(_exponentials, axis=axis), np.empty_like(x), x, s, m, whole=along), s, m


def room(x: Array, axis: int | tuple[int, ...]) -> Array:
    """Two arrays of zeros for results of reductions along `axis`, which stays as an axis of 1."""
    axes = normalize_axis_tuple(axis, x.ndim)
    return np.zeros((2, *[1 if i in axes else n for i, n in enumerate(x.shape)]), x.dtype)


def in_place(x: Array) -> bool:
    """Whether x is an array that blocks of its exponentials can be written for."""
    return type(x) is np.ndarray and x.ndim > 0 and x.dtype.char in "fd"


def _exponentials(e: Array, x: Array, s: Array, m: Array, axis: Axis) -> None:
    """`exponentials` written into e, s and m, which is 0 before."""
    if x.size and x.max() < MODERATE:
        np.exp(x, out=e)
        s[...] = total(e, axis)
        if s.min() > math.exp(-MODERATE):
            return
    m[...] = peak(x, axis)
    np.subtract(x, m, out=e)
    np.exp(e, out=e)
    s[...] = total(e, axis)


def lowered(x: Array, m: Array) -> Array:
    """x - m for an m from `exponentials`."""
    return x if type(m) is np.ndarray and not m.any() else x - m


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
    if not in_place(x):
        return plain_softmax(x, axis)
    return blockwise(partial(_softmax, axis=axis), np.empty_like(x), x, *room(x, axis), whole=axis)


def _softmax(y: Array, x: Array, s: Array, m: Array, axis: int) -> None:
    _exponentials(y, x, s, m, axis)
    y /= s


def plain_softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    return y * (g - total(g * y, axis))


@kernel(plain_softmax_gradient)
def softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    """y · (g - Σ g · y), the sum along `axis`."""
    if type(g) is not np.ndarray:
        return plain_softmax_gradient(g, y, axis)
    return blockwise(partial(_softmax_gradient, axis=axis), np.empty_like(y), g, y, whole=axis)


def _softmax_gradient(gx: Array, g: Array, y: Array, axis: int) -> None:
    np.subtract(g, total(g, axis, y), out=gx)
    gx *= y


def plain_log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    return g - e * (total(g, axis) / s)


@kernel(plain_log_softmax_gradient)
def log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    if type(g) is not np.ndarray:
        return plain_log_softmax_gradient(g, e, s, axis)
    return blockwise(partial(_log_softmax_gradient, axis=axis), np.empty_like(e), g, e, s, whole=axis)


def _log_softmax_gradient(gx: Array, g: Array, e: Array, s: Array, axis: int) -> None:
    np.multiply(e, total(g, axis) / -s, out=gx)
    gx += g


def plain_scaled(x: Array, factor: Array) -> Array:
    return x * factor


@kernel(plain_scaled)
def scaled(x: Array, factor: Array) -> Array:
    """x · factor, which has axes of 1."""
    return blockwise(_scaled, np.empty_like(x), x, factor) if in_place(x) else plain_scaled(x, factor)


def _scaled(y: Array, x: Array, factor: Array) -> None:
    np.multiply(x, factor, out=y)


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
    gx = scaled(e, g.reshape(s.shape) / s)
    gx[places(target, axis)] -= g
    return gx
