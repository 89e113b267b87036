"""Adding many values into one array, some of them at the same place: the adjoint of indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Array, kernel


def _add_at(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    out = np.zeros_like(x, shape=shape)
    np.add.at(out, index, x)
    return out


@kernel(_add_at)
def add_at(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` to which `x` is added at `index`, as often as a place is named there."""
    out = np.zeros(shape, x.dtype)
    np.add.at(out, index, x)
    return out
