"""Layers that are linear in their input: linear, bilinear, embedding, dropout."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from .. import random
from ..errors import check_size
from ..values import Array, as_array, beside, foreign
from .indexing import detached

__all__ = ["bilinear", "dropout", "embedding", "linear", "one_hot"]


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


def bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """Σᵢⱼ input1ᵢ · weightₖᵢⱼ · input2ⱼ + biasₖ.

    Args:
        input1: of shape (…, in1).
        input2: of shape (…, in2), with the same leading axes.
        weight: of shape (out, in1, in2).
        bias: of shape (out,).

    Raises:
        ValueError: shapes that do not fit.
    """
    a, b, w = np.shape(input1), np.shape(input2), np.shape(weight)
    if len(w) != 3 or not a or not b or a[:-1] != b[:-1] or (a[-1], b[-1]) != w[1:]:
        raise ValueError(
            f"bilinear: input1 has shape {a}, input2 {b} and weight {w}: "
            "they need (…, in1), (…, in2) and (out, in1, in2)"
        )
    out = np.einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


def _whole_numbers(name: str, indices: Any, end: int | None, of: str) -> Array:
    """`indices` as plain integers, each at least 0 and below `end`."""
    indices = as_array(detached(indices))
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name}: indices must be integers, not {indices.dtype}")
    if foreign(indices):  # to look at them would wait for them
        return indices
    wrong = indices[(indices < 0) | (indices >= end)] if end is not None else indices[indices < 0]
    if wrong.size:
        raise IndexError(f"{name}: index {wrong[0]} is out of range: {of}")
    return indices


def _whole_number(name: str, what: str, value: Any) -> int:
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name}: {what} must be an integer, not {value!r}") from None


def embedding(input: Any, weight: Array, padding_idx: int | None = None) -> Array:
    """The rows of `weight` at the indices: weight[input].

    Args:
        input: integers of any shape.
        weight: of shape (rows, width).
        padding_idx: a row that gets no gradient; negative counts from the end.

    Raises:
        IndexError: an index, or padding_idx, is out of range.
        TypeError: indices or padding_idx that are not integers.
    """
    rows = np.shape(weight)[0]
    input = _whole_numbers("embedding", input, rows, f"weight has {rows} rows")
    out = weight[input]
    if padding_idx is None:
        return out
    padding_idx = _whole_number("embedding", "padding_idx", padding_idx)
    if not -rows <= padding_idx < rows:
        raise IndexError(f"embedding: padding_idx {padding_idx} is out of range: weight has {rows} rows")
    return np.where((input == padding_idx % rows)[..., None], detached(weight)[padding_idx], out)


def one_hot(indices: Any, num_classes: int = -1) -> Array:
    """1 at each index, 0 elsewhere: integers of shape (…) to int64 of shape (…, num_classes).

    Args:
        indices: integers, not negative.
        num_classes: by default one more than the largest index.

    Raises:
        IndexError: an index is negative, or not below num_classes.
        ValueError: no indices and no num_classes.
        TypeError: indices or num_classes that are not integers.
    """
    num_classes = _whole_number("one_hot", "num_classes", num_classes)
    if num_classes < 0:
        indices = _whole_numbers("one_hot", indices, None, "it must not be negative")
        if not indices.size:
            raise ValueError("one_hot: without any index num_classes cannot be told: give it")
        num_classes = int(indices.max()) + 1
    indices = _whole_numbers("one_hot", indices, num_classes, f"num_classes is {num_classes}")
    check_size((*indices.shape, num_classes), indices)
    return (indices[..., None] == beside(np.arange(num_classes), indices)).astype(np.int64)


def dropout(x: Array, p: float = 0.5, training: bool = True) -> Array:
    """x with each element set to 0 with probability p, and the others divided by 1 - p, so that the mean stays.

    The mask is drawn once, here, from `tinygrad_lite.random.generator` (see `manual_seed`): a constant of the graph.

    Args:
        x: of any shape.
        p: in [0, 1].
        training: when False, x itself is returned.

    Raises:
        ValueError: p is not in [0, 1].
    """
    if not (isinstance(p, (int, float, np.number)) and 0 <= p <= 1):
        raise ValueError(f"dropout: p must lie in [0, 1], not {p!r}")
    if not training or p == 0:
        return x
    kept = random.generator.random(np.shape(x), np.float32) >= p
    dtype = np.result_type(getattr(x, "dtype", np.float64), np.float16)
    return x * beside(kept * dtype.type(1 / (1 - p)) if p < 1 else np.zeros(np.shape(x), dtype), x)
