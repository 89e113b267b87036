"""Standardisation, and scaling by channel, with few temporaries."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Array, kernel
from .reduce import mean, total

Axes = tuple[int, ...]


def divide(x: Array, y: Array) -> Array:
    """x / y, written over x: for an x that nobody else holds."""
    return np.divide(x, y, out=x) if type(x) is np.ndarray and x.dtype.kind == "f" else x / y


def plain_standardize_gradient(g: Array, y: Array, sigma: Array, axis: Axes) -> Array:
    return (g - mean(g, axis) - y * mean(g * y, axis)) / sigma


@kernel(plain_standardize_gradient)
def standardize_gradient(g: Array, y: Array, sigma: Array, axis: Axes) -> Array:
    gx = y * -mean(g, axis, y)
    gx -= mean(g, axis)
    gx += g
    gx /= sigma
    return gx


def plain_scale(x: Array, weight: Array, bias: Any) -> Array:
    return x * weight + bias


@kernel(plain_scale)
def scale(x: Array, weight: Array, bias: Any) -> Array:
    y = x * weight
    y += bias
    return y


def sum_to(shape: tuple[int, ...], g: Array, x: Array | None = None) -> Array:
    """Σ g, or Σ g · x, over the axes along which what has `shape` was broadcast."""
    axes = tuple(i for i, n in enumerate(np.shape(g)) if i < np.ndim(g) - len(shape) or shape[i - np.ndim(g)] != n)
    return np.reshape(total(g, axes, x), shape) if axes else g if x is None else g * x
