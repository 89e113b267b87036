"""What a graph may keep: arrays that nobody changes, and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

Array = Any  # a NumPy array or scalar, or anything else that speaks NumPy's protocols (a Tensor does)

IMMUTABLE = {
    type(None), bool, int, float, str, slice, np.float64, np.float32, np.float16, np.int64, np.int32, np.bool_,
}  # fmt: skip


def frozen(a: Any) -> Any:
    """`a` as a graph may keep it: an array is copied, since its owner could still change it; a number stays as it is.

    The copy lies in memory in the same order. That of another library can't be made read-only.
    """
    if isinstance(a, ndarray):
        a = a.copy(order="K")
        a.setflags(write=False)
        return a
    if type(a) in (list, tuple):
        return type(a)([x if x.__class__ in IMMUTABLE else frozen(x) for x in a])
    foreign = hasattr(a, "__array_function__") and not hasattr(a, "requires_grad")  # a Tensor never changes
    return a.copy() if foreign else a


HALF = np.dtype(np.float16)


def wide(x: Array) -> Array:
    """`x`, in float32 if it is float16: a float16 count stops at 2,048, and nothing is above 65,504."""
    return x.astype(np.float32) if getattr(x, "dtype", None) == HALF else x


def in_order_of(a: Array, like: Array) -> Array:
    """`a` in the memory order of `like`, which has its shape: rounding in a product depends on the order."""
    if not isinstance(a, np.ndarray) or not isinstance(like, np.ndarray) or a.strides == like.strides:
        return a
    out = np.empty_like(like, dtype=a.dtype)
    out[...] = a
    return out
