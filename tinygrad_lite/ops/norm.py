"""Normalisation: to mean 0 and variance 1 over some axes, and its relatives.

The variance is the biased one, Σ (x - mean)² / n, and eps is added to it: one element alone, or equal ones, become 0.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..dispatch import array_code, forward
from ..graph import Rule, op, total
from ..mode import MODE
from ..tensor import FOLLOWING, Tensor
from ..values import Array, lazy, wide
from .reduce import mean_of
from .windows import pad_axis

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]

Shape = tuple[int, ...]


@array_code
def standardized(x: Array, axis: Shape, eps: float) -> tuple[Array, Array]:
    """y = (x - mean x) / σ, and σ = √(var x + eps)."""
    z = wide(x)
    d = z - mean_of(z, axis)
    sigma = np.sqrt(mean_of(d, axis, d) + eps)
    y = d / sigma
    return y if z is x else y.astype(x.dtype), sigma


@array_code
def standardize_gradient(g: Array, y: Array, sigma: Array, weight: Any, axis: Shape) -> Array:
    h = wide(g) * weight
    return (h - mean_of(h, axis) - y * mean_of(h, axis, y)) / sigma


@forward
def scale_forward(x: Array, weight: Any, bias: Any) -> Array:
    return x * weight + bias


def sum_to(shape: Shape, g: Array, x: Array | None = None) -> Array:
    """Σ g, or Σ g · x, over the axes along which what has `shape` was broadcast."""
    axes = _broadcast(shape, np.shape(g))
    return np.reshape(total(wide(g), axes, x), shape) if axes else g if x is None else g * x


@lru_cache(1024)
def _broadcast(shape: Shape, seen: Shape) -> Shape:
    extra = len(seen) - len(shape)
    return (*range(extra), *[i for i, n in enumerate(shape, extra) if n != seen[i]])


@op
def standardize(x: Array, weight: Any, bias: Any, axis: Shape, eps: float) -> Rule:
    """out = y · weight + bias        y = (x - mean x) / σ        σ = √(var x + eps)
    ∂L/∂x = (h - mean h - y · mean(h · y)) / σ, where h = g · weight        ∂L/∂weight = Σ g · y        ∂L/∂bias = Σ g

    The means run over all the axes together (which count from 0), the sums over the axes along which weight and bias
    are broadcast.
    """
    y, sigma = standardized(x, axis=axis, eps=eps)
    return scale_forward(y, weight, bias), (
        lambda g: standardize_gradient(g, y, sigma, weight, axis=axis),
        lambda g: sum_to(np.shape(weight), g, y),
        lambda g: sum_to(np.shape(bias), g),
    )


@op
def scale(x: Array, weight: Array, bias: Array) -> Rule:
    """out = x · weight + bias        ∂L/∂x = g · weight        ∂L/∂weight = Σ g · x        ∂L/∂bias = Σ g

    The sums run over the axes along which weight and bias are broadcast.
    """
    return scale_forward(x, weight, bias), (
        lambda g: g * weight,
        lambda g: sum_to(np.shape(weight), g, x),
        lambda g: sum_to(np.shape(bias), g),
    )


def _shaped(a: Array | None, shape: Shape, missing: int) -> Any:
    """Weight or bias in a shape that fits x, or a number in place of one that is missing."""
    return missing if a is None else a if np.shape(a) == shape else np.reshape(a, shape)


def _expect(shape: Shape, of: str, **arrays: Array | None) -> None:
    """Each of the arrays that is given has `shape`."""
    for argument, a in arrays.items():
        if a is not None and np.shape(a) != shape:
            raise ValueError(f"{argument} has shape {np.shape(a)}: it needs {shape}, {of}")


def _checked(eps: Any) -> Any:
    if isinstance(eps, Tensor) and eps.requires_grad:
        raise TypeError("eps must be a number: no gradient flows to it")
    if eps < 0:
        raise ValueError(f"eps must not be negative, got {eps}")
    return eps


def _last(x: Array, normalized_shape: Any, **arrays: Array | None) -> Shape:
    """The axes that normalized_shape stands for."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    seen = np.shape(x)
    if not shape or seen[-len(shape) :] != shape:
        raise ValueError(f"x has shape {seen}: its last axes must be normalized_shape, {shape}")
    _expect(shape, "normalized_shape", **arrays)
    return tuple(range(len(seen) - len(shape), len(seen)))


def layer_norm(
    x: Array, normalized_shape: Any, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    """(x - mean) / √(var + eps) · weight + bias over the last axes (Ba, Kiros and Hinton, 2016).

    Args:
        x: of shape (…, *normalized_shape).
        normalized_shape: the lengths of the axes over which mean and variance run: a tuple, or an int for the last.
        weight, bias: of shape normalized_shape.

    Raises:
        ValueError: shapes that do not fit.
    """
    axes = _last(x, normalized_shape, weight=weight, bias=bias)
    weight, bias = 1 if weight is None else weight, 0 if bias is None else bias
    return standardize(x, weight, bias, axes, _checked(eps))


def rms_norm(x: Array, normalized_shape: Any, weight: Array | None = None, eps: float | None = None) -> Array:
    """x / √(mean x² + eps) · weight over the last axes (Zhang and Sennrich, 2019).

    Args:
        x: of shape (…, *normalized_shape).
        normalized_shape: the lengths of the axes over which the mean runs: a tuple, or an int for the last.
        weight: of shape normalized_shape.
        eps: by default the machine epsilon of x's dtype.

    Raises:
        ValueError: shapes that do not fit.
    """
    axes = _last(x, normalized_shape, weight=weight)
    eps = float(np.finfo(np.result_type(x, np.float16)).eps) if eps is None else _checked(eps)
    z = wide(x)
    y = z / np.sqrt(mean_of(np.square(z), axes) + eps)
    y = y if z is x else y.astype(x.dtype)
    return y if weight is None else y * weight


def _channels(x: Array, **arrays: Array | None) -> Shape:
    """The shape in which one number a channel (axis 1) fits x."""
    if np.ndim(x) < 2:
        raise ValueError(f"x has shape {np.shape(x)}: it needs (N, C, …)")
    _expect(np.shape(x)[1:2], "one number a channel", **arrays)
    return (1, np.shape(x)[1]) + (1,) * (np.ndim(x) - 2)


def _follow(running: Any, seen: Array, momentum: float) -> None:
    """running = (1 - momentum) · running + momentum · seen: a tensor is rebound, an array is written to."""
    if isinstance(running, Tensor):
        running.data = ((1 - momentum) * running.data + momentum * seen).astype(running.dtype)
        if lazy(seen):
            FOLLOWING[id(running)] = running
    else:
        running[...] = (1 - momentum) * running + momentum * seen


def _statistics(x: Array, axes: Shape) -> tuple[Array, Array]:
    """Each channel's mean and unbiased variance over the axes; where those are without the batch, its mean."""
    x = wide(x.data if isinstance(x, Tensor) else x)
    m = mean_of(x, axes)
    d = x - m
    n = prod(np.shape(x)[i] for i in axes)
    v = mean_of(d, axes, d) * (n / (n - 1))
    others = (0, *range(2, np.ndim(x)))
    return np.mean(m, axis=others), np.mean(v, axis=others)


def _normalized(
    x: Array,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    axes: Shape | None,
    momentum: float,
    eps: float,
) -> Array:
    """Standardised over the axes, or by the running statistics where axes is None; then scaled by channel."""
    running = {"running_mean": running_mean, "running_var": running_var}
    shape = _channels(x, **running, weight=weight, bias=bias)
    if _checked(eps) == 0:
        raise ValueError("eps must be positive: a channel of equal values has variance 0")
    if axes is None:
        if running_mean is None or running_var is None:
            raise ValueError("running_mean and running_var are needed where the input's own statistics are not used")
        weight = (1 if weight is None else weight) / np.sqrt(running_var + eps)
        bias = (0 if bias is None else bias) - running_mean * weight
        return scale(x, np.reshape(weight, shape), np.reshape(bias, shape))
    if prod(np.shape(x)[i] for i in axes) == 1:
        raise ValueError("a single value in each channel has variance 0; training needs more")
    followed = {argument: a for argument, a in running.items() if a is not None}
    for argument, a in followed.items():
        if a.dtype.kind != "f":
            raise TypeError(f"{argument} of dtype {a.dtype} cannot follow a mean: make it floating")
    if followed and momentum is None:
        raise TypeError("momentum must be a number: how much the statistics follow this batch")
    if followed and prod(np.shape(x)) and not MODE.get().repeating:  # nothing follows from an empty batch
        seen = dict(zip(running, _statistics(x, axes)))
        for argument, a in followed.items():
            _follow(a, seen[argument], momentum)
    return standardize(x, _shaped(weight, shape, 1), _shaped(bias, shape, 0), axes, eps)


def batch_norm(
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """(x - mean) / √(var + eps) · weight + bias in each channel (Ioffe and Szegedy, 2015).

    Args:
        x: of shape (N, C, …).
        running_mean, running_var: of shape (C,). In training each may be None, or else follows the batch's mean or
            unbiased variance by `momentum`, but for an empty batch: a tensor's data is rebound, an array is written to.
        weight, bias: of shape (C,).
        training: mean and variance over the batch (all axes but 1), or the running ones.
        momentum: how much of the running statistics a batch replaces, from 0 to 1. For their average over all batches
            give 1 / (number of batches so far, with this one).
        eps: positive.

    Raises:
        ValueError: shapes that do not fit; a single value in each channel in training; no running statistics otherwise.
        TypeError: running statistics of integers, which cannot follow a mean.
    """
    axes = (0, *range(2, np.ndim(x))) if training else None
    return _normalized(x, running_mean, running_var, weight, bias, axes, momentum, eps)


def instance_norm(
    x: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """(x - mean) / √(var + eps) · weight + bias in each channel of each example (Ulyanov et al., 2016).

    Args:
        x: of shape (N, C, …).
        running_mean, running_var: of shape (C,); as in `batch_norm`, with the mean over N of the examples' statistics.
        weight, bias: of shape (C,).
        use_input_stats: mean and variance over each example's axes from 2 on, or the running ones.

    Raises:
        ValueError: shapes that do not fit; a single value in each channel; no running statistics where they are used.
    """
    axes = tuple(range(2, np.ndim(x))) if use_input_stats else None
    return _normalized(x, running_mean, running_var, weight, bias, axes, momentum, eps)


def group_norm(
    x: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    """(x - mean) / √(var + eps) in each group of channels of each example, then · weight + bias (Wu and He, 2018).

    Args:
        x: of shape (N, C, …).
        num_groups: how many groups the C channels are divided into.
        weight, bias: of shape (C,).

    Raises:
        ValueError: num_groups does not divide C; shapes that do not fit.
    """
    _channels(x, weight=weight, bias=bias)
    n, c = np.shape(x)[:2]
    if num_groups < 1 or c % num_groups:
        raise ValueError(f"x has {c} channels, which cannot be divided into {num_groups} groups")
    groups = np.reshape(x, (n, num_groups, c // num_groups, prod(np.shape(x)[2:])))
    weight, bias = _shaped(weight, (num_groups, -1, 1), 1), _shaped(bias, (num_groups, -1, 1), 0)
    return np.reshape(standardize(groups, weight, bias, (2, 3), _checked(eps)), np.shape(x))


def local_response_norm(x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """x / (k + α · mean x²)^β, the mean over `size` neighbouring channels (Krizhevsky et al., 2012).

    Beyond the first and last channel there are zeros, which count. An even window reaches further back than ahead.

    Args:
        x: of shape (N, C, …).

    Raises:
        ValueError: x has fewer than two axes; size is not positive.
    """
    _channels(x)
    if size < 1:
        raise ValueError(f"size must be positive, not {size}")
    c = np.shape(x)[1]
    before, after = min(size // 2, c), min((size - 1) // 2, c)  # beyond all channels there are only zeros
    squares = pad_axis(np.square(x), 1, before, after)
    window = sum(squares[:, i : i + c] for i in range(before + 1 + after))
    return x / (k + window * (alpha / size)) ** beta
