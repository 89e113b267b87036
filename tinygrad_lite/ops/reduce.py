"""Many elements to one: sum, mean, prod, var, max, quantile, and the running kind (cumsum).

Every reduction takes NumPy's arguments in NumPy's order: axis (an int, a tuple, negative, or None for all axes), dtype,
keepdims, and where NumPy has them initial and where. `out=` is refused: a result has to be a node of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Array, Rule, implements, op

Axis = int | tuple[int, ...] | None


def kept(g: Array, axis: Axis, keepdims: bool) -> Array:
    """What was reduced over `axis`, with those axes as ones."""
    return g if axis is None or keepdims else np.expand_dims(g, axis)


def spread(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any = True) -> Array:
    """Give what was reduced over `axis` its axes back: each reduced element gets the same, a masked one nothing."""
    g = np.broadcast_to(kept(g, axis, keepdims), shape)
    return g if where is True else np.where(where, g, 0)


def counted(x: Array, axis: Axis, keepdims: bool, where: Any = True) -> Any:
    """How many elements come together in each one of the result: an int, or with a mask an array like the result."""
    if where is not True:
        return np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, dtype=x.dtype, keepdims=keepdims)
    shape = np.shape(x)
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod([shape[i] for i in axes])


def given(initial: Any = None, where: Any = True) -> dict[str, Any]:
    """The arguments that the user did give: arrays of other libraries do not know them all."""
    return ({} if initial is None else {"initial": initial}) | ({} if where is True else {"where": where})


def no_out(out: Any) -> None:
    if out is not None:
        raise TypeError("out= would cut the graph: a tensor's result is a new tensor, use what is returned")


# ---------------------------------------------------------------------------------------------- sums and products


@op(np.sum, linear=True)
def sum(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Rule:
    """out = Σ x        ∂L/∂x = g, the same for every summand"""
    no_out(out)
    shape = np.shape(x)
    value = np.sum(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(initial, where))
    return value, (lambda g: spread(g, shape, axis, keepdims, where),)


@op(np.mean, linear=True)
def mean(
    x: Array, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True
) -> Rule:
    """out = Σ x / n        ∂L/∂x = g / n, the same for each of the n"""
    no_out(out)
    shape, n = np.shape(x), counted(x, axis, keepdims, where)
    value = np.mean(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(where=where))
    return value, (lambda g: spread(g / n, shape, axis, keepdims, where),)


@op(np.prod)
def prod(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Rule:
    """out = Π x        ∂L/∂x = g · the product of all the others

    Right also where some of the factors are 0.
    """
    no_out(out)

    def closure(g: Array) -> Array:
        factors = x if where is True else np.where(where, x, 1)
        reduced = range(np.ndim(x)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, np.ndim(x))
        order = [*reduced, *(i for i in range(np.ndim(x)) if i not in reduced)]
        front = np.transpose(factors, order)
        flat = np.reshape(front, (counted(x, axis, keepdims), *np.shape(front)[len(reduced) :]))
        rest = np.transpose(np.reshape(others(flat), np.shape(front)), np.argsort(order))
        return spread(g if initial is None else g * initial, np.shape(x), axis, keepdims, where) * rest

    return np.prod(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(initial, where)), (closure,)


def others(x: Array) -> Array:
    """For each element the product of all others along the first axis, without division: xᵢ may be 0.

    In pairs: the others of a are b and the others of the pair a · b.
    """
    half = len(x) // 2
    if not half:
        return np.ones(np.shape(x), x.dtype)
    a, b, odd = x[:half], x[half : 2 * half], x[2 * half :]
    rest = others(np.concatenate([a * b, odd]))
    return np.concatenate([rest[:half] * b, rest[:half] * a, rest[half:]])


@op(np.cumsum, linear=True)
def cumsum(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Rule:
    """outᵢ = Σ x up to i        ∂L/∂x = Σ g from i on"""
    no_out(out)
    shape, along = np.shape(x), 0 if axis is None else axis

    def closure(g: Array) -> Array:
        return np.reshape(np.flip(np.cumsum(np.flip(g, along), axis=along), along), shape)

    return np.cumsum(x, axis=axis, dtype=dtype), (closure,)


@op(np.cumprod)
def cumprod(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Rule:
    """outᵢ = Π x up to i        ∂L/∂x = Σ g · Π of all but xᵢ up to j, over each j from i on

    Right also where some of the factors are 0.
    """
    no_out(out)
    value = np.cumprod(x, axis=axis, dtype=dtype)

    def closure(g: Array) -> Array:
        along = 0 if axis is None else axis
        f, g, out = (np.swapaxes(a, 0, along) for a in (np.ravel(x) if axis is None else x, g, value))
        before = np.concatenate([np.ones(np.shape(f[:1]), x.dtype), out[:-1]])  # Π of those before i
        return np.reshape(np.swapaxes(before * _from_here(g, f), 0, along), np.shape(x))

    return value, (closure,)


def _from_here(g: Array, x: Array) -> Array:
    """s with sᵢ = gᵢ + xᵢ₊₁ · sᵢ₊₁, along the first axis: the window of each i grows twofold at a time."""
    s, p, k = g, x[1:], 1
    while k < len(x):
        s = np.concatenate([s[:-k] + p * s[k:], s[-k:]])
        p = p[:-k] * p[k:]
        k *= 2
    return s


# ------------------------------------------------------------------------------------------------------ spread


@op(np.var)
def var(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Rule:
    """out = Σ (x - mean)² / (n - ddof)        ∂L/∂x = g · 2 (x - mean) / (n - ddof)

    Of one element: 0 with gradient 0, or NaN as NumPy has it for ddof = 1.
    """
    no_out(out)

    def closure(g: Array) -> Array:
        n = counted(x, axis, keepdims, where)
        return spread(2 * g / (n - ddof), np.shape(x), axis, keepdims, where) * deviation(x, axis, where)

    return np.var(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given(where=where)), (closure,)


@op(np.std)
def std(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Rule:
    """out = √(Σ (x - mean)² / (n - ddof))        ∂L/∂x = g · (x - mean) / ((n - ddof) · out)

    Where all elements are equal, the gradient is 0.
    """
    no_out(out)
    value = np.std(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given(where=where))

    def closure(g: Array) -> Array:
        n = counted(x, axis, keepdims, where)
        scaled = g / ((n - ddof) * np.where(value == 0, 1, value))
        return spread(scaled, np.shape(x), axis, keepdims, where) * deviation(x, axis, where)

    return value, (closure,)


def deviation(x: Array, axis: Axis, where: Any = True) -> Array:
    """How far each element is from the mean; 0 for those that a mask keeps out."""
    d = x - np.mean(x, axis=axis, keepdims=True, **given(where=where))
    return d if where is True else np.where(where, d, 0)


# ----------------------------------------------------------------------------------------------------- extremes


@op(np.max, np.amax)
def max(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Rule:
    """out = the largest x        ∂L/∂x = g where x is the largest, shared equally on a tie"""
    no_out(out)
    value = np.max(x, axis=axis, keepdims=keepdims, **given(initial, where))
    return value, (lambda g: _winners(kept(g, axis, keepdims), x, kept(value, axis, keepdims), axis, initial, where),)


@op(np.min, np.amin)
def min(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Rule:
    """out = the smallest x        ∂L/∂x = g where x is the smallest, shared equally on a tie"""
    no_out(out)
    value = np.min(x, axis=axis, keepdims=keepdims, **given(initial, where))
    return value, (lambda g: _winners(kept(g, axis, keepdims), x, kept(value, axis, keepdims), axis, initial, where),)


def _winners(g: Array, x: Array, best: Array, axis: Axis, initial: Any, where: Any) -> Array:
    """g shared among the elements that are the best; `initial` takes its share too, being one of them."""
    won = x == best if where is True else (x == best) & where
    count = np.sum(won, axis=axis, dtype=x.dtype, keepdims=True) + (0 if initial is None else best == initial)
    return won * (g / count)


@implements(np.ptp)
def ptp(x: Array, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
    """From the smallest to the largest: max - min."""
    no_out(out)
    return np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)
