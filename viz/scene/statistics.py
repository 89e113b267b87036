"""What a card says about the numbers in its tensor: how large they are, and how many are none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node

FEW = 1 << 16  # elements that are summed in float64


@dataclass(frozen=True)
class Statistics:
    """Of an array of real numbers: the smallest, mean and largest finite one, the norm, and how many are not finite."""

    size: int
    low: float
    mean: float
    high: float
    norm: float
    nan: int = 0
    inf: int = 0
    masked: int = 0  # −∞ in a mask, or let through from one: not counted among `inf`

    @property
    def bad(self) -> int:
        """How many elements are NaN or infinite by mistake."""
        return self.nan + self.inf

    @property
    def finite(self) -> int:
        return self.size - self.bad - self.masked

    @property
    def bad_text(self) -> str:
        return " · ".join(f"{n:,} {what}" for n, what in ((self.nan, "NaN"), (self.inf, "Inf")) if n)


def statistics(a: Any, has_mask: bool = False) -> Statistics | None:
    """The statistics of `a`; None if it is empty or holds no numbers.

    With `has_mask`, −∞ stands for what is left out.
    """
    a = np.abs(a) if np.iscomplexobj(a) else np.asarray(a)
    if a.dtype.kind not in "fiub" or not a.size:
        return None
    if a.size <= FEW or a.dtype.kind != "f":
        a = a.astype(np.float64)
    elif a.dtype == np.float16:
        a = a.astype(np.float32)
    low, high = float(a.min()), float(a.max())  # NaN if any element is
    if np.isfinite(low) and np.isfinite(high):
        return Statistics(a.size, low, float(a.mean()), high, size_of(a, max(-low, high)))
    nan, below = int(np.isnan(a).sum()), int(np.isneginf(a).sum())
    finite = a[np.isfinite(a)]
    masked = below if has_mask else 0
    inf = a.size - finite.size - nan - masked
    norm = float("nan") if nan else float("inf") if inf else 0.0
    if not finite.size:
        return Statistics(a.size, 0.0, 0.0, 0.0, norm, nan, inf, masked)
    low, high = float(finite.min()), float(finite.max())
    norm = norm or size_of(finite, max(-low, high))
    return Statistics(a.size, low, float(finite.mean()), high, norm, nan, inf, masked)


def size_of(a: np.ndarray[Any, Any], largest: float) -> float:
    """The square root of the sum of squares, which are first scaled where they would leave float32."""
    if not largest:
        return 0.0
    x = a.ravel()
    if a.dtype == np.float64 or 1e-15 < largest < 1e15:
        return float(np.sqrt(np.dot(x, x)))
    return largest * float(np.linalg.norm(x / x.dtype.type(largest)))


def masks(nodes: Iterable[Node]) -> set[Node]:
    """The nodes in which −∞ is meant: it is in the user's own array, or came from there (or from a number) through ops.

    The nodes come in the order in which they were made.
    """
    found: set[Node] = set()
    for node in nodes:
        if node.op is None:
            if not node.requires_grad:
                found.add(node)
        elif holds_mask(node.value):
            given = [a for a, value in zip(node.args, node.values) if holds_mask(value)]
            if given and all(a in found for a in given if isinstance(a, Node) and a.requires_grad):
                found.add(node)
    return found


def holds_mask(a: Any) -> bool:
    return isinstance(a, (float, np.ndarray, np.floating)) and a_float(a) and bool(np.isneginf(a).any())


def a_float(a: Any) -> bool:
    return isinstance(a, float) or a.dtype.kind == "f"
