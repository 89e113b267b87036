"""Running maxima, minima and sums of exponentials along an axis."""

from __future__ import annotations

import numpy as np

from ..graph import Node, Rule, op
from ..kernels import cumulative as kernels
from ..kernels.elementwise import portion
from ..values import Array

__all__ = ["cummax", "cummin", "logcumsumexp"]


def _running(extreme: np.ufunc, x: Array, axis: int) -> tuple[Array, Array]:
    a = x.value if isinstance(x, Node) else np.asarray(x)
    if not a.ndim:
        return x, np.int64(0)
    places = np.expand_dims(np.arange(a.shape[axis]), tuple(i for i in range(a.ndim) if i != axis % a.ndim))
    reached = (a == extreme.accumulate(a, axis=axis)) | (a != a)
    indices = np.maximum.accumulate(np.where(reached, places, 0), axis=axis)
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


def _slices(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """All but the last along `axis`, all but the first, and zeros in the place of one."""
    before = (slice(None),) * (axis % np.ndim(x))
    return x[(*before, slice(0, -1))], x[(*before, slice(1, None))], np.zeros_like(x[(*before, slice(0, 1))])


def _shift(x: Array, axis: int, reverse: bool) -> Array:
    """Each element moved one place on along `axis` (back for reverse), a zero moving in."""
    most, rest, zero = _slices(x, axis)
    return np.concatenate([rest, zero] if reverse else [zero, most], axis)


@op
def discounted_sum(x: Array, discount: Array, axis: int = -1, reverse: bool = False) -> Rule:
    """outᵢ = xᵢ + discountᵢ · outᵢ₋₁        ∂L/∂xᵢ = gᵢ + discountᵢ₊₁ · ∂L/∂xᵢ₊₁        ∂L/∂discountᵢ = ∂L/∂xᵢ · outᵢ₋₁

    The first discount along `axis` has nothing before it and does not count; `reverse` runs from the end. x and
    discount have the same shape.
    """
    out = kernels.discounted_sum(x, discount, axis, reverse)

    def back(g: Array) -> Array:
        return discounted_sum(g, _shift(discount, axis, not reverse), axis, not reverse)

    return out, (back, lambda g: back(g) * _shift(out, axis, reverse))


@op
def logcumsumexp(x: Array, axis: int) -> Rule:
    """outᵢ = log Σⱼ e^(xⱼ) over j ≤ i        ∂L/∂xⱼ = Σᵢ gᵢ · e^(xⱼ - outᵢ) over i ≥ j

    Neither the sum nor its gradient overflows: the latter is a sum from the end that fades by e^(outᵢ - outᵢ₊₁) ≤ 1.
    """
    y = kernels.logcumsumexp(x, axis)

    def back(g: Array) -> Array:
        most, rest, zero = _slices(y, axis)
        fade = np.concatenate([portion(most, rest), zero], axis)
        return portion(x, y) * discounted_sum(g, fade, axis, reverse=True)

    return y, (back,)
