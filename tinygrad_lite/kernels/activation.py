"""relu, sigmoid, softplus, elu and the gradients of what is made of them, with few temporaries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops import activation as rules
from ..values import Array
from .blocks import in_blocks


@in_blocks(rules.relu_forward)
def relu(y: Array, x: Array) -> None:
    x.clip(0, np.inf, out=y)  # np.maximum of an array and a number is three times slower


@in_blocks(rules.relu_gradient)
def relu_gradient(gx: Array, g: Array, on: Array) -> None:
    gx[...] = on  # a mask cast at once is faster than one cast within the product
    gx *= g


@in_blocks(rules.leaky_relu_forward, when=lambda x, slope: slope != 0)  # 0 · ∞ is NaN
def leaky_relu(y: Array, x: Array, slope: float) -> None:
    np.multiply(x, slope, out=y)
    (np.maximum if slope <= 1 else np.minimum)(x, y, out=y)


@in_blocks(rules.leaky_relu_gradient)
def leaky_relu_gradient(gx: Array, g: Array, x: Array, slope: float) -> None:
    _bent(gx, x, slope)
    gx *= g


def _bent(out: Array, x: Array, slope: float) -> None:
    """1 where x > 0, else the slope: np.where would branch at each element."""
    out[...] = x > 0
    if 0 <= slope <= 1:
        out.clip(slope, 1, out=out)
    else:
        out *= 1 - slope
        out += slope


def _sigmoid(y: Array, x: Array) -> None:
    np.negative(x, out=y)
    with np.errstate(over="ignore"):  # e⁻ˣ is ∞ where the result is 0
        np.exp(y, out=y)
    y += 1
    np.divide(1, y, out=y)  # twice as fast as np.reciprocal


sigmoid = in_blocks(rules.sigmoid_forward, work=3)(_sigmoid)


@in_blocks(rules.sigmoid_gradient, work=2)
def sigmoid_gradient(gx: Array, g: Array, y: Array) -> None:
    np.subtract(1, y, out=gx)
    gx *= y
    gx *= g


@in_blocks(rules.softplus_forward, work=3)
def softplus(y: Array, x: Array, beta: float, threshold: float) -> None:
    np.multiply(x, beta, out=y)
    above = y > threshold
    np.absolute(y, out=y)
    np.negative(y, out=y)
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y /= beta
    y += x.clip(0, np.inf) if beta > 0 else x.clip(-np.inf, 0)
    if above.any():
        np.copyto(y, x, where=above)


@in_blocks(rules.softplus_gradient, work=3)
def softplus_gradient(gx: Array, g: Array, x: Array, beta: float, threshold: float) -> None:
    np.multiply(x, -beta, out=gx)
    above = gx < -threshold
    with np.errstate(over="ignore"):
        np.exp(gx, out=gx)
    gx += 1
    np.divide(g, gx, out=gx)
    if above.any():
        np.copyto(gx, g, where=above)


def _held(x: Array, end: float) -> Array:
    """x held within ±end: x itself, if it lies there already. To look takes half as long as to clip."""
    return x if x.size and -end < x.min() and x.max() < end else x.clip(-end, end)


@rules.gated.register
def gated(x: Array, gate: Array, end: float) -> Any:
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        return NotImplemented
    within = _held(x, end)
    return (x if within is x else x.clip(-end, np.inf)) * gate, within


@in_blocks(rules.silu_gradient, work=2)
def silu_gradient(gx: Array, g: Array, x: Array, s: Array) -> None:
    np.subtract(1, s, out=gx)
    gx *= x
    gx += 1
    gx *= s
    gx *= g


@in_blocks(rules.gelu_gradient, work=3)
def gelu_gradient(gx: Array, g: Array, x: Array, p: Array) -> None:
    np.multiply(x, x, out=gx)
    gx *= -0.5
    np.exp(gx, out=gx)
    gx *= x
    gx *= 1 / math.sqrt(2 * math.pi)
    gx += p
    gx *= g


@in_blocks(rules.gelu_tanh_gate, work=3)
def gelu_tanh_gate(p: Array, x: Array) -> None:
    within = _held(x, rules.ENDS_OF_NORMAL)
    np.multiply(within, within, out=p)
    p *= 0.044715
    p += 1
    p *= within
    p *= math.sqrt(8 / math.pi)
    _sigmoid(p, p)


@in_blocks(rules.gelu_tanh_gradient, work=3)
def gelu_tanh_gradient(gx: Array, g: Array, x: Array, p: Array) -> None:
    np.multiply(x, x, out=gx)
    gx *= 3 * 0.044715
    gx += 1
    gx *= x
    gx *= math.sqrt(8 / math.pi)
    gx *= 1 - p
    gx += 1
    gx *= p
    gx *= g


@in_blocks(rules.hardswish_forward, work=2)
def hardswish(y: Array, x: Array) -> None:
    x.clip(-3, 3, out=y)
    y *= y + 3
    y /= 6
    np.copyto(y, x, where=x >= 3)


@in_blocks(rules.hardswish_gradient, work=2)
def hardswish_gradient(gx: Array, g: Array, x: Array) -> None:
    np.divide(x, 3, out=gx)
    gx += 0.5
    np.copyto(gx, 1, where=x >= 3)
    np.copyto(gx, 0, where=x <= -3)
    gx *= g


@in_blocks(rules.elu_forward, work=3)
def elu(y: Array, x: Array, alpha: float) -> None:
    x.clip(-np.inf, 0, out=y)
    np.expm1(y, out=y)
    y *= alpha
    y += x.clip(0, np.inf)


@in_blocks(rules.elu_gradient, work=3)
def elu_gradient(gx: Array, g: Array, x: Array, alpha: float) -> None:
    x.clip(-np.inf, 0, out=gx)
    np.exp(gx, out=gx)
    if alpha != 1:
        slope = np.empty_like(x)
        _bent(slope, x, alpha)
        gx *= slope
    gx *= g
