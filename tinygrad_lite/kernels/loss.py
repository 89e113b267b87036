"""Cross-entropies in place: of classes, and of yes and no."""

from __future__ import annotations

import numpy as np

from ..ops import loss as rules
from ..values import Array
from .blocks import blockwise, in_blocks


def places(target: Array, axis: int) -> tuple[Array, ...]:
    """The index of one element along `axis` for each element of `target`, whose axes are the others."""
    others = [np.arange(n).reshape(-1, *(1,) * i) for i, n in zip(range(target.ndim - 1, -1, -1), target.shape)]
    return (*others[:axis], target, *others[axis:])


@rules.pick.register
def pick(x: Array, target: Array, axis: int) -> Array:
    return x[places(target, axis)] if type(x) is np.ndarray else NotImplemented


@rules.cross_entropy_gradient.register
def cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    if not (type(e) is np.ndarray and e.dtype.char in "fd" and e.dtype == g.dtype):
        return NotImplemented
    gx = blockwise(lambda gx, e, factor: np.multiply(e, factor, out=gx), np.empty_like(e), e, g.reshape(s.shape) / s)
    gx[places(target, axis)] -= g
    return gx


@in_blocks(rules.logistic_nll_forward, work=3)
def logistic_nll(out: Array, x: Array, y: Array) -> None:
    """As the plain code; its first summand is NaN where that takes 0 · ∞ to be 0."""
    np.absolute(x, out=out)
    wrong = np.empty_like(out)
    wrong[...] = x > 0
    wrong -= y
    np.absolute(wrong, out=wrong)
    with np.errstate(invalid="ignore"):
        wrong *= out
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += wrong
    if np.isinf(x).any():
        out[...] = rules.logistic_nll_forward.plain(x, y)


@in_blocks(rules.logistic_nll_gradient, work=3)
def logistic_nll_gradient(gx: Array, g: Array, x: Array, y: Array) -> None:
    """With e = e^-|x|, which is all that both sigmoids need: (1 - y - y · e) / (1 + e) where x > 0."""
    e = np.absolute(x)
    np.negative(e, out=e)
    np.exp(e, out=e)
    gx[...] = x > 0
    gx -= y  # 1 - y where x > 0, else -y
    other = y + gx  # [x > 0]
    np.subtract(1, other, out=other)
    other -= y
    other *= e
    gx += other
    e += 1
    gx /= e
    gx *= g
