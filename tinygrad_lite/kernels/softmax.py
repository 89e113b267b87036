"""softmax, its relatives and their gradients with few temporaries, in blocks that keep the axis whole."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..graph import total
from ..ops import activation as rules
from ..ops.reduce import Axis
from ..values import Array
from .blocks import blockwise, in_blocks, large

MODERATE = 10.0  # if x < MODERATE and Σ eˣ > e^-MODERATE, nothing need be subtracted from x


@rules.exponentials.register
def exponentials(x: Array, axis: Axis) -> Any:
    """m is 0 if all of x is moderate.

    That saves a pass, and the maximum of all of x takes a fraction of the time of one for each row, if rows are short.
    An m that is so near to 0 costs log Σ e no digit that counts.
    """
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or not x.ndim:
        return NotImplemented
    e = np.empty_like(x)
    if not large(x, work=3):
        s, m = _into(e, x, axis)
        return e, s, np.zeros(s.shape, s.dtype) if type(m) is int else m
    along = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    s, m = np.empty((2, *[1 if i in along else n for i, n in enumerate(x.shape)]), x.dtype)
    return blockwise(partial(_exponentials, axis=axis), e, x, s, m, whole=along, work=3), s, m


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
