"""Putting values into an array of zeros, added up where they meet at the same place: the adjoint of indexing."""

from __future__ import annotations

from math import prod
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from ..graph import Array, kernel

WIDE, TURNS = 64, 8  # adding in turns wins where an index is for so many elements or more, and repeats at most so often
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
    (embedding, take, gather), every element's place in the flattened result is computed first. Where each index is for
    many elements and few of them repeat (pad, insert), whole rows are added in turns: faster again, by 2 to 10 times.
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
    if len(arrays) == 1 and all(part == slice(None) for part in index[:slices]):
        n, places = shape[slices], arrays[0].ravel().astype(np.intp)
        rows = x.reshape(prod(shape[:slices]), places.size, prod(shape[slices + 1 :]))
        if rows.size >= WIDE * places.size and np.bincount(places % n).max(initial=0) <= TURNS:
            return _by_turns(rows, places % n, n).reshape(shape)
    axes = max(a.ndim for a in arrays)
    after = range(slices + axes - 1, axes - 1, -1)  # how many axes of the result come after each slice's
    starts = [np.arange(n)[part].reshape(-1, *(1,) * k) for n, part, k in zip(shape, index, after)]
    heads = np.ravel_multi_index((*starts, *arrays), shape[: len(index)], mode="wrap")  # -1 wraps to the last
    width = prod(shape[len(index) :])
    flat = np.add.outer(heads * width, np.arange(width)) if width != 1 else heads
    out = np.zeros(prod(shape), x.dtype)
    np.add.at(out, flat.ravel(), x.ravel())
    return out.reshape(shape)


def _by_turns(x: Array, places: Array, n: int) -> Array:
    """`x` (before, m, after) added to `n` places along axis 1, in turns that each name a place once at most."""
    order = np.argsort(places, kind="stable")
    number = np.arange(places.size)
    first = np.diff(places[order], prepend=-1) != 0
    turn = number - np.maximum.accumulate(number * first)  # 0 for the first at its place, 1 for the next, …
    out = np.zeros((x.shape[0], n, x.shape[2]), x.dtype)
    for i in range(turn.max(initial=-1) + 1):
        now = order[turn == i]
        values = np.take(x, now, axis=1)  # faster than x[:, now]
        if i:
            out[:, places[now]] += values
        else:
            out[:, places[now]] = values
    return out
