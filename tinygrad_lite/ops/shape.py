"""The same elements in another arrangement: reshape, transpose, concatenate, pad, repeat, diagonal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import unwrap
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..dispatch import forward
from ..errors import check_size
from ..graph import Closure, Rule, identity, op
from ..tensor import implements
from ..values import Array
from .elementwise import same
from .indexing import add_at, detached

Axis = int | tuple[int, ...] | None


def reshape_forward(x: Array, shape: Any, how: dict[str, Any]) -> Array:
    try:
        return np.reshape(x, shape, **how)
    except NotImplementedError:  # Dask joins and parts axes; what is not that goes over one axis
        return np.reshape(np.reshape(x, (-1,)), shape, **how)


@op(np.reshape, linear=True)
def reshape(x: Array, shape: Any, order: Any = "C") -> Rule:
    """out = x, in another shape        ∂L/∂x = g, in x's shape"""
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F', not {order!r}: a tensor has no memory order of its own")
    before = np.shape(x)
    how = {} if order == "C" else {"order": order}  # not every library has it
    return reshape_forward(x, shape, how), (lambda g: reshape_forward(g, before, how),)


@implements(np.ravel)
def ravel(a: Array, order: Any = "C") -> Array:
    """All elements along one axis."""
    return np.reshape(a, (-1,), order=order)


@implements()
def flatten(x: Array, start_axis: int = 1, end_axis: int = -1) -> Array:
    """The axes from `start_axis` to `end_axis` as one: by default all but the first, (N, ...) to (N, product)."""
    shape = np.shape(x) or (1,)
    start, end = (normalize_axis_index(a, len(shape)) for a in (start_axis, end_axis))
    if start > end:
        raise ValueError(f"start_axis={start_axis} comes after end_axis={end_axis} in shape {shape}")
    return np.reshape(x, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@implements()
def unflatten(x: Array, axis: int, unflattened_size: Sequence[int]) -> Array:
    """`axis` as several, of the sizes in `unflattened_size`; one of them may be -1, for what is left."""
    shape = np.shape(x)
    axis = normalize_axis_index(axis, len(shape))
    sizes = tuple(unflattened_size)
    known = prod(n for n in sizes if n != -1)
    if sizes.count(-1) > 1 or (shape[axis] % known if known and -1 in sizes else known != shape[axis]):
        raise ValueError(f"x has shape {shape}: its axis {axis} can't have the sizes {sizes}")
    sizes = tuple(shape[axis] // known if n == -1 else n for n in sizes)
    return np.reshape(x, (*shape[:axis], *sizes, *shape[axis + 1 :]))


@op(np.squeeze, linear=True)
def squeeze(x: Array, axis: Axis = None) -> Rule:
    """out = x without axes of 1        ∂L/∂x = g with them"""
    before = np.shape(x)
    return np.squeeze(x, axis), (lambda g: np.reshape(g, before),)


@op(np.expand_dims, linear=True)
def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Rule:
    """out = x with new axes of 1        ∂L/∂x = g without them"""
    before = np.shape(x)
    return np.expand_dims(x, axis), (lambda g: np.reshape(g, before),)


@op(np.ndarray.astype, linear=True)
def astype(x: Array, dtype: Any) -> Rule:
    """out = x, in another dtype        ∂L/∂x = g, in x's dtype

    To integers or booleans no gradient flows.
    """
    return x.astype(dtype), (None if np.dtype(dtype).kind in "iub" else same,)  # the engine casts the gradient back


if hasattr(np, "astype"):  # NumPy 2.1

    @implements(np.astype)
    def _astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
        """x in another dtype. `copy` changes nothing, as the array of a tensor never changes."""
        return astype(x, dtype)


@implements(np.copy)
def copy(a: Array) -> Array:
    """The same elements; an array in a graph never changes, so nothing needs copying."""
    return identity(a)


@implements(np.full_like)
def full_like(a: Array, fill_value: Array, dtype: Any = None, *, shape: Any = None) -> Array:
    """An array like `a` of `fill_value` everywhere; a gradient flows to `fill_value` alone."""
    dtype = a.dtype if dtype is None else dtype
    return np.broadcast_to(fill_value, np.shape(a) if shape is None else shape).astype(dtype)


# --------------------------------------------------------------------------------------------- broadcasting, new axes


@op(np.broadcast_to, linear=True)
def broadcast_to(x: Array, shape: Any) -> Rule:
    """out = x, repeated along new axes and axes of 1        ∂L/∂x = Σ g over the repeats"""
    return np.broadcast_to(x, shape), (same,)  # the engine undoes broadcasting


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Array) -> tuple[Array, ...]:
    """The arrays in their common shape."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple([np.broadcast_to(x, shape) for x in args])


def _with_axes(arrays: Sequence[Array], *new: tuple[int, ...]) -> Any:
    """Each array with the new axes for its number of axes: new[0] for 0-d, new[1] for 1-d, …; one array by itself."""
    out = tuple([np.expand_dims(x, new[np.ndim(x)]) if np.ndim(x) < len(new) else x for x in arrays])
    return out[0] if len(out) == 1 else out


@implements(np.atleast_1d)
def atleast_1d(*arys: Array) -> Any:
    """() → (1,)"""
    return _with_axes(arys, (0,))


@implements(np.atleast_2d)
def atleast_2d(*arys: Array) -> Any:
    """() → (1, 1), (n,) → (1, n)"""
    return _with_axes(arys, (0, 1), (0,))


@implements(np.atleast_3d)
def atleast_3d(*arys: Array) -> Any:
    """() → (1, 1, 1), (n,) → (1, n, 1), (m, n) → (m, n, 1)"""
    return _with_axes(arys, (0, 1, 2), (0, 2), (2,))


@implements(np.meshgrid)
def meshgrid(*xi: Array, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    """Coordinates as arrays of as many axes as there are vectors, each varying along its own axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij', not {indexing!r}")
    axes = [*range(len(xi))]
    if indexing == "xy":
        axes[:2] = reversed(axes[:2])
    grid = tuple([np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for axis, x in zip(axes, xi)])
    return grid if sparse else np.broadcast_arrays(*grid)


# ------------------------------------------------------------------------------------------------- another order


@op(np.transpose, linear=True)
def transpose(x: Array, axes: Any = None) -> Rule:
    """out = xᵀ, its axes in another order        ∂L/∂x = gᵀ, in x's order"""
    back = None if axes is None else np.argsort([a % np.ndim(x) for a in axes]).tolist()
    return np.transpose(x, axes), (lambda g: np.transpose(g, back),)


@op(np.swapaxes, linear=True)
def swapaxes(x: Array, axis1: int, axis2: int) -> Rule:
    """out = x with two axes swapped        ∂L/∂x = g with the same two swapped"""
    return np.swapaxes(x, axis1, axis2), (lambda g: np.swapaxes(g, axis1, axis2),)


@implements(np.matrix_transpose)
def matrix_transpose(x: Array) -> Array:
    """The last two axes swapped."""
    return np.swapaxes(x, -1, -2)


@op(np.flip, linear=True)
def flip(x: Array, axis: Axis = None) -> Rule:
    """out[i] = x[n - 1 - i]        ∂L/∂x[i] = g[n - 1 - i]"""
    return np.flip(x, axis), (lambda g: np.flip(g, axis),)


@implements(np.fliplr)
def fliplr(m: Array) -> Array:
    """Backwards along axis 1."""
    return np.flip(m, 1)


@implements(np.flipud)
def flipud(m: Array) -> Array:
    """Backwards along axis 0."""
    return np.flip(m, 0)


@implements(np.rot90)
def rot90(m: Array, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turned k times by 90°, from the first of `axes` towards the second."""
    first, second = normalize_axis_tuple(axes, np.ndim(m))
    if k % 2 == 0:
        return np.flip(m, (first, second) if k % 4 else ())
    return np.flip(np.swapaxes(m, first, second), first if k % 4 == 1 else second)


@op(np.roll, linear=True)
def roll(x: Array, shift: int | tuple[int, ...], axis: Axis = None) -> Rule:
    """out[(i + shift) mod n] = x[i]        ∂L/∂x[i] = g[(i + shift) mod n]"""
    return np.roll(x, shift, axis), (lambda g: np.roll(g, np.negative(shift).tolist(), axis),)


# --------------------------------------------------------------------------------------------- together and apart


@op(linear=True)
def concatenate(*arrays: Array, axis: int = 0) -> Rule:
    """out = [x₀, x₁, …], one after the other along axis        ∂L/∂xᵢ = g, the part where xᵢ stands"""
    out = np.concatenate(arrays, axis=axis)
    before = (slice(None),) * (axis % np.ndim(out))

    def part(start: int, stop: int) -> Closure:
        return lambda g: g[(*before, slice(start, stop))]

    stops = accumulate([np.shape(x)[axis] for x in arrays], initial=0)
    return out, tuple([part(start, stop) for start, stop in pairwise(stops)])


@implements(np.concatenate)
def _concatenate(
    arrays: Sequence[Array], axis: int | None = 0, *, dtype: Any = None, casting: Any = "same_kind"
) -> Array:
    """The arrays one after the other along `axis`, flattened before for None, and cast to `dtype`."""
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    out = concatenate(*arrays, axis=axis)
    if dtype is None:
        return out
    if not np.can_cast(out.dtype, dtype, casting):
        raise TypeError(f"{out.dtype} cannot be cast to {dtype} by casting={casting!r}")
    return astype(out, dtype)


@implements(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """The arrays along a new axis, which is number `axis` of the result."""
    shapes = [np.shape(x) for x in arrays]
    if len(set(shapes)) != 1:
        raise ValueError(f"needs one array at least, and all of one shape, not {', '.join(map(str, shapes)) or 'none'}")
    return concatenate(*[np.expand_dims(x, axis) for x in arrays], axis=axis)


@implements(np.column_stack)
def column_stack(tup: Sequence[Array]) -> Array:
    """Along axis 1, where a vector is a column."""
    return concatenate(*[_with_axes([x], (0, 1), (1,)) for x in tup], axis=1)


@implements(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """`arr` and then `values` along `axis`, both flattened for None."""
    return np.concatenate([arr, values], axis=axis)


@implements(np.block)
def block(arrays: Any) -> Array:
    """Nested lists of arrays: the innermost are put together along the last axis, those around them along the next."""
    depths, ranks = zip(*_leaves(arrays, 0))
    if len(set(depths)) > 1:
        raise ValueError(f"all arrays must be nested in equally many lists, not in {', '.join(map(str, depths))}")
    ndim = max(*ranks, depths[0])

    def joined(a: Any, axis: int) -> Array:
        if isinstance(a, list):
            return np.concatenate([joined(item, axis + 1) for item in a], axis)
        return np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a))

    return joined(arrays, -depths[0])


def _leaves(a: Any, depth: int) -> list[tuple[int, int]]:
    """(in how many lists it is, its number of axes) for each array in nested lists."""
    if not isinstance(a, list):
        return [(depth, np.ndim(a))]
    if not a:
        raise ValueError("a list is empty: give one array at least")
    return [leaf for item in a for leaf in _leaves(item, depth + 1)]


# ------------------------------------------------------------------------------------------ repeated and left out


@implements(np.repeat)
def repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    """Each element `repeats` times (a number, or one for each element) along `axis`, of the flattened `a` for None."""
    if axis is None or not np.ndim(a):
        a, axis = np.ravel(a), 0
    shape = np.shape(a)
    axis = normalize_axis_index(axis, len(shape))
    repeats = detached(repeats)
    longest = int(np.sum(repeats)) if np.size(repeats) > 1 else shape[axis] * int(np.max(repeats, initial=0))
    check_size((*shape[:axis], longest, *shape[axis + 1 :]), a)
    return np.take(a, np.repeat(np.arange(shape[axis]), repeats), axis)


@implements(np.tile)
def tile(A: Array, reps: Any) -> Array:
    """`A` laid side by side, reps[i] times along axis i (counted from the last)."""
    reps = tuple(np.ravel(detached(reps)).tolist())
    shape = np.shape(A)
    axes = max(len(reps), len(shape))
    reps, shape = (1,) * (axes - len(reps)) + reps, (1,) * (axes - len(shape)) + shape
    one = np.reshape(A, [n for size in shape for n in (1, size)])
    many = np.broadcast_to(one, [n for pair in zip(reps, shape) for n in pair])
    return np.reshape(many, [rep * size for rep, size in zip(reps, shape)])


@implements(np.resize)
def resize(a: Array, new_shape: Any) -> Array:
    """The elements of `a`, again from the first when there are too few, in a new shape."""
    shape = tuple(np.ravel(new_shape).tolist())
    if not np.size(a):
        return np.broadcast_to(np.sum(a), shape)  # there is nothing to repeat, and NumPy gives zeros
    return np.reshape(np.take(a, np.arange(prod(shape)) % np.size(a)), shape)


@implements(np.delete)
def delete(arr: Array, obj: Any, axis: int | None = None) -> Array:
    """What is left of `arr` along `axis` without the indices `obj` (an int, a slice, a mask or integers)."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return np.take(arr, np.delete(np.arange(np.shape(arr)[axis]), detached(obj)), axis)


@implements(np.insert)
def insert(arr: Array, obj: Any, values: Array, axis: int | None = None) -> Array:
    """`arr` with `values` before the indices `obj` along `axis`."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, np.ndim(arr))
    n, obj = np.shape(arr)[axis], detached(obj)
    while np.ndim(values) > np.ndim(arr) and np.shape(values)[0] == 1:
        values = values[0]  # as NumPy writes into an array
    values = np.expand_dims(values, tuple(range(np.ndim(arr) - np.ndim(values))))
    if isinstance(obj, (int, np.integer)):
        values = np.moveaxis(values, 0, axis)  # as NumPy: the rows of `values` are the slices inserted
        count = np.shape(values)[axis]
    else:
        count = np.size(np.arange(n)[obj])
    values = np.broadcast_to(values, (*np.shape(arr)[:axis], count, *np.shape(arr)[axis + 1 :])).astype(arr.dtype)
    order = np.insert(np.arange(n), obj, np.arange(n, n + count))
    return np.take(np.concatenate([arr, values], axis), order, axis)


# --------------------------------------------------------------------------------------------------------- frames


@forward
def pad_forward(x: Array, widths: Sequence[tuple[int, int]], value: Any = 0) -> Array:
    return np.pad(x, widths, constant_values=value)


@op(linear=True)
def pad(x: Array, pad_width: Any, constant_values: Any = 0) -> Rule:
    """out = x, with a frame around it        ∂L/∂x = g without the frame"""
    inner = tuple([slice(before, before + n) for (before, _), n in zip(pad_width, np.shape(x))])
    return pad_forward(x, pad_width, constant_values), (lambda g: g[inner],)


@implements(np.pad)
def _pad(
    array: Array,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    reflect_type: str = "even",
    stat_length: Any = None,
    end_values: Any = 0,
) -> Array:
    """A frame around `array`: constant, of its own elements, of a statistic of them, or a ramp that leads to a value.

    Args:
        array: of any shape.
        pad_width: ((before, after), …) for each axis, or one pair or one number for all, or a dict of some axes.
        mode: "constant"; "edge", "reflect", "symmetric" or "wrap"; "mean", "median", "maximum" or "minimum" of the
            elements along the axis (the `stat_length` at that end); or "linear_ramp", to `end_values`.
        constant_values, stat_length, end_values: as `pad_width`, a pair for each axis.
        reflect_type: only "even".

    Raises:
        ValueError: another mode, a negative width, or an empty axis to take elements from.
    """
    shape = np.shape(array)
    if not shape:
        return np.copy(array)
    if isinstance(pad_width, dict):
        given = {normalize_axis_index(axis, len(shape)): width for axis, width in pad_width.items()}
        pad_width = [np.broadcast_to(given.get(axis, 0), 2) for axis in range(len(shape))]
    widths = np.broadcast_to(pad_width, (len(shape), 2))
    if mode == "constant":
        return pad(array, widths.tolist(), constant_values)
    if mode in STATISTICS or mode == "linear_ramp":
        setting = np.broadcast_to(end_values if mode == "linear_ramp" else stat_length, (len(shape), 2)).tolist()
        for axis, (width, values) in enumerate(zip(widths.tolist(), setting)):
            array = _framed_along(array, axis, width, mode, values)
        return array
    if mode not in ("edge", "reflect", "symmetric", "wrap") or reflect_type != "even":
        raise ValueError(
            f"mode {mode!r} with reflect_type {reflect_type!r} has no rule; there are 'constant', 'edge', 'reflect', "
            f"'symmetric', 'wrap', 'linear_ramp', {', '.join(map(repr, STATISTICS))}, with reflect_type 'even'"
        )
    for axis, (n, width) in enumerate(zip(shape, widths.tolist())):
        if any(width):
            array = np.take(array, np.pad(np.arange(n), width, mode), axis)  # type: ignore[call-overload]
    return array


STATISTICS = {"mean": np.mean, "median": np.median, "maximum": np.max, "minimum": np.min}


def _framed_along(x: Array, axis: int, width: list[int], mode: str, values: list[Any]) -> Array:
    """x with a frame before and after it along one axis: a statistic of its elements, or a ramp."""
    if min(width) < 0:
        raise ValueError(f"pad_width must not be negative, and is {width} along axis {axis}")
    n, parts = np.shape(x)[axis], [x]
    if not n and any(width):
        raise ValueError(f"axis {axis} is empty: there is no element to take for mode {mode!r}")
    for end, (count, value) in enumerate(zip(width, values)):
        if not count:
            continue
        if mode == "linear_ramp":
            edge = np.take(x, n - 1 if end else 0, axis)
            frame = np.linspace(value, edge, count, endpoint=False, dtype=x.dtype, axis=axis)
            frame = np.flip(frame, axis) if end else frame
        else:
            length = n if value is None else min(value, n)
            if length < 1:
                raise ValueError(f"stat_length must be positive, and is {value}")
            places = np.arange(n - length, n) if end else np.arange(length)
            statistic: Any = STATISTICS[mode]
            frame = statistic(np.take(x, places, axis), axis=axis, keepdims=True)
            frame = np.broadcast_to(frame, (*np.shape(x)[:axis], count, *np.shape(x)[axis + 1 :]))
        if x.dtype.kind in "iu" and mode in ("mean", "median"):
            frame = np.round(frame)
        parts.insert(len(parts) if end else 0, frame.astype(x.dtype))
    return np.concatenate(parts, axis)


# ------------------------------------------------------------------------------------------- diagonals, triangles


def _on_diagonal(shape: Sequence[int], offset: int) -> tuple[Array, Array]:
    """The rows and the columns of a diagonal of a matrix."""
    rows, columns = shape
    i = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return i - min(offset, 0), i + max(offset, 0)


@implements(np.diagonal)
def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The elements whose place along `axis2` is that along `axis1` plus `offset`, along a last axis."""
    matrices = np.moveaxis(a, (axis1, axis2), (-2, -1))
    *batch, rows, columns = np.shape(matrices)
    return matrices[(slice(None),) * len(batch) + _on_diagonal((rows, columns), offset)]


@implements(np.diag)
def diag(v: Array, k: int = 0) -> Array:
    """The k-th diagonal of a matrix, or a matrix with the vector `v` on its k-th diagonal."""
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    if np.ndim(v) != 1:
        raise ValueError(f"v has shape {np.shape(v)}, and must have one axis or two")
    n = np.shape(v)[0] + abs(k)
    return add_at(v, _on_diagonal((n, n), k), (n, n))


@implements(np.diagflat)
def diagflat(v: Array, k: int = 0) -> Array:
    """A matrix with the elements of `v` on its k-th diagonal."""
    return np.diag(np.ravel(v), k)


@op(np.tril, linear=True)
def tril(m: Array, k: int = 0) -> Rule:
    """out[i, j] = m[i, j] where j - i ≤ k, else 0        ∂L/∂m[i, j] = g[i, j] where j - i ≤ k, else 0"""
    return np.tril(m, k), (lambda g: np.tril(g, k),)


@op(np.triu, linear=True)
def triu(m: Array, k: int = 0) -> Rule:
    """out[i, j] = m[i, j] where j - i ≥ k, else 0        ∂L/∂m[i, j] = g[i, j] where j - i ≥ k, else 0"""
    return np.triu(m, k), (lambda g: np.triu(g, k),)


# ---------------------------------------------------------------------------------------------------- NumPy's own code

# These are made of methods and functions that a Tensor has, so they serve a Tensor as they are.
MADE_OF_OTHERS: list[Callable[..., Any]] = [
    np.moveaxis, np.rollaxis, np.vstack, np.hstack, np.dstack, np.array_split, np.split, np.vsplit, np.hsplit,
    np.dsplit, np.extract, np.linalg.diagonal, np.linalg.trace, np.linalg.matrix_transpose, np.linalg.svdvals,
    *([np.unstack] if hasattr(np, "unstack") else []),  # NumPy 2.1
]  # fmt: skip
for _function in MADE_OF_OTHERS:
    implements(_function)(unwrap(_function))
