"""Along a sequence of samples: diff, gradient, convolve, correlate, interp, trapezoid."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..errors import not_lazy
from ..graph import Rule, op
from ..tensor import implements
from ..values import Array, beside
from .windows import pad_axis

Extent = Literal["full", "same", "valid"]


@op(linear=True)
def diff(x: Array, axis: int = -1) -> Rule:
    """out[i] = x[i + 1] - x[i]        ∂L/∂x[i] = g[i - 1] - g[i]"""
    return np.diff(x, axis=axis), (lambda g: -np.diff(pad_axis(g, axis, 1, 1), axis=axis),)


@implements(np.diff)
def _diff(a: Array, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """`np.diff`: the n-th differences along an axis, after `prepend` and `append` were put at its ends.

    Raises:
        ValueError: n is negative, or a has no axis.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, it is {n}")
    if np.ndim(a) == 0:
        raise ValueError("needs an array with at least one axis, got a scalar")
    axis = np.lib.array_utils.normalize_axis_index(axis, np.ndim(a))
    one = (*np.shape(a)[:axis], 1, *np.shape(a)[axis + 1 :])  # what a number at one of the ends becomes
    start, end = (x if x is None or np.ndim(x) else np.broadcast_to(_like(a, x), one) for x in (prepend, append))
    parts = [part for part in (start, a, end) if part is not None]
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    for _ in range(min(n, np.shape(a)[axis])):
        a = diff(a, axis)
    return a


@implements(np.ediff1d)
def ediff1d(ary: Array, to_end: Any = None, to_begin: Any = None) -> Array:
    """`np.ediff1d`: the differences of the flattened array, between `to_begin` and `to_end`."""
    parts = [to_begin, np.diff(np.ravel(ary)), to_end]
    return np.concatenate([np.ravel(_like(ary, part)) for part in parts if part is not None])


def _like(a: Array, x: Any) -> Array:
    """Python's numbers, in a's dtype and library."""
    return x if hasattr(x, "dtype") else beside(np.asarray(x, getattr(a, "dtype", None)), a)


@implements(np.gradient)
def gradient(f: Array, *varargs: Any, axis: int | tuple[int, ...] | None = None, edge_order: int = 1) -> Any:
    """`np.gradient`: the slope of samples along each axis, by central differences, one-sided at the ends.

    The spacing is one number, or for each axis a number or the samples' coordinates. An array for a single axis, else
    a tuple of them.

    Raises:
        ValueError: an axis has fewer than edge_order + 1 samples, or coordinates that are not as many as these.
        TypeError: there are neither none, nor one, nor as many spacings as axes.
    """
    axes = np.lib.array_utils.normalize_axis_tuple(range(np.ndim(f)) if axis is None else axis, np.ndim(f))
    if len(varargs) in (0, 1) and (not varargs or np.ndim(varargs[0]) == 0):
        varargs = (varargs or (1.0,)) * len(axes)
    if len(varargs) != len(axes):
        raise TypeError(f"{len(varargs)} spacings for {len(axes)} axes: give none, one number, or one for each axis")
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order must be 1 or 2, not {edge_order}")
    f = _floating(f)
    slopes = []
    for i, spacing in zip(axes, varargs):
        n = np.shape(f)[i]
        if n < edge_order + 1:
            raise ValueError(f"axis {i} has {n} samples, edge_order={edge_order} needs {edge_order + 1} or more")
        if np.ndim(spacing) and np.shape(spacing) != (n,):
            raise ValueError(f"axis {i} has {n} samples, its coordinates have shape {np.shape(spacing)}")
        slopes.append(np.moveaxis(_slope(np.moveaxis(f, i, -1), _floating(spacing), edge_order), -1, i))
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _floating(x: Array) -> Array:
    """x, in float64 if it holds integers: their differences would wrap."""
    return x if np.result_type(x).kind == "f" else x * np.float64(1)


def _slope(f: Array, spacing: Any, edge_order: int) -> Array:
    """The slope along the last axis, by the parabola through each three samples (at the ends for edge_order 2 only)."""
    if np.ndim(spacing) == 0:
        first = second = before = last = spacing
        inside = (f[..., 2:] - f[..., :-2]) / (2 * spacing)
    else:
        h = np.diff(spacing)
        first, second, before, last = h[0], h[min(1, len(h) - 1)], h[max(-2, -len(h))], h[-1]
        left, right = h[:-1], h[1:]
        steps = np.diff(f) / h
        inside = (right * steps[..., :-1] + left * steps[..., 1:]) / (left + right)
    start, end = (f[..., 1:2] - f[..., :1]) / first, (f[..., -1:] - f[..., -2:-1]) / last
    if edge_order == 2:
        start = start + first * (start - (f[..., 2:3] - f[..., 1:2]) / second) / (first + second)
        end = end + last * (end - (f[..., -2:-1] - f[..., -3:-2]) / before) / (last + before)
    return np.concatenate((start, inside, end), -1)


@op
def convolve(x: Array, w: Array) -> Rule:
    """outₖ = Σᵢ xᵢ · wₖ₋ᵢ        ∂L/∂xᵢ = Σₖ gₖ · wₖ₋ᵢ        ∂L/∂wᵢ = Σₖ gₖ · xₖ₋ᵢ

    The full convolution of two sequences of n and m samples has n + m - 1. The gradients are valid correlations.
    """
    not_lazy("convolve", x, w)
    return np.convolve(x, w), (lambda g: np.correlate(g, w, "valid"), lambda g: np.correlate(g, x, "valid"))


@implements(np.convolve)
def _convolve(a: Array, v: Array, mode: Extent = "full") -> Array:
    """`np.convolve` of two sequences: "full", "same" (the middle part, as long as the longer one) or "valid"."""
    return _convolved(a, v, mode, turn=False)


@implements(np.correlate)
def correlate(a: Array, v: Array, mode: Extent = "valid") -> Array:
    """`np.correlate` of two sequences: outₖ = Σᵢ aᵢ₊ₖ · vᵢ, modes as in np.convolve."""
    return _convolved(a, v, mode, turn=True)


def _convolved(a: Array, v: Array, mode: Extent, turn: bool) -> Array:
    """The part that `mode` names of the full convolution, or with v turned round, of the full correlation."""
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be 'full', 'same' or 'valid', not {mode!r}")
    if max(np.ndim(a), np.ndim(v)) > 1 or 0 in (np.size(a), np.size(v)):
        raise ValueError("both must be sequences, not empty")
    a, v = (x if np.ndim(x) else np.reshape(x, (1,)) for x in (a, v))
    short, long = sorted((len(a), len(v)))
    full = convolve(a, v[::-1] if turn else v)
    if mode == "full":
        return full
    start = short // 2 if turn and len(v) > len(a) else (short - 1) // 2  # NumPy swaps them, then flips the result
    return full[start : start + long] if mode == "same" else full[short - 1 : long]


@implements(np.interp)
def interp(x: Array, xp: Array, fp: Array, left: Any = None, right: Any = None, period: float | None = None) -> Array:
    """`np.interp`: the straight lines between points (xp, fp), xp increasing; beyond them `left` and `right`.

    Differentiable in x, xp and fp. At a point the slope in x is that of the line on its right, at the last one of that
    on its left; beyond them it is 0. The dtype follows the inputs (NumPy's function always gives float64).

    Raises:
        ValueError: xp and fp are not sequences of the same length, one point at least, or the period is 0.
    """
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or np.size(xp) == 0:
        raise ValueError("xp and fp must be sequences of the same length, of one point or more")
    if period is not None:
        if period == 0:
            raise ValueError("the period must not be 0")
        period, left, right = abs(period), None, None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = np.take(xp, order), np.take(fp, order)
        xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
    if np.size(xp) > 1:
        i = np.clip(np.searchsorted(xp, x, side="right"), 1, np.size(xp) - 1)
        x0, x1 = np.take(xp, i - 1), np.take(xp, i)
        part = (np.clip(x, xp[0], xp[-1]) - x0) / (x1 - x0)
        out = np.take(fp, i - 1) * (1 - part) + np.take(fp, i) * part
    else:
        out = np.broadcast_to(fp[0], np.shape(x))
    if left is not None:
        out = np.where(np.less(x, xp[0]), left, out)
    if right is not None:
        out = np.where(np.greater(x, xp[-1]), right, out)
    return out


@implements(np.trapezoid)
def trapezoid(y: Array, x: Array | None = None, dx: float = 1.0, axis: int = -1) -> Array:
    """`np.trapezoid`: the area under straight lines between samples, at coordinates x or a distance dx apart.

    Raises:
        ValueError: there are not as many coordinates as samples.
    """
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        n = np.shape(x)[0 if np.ndim(x) == 1 else axis]
        if n != np.shape(y)[-1]:
            raise ValueError(f"{n} coordinates for {np.shape(y)[-1]} samples along axis {axis}")
        dx = np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)


@op(np.unwrap, linear=True)
def unwrap(p: Array, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Rule:
    """out = p plus whole periods        ∂L/∂p = g

    Along `axis`, no element is more than half a period (or `discont`, if that is more) from the one before.
    """
    not_lazy("unwrap", p)
    return np.unwrap(p, discont, axis, period=period), (lambda g: g,)
