"""Lengths and distances of vectors along an axis."""

from __future__ import annotations

import numpy as np

from ..values import Array

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


def least(eps: float, x: Array) -> float:
    """eps, or if that is more, what a gradient of x's dtype can be divided by: float16 has no 1e-8, so 1e-3."""
    dtype = np.result_type(x, np.float16)
    return max(eps, 16 * float(np.finfo(dtype).tiny)) if dtype.kind == "f" else eps  # of symbols, eps itself


def normalize(x: Array, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Array:
    """x / max(‖x‖, eps), the p-norm along `axis`: 0 stays 0."""
    return x / np.clip(np.linalg.norm(x, p, axis=axis, keepdims=True), least(eps, x), None)


def cosine_similarity(x1: Array, x2: Array, axis: int = 1, eps: float = 1e-8) -> Array:
    """Σ x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along `axis`; the other axes broadcast. 0 where a vector is 0."""
    lengths = [np.linalg.norm(x, axis=axis, keepdims=True) for x in np.broadcast_arrays(x1, x2)]
    a, b = (x / np.clip(length, least(eps, x), None) for x, length in zip((x1, x2), lengths))
    return np.sum(a * b, axis=axis)


def pairwise_distance(x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Array:
    """‖x1 - x2 + eps‖, the p-norm along the last axis; eps keeps the gradient finite where the two are equal."""
    return np.linalg.norm(x1 - x2 + eps, p, axis=-1, keepdims=keepdims)


def pdist(x: Array, p: float = 2.0) -> Array:
    """‖xᵢ - xⱼ‖ for each pair i < j of the rows of x (N, M), row by row: shape (N · (N - 1) / 2,).

    Raises:
        ValueError: x has not 2 axes.
    """
    if np.ndim(x) != 2:
        raise ValueError(f"pdist: x must be (N, M), it has shape {np.shape(x)}")
    i, j = np.triu_indices(np.shape(x)[0], 1)
    return np.linalg.norm(x[i] - x[j], p, axis=-1)
