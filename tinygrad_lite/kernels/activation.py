"""relu, sigmoid, softplus and the gradients of what is made of them, with few temporaries."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ..values import Array
from .blocks import elementwise
from .kernel import kernel


def either(condition: Array, no: float, like: Array) -> Array:
    """1 where the condition holds, else the number `no`, for a product with `like`: a faster np.where."""
    dtype = np.result_type(getattr(like, "dtype", np.float64), np.float16)
    if type(condition) is not np.ndarray:
        return np.where(condition, 1, no).astype(dtype)
    out: Array = condition.astype(dtype)
    if 0 <= no <= 1 and dtype.kind == "f":
        return out.clip(no, 1, out=out)
    rest: Array = (~condition).astype(dtype)
    rest *= no
    out += rest
    return out


def plain_gate(g: Array, on: Array) -> Array:
    return g * on


@kernel(plain_gate)
def gate(g: Array, on: Array) -> Array:
    """g where the mask holds, else g · 0. A mask cast at once is faster than one cast within the product."""
    if not (floating(g) and type(on) is np.ndarray and on.shape == g.shape):
        return plain_gate(g, on)
    return elementwise(_gate, g, on)


def _gate(out: Array, g: Array, on: Array) -> None:
    out[...] = on
    out *= g


def floating(x: Array) -> bool:
    """Whether x is an array (not a number, as NumPy gives for 0 axes) that its own function can be written into."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.ndim > 0


def replaced(x: Array, where: Array, y: Any) -> Array:
    """y where the mask holds, else x; written over x, for an x that nobody else holds."""
    if not floating(x):
        return np.where(where, y, x)
    if where.any():
        np.copyto(x, y, where=where)
    return x


def plain_relu(x: Array) -> Array:
    return np.maximum(x, 0)


@kernel(plain_relu)
def relu(x: Array) -> Array:
    """max(x, 0) of each element."""
    return elementwise(_relu, x) if floating(x) else np.maximum(x, 0)


def _relu(out: Array, x: Array) -> None:
    x.clip(0, np.inf, out=out)  # np.maximum of an array and a number is three times slower


def plain_sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@kernel(plain_sigmoid)
def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):  # e⁻ˣ is inf where the result is 0
        return elementwise(_sigmoid, x, work=3) if floating(x) else plain_sigmoid(x)


def _sigmoid(y: Array, x: Array) -> None:
    np.negative(x, out=y)
    np.exp(y, out=y)
    y += 1
    np.divide(1, y, out=y)  # twice as fast as np.reciprocal


def plain_sigmoid_gradient(g: Array, y: Array) -> Array:
    return g * y * (1 - y)


@kernel(plain_sigmoid_gradient)
def sigmoid_gradient(g: Array, y: Array) -> Array:
    return elementwise(_sigmoid_gradient, y, g, work=2) if floating(y) else plain_sigmoid_gradient(g, y)


def _sigmoid_gradient(gx: Array, y: Array, g: Array) -> None:
    np.subtract(1, y, out=gx)
    gx *= y
    gx *= g


def plain_silu_gradient(g: Array, x: Array, s: Array) -> Array:
    return g * (s * (1 + x * (1 - s)))


@kernel(plain_silu_gradient)
def silu_gradient(g: Array, x: Array, s: Array) -> Array:
    return elementwise(_silu_gradient, x, g, s, work=2) if floating(x) else plain_silu_gradient(g, x, s)


def _silu_gradient(gx: Array, x: Array, g: Array, s: Array) -> None:
    np.subtract(1, s, out=gx)
    gx *= x
    gx += 1
    gx *= s
    gx *= g


def plain_gelu_gradient(g: Array, x: Array, p: Array) -> Array:
    return g * (p + x * np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))


@kernel(plain_gelu_gradient)
def gelu_gradient(g: Array, x: Array, p: Array) -> Array:
    if not floating(x):
        return plain_gelu_gradient(g, x, p)
    return elementwise(_gelu_gradient, x, g, p, work=3)


def _gelu_gradient(gx: Array, x: Array, g: Array, p: Array) -> None:
    np.multiply(x, x, out=gx)
    gx *= -0.5
    np.exp(gx, out=gx)
    gx *= x
    gx *= 1 / math.sqrt(2 * math.pi)
    gx += p
    gx *= g


def plain_softplus(x: Array, beta: float, threshold: float) -> Array:
    z = x * beta
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.absolute(z)))) / beta)


@kernel(plain_softplus)
def softplus(x: Array, beta: float, threshold: float) -> Array:
    if not floating(x) or beta <= 0:
        return plain_softplus(x, beta, threshold)
    return elementwise(partial(_softplus, beta=beta, threshold=threshold), x, work=3)


def _softplus(y: Array, x: Array, beta: float, threshold: float) -> None:
    np.absolute(x, out=y)
    y *= -beta
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y /= beta
    y += x.clip(0, np.inf)
    replaced(y, x * beta > threshold, x)
