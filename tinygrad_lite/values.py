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
    """`a` as a graph may keep it: an array that someone could still write to is copied; all else stays as it is."""
    if isinstance(a, ndarray):
        base: Any = a
        while isinstance(base, ndarray):
            if base.flags.writeable:
                a = a.copy(order="K")
                a.setflags(write=False)
                return a
            base = base.base
        return a
    if type(a) in (list, tuple):
        return type(a)([x if x.__class__ in IMMUTABLE else frozen(x) for x in a])
    return a


def in_order_of(a: Array, like: Array) -> Array:
    """`a` in the memory order of `like`, which has its shape: rounding in a product depends on the order."""
    if not isinstance(a, np.ndarray) or not isinstance(like, np.ndarray) or a.strides == like.strides:
        return a
    out = np.empty_like(like, dtype=a.dtype)
    out[...] = a
    return out
