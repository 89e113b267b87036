"""Numbers at equal distances or ratios between two ends: linspace, logspace, geomspace."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..tensor import implements
from .indexing import detached


def _portions(num: Any, endpoint: bool, ends: list[Any]) -> tuple[Any, Any]:
    """How far along each of the numbers is, from 0 to 1, and which one is the end: columns that fit the ends' shape."""
    n = operator.index(num)
    if n < 0:
        raise ValueError(f"num must not be negative, and is {n}")
    i = np.arange(n).reshape(-1, *(1,) * len(np.broadcast_shapes(*map(np.shape, ends))))
    last = n - 1 if endpoint else n
    dtype = np.result_type(*map(detached, ends), 1.0)
    return (i / max(last, 1)).astype(dtype), (i == last) & (n > 1)


def _finished(y: Any, dtype: Any, axis: int) -> Any:
    """The numbers along `axis`; integers have no gradient, and are rounded down."""
    if dtype is not None and np.dtype(dtype).kind in "iu":
        y = np.floor(detached(y)).astype(dtype)
    elif dtype is not None:
        y = y.astype(dtype)
    return np.moveaxis(y, 0, axis) if axis else y


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """outᵢ = start + (stop - start) · i / (num - 1), or / num without the endpoint; with `retstep`, the step as well.

    Args:
        start, stop: numbers or arrays, which broadcast. The numbers lie along a new axis.

    Raises:
        ValueError: `num` is negative.
    """
    w, end = _portions(num, endpoint, [start, stop])
    span = stop - start * 1
    y = _finished(np.where(end, stop, start + span * w), dtype, axis)
    divisor = num - 1 if endpoint else num
    return (y, span / divisor if divisor > 0 else np.nan) if retstep else y


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """out = baseˣ for x from `linspace` between start and stop."""
    exponents = np.linspace(start + 0.0 * base, stop + 0.0 * base, num, endpoint)
    return _finished(np.power(base, exponents), dtype, axis)


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """outᵢ = start · (stop / start)^(i / (num - 1)): each number is the same multiple of the one before.

    Raises:
        ValueError: an end is 0, or the ends' signs differ.
    """
    if np.any(detached(start * 1.0 / stop) <= 0) or np.any(detached(start) == 0) or np.any(detached(stop) == 0):
        raise ValueError("start and stop must have the same sign, and neither be 0")
    w, end = _portions(num, endpoint, [start, stop])
    return _finished(np.where(end, stop, start * (stop / start) ** w), dtype, axis)
