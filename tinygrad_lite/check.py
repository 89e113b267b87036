"""Is a gradient right? Central differences, to any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import backpropagate
from .tensor import Tensor


def gradcheck(f: Callable[..., Any], *inputs: Any, order: int = 2, tolerance: float = 1e-6, step: float = 1e-5) -> None:
    """Compare the gradients of `f` at `inputs` with central differences along random directions, up to `order`."""
    rng = np.random.default_rng(0)
    xs = [np.asarray(x.value if isinstance(x, Tensor) else x, dtype=np.float64) for x in inputs]

    def check(f: Callable[..., Any], order: int, name: str) -> None:
        out = f(*[Tensor(x) for x in xs])
        u = rng.standard_normal(np.shape(out.value))
        directions = [rng.standard_normal(x.shape) for x in xs]

        def slope(*tensors: Tensor) -> Any:
            """Σ ∂(u·f)/∂x · v, the derivative of u·f along the directions v."""
            out = f(*tensors)
            found = dict(backpropagate(out, Tensor(u), create_graph=True)) if out.requires_grad else {}
            total: Any = Tensor(0.0)
            for x, v in zip(tensors, directions):
                if x in found:
                    total = total + np.sum(found[x] * v)
            return total

        got = float(slope(*[Tensor(x, requires_grad=True) for x in xs]))
        above, below = (
            np.sum(u * f(*[Tensor(x + sign * step * v, requires_grad=True) for x, v in zip(xs, directions)]).value)
            for sign in (1, -1)
        )
        expected = (above - below) / (2 * step)
        if not abs(got - expected) <= tolerance * max(1.0, abs(got), abs(expected)):
            raise AssertionError(f"gradcheck: {name}: got {got}, central differences give {expected}")
        if order > 1:
            check(slope, order - 1, name + " of the gradient")

    check(f, order, "gradient")
