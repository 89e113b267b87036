"""Windows that slide over the last axes, and convolution: by loops, over each window and each of its elements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .symbols import Array

Place = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Element k of window p is element p · stride + k · dilation - padding, along each of the last axes."""

    kernel: Place
    stride: Place
    dilation: Place
    padding: Place

    @property
    def axes(self) -> int:
        return len(self.kernel)

    def elements(self, p: Sequence[int]) -> Iterator[tuple[Place, Place]]:
        """Each k, and the element that it lies on (or would, outside)."""
        for k in np.ndindex(*self.kernel):
            yield k, tuple(a * s + b * d - c for a, b, s, d, c in zip(p, k, self.stride, self.dilation, self.padding))

    def have(self, p: Sequence[int], i: Sequence[int]) -> bool:
        """i ∈ p"""
        for kernel, stride, dilation, padding, place, element in zip(*vars(self).values(), p, i):
            k, rest = divmod(element + padding - place * stride, dilation)
            if rest or not 0 <= k < kernel:
                return False
        return True

    def slide(self, x: Array, y: Array, w: Array, groups: int) -> None:
        """Add up that of the three which is 0: yₒ[p] = Σ xᵢ[p · stride + k · dilation - padding] · wₒᵢ[k].

        x (N, I, …), y (N, O, …) and w (O, I / groups, …).
        """
        missing = next(a for a in (y, w, x) if not a.any())
        o, c = len(w) // groups, w.shape[1]
        for p in np.ndindex(*y.shape[2:]):
            for k, i in self.elements(p):
                if not all(0 <= at < n for at, n in zip(i, x.shape[2:])):
                    continue
                for group in range(groups):
                    of_x, of_y = slice(group * c, group * c + c), slice(group * o, group * o + o)
                    xi, yp, wk = x[(slice(None), of_x, *i)], y[(slice(None), of_y, *p)], w[(of_y, slice(None), *k)]
                    if missing is y:
                        yp += xi @ wk.T
                    elif missing is w:
                        wk += yp.T @ xi
                    else:
                        xi += yp @ wk


def windows_of(values: Mapping[str, Any], axes: int | None) -> Windows | None:
    """From an op's arguments: `windows`; or stride, padding, dilation, and kernel_size or a weight of that size."""
    if "windows" in values:
        given = values["windows"]
        return Windows(given.kernel, given.stride, given.dilation, given.padding)
    if axes is None:
        return None

    def each(value: Any) -> Place:
        return tuple(value) if isinstance(value, tuple) else (value,) * axes

    kernel = each(values["kernel_size"]) if "kernel_size" in values else np.shape(values["weight"])[-axes:]
    stride = kernel if values["stride"] is None else each(values["stride"])
    dilation, padding = each(values.get("dilation", 1)), values["padding"]
    if padding == "same":
        padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation))
    return Windows(kernel, stride, dilation, each(0 if padding == "valid" else padding))
