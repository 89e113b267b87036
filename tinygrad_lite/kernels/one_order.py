"""Large operands of different orders in memory are brought into one before NumPy goes through them.

In `conv2d(x) * mask` the convolution has its batch innermost, and the user's mask its width. NumPy takes up to nine
times as long for the two as for arrays of one order. A copy of the mask takes half of that, and all that follows (the
gradients, the next convolution) is in one order again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numpy import ndarray

from ..graph import OPS, Rule
from ..values import Array
from .memory_order import batch_is_inner, side_by_side
from .thresholds import ELEMENTS_FOR_ONE_ORDER

ELEMENTWISE = (
    "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "fmax", "fmin", "remainder", "fmod",
    "logaddexp", "logaddexp2", "hypot", "arctan2", "copysign", "where", "clip", "bernoulli_nll", "logistic_nll",
    "xlogy",
)  # fmt: skip


def in_one_order(*operands: Array) -> Iterable[Array]:
    """The operands, the large ones in the order of the first that has its batch innermost, or else of the first."""
    large = [a for a in operands if a.__class__ is ndarray and a.size >= ELEMENTS_FOR_ONE_ORDER]
    if len(large) < 2:
        return operands
    leader = next((a for a in large if a.ndim > 2 and batch_is_inner(a)), large[0])
    return [side_by_side(leader, a) if a.__class__ is ndarray and a.shape == leader.shape else a for a in operands]


def on_one_order(rule: Callable[..., Rule]) -> Callable[..., Rule]:
    """The rule of an elementwise op on operands in one order. Where two suffice, only large ones take any time."""

    def run(x: Array, y: Array, *more: Array, **options: Any) -> Rule:
        if (
            x.__class__ is ndarray and x.size >= ELEMENTS_FOR_ONE_ORDER
            or y.__class__ is ndarray and y.size >= ELEMENTS_FOR_ONE_ORDER
        ):  # fmt: skip
            return rule(*in_one_order(x, y, *more), **options)
        return rule(x, y, *more, **options) if more or options else rule(x, y)

    return run


for name in ELEMENTWISE:
    OPS[name].run = on_one_order(OPS[name].rule)
