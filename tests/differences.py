"""Central differences that know when they are worth something, and sums over lists of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg

STEP = 2e-5


class Slope:
    """A derivative by central differences; it judges where two steps agree: not at a kink, nor at a jump."""

    def __init__(self, value: float, error: float, judges: bool) -> None:
        self.value, self.error, self.judges = value, error, judges

    def near(self, found: float) -> bool:
        return not self.judges or abs(found - self.value) <= 10 * self.error + 1e-6 * abs(self.value)


def central(f: Callable[[float], Any]) -> Slope:
    """The derivative of `f` at 0, in float64."""
    with np.errstate(all="ignore"):
        here, h = float(f(0.0)), STEP
        ahead, behind, near_ahead, near_behind = (float(f(s)) for s in (h, -h, h / 2, -h / 2))
    noise = 100 * np.finfo(float).eps * max(abs(here), abs(ahead), abs(behind)) + 1e-14
    wide, narrow = (ahead - behind) / (2 * h), (near_ahead - near_behind) / h
    bend, near_bend = abs(ahead - 2 * here + behind), abs(near_ahead - 2 * here + near_behind)
    smooth = near_bend <= 0.3 * bend + noise and bend <= 8 * near_bend + noise  # at a kink it would be a half
    error = abs(wide - narrow) + 2 * noise / h
    value = (4 * narrow - wide) / 3
    return Slope(value, error, bool(smooth and error < 1e-3 * abs(value) + 1e-5))


def plain(a: Any) -> Any:
    """The array of a tensor; an array as it is."""
    return a.data if isinstance(a, tg.Tensor) else a


def dot(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Σ a · b over the lists, in float64."""
    return float(sum(np.sum(np.asarray(x, np.float64) * y) for x, y in zip(map(plain, a), map(plain, b))))


def scale(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Σ |a · b|: how large the numbers are that `dot` adds."""
    return float(sum(np.sum(np.abs(np.asarray(x, np.float64) * y)) for x, y in zip(map(plain, a), map(plain, b))))
