"""What depends on the order of the elements: sort, partition, quantiles and the median."""

from __future__ import annotations

import math
from inspect import signature, unwrap
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..dispatch import array_code
from ..graph import Node
from ..tensor import implements
from ..values import Array
from .indexing import detached
from .reduce import Axis, counted, no_out

__all__ = ["topk"]


@array_code
def argsort(x: Array, axis: int | None) -> Array:
    """The places along `axis` (of all, where it is None) in ascending order of their elements, equal ones in their own.

    NaN comes last.
    """
    return np.argsort(x, axis, kind="stable")


@implements(np.sort)
def sort(a: Array, axis: int | None = -1, kind: Any = None) -> Array:
    """The elements in ascending order along `axis`; equal ones stay in their order, whatever `kind` is."""
    return np.take_along_axis(a, argsort(detached(a), axis), axis)


@implements(np.partition)
def partition(a: Array, kth: Any, axis: int | None = -1) -> Array:
    """The k-th smallest element in its place along `axis`, no smaller ones after it and no greater ones before it."""
    return np.take_along_axis(a, np.argpartition(a, kth, axis), axis)


def topk(x: Array, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Array, Array]:
    """The k largest elements along `axis`, and their indices, in descending order; with largest=False the smallest.

    Of equal elements the first comes first. NaN is larger than all others. The order is the same without `sorted`.

    Returns:
        (values, indices): k long along `axis`. The indices are plain integers.

    Raises:
        ValueError: there are no k elements along `axis`.
    """
    plain = detached(x)
    n = np.shape(plain)[axis] if np.ndim(plain) else 1
    if not 0 <= k <= n:
        raise ValueError(f"topk: k must be from 0 to the {n} elements along axis {axis}, not {k}")
    if not np.ndim(plain):
        values, indices = topk(np.reshape(x, 1), k)
        return (np.reshape(values, ()), np.int64(0)) if k else (values, indices)
    order = n - 1 - np.flip(argsort(np.flip(plain, axis), axis), axis) if largest else argsort(plain, axis)
    indices = np.take(order, np.arange(k), axis)
    return np.take_along_axis(x, indices, axis), indices


@implements(np.unique)
def unique(
    ar: Array,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **settings: Any,
) -> Any:
    """The different elements (along `axis`: slices) in ascending order; each gets its gradient from the first of them.

    Indices, inverse and counts, where asked for, are plain integers, as NumPy has them.
    """
    _, index, inverse, counts = np.unique(detached(ar), True, True, True, axis, **settings)
    values = np.take(np.ravel(ar) if axis is None else ar, index, 0 if axis is None else axis)
    more = zip((return_index, return_inverse, return_counts), (index, inverse, counts))
    asked = [a for wanted, a in more if wanted]
    return (values, *asked) if asked else values


# ------------------------------------------------------------------------------------------------------ quantiles
#
# `skip_nan` makes of each function its nan-twin (ops/nan.py); NumPy's functions have no such argument.


@implements(np.quantile)
def quantile(
    x: Array,
    q: Any,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: None = None,
    skip_nan: bool = False,
) -> Array:
    """The value below which the part q of the elements lies: a mean of the two that stand next to it in sorted order.

    The gradient goes to these two, by their weights in that mean; among equal elements to the first. All of NumPy's
    methods are supported, weights are not. NaN among the elements makes the result NaN, as does having none.
    """
    no_out(out)
    if weights is not None:
        raise TypeError("weights= is not supported on a Tensor")
    return _quantile(x, q, axis, method, keepdims, skip_nan)


@implements(np.percentile)
def percentile(x: Array, q: Any, *settings: Any, **more: Any) -> Array:
    """`quantile` with q in percent, and the same other arguments."""
    return unwrap(quantile)(x, np.true_divide(q, 100), *settings, **more)


percentile.__signature__ = signature(quantile)  # type: ignore[attr-defined]


@implements(np.median)
def median(
    x: Array,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
    *,
    skip_nan: bool = False,
) -> Array:
    """The element in the middle, or the mean of the two in the middle."""
    no_out(out)
    return _quantile(x, 0.5, axis, "linear", keepdims, skip_nan)


def _quantile(x: Array, q: Any, axis: Axis, method: str, keepdims: bool, skip_nan: bool) -> Array:
    if isinstance(q, Node):
        raise TypeError("q has no derivative: give a number or an array (q.data of a tensor)")
    shape = np.shape(x)
    axes = normalize_axis_tuple(range(len(shape)) if axis is None else axis, len(shape))
    others = [i for i in range(len(shape)) if i not in axes]
    n = counted(x, axes, keepdims)
    if n == 0:
        nothing = np.mean(x, axis=axes, keepdims=keepdims)  # NaN, with NumPy's warning
        return np.broadcast_to(nothing, (*np.shape(q), *np.shape(nothing)))
    lines = np.reshape(np.transpose(x, (*axes, *others)), (n, *[shape[i] for i in others]))
    order = argsort(detached(lines), 0)  # NaN come last

    numbers = np.sum(~np.isnan(lines), axis=0) if skip_nan else np.full((1,) * len(others), n)
    counts, which = np.unique(numbers, return_inverse=True)
    places = [np.quantile(np.arange(m or int(skip_nan)), q, method=method) for m in counts]  # type: ignore[call-overload]
    place = np.reshape(places, (len(counts), *np.shape(q)))[which.reshape(numbers.shape)]
    place = np.moveaxis(place, range(numbers.ndim), range(-numbers.ndim, 0))  # where in the sorted order
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)

    def at(i: Any) -> Any:
        chosen = np.take_along_axis(order, i.reshape(math.prod(np.shape(q)), *numbers.shape), axis=0)
        return np.reshape(np.take_along_axis(lines, chosen, axis=0), (*np.shape(q), *order.shape[1:]))

    part = place - low
    if x.dtype.kind == "f":
        part = part.astype(x.dtype)
    value = np.where(part == 0, at(low), at(low) + (at(high) - at(low)) * part)
    value = np.where(numbers == 0 if skip_nan else np.any(np.isnan(lines), axis=0), np.nan, value)
    if keepdims:
        value = np.reshape(value, (*np.shape(q), *[1 if i in axes else m for i, m in enumerate(shape)]))
    return value
