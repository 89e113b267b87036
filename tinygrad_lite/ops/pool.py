"""Pooling: the maximum or the average of each window. One definition for 1, 2 and 3 spatial axes.

Each window gives one number, so its gradient must be handed back to several elements. The maximum passes it to the
element it came from and to no other; the average shares it equally. Either way its sum is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import array_code
from ..errors import check_size
from ..graph import Rule, op
from ..values import Array, beside
from .indexing import detached, scatter
from .windows import Ints, Windows, check_rank, over_axes, overlap_add, per_axis, slide, view

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip

# ------------------------------------------------------------------------------------------- the names that torch has


def max_pool_nd(
    n: int, x: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Rule:  # fmt: skip
    """out[p] = max x[i] over i ∈ p        ∂L/∂x[i] = Σ g[p] over p ∋ i and x[i] = out[p]

    On a tie the first maximum of the window, row by row, gets the gradient.

    Args:
        x: (N, C, *size), or (C, *size) for one example.
        kernel_size, dilation: of the window, an integer or one for each spatial axis.
        stride: from one window to the next; by default the kernel size.
        padding: of -∞ on both sides; at most half of what the window spans.
        ceil_mode: also a last window that reaches beyond the padding, if it starts before the input ends.

    Returns:
        (N, C, *places) with, along each axis, W' = ⌊(W + 2 · padding - dilation · (K - 1) - 1) / stride⌋ + 1 (⌈…⌉ in
        ceil_mode).

    Raises:
        ValueError: the window is larger than the padded input, or the padding too large.
    """
    windows = pooling(n, x, kernel_size, stride, padding, dilation, ceil_mode)
    y = max_pool_forward(x, windows)
    return y, (lambda g: put(g, first_max(x, y, windows), windows),)


def avg_pool_nd(
    n: int, x: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Rule:  # fmt: skip
    """out[p] = Σ x[i] / K over i ∈ p        ∂L/∂x[i] = Σ g[p] / K over p ∋ i

    Args:
        x: (N, C, *size), or (C, *size) for one example.
        kernel_size: of the window, an integer or one for each spatial axis.
        stride: from one window to the next; by default the kernel size.
        padding: of zeros on both sides; at most half of the window.
        ceil_mode: also a last window that reaches beyond the padding, if it starts before the input ends.
        count_include_pad: whether K counts the padding. What lies beyond the padding (ceil_mode) never counts.
        divisor_override: K itself, whatever the window holds.

    Returns:
        (N, C, *places) with, along each axis, W' = ⌊(W + 2 · padding - K) / stride⌋ + 1 (⌈…⌉ in ceil_mode).

    Raises:
        ValueError: the window is larger than the padded input, or the padding too large, or divisor_override is 0.
    """
    windows = pooling(n, x, kernel_size, stride, padding, 1, ceil_mode)
    count = how_many(x, windows, count_include_pad, divisor_override)
    return window_sum_forward(x, windows) / count, (lambda g: window_spread(g / count, windows),)


@op(linear=True)
def avg_pool1d(
    x: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Rule:  # fmt: skip
    """out[p] = Σ x[i] / K over i ∈ p        ∂L/∂x[i] = Σ g[p] / K over p ∋ i

    x (N, C, W) or (C, W). `avg_pool2d` over one axis, without divisor_override (as in torch).
    """
    return avg_pool_nd(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


MAXIMUM = {n: op(linear=True)(over_axes(n, max_pool_nd)) for n in (1, 2, 3)}
avg_pool2d, avg_pool3d = (op(linear=True)(over_axes(n, avg_pool_nd)) for n in (2, 3))

# ---------------------------------------------------------------------------- windows, their elements and their sums


@op(linear=True)
def pick(x: Array, place: Array, windows: Windows) -> Rule:
    """out = x[place] of each window        ∂L/∂x = put(g, place)"""
    return pick_forward(x, place, windows), (lambda g: put(g, place, windows),)


@op(linear=True)
def put(g: Array, place: Array, windows: Windows) -> Rule:
    """out = g added at the place of its window        ∂L/∂g = pick(h, place), where h = ∂L/∂out"""
    return put_forward(g, place, windows), (lambda h: pick(h, place, windows),)


@op(linear=True)
def window_sum(x: Array, windows: Windows) -> Rule:
    """out[p] = Σ x[i] over i ∈ p        ∂L/∂x[i] = Σ g[p] over p ∋ i"""
    return window_sum_forward(x, windows), (lambda g: window_spread(g, windows),)


@op(linear=True)
def window_spread(g: Array, windows: Windows) -> Rule:
    """out[i] = Σ g[p] over p ∋ i        ∂L/∂g[p] = Σ h[i] over i ∈ p, where h = ∂L/∂out"""
    return window_spread_forward(g, windows), (lambda h: window_sum(h, windows),)


# The array code. `place` is the number of an element of the window: 0 to elements - 1.


@array_code
def max_pool_forward(x: Array, windows: Windows) -> Array:
    """The largest element of each window."""
    return np.max(elements(x, windows, lowest(x.dtype)), axis=-1)


@array_code
def first_max(x: Array, y: Array, windows: Windows) -> Array:
    """The place of the maximum y of each window: the first one on a tie, and never one on the padding."""
    candidates = np.where(elements(x, windows) < y[..., None], False, True)  # NaN is one
    if windows.padded != windows.size:
        candidates = candidates & beside(elements(np.ones(windows.size, bool), windows), x)
    return np.argmax(candidates, axis=-1)


@array_code
def pick_forward(x: Array, place: Array, windows: Windows) -> Array:
    """From each window the element at its place; 0 where that lies on padding."""
    return np.sum(np.where(_is_at(place, windows), elements(x, windows), 0), axis=-1)


@array_code
def put_forward(g: Array, place: Array, windows: Windows) -> Array:
    """The adjoint of `pick_forward`: each g added to the element at its place, and to no other."""
    v = np.where(_is_at(place, windows), g[..., None], 0)
    return overlap_add(np.reshape(v, (*np.shape(g), *windows.kernel)), windows)


def _is_at(place: Array, windows: Windows) -> Array:
    return place[..., None] == beside(np.arange(math.prod(windows.kernel)), place)


@array_code
def window_sum_forward(x: Array, windows: Windows) -> Array:
    """The sum of each window."""
    return np.sum(elements(x, windows), axis=-1)


@array_code
def window_spread_forward(g: Array, windows: Windows) -> Array:
    """The adjoint of `window_sum_forward`: each g added to every element of its window."""
    n = len(windows.kernel)
    v = np.expand_dims(g, tuple(range(-n, 0)))
    return overlap_add(np.broadcast_to(v, (*np.shape(g), *windows.kernel)), windows)


def elements(x: Array, windows: Windows, fill: Any = 0) -> Array:
    """x (..., *size) to (..., *places, elements): what each window sees. `fill` is on the padding."""
    v = view(x, windows, fill)
    return np.reshape(v, (*np.shape(v)[: -len(windows.kernel)], math.prod(windows.kernel)))


def lowest(dtype: np.dtype[Any]) -> Any:
    """What no value of `dtype` is less than: the padding of a maximum."""
    return -math.inf if dtype.kind in "fO" else np.iinfo(dtype).min


# --------------------------------------------------------------------------------------------------- composed of these

AVERAGE = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}


def _with_indices(n: int) -> Callable[..., Any]:
    """The op max_pool of n axes, which tells with return_indices also where the maxima are."""

    def max_pool(
        x: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        y = MAXIMUM[n](x, kernel_size, stride, padding, dilation, ceil_mode)
        if not return_indices:
            return y
        windows = pooling(n, x, kernel_size, stride, padding, dilation, ceil_mode)
        at = np.unravel_index(first_max(detached(x), detached(y), windows), windows.kernel)
        flat: Any = 0
        for i, (a, size, s, d, p, m) in enumerate(
            zip(at, windows.size, windows.stride, windows.dilation, windows.padding, windows.places)
        ):
            start = np.arange(m).reshape((-1,) + (1,) * (n - 1 - i)) * s - p
            flat = flat * size + start + a * d
        return y, flat

    max_pool.op = MAXIMUM[n].op  # type: ignore[attr-defined]  # as the op's own function has it
    max_pool.__name__ = max_pool.__qualname__ = f"max_pool{n}d"
    said = "return_indices: return also where each maximum is in the flattened size, as `max_unpool` needs it."
    max_pool.__doc__ = str(MAXIMUM[n].__doc__).replace("\n\nReturns:", f"\n    {said}\n\nReturns:")
    return max_pool


POOLS = {n: _with_indices(n) for n in (1, 2, 3)}
max_pool1d, max_pool2d, max_pool3d = POOLS[1], POOLS[2], POOLS[3]


def max_unpool_nd(
    n: int, x: Array, indices: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0,
    output_size: Any = None,
) -> Array:  # fmt: skip
    """0, but x at the indices: what `max_pool_nd` left of its input. Of several values for one place the last stays.

    Args:
        x: (N, C, *size), or (C, *size) for one example.
        indices: of x's shape, in the flattened output, as `max_pool_nd` returns them with return_indices.
        kernel_size, stride, padding: those of the pool.
        output_size: the pool's input size, where its stride left a rest; by default there was none.

    Raises:
        ValueError: shapes that do not fit, or an output_size that the pool would not bring to x's.
        IndexError: an index is out of range.
    """
    check_rank(n, x)
    kernel, padding = per_axis(kernel_size, n, "kernel_size", 1), per_axis(padding, n, "padding", 0)
    stride = kernel if stride is None else per_axis(stride, n, "stride", 1)
    shape = np.shape(x)
    if np.shape(indices) != shape:
        raise ValueError(f"x has shape {shape} but indices have shape {np.shape(indices)}: they must be equal")
    usual = tuple((m - 1) * s - 2 * p + k for m, s, p, k in zip(shape[-n:], stride, padding, kernel))
    size = usual if output_size is None else tuple(output_size)[-n:]
    if len(size) != n or any(abs(a - b) >= s for a, b, s in zip(size, usual, stride)) and size != usual:
        raise ValueError(f"output_size {output_size} must be {usual} to within the stride {stride}")
    check_size((*shape[:-n], *size), x)
    flat = (*shape[:-n], math.prod(shape[-n:]))
    nothing = np.zeros((*shape[:-n], math.prod(size)), x.dtype)
    out = scatter(nothing, -1, np.reshape(detached(indices), flat), np.reshape(x, flat))
    return np.reshape(out, (*shape[:-n], *size))


max_unpool1d, max_unpool2d, max_unpool3d = (over_axes(n, max_unpool_nd) for n in (1, 2, 3))


def lp_pool_nd(
    n: int, x: Array, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Array:
    """(Σ xᵖ)^(1/p) over each window of x (N, C, *size) or (C, *size), where p is `norm_type`.

    As in torch xᵖ is not |x|ᵖ: for odd p give it x ≥ 0. The gradient of a window of zeros is 0, as that of ‖x‖ at 0
    is (for p > 1, where it would be infinite). In ceil_mode a window that reaches beyond the input counts as if it were
    full of its average.
    """
    average = AVERAGE[n](x**norm_type, kernel_size, stride, 0, ceil_mode)
    powers = average * math.prod(per_axis(kernel_size, n, "kernel_size", 1))
    if norm_type <= 1:
        return powers ** (1 / norm_type)
    return np.where(powers == 0, 0, np.where(powers == 0, 1, powers) ** (1 / norm_type))


def adaptive_avg_pool_nd(n: int, x: Array, output_size: Any) -> Array:
    """The average of each of `output_size` windows that cover x (N, C, *size) or (C, *size), whatever its size.

    Window i of m along an axis of length W goes from ⌊i · W / m⌋ to ⌈(i + 1) · W / m⌉. Where they differ in length, x
    is multiplied by a matrix along each axis, and an infinite or NaN element spreads along its row and column.

    Args:
        output_size: an integer, or one for each spatial axis; None keeps an axis as it is.
    """
    output = sizes(n, x, output_size)
    size = np.shape(x)[-n:]
    if not any(s % o for s, o in zip(size, output)):  # all windows are of one size
        return AVERAGE[n](x, tuple(s // o for s, o in zip(size, output)))
    for axis, (s, o) in enumerate(zip(size, output), -n):
        at, inside = covering(s, o)
        matrix = np.zeros((o, s))
        matrix[np.arange(o)[:, None], at] = 1 / np.sum(inside, axis=1, keepdims=True)
        x = along(x, axis, matrix)
    return x


def adaptive_max_pool_nd(n: int, x: Array, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of each of `output_size` windows that cover x (N, C, *size) or (C, *size), whatever its size.

    The windows are those of `adaptive_avg_pool_nd`. On a tie the first maximum of a window gets the gradient.

    Args:
        output_size: an integer, or one for each spatial axis; None keeps an axis as it is.
        return_indices: return also where each maximum is in the flattened size.
    """
    output = sizes(n, x, output_size)
    size = np.shape(x)[-n:]
    if not any(s % o for s, o in zip(size, output)):
        return POOLS[n](x, tuple(s // o for s, o in zip(size, output)), return_indices=return_indices)
    flat: Any = 0  # (*places, *longest): the elements of each window, in the flattened size
    for i, (s, o) in enumerate(zip(size, output)):
        at, _ = covering(s, o)  # that an element comes twice changes neither the maximum nor where it is first
        flat = flat * s + at.reshape([at.shape[j // n] if j % n == i else 1 for j in range(2 * n)])
    flat = np.reshape(flat, (*output, math.prod(flat.shape[n:])))
    windows = np.reshape(x, (*np.shape(x)[:-n], math.prod(size)))[..., flat]
    best = np.expand_dims(np.argmax(detached(windows), axis=-1), -1)
    y = np.take_along_axis(windows, best, axis=-1)[..., 0]
    return (y, np.take_along_axis(np.broadcast_to(flat, np.shape(windows)), best, -1)[..., 0]) if return_indices else y


lp_pool1d, lp_pool2d, lp_pool3d = (over_axes(n, lp_pool_nd) for n in (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (over_axes(n, adaptive_avg_pool_nd) for n in (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (over_axes(n, adaptive_max_pool_nd) for n in (1, 2, 3))


def covering(size: int, output: int) -> tuple[Array, Array]:
    """The elements that each of `output` windows over an axis sees, and which of them are its own (output, longest).

    A shorter window has its last element again.
    """
    start = np.arange(output) * size // output
    stop = -(-(np.arange(output) + 1) * size // output)
    at = start[:, None] + np.arange(np.max(stop - start))
    return np.minimum(at, stop[:, None] - 1), at < stop[:, None]


def along(x: Array, axis: int, matrix: Array) -> Array:
    """matrix @ x along one axis, in x's dtype."""
    matrix = beside(matrix.astype(x.dtype) if x.dtype.kind == "f" else matrix, x)
    return np.swapaxes(np.swapaxes(x, axis, -1) @ matrix.T, axis, -1)


def sizes(n: int, x: Array, output_size: Any) -> tuple[int, ...]:
    """The output's size along each spatial axis."""
    check_rank(n, x)
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    kept = tuple(s if o is None else o for s, o in zip(np.shape(x)[-n:], given)) if len(given) == n else given
    size = per_axis(kept, n, "output_size", 1)
    check_size((*np.shape(x)[:-n], *size), x)
    return size


# ----------------------------------------------------------------------------------------------------- what they share


def pooling(n: int, x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Windows:
    """The windows of a pool over n spatial axes."""
    check_rank(n, x)
    kernel = per_axis(kernel_size, n, "kernel_size", 1)
    windows = slide(np.shape(x)[-n:], kernel, kernel if stride is None else stride, padding, dilation, ceil_mode)
    if any(2 * p > span for p, span in zip(windows.padding, windows.span)):
        raise ValueError(f"padding {windows.padding} must be at most half of what the window spans, {windows.span}")
    return windows


def how_many(x: Array, windows: Windows, count_include_pad: bool, divisor_override: int | None) -> Array:
    """K, what the sum of each window is divided by: one number, or one for each place (*places)."""
    if divisor_override is not None:
        if divisor_override == 0:
            raise ValueError("divisor_override must not be 0")
        return divisor_override
    count: Any = 1
    for size, k, s, padding, places in zip(
        windows.size, windows.kernel, windows.stride, windows.padding, windows.places
    ):
        start = np.arange(places) * s - padding
        first, last = (-padding, size + padding) if count_include_pad else (0, size)
        count = np.multiply.outer(count, np.minimum(start + k, last) - np.maximum(start, first))
    if np.all(count == count.flat[0]):
        return int(count.flat[0])
    return beside(count.astype(x.dtype) if x.dtype.kind == "f" else count, x)
