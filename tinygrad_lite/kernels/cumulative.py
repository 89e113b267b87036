"""Sums that run along an axis and fade, or add up exponentials."""

from __future__ import annotations

import numpy as np

from ..graph import Array, kernel


def plain_discounted_sum(x: Array, discount: Array, axis: int, reverse: bool) -> Array:
    rows = list(zip(np.moveaxis(x, axis, 0), np.moveaxis(discount, axis, 0)))
    if not rows:
        return x
    out: list[Array] = []
    for row, d in rows[::-1] if reverse else rows:
        out.append(row + d * out[-1] if out else row)
    return np.stack(out[::-1] if reverse else out, axis)


@kernel(plain_discounted_sum)
def discounted_sum(x: Array, discount: Array, axis: int, reverse: bool) -> Array:
    out = np.array(x)
    rows, discounts = np.moveaxis(out, axis, 0), np.moveaxis(discount, axis, 0)
    if reverse:
        rows, discounts = rows[::-1], discounts[::-1]
    for i in range(1, len(rows)):
        rows[i] += discounts[i] * rows[i - 1]
    return out


def plain_logcumsumexp(x: Array, axis: int) -> Array:
    rows = list(np.moveaxis(x, axis, 0))
    for i in range(1, len(rows)):
        rows[i] = np.logaddexp(rows[i - 1], rows[i])
    return np.stack(rows, axis) if rows else x


@kernel(plain_logcumsumexp)
def logcumsumexp(x: Array, axis: int) -> Array:
    return np.logaddexp.accumulate(x, axis=axis)
