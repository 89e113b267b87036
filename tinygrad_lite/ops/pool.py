"""Pooling: the maximum or the average of each window. The same rules for 1, 2 and 3 spatial axes.

Pooling changes the shape, so that a gradient has no place to go by itself. What keeps its sum gives it one: the maximum
passes it to the element it came from, and to no other; the average shares it equally among the elements of the window.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Rule, op
from ..kernels import pool as kernels
from ..kernels.layout import laid
from ..kernels.windows import Ints, Windows, per_axis, slide
from ..values import Array

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip

# --------------------------------------------------------------------------------------- the rules, over n spatial axes


def maximum_of_windows(x: Array, windows: Windows) -> Rule:
    x = laid(x)
    y = kernels.max_pool(x, windows)
    return y, (lambda g: put(g, kernels.first_max(x, y, windows), windows),)


def average_of_windows(x: Array, windows: Windows, count: Array) -> Rule:
    return kernels.window_sum(x, windows) / count, (lambda g: window_spread(g / count, windows),)


@op(linear=True)
def pick(x: Array, place: Array, windows: Windows) -> Rule:
    """out = x[place] of each window        ∂L/∂x = put(g, place)"""
    return kernels.pick(x, place, windows), (lambda g: put(g, place, windows),)


@op(linear=True)
def put(g: Array, place: Array, windows: Windows) -> Rule:
    """out = g added at the place of its window        ∂L/∂g = pick(h, place), where h = ∂L/∂out"""
    return kernels.put(g, place, windows), (lambda h: pick(h, place, windows),)


@op(linear=True)
def window_sum(x: Array, windows: Windows) -> Rule:
    """out[p] = Σ x[i] over i ∈ p        ∂L/∂x[i] = Σ g[p] over p ∋ i"""
    return kernels.window_sum(x, windows), (lambda g: window_spread(g, windows),)


@op(linear=True)
def window_spread(g: Array, windows: Windows) -> Rule:
    """out[i] = Σ g[p] over p ∋ i        ∂L/∂g[p] = Σ h[i] over i ∈ p, where h = ∂L/∂out"""
    return kernels.window_spread(g, windows), (lambda h: window_sum(h, windows),)


# ------------------------------------------------------------------------------------------ what is called by torch's
# names


@op(linear=True)
def max_pool1d(
    x: Array,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Rule:
    """out[p] = max x[i] over i ∈ p        ∂L/∂x[i] = Σ g[p] over p ∋ i and x[i] = out[p]

    x (N, C, W) or (C, W). `max_pool2d` over one axis: see there.
    """
    return maximum_of_windows(x, pooling(1, x, kernel_size, stride, padding, dilation, ceil_mode))


@op(linear=True)
def max_pool2d(
    x: Array,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Rule:
    """out[p] = max x[i] over i ∈ p        ∂L/∂x[i] = Σ g[p] over p ∋ i and x[i] = out[p]

    On a tie the first maximum of the window, row by row, gets the gradient.

    Args:
        x: (N, C, H, W), or (C, H, W) for one example.
        kernel_size, dilation: of the window, an integer or one for each spatial axis.
        stride: from one window to the next; by default the kernel size.
        padding: of -∞ on both sides; at most half of what the window spans.
        ceil_mode: also a last window that reaches beyond the padding, if it starts before the input ends.

    Returns:
        (N, C, H', W') with H' = ⌊(H + 2 · padding - dilation · (KH - 1) - 1) / stride⌋ + 1 (⌈…⌉ in ceil_mode).

    Raises:
        ValueError: the window is larger than the padded input, or the padding too large.
    """
    return maximum_of_windows(x, pooling(2, x, kernel_size, stride, padding, dilation, ceil_mode))


@op(linear=True)
def max_pool3d(
    x: Array,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Rule:
    """out[p] = max x[i] over i ∈ p        ∂L/∂x[i] = Σ g[p] over p ∋ i and x[i] = out[p]

    x (N, C, D, H, W) or (C, D, H, W). `max_pool2d` over three axes: see there.
    """
    return maximum_of_windows(x, pooling(3, x, kernel_size, stride, padding, dilation, ceil_mode))


@op(linear=True)
def avg_pool1d(
    x: Array,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Rule:
    """out[p] = Σ x[i] / K over i ∈ p        ∂L/∂x[i] = Σ g[p] / K over p ∋ i

    x (N, C, W) or (C, W). `avg_pool2d` over one axis: see there.
    """
    windows = pooling(1, x, kernel_size, stride, padding, 1, ceil_mode)
    return average_of_windows(x, windows, how_many(x, windows, count_include_pad, None))


@op(linear=True)
def avg_pool2d(
    x: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Rule:  # fmt: skip
    """out[p] = Σ x[i] / K over i ∈ p        ∂L/∂x[i] = Σ g[p] / K over p ∋ i

    Args:
        x: (N, C, H, W), or (C, H, W) for one example.
        kernel_size: of the window, an integer or one for each spatial axis.
        stride: from one window to the next; by default the kernel size.
        padding: of zeros on both sides; at most half of the window.
        ceil_mode: also a last window that reaches beyond the padding, if it starts before the input ends.
        count_include_pad: whether K counts the padding. What lies beyond the padding (ceil_mode) never counts.
        divisor_override: K itself, whatever the window holds.

    Returns:
        (N, C, H', W') with H' = ⌊(H + 2 · padding - KH) / stride⌋ + 1 (⌈…⌉ in ceil_mode).

    Raises:
        ValueError: the window is larger than the padded input, or the padding too large, or divisor_override is 0.
    """
    windows = pooling(2, x, kernel_size, stride, padding, 1, ceil_mode)
    return average_of_windows(x, windows, how_many(x, windows, count_include_pad, divisor_override))


@op(linear=True)
def avg_pool3d(
    x: Array, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Rule:  # fmt: skip
    """out[p] = Σ x[i] / K over i ∈ p        ∂L/∂x[i] = Σ g[p] / K over p ∋ i

    x (N, C, D, H, W) or (C, D, H, W). `avg_pool2d` over three axes: see there.
    """
    windows = pooling(3, x, kernel_size, stride, padding, 1, ceil_mode)
    return average_of_windows(x, windows, how_many(x, windows, count_include_pad, divisor_override))


# --------------------------------------------------------------------------------------------------- composed of these

AVERAGE = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
MAXIMUM = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def lp_pool1d(
    x: Array, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Array:
    """(Σ xᵖ)^(1/p) over each window. `lp_pool2d` over one axis: see there."""
    return lp_pool(1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    x: Array, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Array:
    """(Σ xᵖ)^(1/p) over each window of x (N, C, H, W) or (C, H, W), where p is `norm_type`.

    As in torch xᵖ is not |x|ᵖ: for odd p give it x ≥ 0. A window of zeros has no finite gradient for p > 1. In
    ceil_mode a window that reaches beyond the input counts as if it were full of its average.
    """
    return lp_pool(2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    x: Array, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Array:
    """(Σ xᵖ)^(1/p) over each window. `lp_pool2d` over three axes: see there."""
    return lp_pool(3, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool(n: int, x: Array, norm_type: float, kernel_size: Ints, stride: Ints | None, ceil_mode: bool) -> Array:
    average = AVERAGE[n](x**norm_type, kernel_size, stride, 0, ceil_mode)
    return (average * math.prod(per_axis(kernel_size, n, "kernel_size", 1))) ** (1 / norm_type)


def adaptive_avg_pool1d(x: Array, output_size: Any) -> Array:
    """The average of each of `output_size` windows. `adaptive_avg_pool2d` over one axis: see there."""
    return adaptive_average(1, x, output_size)


def adaptive_avg_pool2d(x: Array, output_size: Any) -> Array:
    """The average of each of `output_size` windows that cover x (N, C, H, W) or (C, H, W), whatever its size.

    Window i of n along an axis of length L goes from ⌊i · L / n⌋ to ⌈(i + 1) · L / n⌉.

    Args:
        output_size: an integer, or one for each spatial axis; None keeps an axis as it is.
    """
    return adaptive_average(2, x, output_size)


def adaptive_avg_pool3d(x: Array, output_size: Any) -> Array:
    """The average of each of `output_size` windows. `adaptive_avg_pool2d` over three axes: see there."""
    return adaptive_average(3, x, output_size)


def adaptive_max_pool1d(x: Array, output_size: Any) -> Array:
    """The maximum of each of `output_size` windows. `adaptive_max_pool2d` over one axis: see there."""
    return adaptive_maximum(1, x, output_size)


def adaptive_max_pool2d(x: Array, output_size: Any) -> Array:
    """The maximum of each of `output_size` windows that cover x (N, C, H, W) or (C, H, W), whatever its size.

    The windows are those of `adaptive_avg_pool2d`. On a tie the first maximum of a window gets the gradient.

    Args:
        output_size: an integer, or one for each spatial axis; None keeps an axis as it is.
    """
    return adaptive_maximum(2, x, output_size)


def adaptive_max_pool3d(x: Array, output_size: Any) -> Array:
    """The maximum of each of `output_size` windows. `adaptive_max_pool2d` over three axes: see there."""
    return adaptive_maximum(3, x, output_size)


def adaptive_average(n: int, x: Array, output_size: Any) -> Array:
    output = sizes(n, x, output_size, f"adaptive_avg_pool{n}d")
    size = np.shape(x)[-n:]
    if not any(s % o for s, o in zip(size, output)):  # all windows are of one size
        return AVERAGE[n](x, tuple(s // o for s, o in zip(size, output)))
    for axis, (s, o) in enumerate(zip(size, output), -n):
        inside = [(np.arange(s) >= start) & (np.arange(s) < stop) for start, stop in bounds(s, o)]
        x = along(x, axis, np.array([row / row.sum() for row in inside]))
    return x


def adaptive_maximum(n: int, x: Array, output_size: Any) -> Array:
    output = sizes(n, x, output_size, f"adaptive_max_pool{n}d")
    size = np.shape(x)[-n:]
    if not any(s % o for s, o in zip(size, output)):
        return MAXIMUM[n](x, tuple(s // o for s, o in zip(size, output)))
    index: list[Array] = []
    for i, (s, o) in enumerate(zip(size, output)):
        longest = max(stop - start for start, stop in bounds(s, o))
        # a shorter window ends with its last element again, which changes neither the maximum nor where it is first
        at = np.array([np.minimum(np.arange(start, start + longest), stop - 1) for start, stop in bounds(s, o)])
        index.append(at.reshape([o if j == i else longest if j == n + i else 1 for j in range(2 * n)]))
    windows = x[(..., *index)]
    windows = np.reshape(windows, (*np.shape(windows)[:-n], math.prod(np.shape(windows)[-n:])))
    return np.take_along_axis(windows, np.expand_dims(np.argmax(windows, axis=-1), -1), axis=-1)[..., 0]


def bounds(size: int, output: int) -> list[tuple[int, int]]:
    """Where each of `output` windows over an axis starts and stops."""
    return [(i * size // output, -(-(i + 1) * size // output)) for i in range(output)]


def along(x: Array, axis: int, matrix: Array) -> Array:
    """matrix @ x along one axis, in x's dtype."""
    matrix = matrix.astype(x.dtype) if x.dtype.kind == "f" else matrix
    return np.swapaxes(np.swapaxes(x, axis, -1) @ matrix.T, axis, -1)


def sizes(n: int, x: Array, output_size: Any, name: str) -> tuple[int, ...]:
    """The output's size along each spatial axis."""
    try:
        check_rank(n, x)
        given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
        kept = tuple(s if o is None else o for s, o in zip(np.shape(x)[-n:], given)) if len(given) == n else given
        return per_axis(kept, n, "output_size", 1)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


# ------------------------------------------------------------------------------------------------- what they have in
# common


def pooling(n: int, x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Windows:
    """The windows of a pool over n spatial axes."""
    check_rank(n, x)
    kernel = per_axis(kernel_size, n, "kernel_size", 1)
    windows = slide(np.shape(x)[-n:], kernel, kernel if stride is None else stride, padding, dilation, ceil_mode)
    if any(2 * p > span for p, span in zip(windows.padding, windows.span)):
        raise ValueError(f"padding {windows.padding} must be at most half of what the window spans, {windows.span}")
    return windows


def check_rank(n: int, x: Array) -> None:
    if np.ndim(x) not in (n + 1, n + 2):
        raise ValueError(
            f"x must have {n + 2} axes (N, C, then {n} spatial), or {n + 1} for one example; it has {np.ndim(x)}"
        )


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
    return count.astype(x.dtype) if x.dtype.kind == "f" else count
