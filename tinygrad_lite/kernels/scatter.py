"""Putting values into an array of zeros, added up where they meet at the same place: the adjoint of indexing."""

from __future__ import annotations

from math import prod
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from ..graph import Array, kernel

_BASIC = (int, np.integer, slice, NoneType, EllipsisType)


def repeats(index: Any) -> bool:
    """Whether `index` may name a place twice: only one with an array of integers can, not slices and masks."""
    parts = index if type(index) is tuple else (index,)
    arrays = [part for part in parts if not isinstance(part, _BASIC)]
    return any(np.ndim(a) and (a if hasattr(a, "dtype") else np.asarray(a)).dtype != bool for a in arrays)


def _add_at(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    out = np.zeros_like(x, shape=shape)
    if repeats(index):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out


@kernel(_add_at)
def add_at(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` to which `x` is added at `index`, as often as a place is named there.

    np.add.at is several times faster with one flat index than with any other: where `index` is slices and then arrays
    (embedding, take, gather), every element's place in the flattened result is computed first.
    """
    if not repeats(index):
        out = np.zeros(shape, getattr(x, "dtype", object))
        out[index] = x
        return out
    index = index if type(index) is tuple else (index,)
    slices = next(i for i, part in enumerate(index) if not isinstance(part, slice))
    arrays = [np.asarray(part) for part in index[slices:]]
    if not all(a.dtype.kind in "iu" for a in arrays):
        return _add_at(x, index, shape)
    axes = max(a.ndim for a in arrays)
    after = range(slices + axes - 1, axes - 1, -1)  # how many axes of the result come after each slice's
    places = [np.arange(n)[part].reshape(-1, *(1,) * k) for n, part, k in zip(shape, index, after)]
    rows = np.ravel_multi_index((*places, *arrays), shape[: len(index)], mode="wrap")  # -1 wraps to the last
    width = prod(shape[len(index) :])
    flat = np.add.outer(rows * width, np.arange(width)) if width != 1 else rows
    out = np.zeros(prod(shape), x.dtype)
    np.add.at(out, flat.ravel(), x.ravel())
    return out.reshape(shape)
