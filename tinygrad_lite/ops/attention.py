"""Attention: a weighted mean of values, the weights told by how well queries and keys agree."""

from __future__ import annotations

import math

import numpy as np

from ..values import Array, as_array, beside
from .activation import softmax
from .indexing import detached
from .sampling import dropout

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Array:
    """softmax(query @ keyᵀ · scale + mask) @ value (Vaswani et al., 2017).

    Args:
        query: of shape (…, L, E).
        key: of shape (…, S, E).
        value: of shape (…, S, V).
        attn_mask: of a shape that broadcasts to (…, L, S). Booleans: True where a query may attend. Floating numbers
            are added to the scores.
        dropout_p: the probability with which a weight is dropped (see `dropout`).
        is_causal: query i attends to the keys 0 to i alone.
        scale: by default 1 / √E.

    Returns:
        of shape (…, L, V). A query that may attend to nothing gets 0.

    Raises:
        ValueError: shapes that do not fit; attn_mask and is_causal together.
        TypeError: attn_mask is neither boolean nor floating.
    """
    q, k, v = np.shape(query), np.shape(key), np.shape(value)
    if min(len(q), len(k), len(v)) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ValueError("query, key and value need shapes (…, L, E), (…, S, E) and (…, S, V)")
    if attn_mask is not None and is_causal:
        raise ValueError("give attn_mask or is_causal, not both")
    scores = (query * (1 / math.sqrt(q[-1]) if scale is None else scale)) @ np.swapaxes(key, -1, -2)
    bias: Array = np.tri(q[-2], k[-2], dtype=bool) if is_causal else attn_mask
    if bias is None:
        return dropout(softmax(scores), dropout_p) @ value
    allowed = as_array(detached(bias))
    if allowed.dtype.kind in "iu":
        raise TypeError(f"attn_mask has dtype {allowed.dtype}: give booleans, True where a query may attend, or floats")
    if allowed.dtype == bool:
        bias = np.where(allowed, 0, -np.inf).astype(scores.dtype)
    else:
        allowed = allowed != -np.inf
    some = np.any(allowed, axis=-1, keepdims=True)
    if np.all(some):
        return dropout(softmax(scores + beside(bias, scores)), dropout_p) @ value
    weights = softmax(scores + beside(np.where(some, bias, 0), scores))  # of -∞ alone it would be NaN
    return dropout(np.where(beside(some, scores), weights, 0), dropout_p) @ value
