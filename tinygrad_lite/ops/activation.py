"""Activations: relu, sigmoid, gelu, softmax and the rest, elementwise or along an axis.

Where a function has a corner, its derivative there is PyTorch's, and is stated with it.
"""

from __future__ import annotations

import math

import numpy as np

from ..dispatch import array_code, forward
from ..graph import TABLE, Rule, op, total
from ..values import Array
from .indexing import detached
from .reduce import Axis, spread
from .special import ndtr
from .ufuncs import where

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax",
    "logsigmoid", "logsumexp", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softmin",
    "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip


# --------------------------------------------------------------------------------------------- straight, with corners


@forward
def relu_forward(x: Array) -> Array:
    """max(x, 0) of each element."""
    return np.maximum(x, 0)


@array_code
def relu_gradient(g: Array, on: Array) -> Array:
    return g * on


@op
def relu(x: Array) -> Rule:
    """out = max(x, 0)        ∂L/∂x = g · [x > 0]

    The derivative at 0 is 0.
    """
    on = x > 0
    return relu_forward(x), (lambda g: relu_gradient(g, on),)


@forward
def leaky_relu_forward(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, slope * x)


@array_code
def leaky_relu_gradient(g: Array, x: Array, slope: float) -> Array:
    return np.where(x > 0, g, slope * g)


@op
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Rule:
    """out = x where x > 0, else slope · x        ∂L/∂x = g where x > 0, else slope · g"""
    return leaky_relu_forward(x, negative_slope), (lambda g: leaky_relu_gradient(g, x, negative_slope),)


def prelu(x: Array, weight: Array) -> Array:
    """x where x > 0, else weight · x: leaky_relu with a slope that is learned.

    Args:
        x: of shape (N, C, …), or any shape for a single slope.
        weight: the slope, of shape (1,) or (), or (C,) for one a channel.

    Raises:
        ValueError: weight has neither one element nor as many as x has channels.
    """
    if np.size(weight) != 1:
        channels = np.shape(x)[1] if np.ndim(x) > 1 else None
        if np.shape(weight) != (channels,):
            raise ValueError("weight needs one element, or one for each of x's channels (axis 1)")
        weight = np.reshape(weight, (-1,) + (1,) * (np.ndim(x) - 2))
    return np.where(x > 0, x, weight * x) if np.ndim(x) else np.where(x > 0, x, np.reshape(weight, ()) * x)


@op
def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Rule:
    """out = min(max(x, min_val), max_val)        ∂L/∂x = g · [min_val < x < max_val]

    The derivative at both corners is 0.
    """
    return np.clip(x, min_val, max_val), (lambda g: g * ((x > min_val) & (x < max_val)),)


def relu6(x: Array) -> Array:
    """x, held in [0, 6]."""
    return hardtanh(x, 0, 6)


def hardsigmoid(x: Array) -> Array:
    """(x + 3) / 6, held in [0, 1]: a sigmoid of three straight lines."""
    return hardtanh(x + 3, 0, 6) / 6


@forward
def hardswish_forward(x: Array) -> Array:
    c = np.clip(x, -3, 3)
    return np.where(x >= 3, x, c * (c + 3) / 6)


@array_code
def hardswish_gradient(g: Array, x: Array) -> Array:
    c = np.clip(x, -3, 3)
    return g * np.where(np.absolute(c) == 3, x > 0, c / 3 + 0.5)


@op
def hardswish(x: Array) -> Rule:
    """out = 0 where x ≤ -3, x where x ≥ 3, else x · (x + 3) / 6
    ∂L/∂x = 0 where x ≤ -3, g where x ≥ 3, else g · (2x + 3) / 6

    That is x · hardsigmoid(x).
    """
    return hardswish_forward(x), (lambda g: hardswish_gradient(g, x),)


def threshold(x: Array, threshold: float, value: float) -> Array:
    """x where it is above the threshold, else `value`."""
    return np.where(x > threshold, x, value)


def hardshrink(x: Array, lambd: float = 0.5) -> Array:
    """x where |x| > λ, else 0."""
    return np.where((x >= -lambd) & (x <= lambd), 0, x)


def softshrink(x: Array, lambd: float = 0.5) -> Array:
    """x moved towards 0 by λ, and 0 where |x| ≤ λ.

    Raises:
        ValueError: λ is negative.
    """
    if lambd < 0:
        raise ValueError(f"lambd must not be negative, and is {lambd}")
    return x - np.clip(x, -lambd, lambd)


# ------------------------------------------------------------------------------------------------------------ smooth


def tanh(x: Array) -> Array:
    """`np.tanh`."""
    return np.tanh(x)


ENDS_OF_SIGMOID, ENDS_OF_NORMAL = 1000, 50  # beyond these σ(x) and Φ(x) are 0 or 1 in any dtype


@array_code
def gated(x: Array, gate: Array, end: float) -> tuple[Array, Array]:
    """x · gate, and x held within ±end. Below -end the gate is 0, where x · gate may be -∞ · 0."""
    return np.clip(x, -end, np.inf) * gate, np.clip(x, -end, end)


@forward
def sigmoid_forward(x: Array) -> Array:
    with np.errstate(over="ignore"):  # e⁻ˣ is ∞ where the result is 0
        return 1 / (1 + np.exp(x * -1.0))  # unsigned integers have no -x


@array_code
def sigmoid_gradient(g: Array, y: Array) -> Array:
    return g * y * (1 - y)


@op
def sigmoid(x: Array) -> Rule:
    """out = 1 / (1 + e⁻ˣ)        ∂L/∂x = g · out · (1 - out)"""
    y = sigmoid_forward(x)
    return y, (lambda g: sigmoid_gradient(g, y),)


@forward
def softplus_forward(x: Array, beta: float, threshold: float) -> Array:
    z = x * beta
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.absolute(z)))) / beta)


@array_code
def softplus_gradient(g: Array, x: Array, beta: float, threshold: float) -> Array:
    z = x * beta
    return g * np.where(z > threshold, 1, sigmoid(z))


@op
def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Rule:
    """out = x where βx > threshold, else log(1 + e^(βx)) / β        ∂L/∂x = g where βx > threshold, else g · σ(βx)

    Neither overflows nor loses small results. Where βx > threshold it is taken to be x itself.
    """
    return softplus_forward(x, beta, threshold), (lambda g: softplus_gradient(g, x, beta, threshold),)


def logsigmoid(x: Array) -> Array:
    """log σ(x), without taking the logarithm of a σ(x) that may be 0."""
    return -softplus(x * -1.0, threshold=math.inf)


TABLE.update({"scipy.special.expit": sigmoid, "scipy.special.log_expit": logsigmoid})


@array_code
def silu_gradient(g: Array, x: Array, s: Array) -> Array:
    return g * (s * (1 + x * (1 - s)))


@op
def silu(x: Array) -> Rule:
    """out = x · σ(x)        ∂L/∂x = g · σ(x) · (1 + x · (1 - σ(x)))"""
    s = sigmoid(x)
    y, within = gated(x, s, ENDS_OF_SIGMOID)
    return y, (lambda g: silu_gradient(g, within, s),)


@op
def mish(x: Array) -> Rule:
    """out = x · t, t = tanh(log(1 + eˣ))        ∂L/∂x = g · (t + x · (1 - t²) · σ(x))"""
    t = tanh(softplus(x))
    y, within = gated(x, t, ENDS_OF_SIGMOID)
    return y, (lambda g: g * (t + within * ((1 - t * t) * sigmoid(x))),)


@array_code
def gelu_gradient(g: Array, x: Array, p: Array) -> Array:
    return g * (p + x * np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))


@array_code
def gelu_tanh_gate(x: Array) -> Array:
    """½ · (1 + tanh z) = σ(2z)"""
    c = np.clip(x, -ENDS_OF_NORMAL, ENDS_OF_NORMAL)
    return sigmoid(c * (1 + 0.044715 * c * c) * math.sqrt(8 / math.pi))


@array_code
def gelu_tanh_gradient(g: Array, x: Array, p: Array) -> Array:
    return g * (p * (1 + x * (1 - p) * (1 + 3 * 0.044715 * x * x) * math.sqrt(8 / math.pi)))


@op
def gelu(x: Array, approximate: str = "none") -> Rule:
    """out = x · Φ(x)        ∂L/∂x = g · (Φ(x) + x · Φ′(x))

    Φ is the distribution function of the standard normal, ½ · (1 + erf(x / √2)); or with approximate="tanh"
    ½ · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).

    Raises:
        ValueError: `approximate` is neither "none" nor "tanh".
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate must be 'none' or 'tanh', not {approximate!r}")
    p, gradient = (ndtr(x), gelu_gradient) if approximate == "none" else (gelu_tanh_gate(x), gelu_tanh_gradient)
    y, within = gated(x, p, ENDS_OF_NORMAL)
    return y, (lambda g: gradient(g, within, p),)


@forward
def elu_forward(x: Array, alpha: float) -> Array:
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


@array_code
def elu_gradient(g: Array, x: Array, alpha: float) -> Array:
    return g * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))


@op
def elu(x: Array, alpha: float = 1.0) -> Rule:
    """out = x where x > 0, else α · (eˣ - 1)        ∂L/∂x = g where x > 0, else g · α · eˣ"""
    return elu_forward(x, alpha), (lambda g: elu_gradient(g, x, alpha),)


def selu(x: Array) -> Array:
    """1.0507 · elu(x, 1.6733): keeps activations at mean 0 and variance 1 (Klambauer et al., 2017)."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """x where x > 0, else α · (e^(x/α) - 1)."""
    return alpha * elu(x / alpha)


def tanhshrink(x: Array) -> Array:
    """x - tanh x."""
    return x - np.tanh(x)


@op
def softsign(x: Array) -> Rule:
    """out = x / (1 + |x|)        ∂L/∂x = g / (1 + |x|)²"""
    y = 1 / (1 + np.absolute(x))
    with np.errstate(invalid="ignore"):  # ∞ · 0
        out = where(y == 0, np.sign(x), x * y)
    return out, (lambda g: g * y * y,)


# ----------------------------------------------------------------------------------------------------- along an axis


def peak(x: Array, axis: Axis) -> Array:
    """max x along `axis`, 0 in place of ±∞ and of the maximum of nothing."""
    m = np.sum(x, axis=axis, keepdims=True) if 0 in np.shape(x) else np.max(x, axis=axis, keepdims=True)
    return np.where(np.isfinite(m), m, 0)


@array_code
def exponentials(x: Array, axis: Axis) -> tuple[Array, Array, Array]:
    """e = eˣ⁻ᵐ, Σ e along `axis`, and m: the largest x, with which nothing overflows, or another m as good.

    m is a constant of the graph: what is made of the three is the same whatever m is.
    """
    m = peak(detached(x), axis)
    e = np.exp(x - m)
    return e, total(e, axis), m


@forward
def softmax_forward(x: Array, axis: int) -> Array:
    """eˣ / Σ eˣ, the sum along `axis`."""
    e, s, _ = exponentials(x, axis)
    return e / s


@array_code
def softmax_gradient(g: Array, y: Array, axis: int) -> Array:
    return y * (g - total(g, axis, y))


@op
def softmax(x: Array, axis: int = -1) -> Rule:
    """out = eˣ / Σ eˣ        ∂L/∂x = out · (g - Σ g · out)

    The sums run along `axis`. The largest x is subtracted first, so that nothing overflows. NaN where all are -∞.
    """
    y = softmax_forward(x, axis)
    return y, (lambda g: softmax_gradient(g, y, axis),)


def softmin(x: Array, axis: int = -1) -> Array:
    """softmax(-x)."""
    return softmax(x * -1.0, axis)


@array_code
def log_softmax_forward(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """The value, and what its gradient needs: e = eˣ⁻ᵐ and Σ e."""
    e, s, m = exponentials(x, axis)
    return x - m - np.log(s), e, s


@array_code
def log_softmax_gradient(g: Array, e: Array, s: Array, axis: int) -> Array:
    return g - e * (total(g, axis) / s)


@op
def log_softmax(x: Array, axis: int = -1) -> Rule:
    """out = x - log Σ eˣ        ∂L/∂x = g - eᵒᵘᵗ · Σ g

    The sums run along `axis`. The largest x is subtracted first, so that nothing overflows, nor is log 0 taken.
    """
    y, e, s = log_softmax_forward(x, axis)
    return y, (lambda g: log_softmax_gradient(g, e, s, axis),)


@op
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Rule:
    """out = log Σ eˣ        ∂L/∂x = g · eˣ / Σ eˣ

    The sum runs along `axis`: an int, several, or None for all. The largest x is subtracted first, so that nothing
    overflows. Of no elements it is -∞.
    """
    shape = np.shape(x)
    e, s, m = exponentials(x, axis)
    with np.errstate(divide="ignore"):
        y = np.log(s) + m
    return y if keepdims else np.squeeze(y, axis=axis), (lambda g: e * (spread(g, shape, axis, keepdims) / s),)


def glu(x: Array, axis: int = -1) -> Array:
    """a · σ(b) for the two halves a, b of x along `axis`.

    Raises:
        ValueError: x cannot be halved there.
    """
    if not np.ndim(x) or np.shape(x)[axis] % 2:
        raise ValueError(f"x needs an even length along axis {axis} to be halved")
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)
