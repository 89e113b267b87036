"""Losses: how far an output is from its target, reduced to one number.

Every loss takes `reduction`: "mean" (the default), "sum", or "none" for the loss of each element. The mean of no
elements is nan.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Array, Node, Rule, op
from ..kernels import softmax as kernels
from .activation import log_softmax

__all__ = ["cross_entropy", "mse_loss"]


def _reduced(name: str, loss: Array, reduction: str) -> Array:
    """The loss of each element as "none", "mean" or "sum" has it."""
    if reduction == "mean":
        return np.mean(loss)
    if reduction == "sum":
        return np.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")


def _same_shape(name: str, input: Array, target: Array) -> None:
    """(N,) against (N, 1) would broadcast to N · N differences: almost always a mistake, and a silent one."""
    if np.shape(input) != np.shape(target) and np.shape(target) != ():
        raise ValueError(
            f"{name}: input has shape {np.shape(input)} but target has shape {np.shape(target)}: "
            "they must be equal (or target a scalar)"
        )


def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """The squared error (input - target)²."""
    _same_shape("mse_loss", input, target)
    return _reduced("mse_loss", np.square(input - target), reduction)


# --------------------------------------------------------------------------------------------------------- classes


@op
def softmax_cross_entropy(x: Array, target: Any, axis: int = 1) -> Rule:
    """out = log Σ eˣ - x[target]        ∂L/∂x = g · (p - y), p = softmax x, y = 1 at the target and 0 elsewhere

    The classes lie along `axis`; `target` holds their indices, in x's shape without that axis.
    """
    x = x - kernels.peak(x, axis)
    e = np.exp(x)
    s = kernels.total(e, axis)
    picked = np.take_along_axis(x, np.expand_dims(target, axis), axis)
    return (
        np.squeeze(np.log(s) - picked, axis),
        (lambda g: kernels.cross_entropy_gradient(g, e, s, target, axis),),
    )


def _class_indices(name: str, input: Array, target: Any, ignore_index: int) -> tuple[Array, Array | None]:
    """The targets as class indices that are all valid, and which of them count (None for all)."""
    target = target.value if isinstance(target, Node) else np.asarray(target)
    axis = min(np.ndim(input), 2) - 1
    classes = np.shape(input)[axis]
    expected = np.shape(input)[:axis] + np.shape(input)[axis + 1 :]
    if target.shape != expected:
        raise ValueError(
            f"{name}: input has shape {np.shape(input)} but target has shape {target.shape}: class indices need "
            f"{expected}, input's shape without its class axis"
        )
    counts = target != ignore_index
    if np.all(counts):
        counts = None
    else:
        target = np.where(counts, target, 0)
    wrong = target[(target < 0) | (target >= classes)]
    if wrong.size:
        raise IndexError(f"{name}: target {wrong[0]} is out of range: input has {classes} classes, 0 to {classes - 1}")
    return target, counts


def cross_entropy(
    input: Array,
    target: Any,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The cross-entropy of softmax(input) with the target: -log p[target], or -Σ target · log p for probabilities.

    Args:
        input: logits, of shape (C,), (N, C) or (N, C, d1, …) for C classes.
        target: class indices (integers), of input's shape without its class axis; or probabilities (floating), of
            input's own shape.
        weight: of shape (C,), how much each class counts.
        ignore_index: a target that does not count, neither in the sum nor in the mean. For class indices only.
        reduction: "mean", "sum" or "none". The mean over class indices is weighted: Σ loss / Σ weight[target], nan
            where every target is ignored; over probabilities it is Σ loss / N.
        label_smoothing: in [0, 1]; the target is mixed with the uniform distribution, (1 - ε) · target + ε / C.

    Raises:
        ValueError: shapes that do not fit, an unknown reduction, label_smoothing outside [0, 1].
        IndexError: a class index is out of range.
    """
    name = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must lie in [0, 1], not {label_smoothing}")
    axis = _class_axis(name, input, weight)
    classes = np.shape(input)[axis]
    if not hasattr(target, "dtype"):
        target = np.asarray(target)
    column = None if weight is None else np.reshape(weight, (-1,) + (1,) * (np.ndim(input) - 1 - axis))
    if target.dtype.kind in "fO":
        if np.shape(target) != np.shape(input):
            raise ValueError(
                f"{name}: input has shape {np.shape(input)} but target has shape {np.shape(target)}: "
                "probabilities need one for each class; class indices must be integers"
            )
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / classes
        loss = -np.sum(target * log_softmax(input, axis) * (1 if column is None else column), axis=axis)
        if reduction == "mean":
            return np.sum(loss) / (np.size(input) // classes)
        return _reduced(name, loss, reduction)
    target, counts = _class_indices(name, input, target, ignore_index)
    loss = softmax_cross_entropy(input, target, axis)
    share = None if weight is None else weight[target]
    if share is not None:
        loss = loss * share
    if label_smoothing:
        everything = log_softmax(input, axis) if column is None else log_softmax(input, axis) * column
        loss = loss * (1 - label_smoothing) - np.sum(everything, axis=axis) * (label_smoothing / classes)
    return _reduced_over(name, loss, share, counts, reduction)


def _class_axis(name: str, input: Array, weight: Array | None) -> int:
    if not np.ndim(input):
        raise ValueError(f"{name}: input is a scalar; it needs an axis of classes: (C,), (N, C) or (N, C, d1, …)")
    axis = min(np.ndim(input), 2) - 1
    if weight is not None and np.shape(weight) != (np.shape(input)[axis],):
        raise ValueError(
            f"{name}: weight has shape {np.shape(weight)} but input has shape {np.shape(input)}: "
            f"weight needs one number for each of the {np.shape(input)[axis]} classes"
        )
    return axis


def _reduced_over(name: str, loss: Array, share: Array | None, counts: Array | None, reduction: str) -> Array:
    """Reduce over the targets that count, each with its class's weight."""
    if counts is not None:
        loss = np.where(counts, loss, 0)
        share = counts.astype(loss.dtype) if share is None else np.where(counts, share, 0)
    if reduction == "mean" and share is not None:
        return np.sum(loss) / np.sum(share)
    return _reduced(name, loss, reduction)
