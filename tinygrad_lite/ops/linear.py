"""Layers that are linear in their input: linear, bilinear, embedding and bags of embeddings."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..errors import check_size
from ..tensor import Tensor
from ..values import Array, as_array, beside, foreign, on_host
from .indexing import add_at, detached

__all__ = ["bilinear", "embedding", "embedding_bag", "linear", "one_hot"]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ weightᵀ + bias.

    Args:
        x: of shape (…, in).
        weight: of shape (out, in), or (in,) for a single output without an axis of its own.
        bias: of shape (out,), or ().

    Raises:
        ValueError: x's last axis is not as long as weight's.
    """
    shape, expected = np.shape(x), np.shape(weight)
    if not shape or len(expected) not in (1, 2) or shape[-1] != expected[-1]:
        raise ValueError("x's last axis must equal weight's last (weight is (out, in))")
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
        raise ValueError("input1, input2 and weight need shapes (…, in1), (…, in2) and (out, in1, in2)")
    out = np.einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


def _whole_numbers(indices: Any, end: int | None, of: str) -> Array:
    """`indices` as plain integers, each at least 0 and below `end`."""
    indices = as_array(detached(indices))
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, not {indices.dtype}")
    if foreign(indices):  # to look at them would wait for them
        return indices
    wrong = indices[(indices < 0) | (indices >= end)] if end is not None else indices[indices < 0]
    if wrong.size:
        raise IndexError(f"index {wrong[0]} is out of range: {of}")
    return indices


def embedding(
    input: Any, weight: Array, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Array:  # fmt: skip
    """The rows of `weight` at the indices: weight[input].

    Args:
        input: integers of any shape.
        weight: of shape (rows, width).
        padding_idx: a row that gets no gradient; negative counts from the end.
        max_norm: the rows at the indices are first scaled down, in `weight` itself, to this norm if theirs is greater.
        norm_type: which norm that is.
        scale_grad_by_freq: divide the gradient of a row by how often it is among the indices.

    Raises:
        IndexError: an index, or padding_idx, is out of range.
        TypeError: indices or padding_idx that are not integers; with max_norm, a weight that is no leaf.
    """
    rows = np.shape(weight)[0]
    input = _whole_numbers(input, rows, f"weight has {rows} rows")
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    out = weight[input]
    if scale_grad_by_freq:
        counts = np.bincount(input.ravel(), minlength=rows)[input][..., None]
        moved = out - detached(out)  # 0, with out's gradient
        out = out + moved * (1 / counts - 1).astype(out.dtype)
    if padding_idx is None:
        return out
    padding_idx = _padding_row(padding_idx, rows)
    return np.where((input == padding_idx)[..., None], detached(weight)[padding_idx], out)


def _padding_row(padding_idx: Any, rows: int) -> int:
    row = index(padding_idx)
    if not -rows <= row < rows:
        raise IndexError(f"padding_idx {padding_idx} is out of range: weight has {rows} rows")
    return row % rows


def _shorten(weight: Any, input: Array, max_norm: float, norm_type: float) -> None:
    """Bring the rows of `weight` at the indices to a norm of at most max_norm."""
    if not isinstance(weight, Tensor) or weight.op is not None:
        raise TypeError("max_norm changes the weight, which must be a Tensor that is no result of an op")
    value, which = weight.value.copy(), np.unique(input)
    norms = np.linalg.norm(value[which], norm_type, axis=1, keepdims=True)
    value[which] *= np.where(norms > max_norm, max_norm / (norms + 1e-7), 1)
    weight.data = value


def embedding_bag(
    input: Any, weight: Array, offsets: Any = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, mode: str = "mean", per_sample_weights: Array | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Array:  # fmt: skip
    """The sum, mean or maximum of the rows of `weight` in each bag of indices.

    Args:
        input: integers (bags, n), one bag a row; or (total,), all bags one after the other.
        weight: of shape (rows, width).
        offsets: of (total,) indices, where each bag begins; a bag may be empty, and then gives 0.
        max_norm, norm_type, scale_grad_by_freq: as for `embedding`.
        mode: "sum", "mean" or "max".
        per_sample_weights: of input's shape, what each row is multiplied by; for "sum" alone.
        include_last_offset: whether the last of the offsets is where the last bag ends.
        padding_idx: a row that counts in no bag.

    Returns:
        of shape (bags, width).

    Raises:
        ValueError: shapes or settings that do not fit, or offsets that do not rise from 0.
        IndexError, TypeError: as for `embedding`.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode must be 'sum', 'mean' or 'max', not {mode!r}")
    if per_sample_weights is not None and (mode != "sum" or np.shape(per_sample_weights) != np.shape(input)):
        raise ValueError("per_sample_weights must have input's shape, and are for mode='sum' alone")
    input, rows = on_host(detached(input)), np.shape(weight)[0]
    if (np.ndim(input) == 1) != (offsets is not None) or np.ndim(input) not in (1, 2):
        raise ValueError("give indices (bags, n), or (total,) with offsets")
    if offsets is None:
        starts, total = np.arange(input.shape[0]) * input.shape[1], input.size
    else:
        starts, total = _whole_numbers(on_host(detached(offsets)), None, "offsets must not be negative"), input.size
        starts, ends = (starts[:-1], starts[-1:]) if include_last_offset else (starts, np.array([total]))
        if np.any(np.diff([0, *starts, *ends]) < 0) or np.any(starts[:1] != 0) or np.any(ends != total):
            raise ValueError(f"offsets must rise from 0 to at most the {total} indices, got {offsets!r}")
    taken = embedding(beside(input.ravel(), weight), weight, None, max_norm, norm_type, scale_grad_by_freq)
    if per_sample_weights is not None:
        taken = taken * np.reshape(per_sample_weights, (-1, 1))
    bag = np.repeat(np.arange(len(starts)), np.diff([*starts, total]))
    if padding_idx is not None:
        kept = np.flatnonzero(input.ravel() != _padding_row(padding_idx, rows))
        taken, bag = taken[beside(kept, taken)], bag[kept]
    counts = np.bincount(bag, minlength=len(starts))
    if mode == "max":
        # Each bag's rows side by side, the last one again where there are fewer
        first = np.cumsum(counts) - counts
        longest = max(counts.max(initial=0), 1)
        place = first[:, None] + np.minimum(np.arange(longest), np.maximum(counts - 1, 0)[:, None])
        nothing = np.zeros_like(detached(taken), shape=(1, np.shape(weight)[1]))
        grouped = np.concatenate([taken, nothing])[beside(np.where(counts[:, None] > 0, place, len(bag)), taken)]
        best = np.argmax(detached(grouped), axis=1)
        return np.take_along_axis(grouped, best[:, None], 1)[:, 0]
    out = add_at(taken, beside(bag, taken), (len(starts), np.shape(weight)[1]))
    return out / beside(np.maximum(counts, 1)[:, None].astype(out.dtype), out) if mode == "mean" else out


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
    num_classes = index(num_classes)
    if num_classes < 0:
        indices = _whole_numbers(indices, None, "it must not be negative")
        if not indices.size:
            raise ValueError("without any index num_classes cannot be told: give it")
        num_classes = int(indices.max()) + 1
    indices = _whole_numbers(indices, num_classes, f"num_classes is {num_classes}")
    check_size((*indices.shape, num_classes), indices)
    return (indices[..., None] == beside(np.arange(num_classes), indices)).astype(np.int64)
