"""The geometry that convolution and pooling share: a window that slides over any number of spatial axes."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from ..values import Array

Ints = int | tuple[int, ...]
Slices = tuple[slice, ...]


def per_axis(value: Any, n: int, name: str, least: int) -> tuple[int, ...]:
    """One integer for each of the n spatial axes: a single one holds for all."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    values = values * n if len(values) == 1 else values
    if len(values) != n or not all(isinstance(v, (int, np.integer)) and v >= least for v in values):
        raise ValueError(
            f"{name} must be an integer of at least {least}, or {n} of them, one for each spatial axis; got {value!r}"
        )
    return tuple(map(int, values))


@dataclass(frozen=True)
class Windows:
    """Where windows lie: at place p, element k of the window is on input p · stride + k · dilation - padding.

    Every field holds one integer for each spatial axis. `size` is the input's, `places` says how many places there are
    (the output's size), `padding` is what lies before the input's first element.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    places: tuple[int, ...]

    @functools.cached_property
    def span(self) -> tuple[int, ...]:
        """How far a window reaches, holes of the dilation included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    @functools.cached_property
    def padded(self) -> tuple[int, ...]:
        """The size of an input with all the padding that the windows look at."""
        reach = ((p - 1) * s + span for p, s, span in zip(self.places, self.stride, self.span))
        return tuple(max(r, b + n) for r, b, n in zip(reach, self.padding, self.size))

    @functools.cached_property
    def tile(self) -> bool:
        """Whether every input is in exactly one window."""
        every = tuple(k * p for k, p in zip(self.kernel, self.places))
        return self.whole and self.stride == self.span and self.size == every

    @functools.cached_property
    def axes(self) -> tuple[Windows, ...]:
        """The same windows as one pass over each axis after the other."""
        passes, n = [], len(self.size)
        for i in range(n):
            size, places = (*self.places[:i], *self.size[i:]), (*self.places[: i + 1], *self.size[i + 1 :])
            kernel, stride, dilation = (
                (1,) * i + (v[i],) + (1,) * (n - i - 1) for v in (self.kernel, self.stride, self.dilation)
            )
            padding = (0,) * i + (self.padding[i],) + (0,) * (n - i - 1)
            passes.append(Windows(size, kernel, stride, dilation, padding, places))
        return tuple(passes)

    @functools.cached_property
    def whole(self) -> bool:
        """Whether every window lies on the input, with no element on padding."""
        return not any(self.padding) and self.padded == self.size

    def reach(self, places: Slices | None = None) -> list[tuple[int, int]]:
        """For each axis the first input that windows at these places (all of them) look at, and the one after the last;
        they may lie on padding."""
        within = places or [slice(0, p) for p in self.places]
        geometry = zip(within, self.stride, self.padding, self.span)
        return [(b.start * s - p, (b.stop - 1) * s - p + span) for b, s, p, span in geometry]

    def along(self, axes: slice) -> Windows:
        """The same windows along some of the axes."""
        return Windows(*(getattr(self, field.name)[axes] for field in fields(self)))

    def and_then(self, others: Windows) -> Windows:
        """These windows along the first axes, and others along the axes after them."""
        return Windows(*(getattr(self, field.name) + getattr(others, field.name) for field in fields(self)))

    @functools.cached_property
    def single(self) -> bool:
        """Whether there is one window, which is all of the input."""
        return self.whole and self.kernel == self.size

    @functools.cached_property
    def pointwise(self) -> bool:
        """Whether there is one element in the window, and every input is seen through it once."""
        return math.prod(self.kernel) == 1 and self.whole and self.places == self.size

    @functools.cached_property
    def others(self) -> Windows:
        """The same windows along all axes but the first."""
        return self.along(slice(1, None))

    @functools.cached_property
    def one_row(self) -> Windows:
        """The same windows over an image with an axis of 1 before all others."""
        return Windows((1,), (1,), (1,), (1,), (0,), (1,)).and_then(self)

    @functools.cached_property
    def rows(self) -> Windows:
        """Windows of one row, over all the rows that these windows look at."""
        reach = (self.places[0] - 1) * self.stride[0] + self.span[0]
        return Windows(self.size[:1], (1,), (1,), (1,), self.padding[:1], (reach,)).and_then(self.others)

    @functools.cached_property
    def shifts(self) -> Windows:
        """These windows along the first axis, and all the inputs, one by one, along the others."""
        return self.along(slice(0, 1)).and_then(one_by_one(self.others.size))

    @functools.cached_property
    def phases(self) -> list[tuple[slice, slice, Windows]]:
        """Along the first axis, for each remainder of the inputs by the stride: those inputs, the elements of the
        kernel that see them, and the windows over the places, with the kernel turned by 180°, that give what these
        elements put there (over all the places, one by one, along the other axes)."""
        size, kernel, s, d, padding, places = (getattr(self, field.name)[0] for field in fields(self))
        phases = []
        for i in range(min(s, size)):
            elements = [k for k in range(kernel) if (i + padding - k * d) % s == 0]
            step, count = s // math.gcd(s, d), len(elements)
            start = elements[0] if elements else 0
            apart = step * d // s
            before = (count - 1) * apart - (i + padding - start * d) // s
            over = Windows((places,), (count,), (1,), (apart,), (before,), (len(range(i, size, s)),))
            over = over.and_then(one_by_one(self.others.places))
            phases.append((slice(i, None, s), slice(start, start + count * step, step), over))
        return phases

    @functools.cached_property
    def turned(self) -> Windows:
        """For a stride of 1: the windows over the places, with the kernel turned by 180°, that give the inputs."""
        axes = [self.along(slice(i, i + 1)).phases[0][2] for i in range(len(self.size))]
        return functools.reduce(Windows.and_then, axes)

    def elements(self, within: Slices | None = None) -> tuple[tuple[int, Slices, Slices], ...]:
        """For each element k of the window, in order: k, the inputs that it visits, and the places where it does.

        Places where the element lies on padding are left out, so nothing needs to be padded:
        `out[..., *places] += x[..., *inputs]` for every k sums over windows. `within` is a block of the places to do,
        and places are then counted from its start.
        """
        return _elements(
            self, tuple((b.start, b.stop) for b in within) if within else tuple((0, p) for p in self.places)
        )


def one_by_one(size: tuple[int, ...]) -> Windows:
    """Windows of one element on every input."""
    ones = (1,) * len(size)
    return Windows(size, ones, ones, ones, (0,) * len(size), size)


@functools.lru_cache(maxsize=1024)
def _elements(windows: Windows, block: tuple[tuple[int, int], ...]) -> tuple[tuple[int, Slices, Slices], ...]:
    axes = []
    for size, kernel, s, d, before, (start, stop) in zip(
        windows.size, windows.kernel, windows.stride, windows.dilation, windows.padding, block
    ):
        axis = []
        for offset in range(-before, kernel * d - before, d):
            first = max(start, -(offset // s))
            count = max(0, min(stop, (size - 1 - offset) // s + 1) - first)
            inputs = slice(offset + first * s, offset + (first + count - 1) * s + 1, s) if count else slice(0)
            axis.append((inputs, slice(first - start, first - start + count)))
        axes.append(axis)
    return tuple((k, *zip(*element)) for k, element in enumerate(itertools.product(*axes)))


def slide(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, ceil_mode: bool = False
) -> Windows:
    """The windows over an input of `size`: as many places as fit into it with its padding.

    `padding` is one integer or one per axis, 'valid' (none) or 'same' (as many places as inputs; stride 1 only). With
    `ceil_mode` a last window may reach beyond the padding, if it starts on the input or on the padding before it.
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
            raise ValueError(f"padding='same' needs stride 1, got stride {stride}; give the padding in integers")
        return Windows(size, kernel, stride, dilation, tuple((s - 1) // 2 for s in span), size)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding must be integers, 'same' or 'valid'; got {padding!r}")
    padding = (0,) * n if padding == "valid" else per_axis(padding, n, "padding", 0)
    room = [length + 2 * p - s for length, p, s in zip(size, padding, span)]
    if min(room) < 0:
        raise ValueError(
            f"a window of {kernel} with dilation {dilation} spans {span}, which is larger than the input of {size} "
            f"with padding {padding}: use a smaller window or more padding"
        )
    places = [r // s + 1 for r, s in zip(room, stride)]
    if ceil_mode:
        places = [math.ceil(r / s) + 1 for r, s in zip(room, stride)]
        places = [c - ((c - 1) * s >= length + p) for c, s, length, p in zip(places, stride, size, padding)]
    return Windows(size, kernel, stride, dilation, padding, tuple(places))


def strided(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """as_strided, in a tenth of its time where x is contiguous; otherwise only to be read."""
    if x.flags.c_contiguous and x.size:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return as_strided(x, shape, strides, writeable=False)


# ------------------------------------------------------- plain versions: NumPy's protocols and no writing in place


def view(x: Array, windows: Windows, fill: Any = 0) -> Array:
    """x (..., *size) seen through its windows: (..., *places, *kernel)."""
    n = len(windows.size)
    pads = [(b, p - b - s) for b, s, p in zip(windows.padding, windows.size, windows.padded)]
    if any(map(any, pads)):
        x = np.pad(x, [(0, 0)] * (np.ndim(x) - n) + pads, constant_values=fill)
    axes = tuple(range(-n, 0))
    x = sliding_window_view(x, windows.span, axis=axes)
    places = [slice(0, (p - 1) * s + 1, s) for p, s in zip(windows.places, windows.stride)]
    return x[(..., *places, *(slice(None, None, d) for d in windows.dilation))]


def overlap_add(v: Array, windows: Windows) -> Array:
    """The adjoint of `view`: (..., *places, *kernel) to (..., *size), every element added where it was seen."""
    n = len(windows.size)
    batch = np.ndim(v) - 2 * n
    total: Any = 0
    for at in itertools.product(*map(range, windows.kernel)):
        t = v[(..., *at)]
        geometry = zip(at, windows.dilation, windows.stride, windows.places, windows.padded)
        for axis, (i, d, s, p, length) in enumerate(geometry, batch):
            # p elements with s - 1 zeros after each, then i · d zeros before and as many after as are missing
            t = pad_axis(np.expand_dims(t, axis + 1), axis + 1, 0, s - 1)
            shape = np.shape(t)
            t = np.reshape(t, (*shape[:axis], p * s, *shape[axis + 2 :]))
            t = t[(slice(None),) * axis + (slice((p - 1) * s + 1),)]
            t = pad_axis(t, axis, i * d, length - i * d - (p - 1) * s - 1)
        total = total + t
    return total[(..., *(slice(b, b + length) for b, length in zip(windows.padding, windows.size)))]


def pad_axis(x: Array, axis: int, before: int, after: int) -> Array:
    pads = [(0, 0)] * np.ndim(x)
    pads[axis] = (before, after)
    return np.pad(x, pads)
