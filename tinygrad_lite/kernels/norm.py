"""Means and the gradient of standardisation with few temporaries."""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph import Array, kernel

Axes = tuple[int, ...]


def mean(x: Array, axis: Axes) -> Array:
    """The mean of x over the axes, kept as axes of 1."""
    return np.sum(x, axis=axis, keepdims=True) / prod(np.shape(x)[i] for i in axis)


def mean_of_product(x: Array, y: Array, axis: Axes) -> Array:
    """The mean of x · y over the axes, kept as axes of 1; along the last one without an array for the product."""
    if axis == (np.ndim(x) - 1,) and type(x) is type(y) is np.ndarray:
        return np.vecdot(x, y)[..., None] / np.shape(x)[-1]
    return mean(x * y, axis)


def plain_standardize_gradient(g: Array, y: Array, sigma: Array, axis: Axes) -> Array:
    return (g - mean(g, axis) - y * mean(g * y, axis)) / sigma


@kernel(plain_standardize_gradient)
def standardize_gradient(g: Array, y: Array, sigma: Array, axis: Axes) -> Array:
    gx = y * -mean_of_product(g, y, axis)
    gx += g
    gx -= mean(g, axis)
    gx /= sigma
    return gx
