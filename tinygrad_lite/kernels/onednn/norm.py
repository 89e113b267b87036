"""Standardisation over the last axes and its gradient: layer_norm, group_norm, instance_norm.

Batch_norm is left to NumPy: over all axes but the channels oneDNN takes four times as long, and is less exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...ops import norm as rules
from ...values import Array
from ..thresholds import ELEMENTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Object, Shape, call, dense, fits, version

SCALED = 2  # a flag: h = g · weight
BACKWARD = 128  # there is none for x alone where there is a weight


@version(rules.standardized, ELEMENTS_FOR_ONEDNN)
def standardized(x: Array, axis: Shape, eps: float) -> Any:
    if not over_last_axes(x, axis):
        return NotImplemented
    x = np.ascontiguousarray(x)
    y = np.empty_like(x)
    mean, variance = np.empty((2, *x.shape[: -len(axis)], *[1] * len(axis)), np.float32)
    call(_forward, mean.size, x.size // mean.size, eps)(x, y, mean, variance)
    return y, np.sqrt(variance + np.float32(eps))


@version(rules.standardize_gradient, ELEMENTS_FOR_ONEDNN)
def standardize_gradient(g: Array, y: Array, sigma: Array, weight: Any, axis: Shape) -> Any:
    """oneDNN's gradient of an x that is y itself, of mean 0 and variance 1; the division by σ is left."""
    if not over_last_axes(g, axis) or not fits(y, sigma) or g.shape != y.shape:
        return NotImplemented
    if not isinstance(weight, (int, float)) and not fits(weight):
        return NotImplemented
    columns = y.size // sigma.size
    if np.shape(weight) == y.shape[-len(axis) :]:
        scale = np.ascontiguousarray(weight)
    else:
        g, scale = g * weight, np.ones(columns, np.float32)
    g, y = np.ascontiguousarray(g), np.ascontiguousarray(y)
    gx = np.empty_like(y)
    zeros, ones = np.zeros(sigma.size, np.float32), np.ones(sigma.size, np.float32)
    call(_backward, sigma.size, columns)(y, g, zeros, ones, scale, gx, np.empty_like(scale))
    gx /= sigma
    return gx


def over_last_axes(x: ndarray, axis: Shape) -> bool:
    return axis == tuple(range(x.ndim - len(axis), x.ndim))


def _forward(rows: int, columns: int, eps: float) -> Call:
    here, each = dense((rows, columns)), dense((rows,))
    given = [(dnn.SRC, here), (dnn.DST, here), (dnn.MEAN, each), (dnn.VARIANCE, each)]
    return Call(_description(here, each, eps, 0), given, [dnn.DST, dnn.MEAN, dnn.VARIANCE])


def _backward(rows: int, columns: int) -> Call:
    here, each = dense((rows, columns)), dense((rows,))
    what = dnn.description(
        "layer_normalization_backward", BACKWARD, here, here, here, each, 0.0, SCALED,
        _description(here, each, 0.0, SCALED), None,
    )  # fmt: skip
    given = [
        (dnn.SRC, here), (dnn.DIFF_DST, here), (dnn.MEAN, each), (dnn.VARIANCE, each), (dnn.SCALE, dense((columns,))),
        (dnn.DIFF_SRC, here), (dnn.DIFF_SCALE, dense((columns,))),
    ]  # fmt: skip
    return Call(what, given, [dnn.DIFF_SRC])


def _description(here: Object, each: Object, eps: float, flags: int) -> Object:
    return dnn.description("layer_normalization_forward", dnn.TRAINING, here, here, each, float(eps), flags, None)
