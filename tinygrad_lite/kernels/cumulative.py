"""Sums that run along an axis, and may fade, or add up exponentials."""

from __future__ import annotations

from math import prod

import numpy as np

from ..ops import cumulative as rules
from ..values import Array
from .thresholds import ELEMENTS_OF_A_RUN, ELEMENTS_TO_SUM_IN_RUNS


@rules.running_sum.register
def running_sum(x: Array, axis: int, reverse: bool = False) -> Array:
    """The sums up to each element along `axis`, or from each on: of 16 at a time as a matrix product, then of these.

    np.cumsum waits for each sum before it begins the next: this is 2 to 4 times as fast, and nearer to the exact sums.
    """
    fits = type(x) is np.ndarray and x.dtype.char in "fd" and x.size >= ELEMENTS_TO_SUM_IN_RUNS
    if not (fits and x.flags.c_contiguous and x.shape[axis] >= 2 * ELEMENTS_OF_A_RUN):
        return NotImplemented
    plain = rules.running_sum.plain
    axis %= x.ndim
    before, n, after = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    rest = n % ELEMENTS_OF_A_RUN
    rows = x.reshape(before, n, after)
    out = np.empty_like(rows)
    main, end = (slice(rest, n), slice(0, rest)) if reverse else (slice(0, n - rest), slice(n - rest, n))
    runs = rows[:, main].reshape(before, -1, ELEMENTS_OF_A_RUN, after)
    ones = np.tri(ELEMENTS_OF_A_RUN, dtype=x.dtype)
    ones = ones.T if reverse else ones
    with np.errstate(invalid="ignore"):
        sums = (runs[..., 0] @ ones.T)[..., None] if after == 1 else ones @ runs
        whole = sums[:, :, :1] if reverse else sums[:, :, -1:]
        sums += plain(whole, 1, reverse) - whole
    out[:, main] = sums.reshape(before, n - rest, after)
    if rest:
        out[:, end] = plain(rows[:, end], 1, reverse)
        out[:, end] += out[:, rest : rest + 1] if reverse else out[:, n - rest - 1 : n - rest]
    if not np.isfinite(out[:, 0] if reverse else out[:, -1]).all():
        return plain(x, axis, reverse)  # 0 · ∞ has no place in a sum
    return out.reshape(x.shape)


@rules.discounted_sum_forward.register
def discounted_sum(x: Array, discount: Array, axis: int, reverse: bool) -> Array:
    if not type(x) is type(discount) is np.ndarray:
        return NotImplemented
    out = x.astype(np.result_type(x, discount))
    rows, discounts = np.moveaxis(out, axis, 0), np.moveaxis(discount, axis, 0)
    if reverse:
        rows, discounts = rows[::-1], discounts[::-1]
    for i in range(1, len(rows)):
        rows[i] += discounts[i] * rows[i - 1]
    return out


@rules.logcumsumexp_forward.register
def logcumsumexp(x: Array, axis: int) -> Array:
    return np.logaddexp.accumulate(x, axis=axis) if type(x) is np.ndarray else NotImplemented
