"""softmax and what is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...ops import activation as rules
from ...ops.reduce import Axis
from ...values import Array
from ..thresholds import ELEMENTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Object, Shape, Unsupported, call, dense, fits, version

SOFTMAX = 0x30000


@version(rules.softmax_forward, ELEMENTS_FOR_ONEDNN)
def softmax(x: Array, axis: int) -> Any:
    largest(x, axis)
    return _softmax(x, axis)


@version(rules.softmax_gradient, ELEMENTS_FOR_ONEDNN)
def softmax_gradient(g: Array, y: Array, axis: int) -> Any:
    if not fits(y) or g.shape != y.shape:
        return NotImplemented
    g, y = np.ascontiguousarray(g), np.ascontiguousarray(y)
    gx = np.empty_like(y)
    call(_backward, y.shape, axis % y.ndim)(y, g, gx)
    return gx


@version(rules.exponentials, ELEMENTS_FOR_ONEDNN)
def exponentials(x: Array, axis: Axis) -> Any:
    """With m = log Σ eˣ: then e is softmax itself, and Σ e is 1.

    m is max x - log max softmax: no logarithm of a number near 0.
    """
    if not isinstance(axis, int):
        return NotImplemented
    m = largest(x, axis)
    e = _softmax(x, axis)
    m = m - np.log(e.max(axis, keepdims=True))
    return e, np.ones_like(m), m


def largest(x: ndarray, axis: int) -> ndarray:
    """max x along the axis: finite everywhere, or oneDNN would not give NaN where softmax is."""
    m = x.max(axis, keepdims=True)
    if not np.isfinite(m).all():
        raise Unsupported
    return m


def _softmax(x: ndarray, axis: int) -> ndarray:
    x = np.ascontiguousarray(x)
    y = np.empty_like(x)
    call(_forward, x.shape, axis % x.ndim)(x, y)
    return y


def _forward(shape: Shape, axis: int) -> Call:
    here = dense(shape)
    return Call(_description(here, axis), [(dnn.SRC, here), (dnn.DST, here)], [dnn.DST])


def _backward(shape: Shape, axis: int) -> Call:
    here = dense(shape)
    what = dnn.description("softmax_backward", SOFTMAX, here, here, here, axis, _description(here, axis), None)
    return Call(what, [(dnn.DST, here), (dnn.DIFF_DST, here), (dnn.DIFF_SRC, here)], [dnn.DIFF_SRC])


def _description(here: Object, axis: int) -> Object:
    return dnn.description("softmax_forward", dnn.TRAINING, SOFTMAX, here, here, axis, None)
