"""Standardisation, and scaling by channel, with few temporaries."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..ops import norm as rules
from ..values import Array
from .blocks import blockwise
from .total import total

Axes = tuple[int, ...]


@rules.standardized.register
def standardized(x: Array, axis: Axes, eps: float) -> Any:
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        return NotImplemented
    sigma = np.empty([1 if i in axis else n for i, n in enumerate(x.shape)], x.dtype)
    return blockwise(partial(_standardize, axis=axis, eps=eps), np.empty_like(x), x, sigma, whole=axis, work=2), sigma


def _standardize(y: Array, x: Array, sigma: Array, axis: Axes, eps: float) -> None:
    n = max(1, x.size // max(1, sigma.size))
    np.subtract(x, total(x, axis) / n, out=y)
    np.sqrt(total(y, axis, y) / n + eps, out=sigma)
    y /= sigma


@rules.standardize_gradient.register
def standardize_gradient(g: Array, y: Array, sigma: Array, weight: Any, axis: Axes) -> Array:
    if type(g) is not np.ndarray or g.dtype.char not in "fd":
        return NotImplemented
    shared = np.ndim(weight) == 0 or weight.shape == sigma.shape  # one for all that is standardised together
    factor, weight = (weight / sigma, None) if shared else (1 / sigma, weight)
    rule = partial(_standardize_gradient, axis=axis)
    return blockwise(rule, np.empty_like(y), g, y, factor, weight, whole=axis, work=3)


def _standardize_gradient(gx: Array, g: Array, y: Array, factor: Array, weight: Array | None, axis: Axes) -> None:
    if weight is not None:
        g = g * weight
    n = max(1, g.size // max(1, factor.size))
    np.multiply(y, total(g, axis, y) / -n, out=gx)
    gx -= total(g, axis) / n
    gx += g
    gx *= factor


@rules.scale_forward.register
def scale(x: Array, weight: Any, bias: Any) -> Array:
    if type(x) is not np.ndarray or np.ndim(weight) + np.ndim(bias) == 0:
        return NotImplemented
    out = np.empty_like(x, dtype=np.result_type(x, weight, bias))
    return blockwise(_scale, out, x, np.asarray(weight, out.dtype), np.asarray(bias, out.dtype), work=2)


def _scale(y: Array, x: Array, weight: Array, bias: Array) -> None:
    np.multiply(x, weight, out=y)
    y += bias
