"""Choosing elements: x[index], take, gather, and the ways back, which add to where the elements came from."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..dispatch import forward
from ..graph import Node, Rule, op
from ..tensor import implements
from ..values import Array, as_array, beside, foreign, lazy, wide

__all__ = ["gather", "index_add", "index_select", "masked_fill", "masked_select", "scatter", "scatter_add"]

Shape = tuple[int, ...]
Index = Any  # whatever NumPy takes between brackets


BASIC = (int, np.integer, slice, NoneType, EllipsisType)  # x[index] of these alone is a view
BUILT_IN = {int, slice, NoneType, EllipsisType}


# -------------------------------------------------------------------------------------------- what an index is


def parts(index: Any) -> tuple[Any, ...]:
    """One part for each axis that the index is about, or for a new axis."""
    return index if type(index) is tuple else (index,)


def is_built_in(index: Any) -> bool:
    """Whether all its parts are Python's integers, slices, None and `...`, as in most."""
    return BUILT_IN.issuperset(map(type, index)) if type(index) is tuple else type(index) in BUILT_IN


def is_basic(index: Any) -> bool:
    """Whether it is made of integers, slices, None and `...` alone, no arrays."""
    return all(isinstance(part, BASIC) for part in parts(index))


def may_repeat(index: Any) -> bool:
    """Whether it may name a place twice: only one with an array of integers can, not slices and masks."""
    if is_built_in(index):
        return False
    arrays = [part for part in parts(index) if not isinstance(part, BASIC)]
    return any(np.ndim(a) and (a if hasattr(a, "dtype") else np.asarray(a)).dtype != bool for a in arrays)


def along_one_axis(index: Any) -> tuple[int, Array] | None:
    """The axis and the integers of an index that chooses along one axis alone (x[i], x[:, i]), or None."""
    *before, last = parts(index) or (None,)
    if isinstance(last, BASIC) or not all(type(part) is slice and part == slice(None) for part in before):
        return None
    places = np.asarray(last)
    return (len(before), places.astype(np.intp, copy=False)) if places.dtype.kind in "iu" else None


def from_start(places: Array, n: int) -> Array:
    """Integers into `n` elements, where those that count from the end count from the start."""
    places = places.astype(np.intp, copy=False)
    return places % n if foreign(places) or places.min(initial=0) < 0 else places


def detached(index: Any) -> Any:
    """An index, a mask or any array without tensors: their arrays stand in their places."""
    if is_built_in(index):
        return index
    if isinstance(index, Node):
        return index.value
    return type(index)(map(detached, index)) if type(index) in (tuple, list) else index


# ---------------------------------------------------------------------------------------------------- x[index]


@forward
def getitem_forward(x: Array, index: Any) -> Array:
    if not hasattr(x, "__array_function__"):
        x = np.asarray(x)  # a single number or symbol
    return _chosen(x, index) if lazy(x) and not is_basic(index) else x[index]


@forward
def add_at_forward(x: Array, index: Any, shape: Shape) -> Array:
    terms = wide(x)
    out = np.zeros_like(terms, shape=shape)
    if lazy(out):
        return _added(x, index, shape)
    np.add.at(out, index, terms)
    return out if terms is x else out.astype(x.dtype)


@op(operator.getitem, linear=True)
def getitem(x: Array, index: Any) -> Rule:
    """out = x[index]        ∂L/∂x = 0 but for ∂L/∂x[index] += g

    Every index of NumPy: integers, slices, None, `...`, boolean masks, arrays of integers, and mixtures of them.
    A place that is named several times gets the sum of its gradients.
    """
    index = detached(index)
    shape = np.shape(x)
    return getitem_forward(x, index), (lambda g: add_at(g, index, shape),)


@op(linear=True)
def add_at(x: Array, index: Any, shape: Shape) -> Rule:
    """out = 0 but for out[index] += x        ∂L/∂x = g[index]

    The adjoint of indexing: an array of `shape`, of zeros but where `index` puts `x`.
    """
    return add_at_forward(x, index, shape), (lambda g: getitem(g, index),)


@op(linear=True)
def setitem(x: Array, values: Array, index: Any) -> Rule:
    """out = x but for out[index] = values        ∂L/∂x = g but for ∂L/∂x[index] = 0        ∂L/∂values = g[index]

    Indexed assignment as a function: `x` itself stays as it is. Where a place is named several times the last value
    stays, and the others get no gradient.
    """
    index = detached(index)
    if x.dtype.kind in "biu" and np.result_type(x, values).kind not in "biu":
        raise TypeError(f"floating values cannot be put into an array of {x.dtype}: make it floating first")
    out = x.copy()
    out[index] = values
    if not may_repeat(index):
        return out, (lambda g: setitem(g, 0, index), lambda g: getitem(g, index))

    def to_the_last(g: Array) -> Array:
        put = getitem(g, index)
        number = beside(np.arange(prod(np.shape(put))).reshape(np.shape(put)), put)
        last = np.empty_like(g, int)
        last[index] = number
        return np.where(last[index] == number, put, 0)

    return out, (lambda g: setitem(g, 0, index), to_the_last)


# -------------------------------------------------------------------------------------------------- along one axis


@op(np.take, linear=True)
def take(a: Array, indices: Any, axis: int | None = None, *, mode: Any = "raise") -> Rule:
    """out = a[indices] along axis        ∂L/∂a = 0 but for ∂L/∂a[indices] += g along axis

    Of the flattened `a` where `axis` is None. Where `mode` is "wrap", indices out of range go on from the start; where
    it is "clip", they stop at the end.

    Raises:
        IndexError: an index is out of range and `mode` is "raise".
    """
    shape = np.shape(a)
    if axis is None or not shape:
        places = _in_range(indices, prod(shape), mode)
        return getitem_forward(np.ravel(a), places), (lambda g: np.reshape(add_at(g, places, (prod(shape),)), shape),)
    axis = normalize_axis_index(axis, len(shape))
    index = (slice(None),) * axis + (_in_range(indices, shape[axis], mode),)
    return getitem_forward(a, index), (lambda g: add_at(g, index, shape),)


def _in_range(indices: Any, n: int, mode: str) -> Array:
    """Indices into `n` elements, those out of range brought into it as `mode` says."""
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    indices = as_array(detached(indices))
    if mode == "wrap" or not indices.size:  # an empty list makes an array of floats
        return indices.astype(np.intp) % max(n, 1)
    return np.clip(indices, 0, n - 1) if mode == "clip" else indices


def _along(indices: Any, axis: int, shape: Shape, others: Shape | None = None) -> Array:
    """The places in an array of `shape`, flattened, of its elements at `indices` along `axis`.

    Along the other axes they are at each place of an array of shape `others` (of `shape` itself by default).
    """
    indices, axis = as_array(detached(indices)), normalize_axis_index(axis, len(shape))
    if indices.ndim != len(shape):
        raise ValueError(f"the indices have {indices.ndim} axes, and must have {len(shape)}, as many as the array")
    _expect_places(indices, axis, shape, -shape[axis])
    places = from_start(indices, shape[axis])
    strides = [prod(shape[i + 1 :]) for i in range(len(shape))]
    if strides[axis] != 1:
        places = places * strides[axis]
    for i, (size, stride) in enumerate(zip(shape if others is None else others, strides)):
        if i != axis:
            other = stride * np.arange(size).reshape(-1, *(1,) * (len(shape) - 1 - i))
            places = places + beside(other, places)
    return places


def _expect_places(indices: Array, axis: int, shape: Shape, lowest: int) -> None:
    """The indices are integers from `lowest` to the end of the axis. (To look at another library's would wait.)"""
    if indices.dtype.kind not in "iu" and indices.size:
        raise IndexError(f"the indices must be integers, not {indices.dtype}")
    if foreign(indices):
        return
    n, least, most = shape[axis], indices.min(initial=0), indices.max(initial=-1)
    if least < lowest or most >= n:
        wrong = least if least < lowest else most
        why = " (unlike NumPy's, this index counts from 0 alone)" if -n <= wrong < 0 else ""
        raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {n}{why}")


@implements(np.take_along_axis)
def take_along_axis(arr: Array, indices: Any, axis: int | None = -1) -> Array:
    """The elements of every row along `axis` at `indices`, which has as many axes as `arr`: what argsort gives."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return np.take(arr, _along(indices, axis, np.shape(arr)))


@implements(np.put_along_axis)
def put_along_axis(arr: Array, indices: Any, values: Array, axis: int | None) -> Array:
    """A new array: `arr` with `values` where `take_along_axis` would take. (NumPy's own writes into `arr` instead.)"""
    shape = np.shape(arr)
    return _put(arr, _along(indices, axis, shape) if axis is not None else _along(indices, 0, (prod(shape),)), values)


def _put(x: Array, places: Array, values: Array) -> Array:
    """`x` with `values` at `places` of the flattened x."""
    return np.reshape(setitem(np.ravel(x), values, places), np.shape(x))


# ---------------------------------------------------------------------------------------------------- by condition


@implements(np.compress)
def compress(condition: Any, a: Array, axis: int | None = None) -> Array:
    """The slices of `a` along `axis` where the one-dimensional `condition` is true."""
    condition = as_array(detached(condition))
    if condition.ndim != 1:
        raise ValueError(f"condition has shape {condition.shape}, and must have one axis; use a[condition] for a mask")
    return np.take(a, np.flatnonzero(condition), axis)


@implements(np.choose)
def choose(a: Any, choices: Sequence[Array], mode: str = "raise") -> Array:
    """out[i] = choices[a[i]][i], all broadcast against each other.

    Raises:
        ValueError: an element of `a` is not in 0 … len(choices) - 1, and `mode` is "raise".
    """
    a = _in_range(a, len(choices), mode)
    a = a.astype(np.intp) if a.dtype == bool else a
    if mode == "raise" and np.any((a < 0) | (a >= len(choices))):
        raise ValueError(f"a names choices from {a.min()} to {a.max()}, and there are {len(choices)}, the first is 0")
    a, *choices = np.broadcast_arrays(a, *choices)
    return np.take_along_axis(np.stack(choices), a[None], 0)[0]


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Array], default: Any = 0) -> Array:
    """Each element from the first of `choicelist` whose condition is true there, or else `default`."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"needs one condition for each choice, not {len(condlist)} for {len(choicelist)}")
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        out = np.where(detached(condition), choice, out)
    return out


@implements(np.bincount)
def bincount(x: Any, weights: Array | None = None, minlength: int = 0) -> Array:
    """How often each integer occurs in `x`, or the sum of the weights where it does."""
    x = as_array(detached(x))
    if not isinstance(weights, Node):
        return np.bincount(x, weights, minlength)
    return add_at(weights, x, (max(minlength, x.max(initial=-1) + 1),)).astype(np.float64)


# --------------------------------------------------------------------------------------------------------- windows


@op(np.lib.stride_tricks.sliding_window_view, linear=True)
def sliding_window_view(x: Array, window_shape: Any, axis: Any = None) -> Rule:
    """out[i, k] = x[i + k]        ∂L/∂x[j] = Σ g[i, k] over i + k = j

    Every window of `window_shape` along `axis` (an int or a tuple, all axes for None), as a view.
    """
    axes = tuple(range(np.ndim(x))) if axis is None else normalize_axis_tuple(axis, np.ndim(x), allow_duplicate=True)
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis), (lambda g: overlap_add(g, axes),)


@op(linear=True)
def overlap_add(x: Array, axes: Shape) -> Rule:
    """out[j] = Σ x[i, k] over i + k = j        ∂L/∂x[i, k] = g[i + k]

    The adjoint of sliding_window_view: x's last axes are windows along `axes`, and are added where they overlap.
    """
    window = np.shape(x)[np.ndim(x) - len(axes) :]
    out = x
    for axis, size in zip(reversed(axes), reversed(window)):
        windows, n = out, np.shape(out)[axis]
        out = np.zeros_like(windows, shape=(*windows.shape[:axis], n + size - 1, *windows.shape[axis + 1 : -1]))
        for k in range(size):
            out[(slice(None),) * axis + (slice(k, k + n),)] += windows[..., k]
    return out, (lambda g: np.lib.stride_tricks.sliding_window_view(g, window, axes),)


# --------------------------------------------------------------------------------------------------- torch's names


def _within(index: Any, shape: Shape, of: str, axis: int | None = None) -> Array:
    """An index of torch's gather and scatter: no longer than the array along any axis but `axis`."""
    index = as_array(detached(index))
    axis = None if axis is None else normalize_axis_index(axis, len(shape))
    if index.ndim != len(shape) or any(i > n for d, (i, n) in enumerate(zip(index.shape, shape)) if d != axis):
        but = "" if axis is None else f" but axis {axis}"
        raise ValueError(f"the index must have as many axes as {of}, and must not be longer along any{but}")
    return index


def _places(input: Array, axis: int, index: Any) -> Array:
    shape, axis = np.shape(input), normalize_axis_index(axis, np.ndim(input))
    index = _within(index, shape, "input", axis)
    _expect_places(index, axis, shape, 0)
    return _along(index, axis, shape, index.shape)


def _source(src: Array, index: Any) -> Array:
    """The part of `src` that `index` has places for."""
    return src[tuple(map(slice, _within(index, np.shape(src), "src").shape))]


def gather(input: Array, axis: int, index: Any) -> Array:
    """out[i, j] = input[index[i, j], j] for axis 0, and so on for each axis: as `torch.gather`.

    Args:
        input: an array of any shape.
        axis: the axis along which `index` counts.
        index: integers from 0 on, of as many axes as `input` and no longer along any but `axis`. The result has
            its shape.

    Raises:
        ValueError: `index` has another number of axes, or is longer than `input`.
        IndexError: an index is negative, or out of range.
    """
    return np.take(input, _places(input, axis, index))


def scatter(input: Array, axis: int, index: Any, src: Array) -> Array:
    """`input`, but out[index[i, j], j] = src[i, j] for axis 0, and so on: as `torch.scatter`.

    Args:
        input: an array of any shape; it stays as it is.
        axis: the axis along which `index` counts.
        index: integers from 0 on, of as many axes as `input` and no longer along any but `axis`.
        src: a number, or an array at least as long as `index` along each axis. Of several values for one place
            the last stays.

    Raises:
        ValueError: `index` has another number of axes, or is longer than `input` or `src`.
        IndexError: an index is negative, or out of range.
    """
    return _put(input, _places(input, axis, index), _source(src, index) if np.ndim(src) else src)


def scatter_add(input: Array, axis: int, index: Any, src: Array) -> Array:
    """`input`, but out[index[i, j], j] += src[i, j] for axis 0, and so on: as `torch.scatter_add`.

    Arguments and errors are those of `scatter`; several values for one place are all added.
    """
    added = add_at(_source(src, index), _places(input, axis, index), (prod(np.shape(input)),))
    return input + np.reshape(added, np.shape(input))


def index_select(input: Array, axis: int, index: Any) -> Array:
    """The slices of `input` along `axis` at the one-dimensional `index`: as `torch.index_select`.

    Raises:
        IndexError: an index is negative, or out of range.
    """
    index, axis = as_array(detached(index)), normalize_axis_index(axis, np.ndim(input))
    _expect_places(index, axis, np.shape(input), 0)
    return np.take(input, index, axis)


def index_add(input: Array, axis: int, index: Any, source: Array, *, alpha: float = 1) -> Array:
    """`input` with alpha · source[i] added to its slice index[i] along `axis`: as `torch.index_add`.

    Raises:
        ValueError: `source` does not have input's shape with the length of `index` along `axis`.
        IndexError: an index is negative, or out of range.
    """
    index, shape = as_array(detached(index)), np.shape(input)
    axis = normalize_axis_index(axis, len(shape))
    _expect_places(index, axis, shape, 0)
    expected = (*shape[:axis], index.size, *shape[axis + 1 :])
    if np.shape(source) != expected:
        raise ValueError(f"source has shape {np.shape(source)}, and must have {expected}, one slice for each index")
    return input + alpha * add_at(source, (slice(None),) * axis + (index.astype(np.intp),), shape)


def masked_fill(input: Array, mask: Any, value: Array) -> Array:
    """`input`, but `value` (a number, or a tensor without axes) where `mask` is true: as `torch.Tensor.masked_fill`."""
    return np.where(detached(mask), value, input)


def masked_select(input: Array, mask: Any) -> Array:
    """The elements of `input` where `mask` is true, along one axis, after broadcasting: as `torch.masked_select`."""
    input, mask = np.broadcast_arrays(input, detached(mask))
    return getitem(input, mask)


# --------------------------------------------------------------------------------------------------------- lazy arrays
#
# Dask has only some of NumPy's indices, and no np.add.at: these do with what it has.


def _chosen(x: Array, index: Any) -> Array:
    """x[index], taken along one axis: that of the index, or of the flattened x."""
    shape = np.shape(x)
    axis, places = along_one_axis(index) or (None, np.arange(prod(shape)).reshape(shape)[index])
    if axis is None:
        return np.reshape(np.take(np.ravel(x), places.ravel(), axis=0), places.shape)
    return np.reshape(np.take(x, places.ravel(), axis=axis), (*shape[:axis], *places.shape, *shape[axis + 1 :]))


def _added(x: Array, index: Any, shape: Shape) -> Array:
    """Zeros of `shape` to which `x` is added at `index`."""
    if is_basic(index):
        out = np.zeros_like(x, shape=shape)
        index = tuple([part for part in parts(index) if part is not None])
        out[index] = np.reshape(x, np.broadcast_to(0, shape)[index].shape)
        return out
    axis, places = along_one_axis(index) or (None, np.arange(prod(shape)).reshape(shape)[index])
    if axis is None:
        return np.reshape(_gathered(np.ravel(x), 0, places.ravel(), prod(shape)), shape)
    rows = np.reshape(x, (*shape[:axis], places.size, *shape[axis + 1 :]))
    return _gathered(rows, axis, from_start(places.ravel(), shape[axis]), shape[axis])


def _gathered(x: Array, axis: int, places: Array, n: int) -> Array:
    """`x` added to `n` places along `axis`: each place takes what is put there, one after the other."""
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
