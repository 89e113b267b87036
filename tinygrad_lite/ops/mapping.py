"""A function applied to parts of an array: piecewise, apply_along_axis, apply_over_axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..tensor import implements
from .indexing import detached, setitem


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """out = funclist[i](x) where condlist[i] holds, or the number funclist[i]; 0 where none does.

    Each function sees only its own elements. One more function than conditions is for all other elements; where
    several conditions hold, the last one counts. The result has x's dtype, as NumPy's has.

    Raises:
        ValueError: the numbers of conditions and functions don't fit.
    """
    shape = np.shape(x)
    single = np.isscalar(condlist) or (np.ndim(condlist[0]) == 0 and shape != ())  # which may stand for the list
    conditions = [np.atleast_1d(np.asarray(detached(c), bool)) for c in ([condlist] if single else condlist)]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(f"with {len(conditions)} conditions, give {len(conditions)} or one more functions")
    x = np.atleast_1d(x)
    out = np.zeros_like(detached(x))
    for condition, function in zip(conditions, funclist):
        values = function(x[condition], *args, **kw) if callable(function) else function
        out = setitem(out, values, condition)
    return np.reshape(out, shape)


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """func1d of each line along `axis`: its result's axes stand in the place of that axis.

    Raises:
        ValueError: there is no line to apply it to.
    """
    axis = normalize_axis_index(axis, np.ndim(arr))
    lines = np.moveaxis(arr, axis, -1)
    shape = np.shape(lines)[:-1]
    if 0 in shape:
        raise ValueError("an axis has length 0, so there is no line to apply the function to")
    results = [func1d(lines[index], *args, **kwargs) for index in np.ndindex(shape)]
    ndim = np.ndim(results[0])
    out = np.reshape(np.stack(results), shape + np.shape(results[0]))
    return np.moveaxis(out, range(len(shape), len(shape) + ndim), range(axis, axis + ndim))


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """func(a, axis) for one axis after the other; an axis that it takes away stays as an axis of 1."""
    for axis in np.atleast_1d(axes):
        out = func(a, int(axis))
        a = out if np.ndim(out) == np.ndim(a) else np.expand_dims(out, int(axis))
    return a
