"""What a graph may keep: arrays that nobody changes, and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

Array = Any  # a NumPy array or scalar, or anything else that speaks NumPy's protocols (a Tensor does)

set_writeable: Any = ndarray.setflags  # set_writeable(a, False): by its keyword it takes three times as long

IMMUTABLE = {
    type(None), bool, int, float, str, slice, np.float64, np.float32, np.float16, np.int64, np.int32, np.bool_,
}  # fmt: skip


def frozen(a: Any) -> Any:
    """`a` as a graph may keep it: an array is copied, since its owner could still change it; a number stays as it is.

    The copy lies in memory in the same order. That of another library can't be made read-only.
    """
    if isinstance(a, ndarray):
        a = a.copy(order="K")
        set_writeable(a, False)
        return a
    if type(a) in (list, tuple):
        return type(a)([x if x.__class__ in IMMUTABLE else frozen(x) for x in a])
    return a.copy() if foreign(a) else a


def foreign(a: Any) -> bool:
    """Whether `a` is an array of another library that speaks NumPy's protocols: CuPy's, Dask's."""
    speaks = hasattr(a, "__array_function__") and not isinstance(a, ndarray)
    return speaks and not hasattr(a, "requires_grad")  # a Tensor speaks them, too


def lazy(a: Any) -> bool:
    """Whether `a` is an array that isn't computed yet: Dask's."""
    return hasattr(a, "__dask_graph__")


def beside(a: Array, x: Array) -> Array:
    """`a`, a NumPy array that a rule made, in the library of `x`: on a GPU, in chunks."""
    x = getattr(x, "value", x)  # of a Tensor, its array
    return np.asarray(a, like=x) if foreign(x) and isinstance(a, (ndarray, np.generic)) else a


def alike(values: list[Any]) -> list[Any]:
    """NumPy arrays among `values` in the library of the first one that is of another. (Lazy arrays take NumPy's.)"""
    for x in values:
        if x.__class__ is not ndarray and foreign(x):
            return values if lazy(x) else [beside(a, x) for a in values]
    return values


def moved(a: Array, like: Array) -> Array:
    """`a` in the library of `like`; from a GPU to NumPy, too."""
    if foreign(a) and type(a) is not type(like):
        a = on_host(a)
    return beside(a, like)


def on_host(a: Any) -> Array:
    """`a` as NumPy's array: waits for a GPU, computes what is lazy. (CuPy's arrays refuse np.asarray.)"""
    return a.get() if hasattr(a, "get") and foreign(a) else np.asarray(a)


def as_array(a: Any) -> Array:
    """Numbers and lists as NumPy's array; an array of another library as it is."""
    return a if hasattr(a, "__array_function__") else np.asarray(a)


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
