"""Convolution and its two adjoints over n spatial axes.

Shapes: x (N, C, *size), weight (O, C / groups, *kernel), out and g (N, O, *places).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Array, kernel
from .windows import Windows, overlap_add, view


def _subscripts(n: int) -> tuple[list[int], list[int], list[int]]:
    """Labels for einsum of the windows seen, the weight and the output: N, groups, C and O, then n places and n elements."""
    batch, group, channel, out = range(4)
    places, elements = [*range(4, 4 + n)], [*range(4 + n, 4 + 2 * n)]
    return [batch, group, channel, *places, *elements], [group, out, channel, *elements], [batch, group, out, *places]


def _grouped(a: Array, axis: int, groups: int) -> Array:
    """Axis `axis` cut into (groups, channels of one group)."""
    shape = np.shape(a)
    return np.reshape(a, (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]))


def _merged(a: Array, axis: int) -> Array:
    """The two axes that `_grouped` made, one again."""
    shape = np.shape(a)
    return np.reshape(a, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _einsum(a: Array, a_labels: list[int], b: Array, b_labels: list[int], labels: list[int]) -> Array:
    return np.einsum(a, a_labels, b, b_labels, labels, optimize=True)


def plain_conv(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    seen, w, out = _subscripts(len(windows.size))
    v = _grouped(view(x, windows), 1, groups)
    y = _merged(_einsum(v, seen, _grouped(weight, 0, groups), w, out), 1)
    return y if bias is None else y + np.reshape(bias, (-1, *[1] * len(windows.size)))


def plain_conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    seen, w, out = _subscripts(len(windows.size))
    v = _einsum(_grouped(g, 1, groups), out, _grouped(weight, 0, groups), w, seen)
    x = overlap_add(_merged(v, 1), windows)
    return x if bias is None else x + np.reshape(bias, (-1, *[1] * len(windows.size)))


def plain_conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Array:
    seen, w, out = _subscripts(len(windows.size))
    v = _grouped(view(x, windows), 1, groups)
    return _merged(_einsum(v, seen, _grouped(g, 1, groups), out, w), 0)


@kernel(plain_conv)
def conv(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    """out[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]"""
    return plain_conv(x, weight, bias, windows, groups)


@kernel(plain_conv_input)
def conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    """The adjoint of `conv` in x: out[n, c, i] = Σ g[n, o, p] · weight[o, c, k] over the p and k that visit input i, + bias[c]"""
    return plain_conv_input(g, weight, bias, windows, groups)


@kernel(plain_conv_weight)
def conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Any:
    """The adjoint of `conv` in the weight: out[o, c, k] = Σ_n Σ_p x[n, c, p · stride + k · dilation - padding] · g[n, o, p]"""
    return plain_conv_weight(x, g, windows, groups)


def plain_unfold(x: Array, windows: Windows) -> Array:
    n = len(windows.size)
    v = np.moveaxis(view(x, windows), range(2, 2 + n), range(-n, 0))
    return np.reshape(v, (len(v), np.shape(x)[1] * math.prod(windows.kernel), math.prod(windows.places)))


def plain_fold(x: Array, windows: Windows) -> Array:
    n = len(windows.size)
    v = np.reshape(x, (len(x), np.shape(x)[1] // math.prod(windows.kernel), *windows.kernel, *windows.places))
    return overlap_add(np.moveaxis(v, range(-n, 0), range(2, 2 + n)), windows)


@kernel(plain_unfold)
def unfold(x: Array, windows: Windows) -> Any:
    """x (N, C, *size) to (N, C · elements, places): the windows as columns."""
    return plain_unfold(x, windows)


@kernel(plain_fold)
def fold(x: Array, windows: Windows) -> Any:
    """The adjoint of `unfold`."""
    return plain_fold(x, windows)
