"""Pooling: maxima and sums over windows, and the way back. Any axes may stand before the spatial ones.

Shapes: x (..., *size), y and g (..., *places). `place` holds the number of an element of the window: 0 to elements - 1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import OPS, Rule
from ..ops import pool as rules
from ..ops.windows import Windows
from ..values import Array
from . import unfolding
from .memory_order import empty_as, ordered_as, with_batch_inner
from .threads import each, split
from .thresholds import ELEMENTS_FOR_A_POOLING_THREAD, ELEMENTS_TO_POOL_AT_ONCE
from .total import total
from .windows import Geometry, Slices, geometry


def room(x: Array, windows: Geometry, dtype: Any = None) -> Array:
    """An empty array for a result of every window, in the memory order of x."""
    return empty_as(x, (*x.shape[: -len(windows.size)], *windows.places), dtype)


def parts(x: Array, windows: Geometry) -> list[Slices]:
    """x in parts for the threads, along the outermost in memory of the axes before the spatial ones."""
    before = x.ndim - len(windows.size)
    if not before or x.size < 2 * ELEMENTS_FOR_A_POOLING_THREAD:
        return [()]
    axis = max(range(before), key=lambda i: (x.shape[i] > 1, abs(x.strides[i])))
    least = max(1, -(-ELEMENTS_FOR_A_POOLING_THREAD * x.shape[axis] // x.size))
    return [(*[slice(None)] * axis, some) for some in split(x.shape[axis], least)]


def few(a: Array, windows: Geometry) -> bool:
    """Whether windows over an image, or of the results a, see few elements, and all of them on the image."""
    lead = a.shape[: a.ndim - len(windows.size)]
    seen = math.prod((*lead, *windows.kernel, *windows.places))
    return bool(0 < seen <= ELEMENTS_TO_POOL_AT_ONCE and windows.whole and a.flags.c_contiguous)


def element_first(x: Array, windows: Geometry) -> Array:
    """x in C order seen as (*kernel, ..., *places), without a copy."""
    v = unfolding.seen(x[..., None], windows)[..., 0]
    lead, n = x.ndim - len(windows.size), len(windows.size)
    return v.transpose((*range(lead, lead + n), *range(lead), *range(lead + n, v.ndim)))


def by_element(x: Array, windows: Geometry) -> Array:
    """The same as (elements, ..., *places): a copy, in which the first elements of all windows come first."""
    v = element_first(x, windows)
    return v.reshape(-1, *v.shape[len(windows.kernel) :])


def reduced(combine: np.ufunc, x: Array, windows: Geometry, fill: Any) -> Array:
    """The elements of each window combined, one axis after the other; few are all combined at once."""
    if few(x, windows):
        return combine.reduce(by_element(x, windows), dtype=x.dtype)
    out = room(x, windows)

    def work(at: Slices) -> None:
        seen = x[at]
        for along in windows.axes:
            y = out[at] if along is windows.axes[-1] else room(seen, along)
            elements = [(seen[..., *inputs], places) for _, inputs, places in along.elements]
            if not along.whole:
                y[...] = fill
                for element, places in elements:
                    combine(y[..., *places], element, out=y[..., *places])
            elif len(elements) == 1:
                y[...] = elements[0][0]
            else:
                functools.reduce(lambda a, b, y=y: combine(a, b, out=y), (element for element, _ in elements))  # type: ignore[misc]
            seen = y

    each(work, parts(x, windows))
    return out


def added_back(windows: Geometry, part: Callable[..., Array], g: Array, *others: Array) -> Array:
    """For each element k of the windows `part(k, out, g[places], ...)`, added to the inputs that k visited there."""
    x = empty_as(g, (*g.shape[: -len(windows.size)], *windows.size))

    def work(at: Slices) -> None:
        dx, arrays = x[at], [a[at] for a in (g, *others)]
        if not windows.tile:
            dx[...] = 0
        for k, inputs, places in windows.elements:
            seen = [a[..., *places] for a in arrays]
            if windows.tile:  # every input is in one window: it is written once
                part(k, dx[..., *inputs], *seen)
            else:
                dx[..., *inputs] += part(k, None, *seen)

    each(work, parts(x, windows))
    return x


@rules.max_pool_forward.register
def max_pool(x: Array, windows: Windows) -> Any:
    """The largest element of each window."""
    return reduced(np.maximum, x, geometry(windows), rules.lowest(x.dtype))


@rules.first_max.register
def first_max(x: Array, y: Array, windows: Windows) -> Any:
    """Which element of each window is its maximum y: the first one on a tie.

    As many as come before it, and these are less; if all others are, it is the last.
    """
    windows, dtype = geometry(windows), np.min_scalar_type(math.prod(windows.kernel))
    if few(x, windows):
        place = np.zeros(y.shape, dtype)
        before: Any = True
        for less in (by_element(x, windows)[:-1] < y).view(np.uint8):
            less &= before
            place += less
            before = less
        return place
    y = ordered_as(x, y)
    place = room(x, windows, dtype)

    def work(at: Slices) -> None:
        seen, largest, count = x[at], y[at], place[at]
        less: Array = np.empty_like(largest, bool)
        less[...], count[...] = True, 0
        for _, inputs, places in windows.elements[:-1]:
            here = less[..., *places]
            here &= seen[..., *inputs] < largest[..., *places]
            count += less.view(np.uint8)  # booleans would be cast

    each(work, parts(x, windows))
    return place


@rules.pick_forward.register
def pick(x: Array, place: Array, windows: Windows) -> Any:
    """From each window the element `place`; 0 where that lies on padding."""
    windows = geometry(windows)
    y = room(x, windows)
    y[...] = 0
    for k, inputs, places in windows.elements:
        y[..., *places] += kept(x[..., *inputs], place[..., *places] == k)
    return y


@rules.put_forward.register
def put(g: Array, place: Array, windows: Windows) -> Any:
    """The adjoint of `pick`: each g added to the element `place` of its window, and to no other."""
    windows, g = geometry(windows), ordered_as(place, g)
    if few(place, windows) and windows.tile:
        x: Array = np.empty((*g.shape[: -len(windows.size)], *windows.size), g.dtype)
        elements = np.arange(math.prod(windows.kernel), dtype=place.dtype)
        kept(g, place == elements.reshape(*windows.kernel, *[1] * g.ndim), element_first(x, windows))
        return x
    return added_back(windows, lambda k, out, g, place: kept(g, place == k, out), g, place)


def kept(g: Array, mask: Array, out: Array | None = None) -> Array:
    """g where the mask holds, else 0, whatever g is there: its bits are multiplied, since NaN · 0 is NaN."""
    bits = f"u{g.itemsize}" if g.dtype.char in "efd" else g.dtype
    product = np.multiply(g.view(bits), mask, out=None if out is None else out.view(bits))
    return product.view(g.dtype)


@rules.window_sum_forward.register
def window_sum(x: Array, windows: Windows) -> Any:
    """The sum of each window."""
    windows = geometry(windows)
    if windows.single and x.dtype.kind == "f":
        return total(x, tuple(range(-len(windows.size), 0)))
    return reduced(np.add, x, windows, 0)


@rules.window_spread_forward.register
def window_spread(g: Array, windows: Windows) -> Any:
    """The adjoint of `window_sum`: each g added to every element of its window."""
    windows = geometry(windows)
    if windows.single:
        return np.broadcast_to(g, (*g.shape[: -len(windows.size)], *windows.size))
    for along in reversed(windows.axes):
        g = added_back(along, lambda k, out, g: np.positive(g, out=out), g)
    return g


def on_batch_inner(rule: Callable[..., Rule]) -> Callable[..., Rule]:
    """The rule on x with the batch innermost in memory, brought into that order once for value and gradient."""
    return lambda *args, **kwargs: rule(*map(with_batch_inner, args[:1]), *args[1:], **kwargs)


for name in ("max_pool1d", "max_pool2d", "max_pool3d"):
    OPS[name].run = on_batch_inner(OPS[name].rule)
