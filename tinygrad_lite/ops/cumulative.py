"""What runs along an axis: sums, products, maxima, minima, and sums of exponentials."""

from __future__ import annotations

from inspect import unwrap
from typing import Any

import numpy as np

from ..dispatch import array_code, forward
from ..graph import Node, Rule, op
from ..tensor import implements
from ..values import Array, as_array, beside, foreign, wide
from .indexing import detached
from .reduce import divides, no_out

__all__ = ["cummax", "cummin", "logcumsumexp"]

# ---------------------------------------------------------------------------------------------- sums and products


@array_code
def running_sum(x: Array, axis: int, reverse: bool = False) -> Array:
    """The sums up to each element along `axis`, or from each element on."""
    return np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis) if reverse else np.cumsum(x, axis=axis)


@op(np.cumsum, linear=True)
def cumsum(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Rule:
    """outᵢ = Σⱼ xⱼ over j ≤ i        ∂L/∂xⱼ = Σᵢ gᵢ over i ≥ j"""
    no_out(out)
    shape, along = np.shape(x), 0 if axis is None else axis
    if dtype is not None:
        value = np.cumsum(x, axis=axis, dtype=dtype)
    else:
        value = running_sum(np.ravel(x) if axis is None or not shape else x, along)
    return value, (lambda g: np.reshape(running_sum(wide(g), along, True), shape),)


@op(np.cumprod, linear=False)
def cumprod(x: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Rule:
    """outᵢ = Πⱼ xⱼ over j ≤ i        ∂L/∂xₖ = Σᵢ gᵢ · (Πⱼ xⱼ over j ≤ i and j ≠ k) over i ≥ k

    Right also where some of the factors are 0.
    """
    no_out(out)
    value = np.cumprod(x if np.ndim(x) else np.ravel(x), axis=axis, dtype=dtype)

    def closure(g: Array) -> Array:
        along = 0 if axis is None else axis
        if divides(value):
            return np.reshape(running_sum(wide(g) * value, along, True), np.shape(x)) / x
        factors = np.ravel(x) if axis is None or not np.ndim(x) else x
        f, g, out = (np.swapaxes(a, 0, along) for a in (factors, g, value))
        before = np.concatenate([np.ones_like(f[:1]), out[:-1]])  # Π of those before i
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


@implements(np.add.accumulate)
def add_accumulate(array: Array, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
    """`np.cumsum` along one axis."""
    return cumsum(array, axis, dtype, out)


@implements(np.multiply.accumulate)
def multiply_accumulate(array: Array, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
    """`np.cumprod` along one axis."""
    return cumprod(array, axis, dtype, out)


if hasattr(np, "cumulative_sum"):  # NumPy 2.1: its own code is made of these two
    for _function in (np.cumulative_sum, np.cumulative_prod):
        implements(_function)(unwrap(_function))


# ------------------------------------------------------------------------------------------------------- extremes


def _accumulated(extreme: np.ufunc, x: Array, axis: int) -> Array:
    """`extreme.accumulate`; where a library has none, each element takes in twice as many before it at a time."""
    if not foreign(x):
        return extreme.accumulate(x, axis=axis)
    x, k = np.moveaxis(x, axis, 0), 1
    while k < np.shape(x)[0]:
        x = np.concatenate([x[:k], extreme(x[k:], x[:-k])])
        k *= 2
    return np.moveaxis(x, 0, axis)


def _running(extreme: np.ufunc, x: Array, axis: int) -> tuple[Array, Array]:
    a = x.value if isinstance(x, Node) else as_array(x)
    if not a.ndim:
        return x, np.int64(0)
    places = np.expand_dims(np.arange(a.shape[axis]), tuple(i for i in range(a.ndim) if i != axis % a.ndim))
    reached = (a == _accumulated(extreme, a, axis)) | (a != a)
    indices = _accumulated(np.maximum, np.where(reached, beside(places, a), 0), axis)
    return np.take_along_axis(x if isinstance(x, Node) else a, indices, axis), indices


def cummax(x: Array, axis: int) -> tuple[Array, Array]:
    """The largest element so far along `axis`, and its index: the last one's on a tie, to which the gradient goes.

    Once there was a NaN it is the largest.
    """
    return _running(np.maximum, x, axis)


def cummin(x: Array, axis: int) -> tuple[Array, Array]:
    """The smallest element so far along `axis`, and its index: the last one's on a tie, to which the gradient goes.

    Once there was a NaN it is the smallest.
    """
    return _running(np.minimum, x, axis)


@implements(np.maximum.accumulate)
def maximum_accumulate(array: Array, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
    """The largest element so far along `axis`; the gradient of a tie goes to the last."""
    no_out(out)
    return cummax(array if dtype is None else array.astype(dtype), axis)[0]


@implements(np.minimum.accumulate)
def minimum_accumulate(array: Array, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
    """The smallest element so far along `axis`; the gradient of a tie goes to the last."""
    no_out(out)
    return cummin(array if dtype is None else array.astype(dtype), axis)[0]


# ---------------------------------------------------------------------------------------- sums that fade, or add eˣ


def _slices(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """All but the last along `axis`, all but the first, and zeros in the place of one."""
    before = (slice(None),) * (axis % np.ndim(x))
    return x[(*before, slice(0, -1))], x[(*before, slice(1, None))], np.zeros_like(x[(*before, slice(0, 1))])


def _shift(x: Array, axis: int, reverse: bool) -> Array:
    """Each element moved one place on along `axis` (back for reverse), a zero moving in."""
    most, rest, zero = _slices(x, axis)
    return np.concatenate([rest, zero] if reverse else [zero, most], axis)


@forward
def discounted_sum_forward(x: Array, discount: Array, axis: int, reverse: bool) -> Array:
    rows = list(zip(np.moveaxis(x, axis, 0), np.moveaxis(discount, axis, 0)))
    if not rows:
        return x
    out: list[Array] = []
    for row, d in rows[::-1] if reverse else rows:
        out.append(row + d * out[-1] if out else row)
    return np.stack(out[::-1] if reverse else out, axis)


@op
def discounted_sum(x: Array, discount: Array, axis: int = -1, reverse: bool = False) -> Rule:
    """outᵢ = xᵢ + discountᵢ · outᵢ₋₁        ∂L/∂xᵢ = gᵢ + discountᵢ₊₁ · ∂L/∂xᵢ₊₁        ∂L/∂discountᵢ = ∂L/∂xᵢ · outᵢ₋₁

    The first discount along `axis` has nothing before it and does not count; `reverse` runs from the end. x and
    discount have the same shape.
    """
    out = discounted_sum_forward(x, discount, axis, reverse)

    def back(g: Array) -> Array:
        return discounted_sum(wide(g), _shift(discount, axis, not reverse), axis, not reverse)

    return out, (back, lambda g: back(g) * _shift(out, axis, reverse))


@forward
def logcumsumexp_forward(x: Array, axis: int) -> Array:
    rows = list(np.moveaxis(x, axis, 0))
    for i in range(1, len(rows)):
        rows[i] = np.logaddexp(rows[i - 1], rows[i])
    return np.stack(rows, axis) if rows else x


@op
def logcumsumexp(x: Array, axis: int) -> Rule:
    """outᵢ = log Σⱼ e^(xⱼ) over j ≤ i        ∂L/∂xⱼ = Σᵢ gᵢ · e^(xⱼ - outᵢ) over i ≥ j

    Neither the sum nor its gradient overflows: exponentials are taken of the distance to the largest element so far.
    """
    if not np.ndim(x):
        return x, (lambda g: g,)

    def back(g: Array) -> Array:
        """By sᵢ = Σⱼ e^(xⱼ - mᵢ) = e^(xᵢ - mᵢ) + fadeᵢ · sᵢ₋₁, since at x = 1e17 log s is lost in `out`."""
        z = wide(x)
        largest = _accumulated(np.maximum, detached(z), axis)
        m = np.where(largest == -np.inf, 0, largest)  # where no eˣ is above 0 yet
        most, _, zero = _slices(largest, axis)
        e, fade = np.exp(z - m), np.exp(np.concatenate([zero - np.inf, most], axis) - m)
        s = discounted_sum(e, fade, axis)
        s = np.where(s == 0, 1, s)
        onward = _shift(fade * _shift(s, axis, False) / s, axis, True)
        return e / s * discounted_sum(wide(g), onward, axis, reverse=True)

    return logcumsumexp_forward(x, axis), (back,)
