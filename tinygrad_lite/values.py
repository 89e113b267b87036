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

    The copy lies in memory in the same order.
    """
    if isinstance(a, ndarray):
        a = a.copy(order="K")
        a.setflags(write=False)
        return a
    if type(a) in (list, tuple):
        return type(a)([x if x.__class__ in IMMUTABLE else frozen(x) for x in a])
    return a
