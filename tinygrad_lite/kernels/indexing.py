"""x[index], its adjoint (adding many values into one array, some of them at the same place), and the order of x."""

from __future__ import annotations

from math import prod
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..values import Array
from .kernel import kernel
from .total import total

WIDE = 64  # elements for an index: of fewer, rows are not worth while
TURN = 1 << 13  # elements that are worth a turn, or a sum, of their own
LINE, MANY = 64, 1 << 13  # elements along an axis, and in all, that are sorted faster by keys
_BASIC = (int, np.integer, slice, NoneType, EllipsisType)
_USUAL = {int, slice, NoneType, EllipsisType}
Shape = tuple[int, ...]


def _parts(index: Any) -> tuple[Any, ...]:
    return index if type(index) is tuple else (index,)


def simple(index: Any) -> bool:
    """Whether `index` is of Python's integers, slices, None and `...`, as most are: x[index] is a view."""
    return _USUAL.issuperset(map(type, index)) if type(index) is tuple else type(index) in _USUAL


def repeats(index: Any) -> bool:
    """Whether `index` may name a place twice: only one with an array of integers can, not slices and masks."""
    if simple(index):
        return False
    arrays = [part for part in _parts(index) if not isinstance(part, _BASIC)]
    return any(np.ndim(a) and (a if hasattr(a, "dtype") else np.asarray(a)).dtype != bool for a in arrays)


def _one_axis(index: Any) -> tuple[int, Array] | None:
    """The axis and the integers of an index that chooses along one axis alone (x[i], x[:, i]), or None."""
    *before, last = _parts(index) or (None,)
    if isinstance(last, _BASIC) or not all(type(part) is slice and part == slice(None) for part in before):
        return None
    places = np.asarray(last)
    return (len(before), places.astype(np.intp, copy=False)) if places.dtype.kind in "iu" else None


# ---------------------------------------------------------------------------------------------------------- x[index]


def _getitem(x: Array, index: Any) -> Array:
    """x[index] of arrays whose own library (Dask) has only some of NumPy's indices: taken along one axis."""
    if isinstance(x, np.ndarray) or all(isinstance(part, _BASIC) for part in _parts(index)):
        return x[index]
    chosen, shape = _one_axis(index), np.shape(x)
    if chosen is None:
        places = np.arange(prod(shape)).reshape(shape)[index]
        return np.reshape(np.take(np.ravel(x), places.ravel(), axis=0), places.shape)
    axis, places = chosen
    return np.reshape(np.take(x, places.ravel(), axis=axis), (*shape[:axis], *places.shape, *shape[axis + 1 :]))


@kernel(_getitem)
def getitem(x: Array, index: Any) -> Array:
    """x[index]"""
    if not isinstance(x, (np.ndarray, np.generic)):
        x = np.asarray(x)  # one symbol
    chosen = None if simple(index) else _one_axis(index)
    return x[index] if chosen is None else np.take(x, chosen[1], axis=chosen[0])


# ------------------------------------------------------------------------------------------------------- its adjoint


def _add_at(x: Array, index: Any, shape: Shape) -> Array:
    out = np.zeros_like(x, shape=shape)
    if isinstance(out, np.ndarray):
        np.add.at(out, index, x)
        return out
    if all(isinstance(part, _BASIC) for part in _parts(index)):
        index = tuple([part for part in _parts(index) if part is not None])
        out[index] = np.reshape(x, np.broadcast_to(0, shape)[index].shape)
        return out
    axis, places = _one_axis(index) or (None, np.arange(prod(shape)).reshape(shape)[index])
    if axis is None:
        return np.reshape(_gathered(np.ravel(x), 0, places.ravel(), prod(shape)), shape)
    rows = np.reshape(x, (*shape[:axis], places.size, *shape[axis + 1 :]))
    return _gathered(rows, axis, from_start(places.ravel(), shape[axis]), shape[axis])


def _gathered(x: Array, axis: int, places: Array, n: int) -> Array:
    """`x` added to `n` places along `axis` by what every library has: each place takes what is put there, in turns."""
    shape = np.shape(x)
    nothing = np.zeros_like(x, shape=(*shape[:axis], 1, *shape[axis + 1 :]))
    x, out = np.concatenate([x, nothing], axis=axis), np.zeros_like(x, shape=(*shape[:axis], n, *shape[axis + 1 :]))
    counts = np.bincount(places, minlength=n)
    order, starts = np.argsort(places, kind="stable"), np.cumsum(counts) - counts
    for turn in range(counts.max(initial=0)):
        which = np.full(n, places.size)  # nothing
        which[counts > turn] = order[starts[counts > turn] + turn]
        out = out + np.take(x, which, axis=axis)
    return out


@kernel(_add_at)
def add_at(x: Array, index: Any, shape: Shape) -> Array:
    """Zeros of `shape` to which `x` is added at `index`, as often as a place is named there.

    np.add.at is several times faster with one flat index than with any other: where `index` is slices and then arrays
    (take, gather), every element's place in the flattened result is computed first. Where each index is for many
    elements (embedding, pad, insert), what goes to a place named often is summed, and the rest added in turns, whole
    rows: faster again, by 2 to 10 times. Where each place is named equally often in turn (repeat, enlarged images),
    it's a sum.
    """
    if not repeats(index):
        out = np.zeros(shape, getattr(x, "dtype", object))
        out[index] = x
        return out
    if chosen := _one_axis(index):
        axis, places = chosen[0], from_start(chosen[1].ravel(), shape[chosen[0]])
        rows = x.reshape(prod(shape[:axis]), places.size, prod(shape[axis + 1 :]))
        if equally_often(places, shape[axis]):
            return total(rows.reshape(len(rows), shape[axis], -1, rows.shape[2]), 2).reshape(shape)
        width = rows.shape[0] * rows.shape[2]
        if width >= WIDE:
            counts = np.bincount(places)
            often = np.flatnonzero(counts * width >= TURN)
            if int(np.delete(counts, often).max(initial=0)) * TURN <= rows.size:
                return _in_turns(rows, places, shape[axis], counts, often).reshape(shape)
    index = _parts(index)
    slices = next(i for i, part in enumerate(index) if not isinstance(part, slice))
    arrays = [np.asarray(part) for part in index[slices:]]
    if not all(a.dtype.kind in "iu" for a in arrays):
        return _add_at(x, index, shape)
    axes = max(a.ndim for a in arrays)
    after = range(slices + axes - 1, axes - 1, -1)  # how many axes of the result come after each slice's
    starts = [np.arange(n)[part].reshape(-1, *(1,) * k) for n, part, k in zip(shape, index, after)]
    places = [from_start(part, n) for part, n in zip((*starts, *arrays), shape)]
    flat = places[0]
    for part, n in zip(places[1:], shape[1:]):
        flat = flat * n + part
    width = prod(shape[len(index) :])
    if width != 1:
        flat = np.add.outer(flat * width, np.arange(width))
    out = np.zeros(prod(shape), x.dtype)
    np.add.at(out, flat.ravel(), x.ravel())
    return out.reshape(shape)


def placed(g: Array, index: Any, x: Array) -> Array:
    """Zeros but for g at `index`, which names no place twice: of x's shape, and in its order in memory."""
    out = np.zeros_like(x, dtype=g.dtype)
    out[index] = g
    return out


def equally_often(places: Array, n: int) -> bool:
    """Whether the integers name each of `n` places in turn, all of them equally often, as those of np.repeat do."""
    often, rest = divmod(places.size, max(1, n))
    return often > 1 and not rest and np.array_equal(places, np.arange(n).repeat(often))


def from_start(places: Array, n: int) -> Array:
    """Integers into `n` elements without negative ones, which count from the end."""
    places = places.astype(np.intp, copy=False)
    return places % n if places.min(initial=0) < 0 else places


def _in_turns(x: Array, places: Array, n: int, counts: Array, often: Array) -> Array:
    """`x` (before, m, after) added to `n` places along axis 1: a sum for each place in `often`, the others in turns.

    Among the others the one that is named most often comes first, so that those of a turn are the first few.
    """
    out = np.zeros((x.shape[0], n, x.shape[2]), x.dtype)
    order, starts = np.argsort(places, kind="stable"), np.cumsum(counts) - counts
    for place in often:
        here = order[starts[place] : starts[place] + counts[place]]
        out[:, place] = total(np.take(x, here, axis=1), 1)[:, 0]
    rest = np.setdiff1d(np.flatnonzero(counts), often, assume_unique=True)
    rest = rest[np.argsort(-counts[rest], kind="stable")]
    first, number = starts[rest], counts[rest]
    sums = np.take(x, order[first], axis=1)  # faster than x[:, order[first]]
    for turn in range(1, number.max(initial=0)):
        still = np.searchsorted(-number, -turn)
        sums[:, :still] += np.take(x, order[first[:still] + turn], axis=1)
    out[:, rest] = sums
    return out


# ------------------------------------------------------------------------------------------------------------- order


def _argsort(x: Array, axis: int | None) -> Array:
    return np.argsort(x, axis, kind="stable")


@kernel(_argsort)
def argsort(x: Array, axis: int | None) -> Array:
    """The places along `axis` (of all, where it is None) in ascending order of their elements, equal ones in their own.

    NaN comes last. Of float32, keys are sorted: an integer that compares as the number does, and the place in its lower
    half. It takes a seventh to a half of the time, for NumPy sorts numbers faster than places by their numbers.
    """
    if not (type(x) is np.ndarray and x.dtype == np.float32 and x.size >= MANY):
        return _argsort(x, axis)
    if axis is None:
        x, axis = x.ravel(), 0
    axis = normalize_axis_index(axis, x.ndim)
    if not LINE <= x.shape[axis] < 1 << 32:
        return _argsort(x, axis)
    bits = (x + np.float32(0)).view(np.int32)  # -0 is equal to 0
    np.copyto(bits, np.iinfo(np.int32).max, where=np.isnan(x))
    bits ^= (bits >> 31) & np.iinfo(np.int32).max  # of two numbers below 0 that with the larger bits is the smaller
    keys = bits.astype(np.int64)
    keys <<= 32
    keys |= np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    keys.sort(axis)
    keys &= 0xFFFFFFFF
    return keys
