"""softmax, its relatives and their gradients with few temporaries, in blocks that keep the axis whole."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import total
from ..ops import activation as rules
from ..ops import loss
from ..ops.reduce import Axis
from ..values import Array
from .blocks import blockwise, in_blocks

MODERATE = 10.0  # where x stays below it and Σ eˣ above e to minus it, nothing need be subtracted from x


@rules.exponentials.register
def exponentials(x: Array, axis: Axis) -> Any:
    """m is 0 where x is moderate anyway.

    One maximum over all of x is found several times faster than one for each row where rows are short, and a pass is
    saved. So small a difference from 0 costs log Σ e no digit that counts.
    """
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or not x.ndim:
        return NotImplemented
    along = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    s, m = np.empty((2, *[1 if i in along else n for i, n in enumerate(x.shape)]), x.dtype)
    return blockwise(partial(_exponentials, axis=axis), np.empty_like(x), x, s, m, whole=along, work=3), s, m


def _exponentials(e: Array, x: Array, s: Array, m: Array, axis: Axis) -> None:
    s[...], m[...] = _into(e, x, axis)


def _into(e: Array, x: Array, axis: Axis) -> tuple[Array, Array | int]:
    """Write eˣ⁻ᵐ into e; returns Σ e and m."""
    if x.size and x.max() < MODERATE:
        np.exp(x, out=e)
        s = total(e, axis)
        if s.min() > math.exp(-MODERATE):
            return s, 0
    m = rules.peak(x, axis)
    np.subtract(x, m, out=e)
    np.exp(e, out=e)
    return total(e, axis), m


@in_blocks(rules.softmax_forward, work=3)
def softmax(y: Array, x: Array, axis: int) -> None:
    y /= _into(y, x, axis)[0]


@in_blocks(rules.softmax_gradient, work=2)
def softmax_gradient(gx: Array, g: Array, y: Array, axis: int) -> None:
    np.subtract(g, total(g, axis, y), out=gx)
    gx *= y


@rules.log_softmax_forward.register
def log_softmax(x: Array, axis: int) -> Any:
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or not x.ndim:
        return NotImplemented
    e, s, m = exponentials(x, axis)
    if not m.any():
        return x - np.log(s), e, s
    y = x - m
    y -= np.log(s)
    return y, e, s


@in_blocks(rules.log_softmax_gradient, work=2)
def log_softmax_gradient(gx: Array, g: Array, e: Array, s: Array, axis: int) -> None:
    np.multiply(e, total(g, axis) / -s, out=gx)
    gx += g


def places(target: Array, axis: int) -> tuple[Array, ...]:
    """The index of one element along `axis` for each element of `target`, whose axes are the others."""
    others = [np.arange(n).reshape(-1, *(1,) * i) for i, n in zip(range(target.ndim - 1, -1, -1), target.shape)]
    return (*others[:axis], target, *others[axis:])


@loss.pick.register
def pick(x: Array, target: Array, axis: int) -> Array:
    return x[places(target, axis)] if type(x) is np.ndarray else NotImplemented


@loss.cross_entropy_gradient.register
def cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    if not (type(e) is np.ndarray and e.dtype.char in "fd" and e.dtype == g.dtype):
        return NotImplemented
    gx = blockwise(_product, np.empty_like(e), e, g.reshape(s.shape) / s)
    gx[places(target, axis)] -= g
    return gx


def _product(y: Array, x: Array, factor: Array) -> None:
    np.multiply(x, factor, out=y)
