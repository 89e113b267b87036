"""Windows as the kernels use them: axis by axis, element by element, or turned by 180°."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..ops.windows import Windows
from ..values import Array

Slices = tuple[slice, ...]


@dataclass(frozen=True)
class Geometry(Windows):
    """Windows with what kernels derive from them, each computed once."""

    @functools.cached_property
    def tile(self) -> bool:
        """Whether every input is in exactly one window."""
        every = tuple(k * p for k, p in zip(self.kernel, self.places))
        return self.whole and self.stride == self.span and self.size == every

    @functools.cached_property
    def axes(self) -> tuple[Geometry, ...]:
        """The same windows as one pass over each axis after the other."""
        passes = []
        for i in range(len(self.size)):
            before, after = one_by_one(self.places[:i]), one_by_one(self.size[i + 1 :])
            passes.append(before.and_then(self.along(slice(i, i + 1))).and_then(after))
        return tuple(passes)

    @functools.cached_property
    def whole(self) -> bool:
        """Whether every window lies on the input, with no element on padding."""
        return not any(self.padding) and self.padded == self.size

    def reach(self, places: Slices | None = None) -> list[tuple[int, int]]:
        """For each axis the range of inputs that windows at these places (by default all) see, padding included."""
        within = places or [slice(0, p) for p in self.places]
        geometry = zip(within, self.stride, self.padding, self.span)
        return [(b.start * s - p, (b.stop - 1) * s - p + span) for b, s, p, span in geometry]

    def along(self, axes: slice) -> Geometry:
        """The same windows along some of the axes."""
        return Geometry(*(getattr(self, field.name)[axes] for field in fields(self)))

    def and_then(self, others: Geometry) -> Geometry:
        """These windows along the first axes, and others along the axes after them."""
        return Geometry(*(getattr(self, field.name) + getattr(others, field.name) for field in fields(self)))

    @functools.cached_property
    def single(self) -> bool:
        """Whether there is one window, which is all of the input."""
        return self.whole and self.kernel == self.size

    @functools.cached_property
    def pointwise(self) -> bool:
        """Whether there is one element in the window, and every input is seen through it once."""
        return math.prod(self.kernel) == 1 and self.whole and self.places == self.size

    @functools.cached_property
    def others(self) -> Geometry:
        """The same windows along all axes but the first."""
        return self.along(slice(1, None))

    @functools.cached_property
    def one_row(self) -> Geometry:
        """The same windows over an image with an axis of 1 before all others."""
        return one_by_one((1,)).and_then(self)

    @functools.cached_property
    def rows(self) -> Geometry:
        """Geometry of one row, over all the rows that these windows look at."""
        reach = (self.places[0] - 1) * self.stride[0] + self.span[0]
        return Geometry(self.size[:1], (1,), (1,), (1,), self.padding[:1], (reach,)).and_then(self.others)

    @functools.cached_property
    def shifts(self) -> Geometry:
        """These windows along the first axis, and all the inputs, one by one, along the others."""
        return self.along(slice(0, 1)).and_then(one_by_one(self.others.size))

    @functools.cached_property
    def phases(self) -> list[tuple[slice, slice, Geometry]]:
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
            over = Geometry((places,), (count,), (1,), (apart,), (before,), (len(range(i, size, s)),))
            over = over.and_then(one_by_one(self.others.places))
            phases.append((slice(i, None, s), slice(start, start + count * step, step), over))
        return phases

    @functools.cached_property
    def turned(self) -> Geometry:
        """For a stride of 1: the windows over the places, with the kernel turned by 180°, that give the inputs."""
        axes = [self.along(slice(i, i + 1)).phases[0][2] for i in range(len(self.size))]
        return functools.reduce(Geometry.and_then, axes)

    @functools.cached_property
    def elements(self) -> tuple[tuple[int, Slices, Slices], ...]:
        """For each element k of the window, in order: k, the inputs that it visits, and the places where it does.

        Places where it lies on padding are left out, so nothing needs padding: `out[..., *places] += x[..., *inputs]`
        for every k sums over windows.
        """
        axes = []
        for size, kernel, s, d, before, places in zip(
            self.size, self.kernel, self.stride, self.dilation, self.padding, self.places
        ):
            axis = []
            for offset in range(-before, kernel * d - before, d):
                first = max(0, -(offset // s))
                count = max(0, min(places, (size - 1 - offset) // s + 1) - first)
                inputs = slice(offset + first * s, offset + (first + count - 1) * s + 1, s) if count else slice(0)
                axis.append((inputs, slice(first, first + count)))
            axes.append(axis)
        return tuple((k, *zip(*element)) for k, element in enumerate(itertools.product(*axes)))


def one_by_one(size: tuple[int, ...]) -> Geometry:
    """Geometry of one element on every input."""
    ones = (1,) * len(size)
    return Geometry(size, ones, ones, ones, (0,) * len(size), size)


def geometry(windows: Windows) -> Geometry:
    """These windows as a `Geometry`, kept with them as a cached property is: looking it up by value takes 1 µs."""
    if isinstance(windows, Geometry):
        return windows
    kept = vars(windows)
    if "geometry" not in kept:
        kept["geometry"] = Geometry(*(getattr(windows, field.name) for field in fields(windows)))
    return kept["geometry"]  # type: ignore[no-any-return]


def strided(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """as_strided, in a tenth of its time where x is contiguous; otherwise only to be read."""
    if x.flags.c_contiguous and x.size:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return as_strided(x, shape, strides, writeable=False)
