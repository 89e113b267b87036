"""The logistic function."""

from __future__ import annotations

import numpy as np

from ..graph import Array, kernel


def plain_sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@kernel(plain_sigmoid)
def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):  # e⁻ˣ = inf where the result is 0
        y = np.exp(-x)
        y += 1
        return np.divide(1, y, out=y if isinstance(y, np.ndarray) else None)
