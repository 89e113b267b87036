"""Activations: relu, sigmoid, gelu, softmax and the rest, elementwise or along an axis."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Rule, op
from ..kernels import softmax as kernels
from ..kernels.sigmoid import sigmoid as _sigmoid
from .reduce import Axis, spread

__all__ = ["log_softmax", "logsumexp", "relu", "sigmoid", "softmax"]


@op
def relu(x: Array) -> Rule:
    """out = max(x, 0)        ∂L/∂x = g · [x > 0]

    The derivative at 0 is 0.
    """
    on = x > 0
    return np.maximum(x, 0), (lambda g: g * on,)


@op
def sigmoid(x: Array) -> Rule:
    """out = 1 / (1 + e⁻ˣ)        ∂L/∂x = g · out · (1 - out)"""
    y = _sigmoid(x)
    return y, (lambda g: g * y * (1 - y),)


# ------------------------------------------------------------------------------------------------- along an axis


@op
def softmax(x: Array, axis: int = -1) -> Rule:
    """out = eˣ / Σ eˣ        ∂L/∂x = out · (g - Σ g · out)

    The sums run along `axis`. The largest x is subtracted first, so that nothing overflows.
    """
    y = kernels.softmax(x, axis)
    return y, (lambda g: kernels.softmax_gradient(g, y, axis),)


@op
def log_softmax(x: Array, axis: int = -1) -> Rule:
    """out = x - log Σ eˣ        ∂L/∂x = g - eˣ / Σ eˣ · Σ g

    The sums run along `axis`. The largest x is subtracted first, so that nothing overflows, nor is log 0 taken.
    """
    x = x - kernels.peak(x, axis)
    e = np.exp(x)
    s = kernels.total(e, axis)
    return x - np.log(s), (lambda g: g - e * (kernels.total(g, axis) / s),)


@op
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Rule:
    """out = log Σ eˣ        ∂L/∂x = g · eˣ / Σ eˣ

    The sum runs along `axis`: an int, several, or None for all. The largest x is subtracted first, so that nothing
    overflows. Of no elements it is -inf.
    """
    shape = np.shape(x)
    m = kernels.peak(x, axis)
    e = kernels.exp(x - m)
    s = kernels.total(e, axis)
    with np.errstate(divide="ignore"):
        y = np.log(s) + m
    return y if keepdims else np.squeeze(y, axis=axis), (lambda g: e * (spread(g, shape, axis, keepdims) / s),)
