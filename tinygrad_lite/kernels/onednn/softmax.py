"""softmax over the last axis and what is made of it: along others oneDNN takes longer than NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...ops import activation as rules
from ...ops.reduce import Axis
from ...values import Array
from ..thresholds import ELEMENTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Object, Unsupported, call, dense, fits, version

SOFTMAX = 0x30000


@version(rules.softmax_forward, ELEMENTS_FOR_ONEDNN)
def softmax(x: Array, axis: int) -> Any:
    largest(x, axis)
    return _softmax(x)


@version(rules.softmax_gradient, ELEMENTS_FOR_ONEDNN)
def softmax_gradient(g: Array, y: Array, axis: int) -> Any:
    if not fits(y) or g.shape != y.shape or axis not in (-1, y.ndim - 1):
        return NotImplemented
    g, y = np.ascontiguousarray(g), np.ascontiguousarray(y)
    gx = np.empty_like(y)
    call(_backward, y.size // y.shape[-1], y.shape[-1])(y, g, gx)
    return gx


@version(rules.exponentials, ELEMENTS_FOR_ONEDNN)
def exponentials(x: Array, axis: Axis) -> Any:
    """With m = log Σ eˣ: then e is softmax itself, and Σ e is 1.

    m is max x - log max softmax: no logarithm of a number near 0.
    """
    if not isinstance(axis, int):
        return NotImplemented
    m = largest(x, axis)
    e = _softmax(x)
    m = m - np.log(e.max(-1, keepdims=True))
    return e, np.ones_like(m), m


def largest(x: ndarray, axis: int) -> ndarray:
    """max x along the axis: finite everywhere, or oneDNN would not give NaN where softmax is."""
    if axis not in (-1, x.ndim - 1):
        raise Unsupported
    m: ndarray = x.max(-1, keepdims=True)
    if not np.isfinite(m).all():
        raise Unsupported
    return m


def _softmax(x: ndarray) -> ndarray:
    x = np.ascontiguousarray(x)
    y = np.empty_like(x)
    call(_forward, x.size // x.shape[-1], x.shape[-1])(x, y)
    return y


def _forward(rows: int, columns: int) -> Call:
    here = dense((rows, columns))
    return Call(_description(here), [(dnn.SRC, here), (dnn.DST, here)], [dnn.DST])


def _backward(rows: int, columns: int) -> Call:
    here = dense((rows, columns))
    what = dnn.description("softmax_backward", SOFTMAX, here, here, here, 1, _description(here), None)
    return Call(what, [(dnn.DST, here), (dnn.DIFF_DST, here), (dnn.DIFF_SRC, here)], [dnn.DIFF_SRC])


def _description(here: Object) -> Object:
    return dnn.description("softmax_forward", dnn.TRAINING, SOFTMAX, here, here, 1, None)
