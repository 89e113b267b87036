"""Polynomials through points: Vandermonde's matrix, and the fit by least squares."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..tensor import implements
from .indexing import detached


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:  # NumPy's name
    """out[i, j] = xᵢ^(N - 1 - j), or xᵢʲ with `increasing`; N columns, by default as many as x has elements.

    Raises:
        ValueError: x is not a vector.
    """
    if np.ndim(x) != 1:
        raise ValueError("x must have one axis")
    exponents = np.arange(len(x) if N is None else N)
    return x[:, None] ** (exponents if increasing else exponents[::-1])


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """The polynomial of degree `deg` that lies nearest to the points (xᵢ, yᵢ), its highest coefficient first.

    Args:
        x: of shape (m,).
        y: of shape (m,) or (m, k), for k polynomials.
        w: weights of the residuals, of shape (m,).
        full: also return residuals, rank, singular values and rcond; `cov`: also the coefficients' covariance, scaled
            by χ²/dof unless it is "unscaled".

    Raises:
        ValueError: deg is negative, or the shapes don't fit.
    """
    deg = operator.index(deg)
    if deg < 0 or np.ndim(x) != 1 or np.ndim(y) not in (1, 2) or len(x) != len(y) or not len(x):
        raise ValueError("needs deg ≥ 0, x of shape (m,) and y of shape (m,) or (m, k), with m ≥ 1")
    x, y = x * 1.0, y * 1.0
    rcond = len(x) * float(np.finfo(np.result_type(detached(x))).eps) if rcond is None else rcond
    left, right = np.vander(x, deg + 1), y
    if w is not None:
        left = left * np.reshape(w, (-1, 1))
        right = right * np.reshape(w, (-1,) + (1,) * (np.ndim(y) - 1))
    scale = np.sqrt(np.sum(left * left, axis=0))
    c, residuals, rank, singular = np.linalg.lstsq(left / scale, right, rcond)
    c = np.transpose(np.transpose(c) / scale)
    if full:
        return c, residuals, rank, singular, rcond
    if not cov:
        return c
    base = np.linalg.inv(np.transpose(left / scale) @ (left / scale)) / (scale[:, None] * scale)
    if cov != "unscaled" and len(x) <= deg + 1:
        raise ValueError(f"the covariance needs more than {deg + 1} points, there are {len(x)}")
    factor = 1 if cov == "unscaled" else np.sum((right - left @ c) ** 2, axis=0) / (len(x) - deg - 1)
    return c, base * factor if np.ndim(y) == 1 else base[:, :, None] * factor
