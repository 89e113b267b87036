"""The same elements in another arrangement: reshape, transpose, broadcast_to, concatenate, pad."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..graph import Array, Closure, Rule, implements, op


@op(np.reshape, linear=True)
def reshape(x: Array, shape: Any, order: Any = "C") -> Rule:
    """out = x, in another shape        ∂L/∂x = g, in x's shape"""
    before = np.shape(x)
    if order not in ("C", "F"):
        raise ValueError(f"reshape: order must be 'C' or 'F', not {order!r}: a tensor has no memory order of its own")
    return np.reshape(x, shape, order=order), (lambda g: np.reshape(g, before, order=order),)


@implements(np.ravel)
def ravel(x: Array, order: Any = "C") -> Array:
    """All elements along one axis."""
    return np.reshape(x, -1, order=order)


@op(np.squeeze, linear=True)
def squeeze(x: Array, axis: int | tuple[int, ...] | None = None) -> Rule:
    """out = x without axes of 1        ∂L/∂x = g with them"""
    before = np.shape(x)
    return np.squeeze(x, axis), (lambda g: np.reshape(g, before),)


@op(np.broadcast_to, linear=True)
def broadcast_to(x: Array, shape: Any) -> Rule:
    """out = x, repeated along new axes and axes of 1        ∂L/∂x = Σ g over the repeats"""
    return np.broadcast_to(x, shape), (lambda g: g,)  # the engine undoes broadcasting


@op(np.expand_dims, linear=True)
def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Rule:
    """out = x with new axes of 1        ∂L/∂x = g without them"""
    before = np.shape(x)
    return np.expand_dims(x, axis), (lambda g: np.reshape(g, before),)


@op(np.transpose, linear=True)
def transpose(x: Array, axes: Any = None) -> Rule:
    """out = xᵀ, its axes in another order        ∂L/∂x = gᵀ, in x's order"""
    back = None if axes is None else tuple(np.argsort([a % np.ndim(x) for a in axes]))
    return np.transpose(x, axes), (lambda g: np.transpose(g, back),)


@op(np.ndarray.astype, linear=True)
def astype(x: Array, dtype: Any) -> Rule:
    """out = x, in another dtype        ∂L/∂x = g, in x's dtype"""
    return x.astype(dtype), (lambda g: g,)  # the engine gives a gradient its tensor's dtype


@op(np.swapaxes, linear=True)
def swapaxes(x: Array, axis1: int, axis2: int) -> Rule:
    """out = x with two axes swapped        ∂L/∂x = g with the same two swapped"""
    return np.swapaxes(x, axis1, axis2), (lambda g: np.swapaxes(g, axis1, axis2),)


@implements(np.moveaxis)
def moveaxis(x: Array, source: Any, destination: Any) -> Array:
    """The axes at `source` moved to `destination`, the others in the order they had."""
    source, destination = (np.lib.array_utils.normalize_axis_tuple(a, np.ndim(x)) for a in (source, destination))
    if len(source) != len(destination):
        raise ValueError(f"moveaxis: source {source} and destination {destination} must have the same number of axes")
    axes = [i for i in range(np.ndim(x)) if i not in source]
    for to, axis in sorted(zip(destination, source)):
        axes.insert(to, axis)
    return np.transpose(x, axes)


@op(np.flip, linear=True)
def flip(x: Array, axis: int | tuple[int, ...] | None = None) -> Rule:
    """out = x, backwards along axis        ∂L/∂x = g, backwards along axis"""
    return np.flip(x, axis), (lambda g: np.flip(g, axis),)


@op(linear=True)
def concatenate(*arrays: Array, axis: int = 0) -> Rule:
    """out = [x₀, x₁, …], one after the other along axis        ∂L/∂xᵢ = g, the part where xᵢ stands"""
    out = np.concatenate(arrays, axis=axis)
    stops = [*accumulate(np.shape(x)[axis] for x in arrays)]
    before = (slice(None),) * (axis % np.ndim(out))

    def part(stop: int, size: int) -> Closure:
        return lambda g: g[(*before, slice(stop - size, stop))]

    return out, tuple([part(stop, np.shape(x)[axis]) for stop, x in zip(stops, arrays)])


@implements(np.concatenate)
def _concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """The arrays one after the other along `axis`, flattened before for None."""
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    return concatenate(*arrays, axis=axis)


@implements(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """The arrays along a new axis, which is number `axis` of the result."""
    return concatenate(*[np.expand_dims(x, axis) for x in arrays], axis=axis)


@op(np.pad, linear=True)
def pad(x: Array, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Rule:
    """out = x, with a frame around it        ∂L/∂x = g without the frame"""
    out = np.pad(x, pad_width, mode=mode, constant_values=constant_values)
    widths = np.broadcast_to(pad_width, (np.ndim(x), 2))
    inner = tuple([slice(before, before + n) for (before, _), n in zip(widths.tolist(), np.shape(x))])
    return out, (lambda g: g[inner],)
