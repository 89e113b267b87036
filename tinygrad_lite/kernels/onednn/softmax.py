"""softmax over the last axis and what is made of it: along others oneDNN takes longer than NumPy.

Its log_softmax is not used: it is 2e-6 off where the plain function is 1e-7 off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ...graph import OPS, Rule
from ...ops import activation as rules
from ...ops import loss
from ...values import Array
from ..thresholds import ELEMENTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Object, call, dense, fits, version

SOFTMAX = 0x30000
TINY = 1e-30


@version(rules.softmax_forward, ELEMENTS_FOR_ONEDNN)
def softmax(x: Array, axis: int) -> Any:
    if axis not in (-1, x.ndim - 1) or not has_softmax(x):
        return NotImplemented  # oneDNN would not give NaN
    x = np.ascontiguousarray(x)
    y = np.empty_like(x)
    call(_forward, x.size // x.shape[-1], x.shape[-1])(x, y)
    return y


def has_softmax(x: ndarray) -> bool:
    """Whether no row has NaN, ∞ or only -∞. If x[..., 0] is finite, one maximum over all tells, in half the time."""
    return bool(np.isfinite(x.max() if np.isfinite(x[..., 0]).all() else x.max(-1)).all())


@version(rules.softmax_gradient, ELEMENTS_FOR_ONEDNN)
def softmax_gradient(g: Array, y: Array, axis: int) -> Any:
    if not fits(y) or g.shape != y.shape or axis not in (-1, y.ndim - 1):
        return NotImplemented
    g, y = np.ascontiguousarray(g), np.ascontiguousarray(y)
    gx = np.empty_like(y)
    call(_backward, y.size // y.shape[-1], y.shape[-1])(y, g, gx)
    return gx


def cross_entropy(otherwise: Callable[..., Rule]) -> Callable[..., Rule]:
    """The whole op: softmax p, and -log p[target], which is as exact as long as p is far from the smallest numbers."""

    def run(x: Array, target: Array, axis: int = 1) -> Rule:
        if not dnn.ours(x, softmax.least):
            return otherwise(x, target, axis)
        p = softmax(x, axis)
        picked = loss.pick(p, target, axis) if p is not NotImplemented else np.zeros(1)
        if not picked.min() > TINY:
            return otherwise(x, target, axis)
        ones = np.ones(picked.shape, np.float32)[..., None]
        return -np.log(picked), (lambda g: loss.cross_entropy_gradient(g, p, ones, target, axis),)

    return run


def _forward(rows: int, columns: int) -> Call:
    here = dense((rows, columns))
    return Call(_description(here), [(dnn.SRC, here), (dnn.DST, here)], [dnn.DST])


def _backward(rows: int, columns: int) -> Call:
    here = dense((rows, columns))
    what = dnn.description("softmax_backward", SOFTMAX, here, here, here, 1, _description(here), None)
    return Call(what, [(dnn.DST, here), (dnn.DIFF_DST, here), (dnn.DIFF_SRC, here)], [dnn.DIFF_SRC])


def _description(here: Object) -> Object:
    return dnn.description("softmax_forward", dnn.TRAINING, SOFTMAX, here, here, 1, None)


OPS["softmax_cross_entropy"].run = cross_entropy(OPS["softmax_cross_entropy"].run)
