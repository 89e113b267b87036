"""Standardisation over the last axes and its gradient: layer_norm, group_norm and instance_norm.

Batch_norm is left to NumPy: over all axes but the channels oneDNN takes four times as long, and is less exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ...graph import OPS, Closure, Rule
from ...ops import norm as rules
from ...values import Array
from ..thresholds import ELEMENTS_FOR_ONEDNN
from . import binding as dnn
from .arithmetic import times
from .binding import Call, Object, Shape, Unsupported, call, dense, fits, version

SCALE_AND_SHIFT = 2 + 4  # flags
BACKWARD, BACKWARD_DATA = 128, 160


@version(rules.standardized, ELEMENTS_FOR_ONEDNN)
def standardized(x: Array, axis: Shape, eps: float) -> Any:
    if not over_last_axes(x, axis):
        return NotImplemented
    x = np.ascontiguousarray(x)
    y, _, variance = forward(x, axis, eps)
    return y, np.sqrt(variance + np.float32(eps))


@version(rules.standardize_gradient, ELEMENTS_FOR_ONEDNN)
def standardize_gradient(g: Array, y: Array, sigma: Array, weight: Any, axis: Shape) -> Any:
    """That of y, which has mean 0 and variance 1: as g · weight / σ comes in, that of x goes out."""
    factor = np.asarray(weight / sigma)
    if not over_last_axes(y, axis) or not fits(g, y, sigma, factor):
        return NotImplemented
    g, y = np.ascontiguousarray(times(g, factor)), np.ascontiguousarray(y)
    gx = np.empty_like(y)
    mean, variance = np.zeros(sigma.size, np.float32), np.ones(sigma.size, np.float32)
    call(_backward, sigma.size, y.size // sigma.size, 0.0, False)(y, g, mean, variance, gx)
    return gx


def standardize(otherwise: Callable[..., Rule]) -> Callable[..., Rule]:
    """The whole op where weight and bias have the shape of the last axes: one call forward, one for all gradients."""

    def run(x: Array, weight: Any, bias: Any, axis: Shape, eps: float) -> Rule:
        if not dnn.ours(x, standardized.least) or not over_last_axes(x, axis) or not fits(weight, bias):
            return otherwise(x, weight, bias, axis, eps)
        if not np.shape(weight) == np.shape(bias) == x.shape[-len(axis) :]:
            return otherwise(x, weight, bias, axis, eps)
        source, scale, shift = (np.ascontiguousarray(a) for a in (x, weight, bias))
        try:
            out, mean, variance = forward(source, axis, eps, scale, shift)
        except Unsupported:
            return otherwise(x, weight, bias, axis, eps)

        def gradients(g: Array) -> tuple[Array, ...]:
            try:
                if not fits(g):
                    raise Unsupported
                return backward(source, np.ascontiguousarray(g), mean, variance, scale, eps)
            except Unsupported:  # in a forked process, say
                return tuple([closure(g) for closure in otherwise(x, weight, bias, axis, eps)[1] if closure])

        return out, one_by_one(gradients, 3)

    return run


def one_by_one(gradients: Callable[[Array], tuple[Array, ...]], n: int) -> tuple[Closure, ...]:
    """A closure for each of n gradients that are computed together: asked in turn for the same g, they do it once."""
    latest: tuple[Array, tuple[Array, ...]] | None = None

    def closure(i: int, g: Array) -> Array:
        nonlocal latest
        known = latest
        if known is None or known[0] is not g:
            known = g, gradients(g)
        latest = known if i < n - 1 else None  # the last one lets go of them
        return known[1][i]

    return tuple([lambda g, i=i: closure(i, g) for i in range(n)])


def over_last_axes(x: ndarray, axis: Shape) -> bool:
    return axis == tuple(range(x.ndim - len(axis), x.ndim))


def forward(x: ndarray, axis: Shape, eps: float, *affine: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """The result, and mean and variance, for x in C order."""
    y = np.empty_like(x)
    mean, variance = np.empty((2, *x.shape[: -len(axis)], *[1] * len(axis)), np.float32)
    call(_forward, mean.size, x.size // mean.size, float(eps), bool(affine))(x, y, mean, variance, *affine)
    return y, mean, variance


def backward(
    x: ndarray, g: ndarray, mean: ndarray, variance: ndarray, weight: ndarray, eps: float
) -> tuple[ndarray, ndarray, ndarray]:
    """The gradients for x, weight and bias."""
    gx, gw, gb = np.empty_like(x), np.empty_like(weight), np.empty_like(weight)
    run = call(_backward, mean.size, x.size // mean.size, float(eps), True)
    run(x, g, mean, variance, gx, weight, weight, gw, gb)  # any shift: it is asked for, and not read
    return gx, gw, gb


def _forward(rows: int, columns: int, eps: float, affine: bool) -> Call:
    here, each, line = dense((rows, columns)), dense((rows,)), dense((columns,))
    given = [(dnn.SRC, here), (dnn.DST, here), (dnn.MEAN, each), (dnn.VARIANCE, each)]
    given += [(dnn.SCALE, line), (dnn.SHIFT, line)] if affine else []
    what = _description(here, each, eps, SCALE_AND_SHIFT if affine else 0)
    return Call(what, given, [dnn.DST, dnn.MEAN, dnn.VARIANCE])


def _backward(rows: int, columns: int, eps: float, affine: bool) -> Call:
    here, each, line = dense((rows, columns)), dense((rows,)), dense((columns,))
    flags = SCALE_AND_SHIFT if affine else 0
    hint = _description(here, each, eps, flags)
    kind = BACKWARD if affine else BACKWARD_DATA
    what = dnn.description("layer_normalization_backward", kind, here, here, here, each, eps, flags, hint, None)
    given = [(dnn.SRC, here), (dnn.DIFF_DST, here), (dnn.MEAN, each), (dnn.VARIANCE, each), (dnn.DIFF_SRC, here)]
    roles = (dnn.SCALE, dnn.SHIFT, dnn.DIFF_SCALE, dnn.DIFF_SHIFT) if affine else ()
    return Call(what, given + [(role, line) for role in roles], [dnn.DIFF_SRC])


def _description(here: Object, each: Object, eps: float, flags: int) -> Object:
    return dnn.description("layer_normalization_forward", dnn.TRAINING, here, here, each, eps, flags, None)


OPS["standardize"].run = standardize(OPS["standardize"].run)
