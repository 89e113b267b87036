"""Many elements to one: sum, mean, prod, var, max, and what is made of them: averages and covariances.

Every reduction takes NumPy's arguments in NumPy's order: axis (an int, a tuple, negative, or None for all axes), dtype,
keepdims, and where NumPy has them initial and where. `out=` is refused: a result has to be a node of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..dispatch import array_code, forward
from ..graph import Node, Rule, op, total
from ..tensor import implements
from ..values import Array, beside, foreign, wide
from .ufuncs import keep

Axis = int | tuple[int, ...] | None


def with_ones(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """What was reduced over `axis` of an array of `shape`, with those axes as ones."""
    return g if axis is None or keepdims or not shape else np.expand_dims(g, axis)


@array_code
def spread(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any = True) -> Array:
    """Give what was reduced over `axis` its axes back: each reduced element gets the same, a masked one nothing."""
    g = np.broadcast_to(with_ones(g, shape, axis, keepdims), shape)
    return g if where is True else keep(g, beside(where, g))


def counted(x: Array, axis: Axis, keepdims: bool, where: Any = True) -> Any:
    """How many elements come together in each one of the result: an int, or with a mask an array like the result."""
    if where is not True:
        return _count(np.broadcast_to(beside(where, x), np.shape(x)), x, axis, keepdims)
    shape = np.shape(x)
    axes = range(len(shape)) if axis is None or not shape else axis if isinstance(axis, tuple) else (axis,)
    return math.prod([shape[i] for i in axes])


def _count(mask: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """How many are true, in x's dtype, or float32 for float16."""
    whole = np.int32 if math.prod(np.shape(mask)) < 1 << 31 else np.int64  # half as long takes half the time
    return np.sum(mask, axis=axis, dtype=whole, keepdims=keepdims).astype(np.result_type(x.dtype, np.float32))


def mean_of(x: Array, axis: tuple[int, ...], y: Array | None = None) -> Array:
    """The mean of x, or of x · y, over the axes, which stay as axes of 1. That of float16 is float32, of nothing 0."""
    return total(wide(x), axis, y) / (math.prod([np.shape(x)[i] for i in axis]) or 1)


def given(initial: Any = None, where: Any = True) -> dict[str, Any]:
    """The arguments that the user did give."""
    return ({} if initial is None else {"initial": initial}) | ({} if where is True else {"where": where})


def folded(
    function: Callable[..., Any], join: np.ufunc, x: Array, initial: Any, where: Any, nothing: Any, **how: Any
) -> Array:
    """`function` of x, with NumPy's arguments `initial` and `where`, which other libraries lack.

    There, `nothing` stands where the mask keeps an element out, and `initial` joins the result.
    """
    if not foreign(x):
        return function(x, **how, **given(initial, where))
    out = function(x if where is True else np.where(beside(where, x), x, nothing), **how)
    return out if initial is None else join(out, initial)


def no_out(out: Any) -> None:
    if out is not None:
        raise TypeError("out= would cut the graph: a tensor's result is a new tensor, use what is returned")


# ---------------------------------------------------------------------------------------------- sums and products


@forward
def sum_forward(
    x: Array, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Array:
    return folded(np.sum, np.add, x, initial, where, 0, axis=axis, dtype=dtype, keepdims=keepdims)


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
    """out = Σ x        ∂L/∂x = g"""
    no_out(out)
    shape = np.shape(x)
    value = sum_forward(x, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
    return value, (lambda g: spread(g, shape, axis, keepdims, where),)


@forward
def mean_forward(x: Array, axis: Axis = None, dtype: Any = None, keepdims: bool = False, where: Any = True) -> Array:
    if where is not True and foreign(x):
        return sum_forward(x, axis, dtype, keepdims, where=where) / counted(x, axis, keepdims, where)
    return np.mean(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(where=where))


@op(np.mean, linear=True)
def mean(
    x: Array, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True
) -> Rule:
    """out = Σ x / n        ∂L/∂x = g / n"""
    no_out(out)
    shape, n = np.shape(x), counted(x, axis, keepdims, where)
    value = mean_forward(x, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    return value, (lambda g: spread(wide(g) / n, shape, axis, keepdims, where),)


@op(np.prod, linear=False)
def prod(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Rule:
    """out = Π x        ∂L/∂xₖ = g · Πⱼ xⱼ over j ≠ k

    Right also where some of the factors are 0.
    """
    no_out(out)
    value = folded(np.prod, np.multiply, x, initial, where, 1, axis=axis, dtype=dtype, keepdims=keepdims)

    def closure(g: Array) -> Array:
        factors = x if where is True else np.where(beside(where, x), x, 1)
        if divides(value):
            return spread(g * value, np.shape(x), axis, keepdims, where) / factors
        reduced = _axes(axis, np.ndim(x))
        order = [*reduced, *(i for i in range(np.ndim(x)) if i not in reduced)]
        front = np.transpose(factors, order)
        flat = np.reshape(front, (counted(x, axis, keepdims), *np.shape(front)[len(reduced) :]))
        rest = np.transpose(np.reshape(others(flat), np.shape(front)), np.argsort(order).tolist())
        return spread(g if initial is None else g * initial, np.shape(x), axis, keepdims, where) * rest

    return value, (closure,)


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The reduced axes, counted from the first. What has no axes is reduced over none, whatever `axis` is."""
    return normalize_axis_tuple(range(ndim) if axis is None or not ndim else axis, ndim)


def divides(products: Array) -> bool:
    """Whether the product of all others is what a division leaves: no product is 0, none has overflowed."""
    known = isinstance(products, (np.ndarray, np.generic)) and products.dtype.kind == "f"
    return known and bool(np.all(np.isfinite(products) & (products != 0)))


def others(x: Array) -> Array:
    """For each element the product of all others along the first axis, without division: xᵢ may be 0.

    In pairs: the others of a are b and the others of the pair a · b.
    """
    half = len(x) // 2
    if not half:
        return np.ones_like(x)
    a, b, odd = x[:half], x[half : 2 * half], x[2 * half :]
    rest = others(np.concatenate([a * b, odd]))
    return np.concatenate([rest[:half] * b, rest[:half] * a, rest[half:]])


# ------------------------------------------------------------------------------------------------------ spread


@op(np.var, linear=False)
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
    """out = Σ (x - mean x)² / (n - ddof)        ∂L/∂x = g · 2 (x - mean x) / (n - ddof)

    Of one element: 0 with gradient 0, or NaN as NumPy has it for ddof = 1.
    """
    no_out(out)
    if where is not True and foreign(x):
        squares = np.sum(np.square(deviation(x, axis, where)), axis=axis, dtype=dtype, keepdims=keepdims)
        value = squares / (counted(x, axis, keepdims, where) - ddof)
    else:
        value = np.var(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given(where=where))
    return value, (lambda g: variance_gradient(wide(g), x, axis, ddof, keepdims, where),)


@op(np.std, linear=False)
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
    """out = √(Σ (x - mean x)² / (n - ddof))        ∂L/∂x = g · (x - mean x) / ((n - ddof) · out)

    Where all elements are equal, the gradient is 0.
    """
    no_out(out)
    if where is not True and foreign(x):
        value = np.sqrt(var(x, axis, dtype, None, ddof, keepdims, where=where))
    else:
        value = np.std(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given(where=where))

    def closure(g: Array) -> Array:
        twice = 2 * np.where(value == 0, 1, wide(value))
        return variance_gradient(wide(g) / twice, x, axis, ddof, keepdims, where)

    return value, (closure,)


def variance_gradient(g: Array, x: Array, axis: Axis, ddof: int, keepdims: bool, where: Any) -> Array:
    """g · 2 (x - mean x) / (n - ddof); 0 for what a mask keeps out."""
    scaled = 2 * g / (counted(x, axis, keepdims, where) - ddof)
    return spread(scaled, np.shape(x), axis, keepdims, where) * deviation(x, axis, where)


def deviation(x: Array, axis: Axis, where: Any = True) -> Array:
    """How far each element is from the mean; 0 for those that a mask keeps out."""
    d = x - (np.mean if where is True else mean)(x, axis=axis, keepdims=True, **given(where=where))
    return d if where is True else keep(d, beside(where, d))


# ----------------------------------------------------------------------------------------------------- extremes


@op(np.max, np.amax)
def max(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Rule:
    """out = max x        ∂L/∂x = g / Σ [x = out] where x = out"""
    no_out(out)
    value = folded(np.max, np.maximum, x, initial, where, initial, axis=axis, keepdims=keepdims)
    return value, (lambda g: _winners(g, x, value, axis, keepdims, initial, where),)


@op(np.min, np.amin)
def min(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Rule:
    """out = min x        ∂L/∂x = g / Σ [x = out] where x = out"""
    no_out(out)
    value = folded(np.min, np.minimum, x, initial, where, initial, axis=axis, keepdims=keepdims)
    return value, (lambda g: _winners(g, x, value, axis, keepdims, initial, where),)


def _winners(g: Array, x: Array, best: Array, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Array:
    """g shared among the elements that are the best; `initial` takes its share too, being one of them."""
    g, best = (with_ones(a, np.shape(x), axis, keepdims) for a in (g, best))
    won = x == best if where is True else (x == best) & beside(where, x)
    count = _count(won, x, axis, True) + (0 if initial is None else best == initial)
    return won * (wide(g) / count)


@implements(np.ptp)
def ptp(x: Array, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
    """From the smallest to the largest: max - min."""
    no_out(out)
    return np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------------------------------ averages and covariances


@implements(np.average)
def average(
    x: Array, axis: Axis = None, weights: Array = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """Σ w · x / Σ w; the weights are of x's shape, or of the shape of the axes that are averaged over."""
    if weights is None:
        out = np.mean(x, axis=axis, keepdims=keepdims)
        return (out, counted(x, axis, keepdims) * np.ones_like(out)) if returned else out
    if np.shape(weights) != np.shape(x):
        axes = _axes(axis, np.ndim(x))
        if np.shape(weights) != tuple(np.shape(x)[i] for i in axes):
            raise ValueError("weights must have x's shape, or the shape of the axes that are averaged over")
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(np.shape(x))])
    weight = np.sum(np.broadcast_to(weights, np.shape(x)), axis=axis, keepdims=keepdims)
    out = np.sum(x * weights, axis=axis, keepdims=keepdims) / weight
    return (out, weight) if returned else out


@implements(np.cov)
def cov(
    m: Array,
    y: Array | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Array = None,
    aweights: Array = None,
    *,
    dtype: Any = None,
) -> Any:
    """out[i, j] = Σ w · (xᵢ - mean xᵢ) · (xⱼ - mean xⱼ) / (Σ w - ddof): the covariances of variables.

    Args:
        m, y: the variables: the rows of m, or for `rowvar=False` its columns, and then those of y.
        ddof: by default 1, or with `bias` 0.
        fweights: how often each observation counts, integers.
        aweights: how much each observation counts. With these ddof is multiplied by Σ w · aweights / Σ w.

    Raises:
        ValueError: an array of more than two axes, or weights that are not one for each observation.
    """
    rows = [np.atleast_2d(a) if rowvar or np.ndim(a) < 2 else np.transpose(a) for a in (m, y) if a is not None]
    x = np.concatenate(rows, 0)
    if np.ndim(x) != 2:
        raise ValueError("needs vectors or matrices")
    x = x.astype(np.result_type(x, np.float64) if dtype is None else dtype)
    n = np.shape(x)[1]
    given = [a for a in (fweights, aweights) if a is not None]
    for a in given:
        if np.shape(a) != (n,):
            raise ValueError(f"weights must have shape ({n},), one for each observation; got shape {np.shape(a)}")
    w = math.prod(given, start=np.ones(n, x.dtype))
    weight = np.sum(w)
    x = x - np.sum(x * w, axis=1, keepdims=True) / weight if given else x - np.mean(x, axis=1, keepdims=True)
    ddof = (0 if bias else 1) if ddof is None else ddof
    lost = ddof if aweights is None else ddof * np.sum(w * aweights) / weight
    return np.squeeze((x * w if given else x) @ x.T / np.maximum(weight - lost, 0)).astype(x.dtype)


@implements(np.corrcoef)
def corrcoef(x: Array, y: Array | None = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """out[i, j] = cov[i, j] / √(cov[i, i] · cov[j, j]), arguments as `cov`'s."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    r = c / deviation[:, None] / deviation
    value = r.value if isinstance(r, Node) else r
    return r + (np.clip(value, -1, 1) - value)  # only rounding takes it further: no kink there
