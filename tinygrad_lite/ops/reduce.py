"""Many elements to one: sum, mean, prod, var, max, quantile, and the running kind (cumsum).

Every reduction takes NumPy's arguments in NumPy's order: axis (an int, a tuple, negative, or None for all axes), dtype,
keepdims, and where NumPy has them initial and where. `out=` is refused: a result has to be a node of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Node, Rule, op
from ..kernels import cumulative as kernels
from ..kernels import reduce
from ..kernels.indexing import argsort
from ..kernels.mask import keep
from ..tensor import implements
from ..values import Array
from .indexing import plain

Axis = int | tuple[int, ...] | None


def kept(g: Array, axis: Axis, keepdims: bool) -> Array:
    """What was reduced over `axis`, with those axes as ones."""
    return g if axis is None or keepdims else np.expand_dims(g, axis)


def spread(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any = True) -> Array:
    """Give what was reduced over `axis` its axes back: each reduced element gets the same, a masked one nothing."""
    g = reduce.spread(kept(g, axis, keepdims), shape)
    return g if where is True else keep(g, where)


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
    """out = Σ x        ∂L/∂x = g"""
    no_out(out)
    shape = np.shape(x)
    if dtype is initial is None and where is True:
        value = reduce.sum(x, axis=axis, keepdims=keepdims)
    else:
        value = np.sum(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(initial, where))
    return value, (lambda g: spread(g, shape, axis, keepdims, where),)


@op(np.mean, linear=True)
def mean(
    x: Array, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True
) -> Rule:
    """out = Σ x / n        ∂L/∂x = g / n"""
    no_out(out)
    shape, n = np.shape(x), counted(x, axis, keepdims, where)
    if dtype is None and where is True:
        value = reduce.average(x, axis=axis, keepdims=keepdims)
    else:
        value = np.mean(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(where=where))
    return value, (lambda g: spread(g / n, shape, axis, keepdims, where),)


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
    value = np.prod(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(initial, where))

    def closure(g: Array) -> Array:
        factors = x if where is True else np.where(where, x, 1)
        if divides(value):
            return spread(g * value, np.shape(x), axis, keepdims, where) / factors
        reduced = range(np.ndim(x)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, np.ndim(x))
        order = [*reduced, *(i for i in range(np.ndim(x)) if i not in reduced)]
        front = np.transpose(factors, order)
        flat = np.reshape(front, (counted(x, axis, keepdims), *np.shape(front)[len(reduced) :]))
        rest = np.transpose(np.reshape(others(flat), np.shape(front)), np.argsort(order))
        return spread(g if initial is None else g * initial, np.shape(x), axis, keepdims, where) * rest

    return value, (closure,)


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
        return np.ones(np.shape(x), x.dtype)
    a, b, odd = x[:half], x[half : 2 * half], x[2 * half :]
    rest = others(np.concatenate([a * b, odd]))
    return np.concatenate([rest[:half] * b, rest[:half] * a, rest[half:]])


@op(np.cumsum, linear=True)
def cumsum(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Rule:
    """outᵢ = Σⱼ xⱼ over j ≤ i        ∂L/∂xⱼ = Σᵢ gᵢ over i ≥ j"""
    no_out(out)
    shape, along = np.shape(x), 0 if axis is None else axis
    if dtype is not None or not shape:
        value = np.cumsum(x, axis=axis, dtype=dtype)
    else:
        value = kernels.cumsum(np.ravel(x) if axis is None else x, along)
    return value, (lambda g: np.reshape(kernels.cumsum(g, along, True), shape),)


@op(np.cumprod, linear=False)
def cumprod(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Rule:
    """outᵢ = Πⱼ xⱼ over j ≤ i        ∂L/∂xₖ = Σᵢ gᵢ · (Πⱼ xⱼ over j ≤ i and j ≠ k) over i ≥ k

    Right also where some of the factors are 0.
    """
    no_out(out)
    value = np.cumprod(x, axis=axis, dtype=dtype)

    def closure(g: Array) -> Array:
        along = 0 if axis is None else axis
        if divides(value):
            return np.reshape(kernels.cumsum(g * value, along, True), np.shape(x)) / x
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

    def closure(g: Array) -> Array:
        n = counted(x, axis, keepdims, where)
        return spread(2 * g / (n - ddof), np.shape(x), axis, keepdims, where) * deviation(x, axis, where)

    return np.var(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given(where=where)), (closure,)


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
    value = np.std(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given(where=where))

    def closure(g: Array) -> Array:
        n = counted(x, axis, keepdims, where)
        scaled = g / ((n - ddof) * np.where(value == 0, 1, value))
        return spread(scaled, np.shape(x), axis, keepdims, where) * deviation(x, axis, where)

    return value, (closure,)


def deviation(x: Array, axis: Axis, where: Any = True) -> Array:
    """How far each element is from the mean; 0 for those that a mask keeps out."""
    d = x - np.mean(x, axis=axis, keepdims=True, **given(where=where))
    return d if where is True else keep(d, where)


# ----------------------------------------------------------------------------------------------------- extremes


@op(np.max, np.amax)
def max(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Rule:
    """out = max x        ∂L/∂x = g / Σ [x = out] where x = out"""
    no_out(out)
    value = np.max(x, axis=axis, keepdims=keepdims, **given(initial, where))
    return value, (lambda g: _winners(kept(g, axis, keepdims), x, kept(value, axis, keepdims), axis, initial, where),)


@op(np.min, np.amin)
def min(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Rule:
    """out = min x        ∂L/∂x = g / Σ [x = out] where x = out"""
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


# ------------------------------------------------------------------------------------------ averages and quantiles


@implements(np.average)
def average(
    x: Array, axis: Axis = None, weights: Array = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """Σ w · x / Σ w; the weights are of x's shape, or of the shape of the axes that are averaged over."""
    if weights is None:
        mean = np.mean(x, axis=axis, keepdims=keepdims)
        return (mean, counted(x, axis, keepdims) * np.ones_like(mean)) if returned else mean
    if np.shape(weights) != np.shape(x):
        axes = np.lib.array_utils.normalize_axis_tuple(range(np.ndim(x)) if axis is None else axis, np.ndim(x))
        if np.shape(weights) != tuple(np.shape(x)[i] for i in axes):
            raise ValueError(
                f"average: weights has shape {np.shape(weights)}, but x has shape {np.shape(x)} and axis is {axis}: "
                "give weights of x's shape, or of the shape of the axes that are averaged over"
            )
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(np.shape(x))])
    total = np.sum(np.broadcast_to(weights, np.shape(x)), axis=axis, keepdims=keepdims)
    mean = np.sum(x * weights, axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@implements(np.cov)
def cov(
    m: Array,
    y: Array | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: None = None,
    aweights: None = None,
    *,
    dtype: Any = None,
) -> Any:
    """out[i, j] = Σ (xᵢ - mean xᵢ) · (xⱼ - mean xⱼ) / (n - ddof): the covariances of variables.

    They are the rows of m, or for `rowvar=False` its columns, and then those of y. ddof is 1, or with `bias` 0. Weights
    are not supported.
    """
    if fweights is not None or aweights is not None:
        raise TypeError("cov: fweights= and aweights= are not supported on a Tensor")
    rows = [np.atleast_2d(a) if rowvar or np.ndim(a) < 2 else np.transpose(a) for a in (m, y) if a is not None]
    x = np.concatenate(rows, 0)
    if np.ndim(x) != 2:
        raise ValueError("needs vectors or matrices")
    x = x.astype(np.result_type(x, np.float64) if dtype is None else dtype)
    x = x - np.mean(x, axis=1, keepdims=True)
    ddof = (0 if bias else 1) if ddof is None else ddof
    return np.squeeze(x @ x.T / np.maximum(np.shape(x)[1] - ddof, 0))


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
) -> Any:
    """The value below which the part q of the elements lies: a mean of the two that stand next to it in sorted order.

    The gradient goes to these two, by their weights in that mean; among equal elements to the first. All of NumPy's
    methods are supported, weights are not. NaN among the elements makes the result NaN.
    """
    no_out(out)
    if weights is not None:
        raise TypeError("quantile: weights= is not supported on a Tensor")
    return _quantile(x, q, axis, method, keepdims)


def _quantile(x: Array, q: Any, axis: Axis, method: str, keepdims: bool, skip_nan: bool = False) -> Any:
    if isinstance(q, Node):
        raise TypeError("quantile: q has no derivative: give a number or an array (q.data of a tensor)")
    shape = np.shape(x)
    axes = np.lib.array_utils.normalize_axis_tuple(range(len(shape)) if axis is None else axis, len(shape))
    others = [i for i in range(len(shape)) if i not in axes]
    n = counted(x, axis, keepdims)
    lines = np.reshape(np.transpose(x, (*axes, *others)), (n, *[shape[i] for i in others]))
    order = argsort(plain(lines), 0)  # NaN come last

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


@implements(np.percentile)
def percentile(x: Array, q: Any, *args: Any, **kwargs: Any) -> Any:
    """`quantile` with q in percent."""
    return np.quantile(x, np.true_divide(q, 100), *args, **kwargs)


@implements(np.median)
def median(x: Array, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The element in the middle, or the mean of the two in the middle."""
    no_out(out)
    return np.quantile(x, 0.5, axis=axis, keepdims=keepdims)


# -------------------------------------------------------------------------------------------- as if NaN were not there


def _numbers(x: Array, where: Any) -> Any:
    return ~np.isnan(x) & where


@implements(np.nansum)
def nansum(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    return sum(x, axis, dtype, out, keepdims, initial, _numbers(x, where))


@implements(np.nanprod)
def nanprod(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    return prod(x, axis, dtype, out, keepdims, initial, _numbers(x, where))


@implements(np.nanmean)
def nanmean(
    x: Array, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    return mean(x, axis, dtype, out, keepdims, where=_numbers(x, where))


@implements(np.nanvar)
def nanvar(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    return var(x, axis, dtype, out, ddof, keepdims, where=_numbers(x, where))


@implements(np.nanstd)
def nanstd(
    x: Array,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    return std(x, axis, dtype, out, ddof, keepdims, where=_numbers(x, where))


@implements(np.nanmax)
def nanmax(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The largest number; NaN where there is none."""
    return _nan_extreme(max, -np.inf, x, axis, out, keepdims, initial, where)


@implements(np.nanmin)
def nanmin(
    x: Array, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The smallest number; NaN where there is none."""
    return _nan_extreme(min, np.inf, x, axis, out, keepdims, initial, where)


def _nan_extreme(
    extreme: Any, worst: float, x: Array, axis: Axis, out: None, keepdims: bool, initial: Any, where: Any
) -> Any:
    if x.dtype.kind != "f":
        return extreme(x, axis, out, keepdims, initial, where)
    numbers = _numbers(x, where)
    value = extreme(x, axis, out, keepdims, worst if initial is None else initial, numbers)
    return value if initial is not None else np.where(np.any(numbers, axis=axis, keepdims=keepdims), value, np.nan)


@implements(np.nanquantile)
def nanquantile(
    x: Array,
    q: Any,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: None = None,
) -> Any:
    """`quantile` of the numbers; NaN where there is none."""
    no_out(out)
    if weights is not None:
        raise TypeError("nanquantile: weights= is not supported on a Tensor")
    return _quantile(x, q, axis, method, keepdims, skip_nan=True)


@implements(np.nanpercentile)
def nanpercentile(x: Array, q: Any, *args: Any, **kwargs: Any) -> Any:
    """`nanquantile` with q in percent."""
    return np.nanquantile(x, np.true_divide(q, 100), *args, **kwargs)


@implements(np.nanmedian)
def nanmedian(
    x: Array, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """The number in the middle, or the mean of the two in the middle; NaN where there is none."""
    no_out(out)
    return np.nanquantile(x, 0.5, axis=axis, keepdims=keepdims)


@implements(np.nancumsum)
def nancumsum(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    return cumsum(np.where(np.isnan(x), 0, x), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    return cumprod(np.where(np.isnan(x), 1, x), axis, dtype, out)


# ------------------------------------------------------------------------------ the running kind by NumPy 2.1's names


def _cumulative(f: Any, start: int, x: Array, axis: int | None, dtype: Any, out: None, include_initial: bool) -> Any:
    if axis is None:
        if np.ndim(x) != 1:
            raise ValueError(f"x has shape {np.shape(x)}: say along which axis")
        axis = 0
    y = f(x, axis, dtype, out)
    if not include_initial:
        return y
    first = [1 if i == axis % np.ndim(x) else n for i, n in enumerate(np.shape(x))]
    return np.concatenate([np.full(first, start, y.dtype), y], axis)


if hasattr(np, "cumulative_sum"):

    @implements(np.cumulative_sum)
    def cumulative_sum(
        x: Array, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False
    ) -> Any:
        """`cumsum` along an axis, with `include_initial` after a 0."""
        return _cumulative(cumsum, 0, x, axis, dtype, out, include_initial)

    @implements(np.cumulative_prod)
    def cumulative_prod(
        x: Array, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False
    ) -> Any:
        """`cumprod` along an axis, with `include_initial` after a 1."""
        return _cumulative(cumprod, 1, x, axis, dtype, out, include_initial)
