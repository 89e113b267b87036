"""Layers that are linear in their input: linear, bilinear, embedding, dropout."""

from __future__ import annotations

import numpy as np

from ..graph import Array

__all__ = ["linear"]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ weightᵀ + bias.

    Args:
        x: of shape (…, in).
        weight: of shape (out, in), or (in,) for a single output without an axis of its own.
        bias: of shape (out,), or ().

    Raises:
        ValueError: x's last axis is not as long as weight's.
    """
    if np.ndim(x) < 1 or np.ndim(weight) not in (1, 2) or np.shape(x)[-1] != np.shape(weight)[-1]:
        raise ValueError(
            f"linear: x has shape {np.shape(x)} but weight has shape {np.shape(weight)}: "
            "x's last axis must equal weight's last (weight is (out, in))"
        )
    out = x @ weight.T
    return out if bias is None else out + bias
