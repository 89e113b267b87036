"""The geometry that convolution and pooling share: a window that slides over any number of spatial axes."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..dispatch import SETTINGS
from ..values import Array

Ints = int | tuple[int, ...]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Windows:
    """Where windows lie: at place p, element k of the window is on input p · stride + k · dilation - padding.

    Every field holds one integer for each spatial axis. `size` is the input's, `places` the number of places (the
    output's size), `padding` what lies before the input's first element.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    places: tuple[int, ...]

    @functools.cached_property
    def span(self) -> tuple[int, ...]:
        """How far a window reaches, including the holes of the dilation."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    @functools.cached_property
    def padded(self) -> tuple[int, ...]:
        """The size of the input with all the padding that windows reach."""
        reach = ((p - 1) * s + span for p, s, span in zip(self.places, self.stride, self.span))
        return tuple(max(r, b + n) for r, b, n in zip(reach, self.padding, self.size))


SETTINGS.add(Windows)


def per_axis(value: Any, n: int, name: str, least: int) -> tuple[int, ...]:
    """One integer for each of the n spatial axes; a single one is used for all."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    values = values * n if len(values) == 1 else values
    if len(values) != n or not all(isinstance(v, (int, np.integer)) and v >= least for v in values):
        raise ValueError(f"{name} must be an integer of at least {least}, or {n} of them, one for each spatial axis")
    return tuple(map(int, values))


def check_rank(n: int, x: Array) -> None:
    if np.ndim(x) not in (n + 1, n + 2):
        raise ValueError(f"x must have {n + 2} axes (N, C, then {n} spatial), or {n + 1} for one example")


def slide(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, ceil_mode: bool = False
) -> Windows:
    """The windows over an input of `size`: as many places as fit into it with its padding.

    `padding` is one integer or one per axis, 'valid' (none) or 'same' (as many places as inputs; stride 1 only). With
    `ceil_mode` a last window may reach beyond the padding if it starts on the input or on the padding before it.
    """
    options = (tuple(v) if isinstance(v, list) else v for v in (stride, padding, dilation))
    return _slide(size, kernel, *options, ceil_mode)


@functools.lru_cache(maxsize=1024, typed=True)
def _slide(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Windows:
    n = len(size)
    stride, dilation = per_axis(stride, n, "stride", 1), per_axis(dilation, n, "dilation", 1)
    span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f"padding='same' needs stride 1, not {stride}: give the padding in integers")
        return Windows(size, kernel, stride, dilation, tuple((s - 1) // 2 for s in span), size)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding must be integers, 'same' or 'valid'; got {padding!r}")
    padding = (0,) * n if padding == "valid" else per_axis(padding, n, "padding", 0)
    room = [length + 2 * p - s for length, p, s in zip(size, padding, span)]
    if min(room) < 0:
        raise ValueError(f"a window of {kernel} spans {span}, larger than the input of {size} with padding {padding}")
    places = [r // s + 1 for r, s in zip(room, stride)]
    if ceil_mode:
        places = [math.ceil(r / s) + 1 for r, s in zip(room, stride)]
        places = [c - ((c - 1) * s >= length + p) for c, s, length, p in zip(places, stride, size, padding)]
    return Windows(size, kernel, stride, dilation, padding, tuple(places))


def view(x: Array, windows: Windows, fill: Any = 0) -> Array:
    """x (..., *size) seen through its windows: (..., *places, *kernel). `fill` is on the padding."""
    n = len(windows.size)
    pads = [(b, p - b - s) for b, s, p in zip(windows.padding, windows.size, windows.padded)]
    if any(map(any, pads)):
        x = np.pad(x, [(0, 0)] * (np.ndim(x) - n) + pads, constant_values=fill)
    axes = tuple(range(-n, 0))
    x = sliding_window_view(x, windows.span, axis=axes)
    places = [slice(0, (p - 1) * s + 1, s) for p, s in zip(windows.places, windows.stride)]
    return x[(..., *places, *(slice(None, None, d) for d in windows.dilation))]


def overlap_add(v: Array, windows: Windows) -> Array:
    """The adjoint of `view`: (..., *places, *kernel) to (..., *size), each element added where it was seen."""
    n, lead = len(windows.size), np.shape(v)[: -2 * len(windows.size)]
    tiles = tuple(p * k for p, k in zip(windows.places, windows.kernel))
    if windows.stride == windows.kernel == windows.span and windows.size == tiles and not any(windows.padding):
        order = [len(lead) + axis for i in range(n) for axis in (i, n + i)]
        return np.reshape(np.transpose(v, (*range(len(lead)), *order)), (*lead, *windows.size))
    out = np.zeros_like(v, shape=(*lead, *windows.padded))
    for at in itertools.product(*map(range, windows.kernel)):
        geometry = zip(at, windows.dilation, windows.stride, windows.places)
        seen: Any = (..., *(slice(i * d, i * d + (p - 1) * s + 1, s) for i, d, s, p in geometry))
        out[seen] += v[(..., *at)]
    inside: Any = (..., *(slice(b, b + length) for b, length in zip(windows.padding, windows.size)))
    return out[inside]


def pad_axis(x: Array, axis: int, before: int, after: int) -> Array:
    """x with zeros before and after it along one axis."""
    pads = [(0, 0)] * np.ndim(x)
    pads[axis] = (before, after)
    return np.pad(x, pads)


def over_axes(n: int, definition: Callable[Concatenate[int, P], T]) -> Callable[P, T]:
    """`definition` for n spatial axes: conv_nd becomes conv2d, with a signature and a docstring of its own.

    In its docstring *size, *kernel and *places become the names of the n axes, and `_nd` becomes `2d`.
    """

    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        return definition(n, *args, **kwargs)

    first, *others = inspect.signature(definition).parameters.values()
    functools.update_wrapper(bound, definition)
    bound.__name__ = bound.__qualname__ = _named(definition.__name__, n)
    bound.__doc__ = _named(inspect.getdoc(definition) or "", n)
    bound.__annotations__ = {k: v for k, v in definition.__annotations__.items() if k != first.name}
    bound.__signature__ = inspect.signature(definition).replace(parameters=others)  # type: ignore[attr-defined]
    return bound


def _named(text: str, n: int) -> str:
    axes = "DHW"[-n:]
    text = text.replace("_nd", f"{n}d").replace("*size", ", ".join(axes))
    text = text.replace("*kernel", ", ".join(f"K{axis}" for axis in axes) if n > 1 else "K")
    return text.replace("*places", ", ".join(f"{axis}'" for axis in axes))
