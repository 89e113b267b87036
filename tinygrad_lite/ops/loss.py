"""Losses: how far an output is from its target, reduced to one number.

Every loss takes `reduction`: "mean" (the default), "sum", or "none" for the loss of each element, and raises ValueError
for any other, and for shapes that do not fit. The mean of no elements is nan.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import array_code, forward
from ..graph import Rule, op
from ..values import Array, as_array, beside, foreign, lazy
from . import reduce
from .activation import exponentials, log_softmax, sigmoid, softplus
from .distance import least, pairwise_distance
from .indexing import detached
from .ufuncs import keep

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy",
    "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "poisson_nll_loss",
    "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


def _reduced(loss: Array, reduction: str) -> Array:
    """The loss of each element as "none", "mean" or "sum" has it."""
    if reduction == "mean":
        return reduce.mean(loss)
    if reduction == "sum":
        return reduce.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")


def _same_shape(input: Array, target: Array) -> None:
    """(N,) against (N, 1) would broadcast to N · N differences: almost always a mistake, and a silent one."""
    if np.shape(target) not in (np.shape(input), ()):
        raise ValueError(f"shapes {np.shape(input)} and {np.shape(target)} must be equal, or the target a scalar")


def _weighted(loss: Array, weight: Array | None, what: str = "weight") -> Array:
    """loss · weight. (N,) against a loss of (N, 1) would broadcast to N · N."""
    if weight is None:
        return loss
    shape, given = np.shape(loss), np.shape(weight)
    if len(given) > len(shape) or any(n not in (1, m) for n, m in zip(given[::-1], shape[::-1])):
        raise ValueError(f"{what} has shape {given}, which must broadcast to the input's, {shape}")
    return loss * weight


def _within_0_and_1(what: str, a: Array, hint: str = "") -> None:
    a = detached(a)
    if not foreign(a) and not np.all((a >= 0) & (a <= 1)):
        raise ValueError(f"{what} has elements outside [0, 1]{hint}")


def _difference(x: Array, y: Array) -> Array:
    """x - y, of integers in floating point: those of images have no sign."""
    return x - (y if np.result_type(x, y).kind not in "iu" else y * 1.0)


def _positive(x: Array) -> Array:
    """max(x, 0), whose derivative at 0 is 1."""
    return np.clip(x, 0, None)


# ------------------------------------------------------------------------------------------------------------ numbers


def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """The squared error (input - target)²."""
    _same_shape(input, target)
    return _reduced(np.square(_difference(input, target)), reduction)


def l1_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """The absolute error |input - target|."""
    _same_shape(input, target)
    return _reduced(np.absolute(_difference(input, target)), reduction)


@op
def huber(d: Array, delta: float) -> Rule:
    """out = c · (d - ½ · c)        ∂L/∂d = g · c        c = min(max(d, -δ), δ)

    It is ½ · d² where |d| < δ, else δ · (|d| - ½ · δ).
    """
    c = np.clip(d, -delta, delta)
    return c * (d - 0.5 * c), (lambda g: g * c,)


def huber_loss(input: Array, target: Array, reduction: str = "mean", delta: float = 1.0) -> Array:
    """½ · d² where |d| < δ, else δ · (|d| - ½ · δ), for d = input - target."""
    _same_shape(input, target)
    if delta <= 0:
        raise ValueError(f"delta must be positive, not {delta}")
    return _reduced(huber(_difference(input, target), delta), reduction)


def smooth_l1_loss(input: Array, target: Array, reduction: str = "mean", beta: float = 1.0) -> Array:
    """½ · d² / β where |d| < β, else |d| - ½ · β, for d = input - target; l1_loss for β = 0."""
    _same_shape(input, target)
    if beta < 0:
        raise ValueError(f"beta must not be negative, and is {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    return _reduced(huber(_difference(input, target), beta) / beta, reduction)


def poisson_nll_loss(
    input: Array, target: Array, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Array:
    """The negative log likelihood of counts: e^input - target · input, where the input is the logarithm of the rate.

    With log_input=False the input is the rate itself: input - target · log(input + eps). `full` adds Stirling's
    approximation of log target!, t · log t - t + ½ · log 2πt, where target > 1.
    """
    _same_shape(input, target)
    loss = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        t = np.where(target > 1, target, 1)
        loss = loss + np.where(target > 1, t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t), 0)
    return _reduced(loss, reduction)


def gaussian_nll_loss(
    input: Array, target: Array, var: Array, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Array:
    """The negative log likelihood of a normal distribution: ½ · (log var + (input - target)² / var).

    Args:
        var: the variance, of input's shape, or with a last axis of 1, or without a last axis, or a number. Where it is
            below eps, eps stands in its place (its gradient passes all the same).
        full: add ½ · log 2π.

    Raises:
        ValueError: a variance is negative, or its shape does not fit.
    """
    _same_shape(input, target)
    shape = np.shape(input)
    if np.shape(var) == shape[:-1] != ():
        var = np.expand_dims(var, -1)
    if np.shape(var) not in (shape, (*shape[:-1], 1), ()):
        raise ValueError(f"var has shape {np.shape(var)}: it needs {shape}, its last axis 1 or missing")
    plain = detached(var)
    if not foreign(plain) and np.any(plain < 0):
        raise ValueError("var has a negative element")
    var = var + (np.maximum(plain, eps) - plain)
    loss = 0.5 * (np.log(var) + np.square(input - target) / var)
    return _reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


# ------------------------------------------------------------------------------------------------------- yes and no


@op
def bernoulli_nll(p: Array, y: Array) -> Rule:
    """out = -y · log p - (1 - y) · log(1 - p)
    ∂L/∂p = g · (p - y) / (p · (1 - p))        ∂L/∂y = g · (log(1 - p) - log p)

    Neither logarithm is taken to be below -100, nor p · (1 - p) below 1e-12 (1e-3 in float16): at p = 0 and 1 all stays
    finite.
    """
    smallest = least(1e-12, p)
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    return -y * yes - (1 - y) * no, (
        lambda g: g * (p - y) / np.maximum(p * (1 - p), smallest),
        lambda g: g * (no - yes),
    )


def binary_cross_entropy(input: Array, target: Array, weight: Array | None = None, reduction: str = "mean") -> Array:
    """-target · log input - (1 - target) · log(1 - input), for probabilities in [0, 1].

    Logarithms are taken to be no less than -100, so that the loss is finite at 0 and 1. Where the probability comes
    from a sigmoid, binary_cross_entropy_with_logits is the exact form.

    Args:
        weight: of each element, in a shape that broadcasts to input's.

    Raises:
        ValueError: an input or a target outside [0, 1]; shapes that do not fit; an unknown reduction.
    """
    _same_shape(input, target)
    _within_0_and_1("input", input, "; for logits use binary_cross_entropy_with_logits")
    _within_0_and_1("target", target)
    return _reduced(_weighted(bernoulli_nll(input, target), weight), reduction)


@forward
def logistic_nll_forward(x: Array, y: Array) -> Array:
    """With -|x| in place of x nothing overflows, and a sum of two positive numbers loses no digit."""
    far = np.absolute(x)
    wrong = np.absolute(np.greater(x, 0).astype(np.int8) - y)  # 1 - y where x > 0, else y
    with np.errstate(invalid="ignore"):  # 0 · ∞
        return keep(wrong * far, wrong != 0) + np.log1p(np.exp(-far))


@array_code
def logistic_nll_gradient(g: Array, x: Array, y: Array) -> Array:
    """σ(x) - y = (1 - y) · σ(x) - y · σ(-x), which keeps its digits where σ(x) is nearly y = 1."""
    return g * ((1 - y) * sigmoid(x) - y * sigmoid(-1.0 * x))


@op
def logistic_nll(x: Array, y: Array) -> Rule:
    """out = y · log(1 + e⁻ˣ) + (1 - y) · log(1 + eˣ)        ∂L/∂x = g · (σ(x) - y)        ∂L/∂y = -g · x"""
    return logistic_nll_forward(x, y), (lambda g: logistic_nll_gradient(g, x, y), lambda g: -g * x)


def binary_cross_entropy_with_logits(
    input: Array, target: Array, weight: Array | None = None, reduction: str = "mean", pos_weight: Array | None = None
) -> Array:
    """binary_cross_entropy of sigmoid(input), in the form that never overflows and loses no digits.

    Args:
        weight: of each element, in a shape that broadcasts to input's.
        pos_weight: how much the yes counts, in a shape that broadcasts to input's: above 1 for better recall.

    Raises:
        ValueError: a target outside [0, 1]; shapes that do not fit; an unknown reduction.
    """
    _same_shape(input, target)
    _within_0_and_1("target", target)
    if pos_weight is None:
        loss = logistic_nll(input, target)
    else:
        no, yes = softplus(input, threshold=math.inf), softplus(-1.0 * input, threshold=math.inf)
        loss = (1 - target) * no + _weighted(target * yes, pos_weight, "pos_weight")
    return _reduced(_weighted(loss, weight), reduction)


def soft_margin_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """log(1 + e^(-target · input)), for targets 1 and -1."""
    _same_shape(input, target)
    return _reduced(softplus(-target * input, threshold=math.inf), reduction)


def hinge_embedding_loss(input: Array, target: Array, margin: float = 1.0, reduction: str = "mean") -> Array:
    """input where target = 1, max(0, margin - input) where target = -1."""
    _same_shape(input, target)
    loss = np.where(target != 1, _positive(margin - input), 0) + np.where(target != -1, input, 0)
    return _reduced(loss, reduction)


# --------------------------------------------------------------------------------------------------------- rankings


def margin_ranking_loss(
    input1: Array, input2: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """max(0, margin - target · (input1 - input2)): target is 1 where input1 should be the larger, else -1."""
    _same_shape(input1, input2)
    _same_shape(input1, target)
    return _reduced(_positive(margin - target * (input1 - input2)), reduction)


def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being pairwise_distance with p and eps.

    `swap` takes the negative's distance to the anchor or to the positive, whichever is nearer (Balntas et al., 2016).
    """
    distance = functools.partial(pairwise_distance, p=p, eps=eps)
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    *,
    distance_function: Callable[[Array, Array], Array] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """`triplet_margin_loss` with a distance of one's own, by default pairwise_distance."""
    return _triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplet(
    anchor: Array, positive: Array, negative: Array, distance: Callable[[Array, Array], Array], margin: float,
    swap: bool, reduction: str,
) -> Array:  # fmt: skip
    _same_shape(anchor, positive)
    _same_shape(anchor, negative)
    far = distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    return _reduced(_positive(distance(anchor, positive) - far + margin), reduction)


def cosine_embedding_loss(
    input1: Array, input2: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """1 - cos(input1, input2) where target = 1, max(0, cos - margin) where target = -1.

    Args:
        input1, input2: of shape (N, D) or (D,).
        target: of shape (N,) or (). 1e-12 is added to the squared lengths, so that the cosine with 0 is 0.
    """
    _same_shape(input1, input2)
    if np.shape(target) != np.shape(input1)[:-1]:
        raise ValueError(f"target has shape {np.shape(target)}: it needs one number for each row of input1")
    lengths = [np.sqrt(np.sum(np.square(x), axis=-1) + least(1e-12, x)) for x in (input1, input2)]
    cosine = np.sum(input1 * input2, axis=-1) / (lengths[0] * lengths[1])
    loss = np.where(target == 1, 1 - cosine, 0) + np.where(target == -1, _positive(cosine - margin), 0)
    return _reduced(loss, reduction)


def multi_margin_loss(
    input: Array, target: Any, p: int = 1, margin: float = 1.0, weight: Array | None = None, reduction: str = "mean"
) -> Array:
    """Σᵢ weight[y] · max(0, margin - input[y] + input[i])ᵖ / C over the classes i ≠ y, for the target class y.

    Args:
        input: of shape (N, C) or (C,).
        target: class indices (N,) or ().
        p: 1 or 2.
        weight: of shape (C,), how much each class counts.

    Raises:
        ValueError: shapes that do not fit, another p, an unknown reduction.
        IndexError: a class index is out of range.
    """
    shape = np.shape(input)
    if p not in (1, 2) or len(shape) not in (1, 2):
        raise ValueError(f"p must be 1 or 2 and input (N, C) or (C,); got p={p!r}")
    axis = len(shape) - 1
    if weight is not None and np.shape(weight) != shape[-1:]:
        raise ValueError(f"weight must have shape {shape[-1:]}")
    target, _ = _class_indices(shape, target, axis, -100)
    own = np.take_along_axis(input, np.expand_dims(target, axis), axis)
    loss = _positive(margin - own + input) ** p
    loss = loss if weight is None else loss * np.expand_dims(weight[target], axis)
    loss = np.where(is_target(shape[-1], target, axis), 0, loss)
    return _reduced(np.sum(loss, axis=axis) / shape[-1], reduction)


def multilabel_margin_loss(input: Array, target: Any, reduction: str = "mean") -> Array:
    """Σ max(0, 1 - input[j] + input[i]) / C over the target's classes j and all others i.

    Args:
        input: of shape (N, C) or (C,).
        target: of input's shape: class indices, of which those from the first -1 on don't count.

    Raises:
        ValueError: shapes that do not fit, an unknown reduction.
        IndexError: a class index is out of range.
    """
    shape = np.shape(input)
    target = as_array(detached(target))
    if target.shape != shape or len(shape) not in (1, 2) or target.dtype.kind not in "iu":
        raise ValueError("input and target must be (N, C) or (C,), the target class indices, then -1")
    if not foreign(target) and np.any((target < -1) | (target >= shape[-1])):
        raise IndexError(f"a target is out of range: input has {shape[-1]} classes")
    counts = np.cumsum(target < 0, axis=-1) == 0
    classes = np.where(counts, target, 0)
    among = np.any((classes[..., None] == beside(np.arange(shape[-1]), classes)) & counts[..., None], axis=-2)
    own = np.take_along_axis(input, classes, -1)
    loss = _positive(1 - np.expand_dims(own, -1) + np.expand_dims(input, -2))  # (…, j, i)
    loss = np.where(counts[..., :, None] & ~among[..., None, :], loss, 0)
    return _reduced(np.sum(loss, axis=(-2, -1)) / shape[-1], reduction)


def multilabel_soft_margin_loss(
    input: Array, target: Array, weight: Array | None = None, reduction: str = "mean"
) -> Array:
    """The mean over the classes (last axis) of binary_cross_entropy_with_logits; weight of shape (C,)."""
    _same_shape(input, target)
    loss = target * softplus(-1.0 * input, threshold=math.inf) + (1 - target) * softplus(input, threshold=math.inf)
    return _reduced(reduce.mean(_weighted(loss, weight), axis=-1), reduction)


# --------------------------------------------------------------------------------------------------- distributions


def kl_div(input: Array, target: Array, reduction: str = "mean", log_target: bool = False) -> Array:
    """target · (log target - input): how far the distribution e^input is from the target (Kullback and Leibler).

    Args:
        input: logarithms of probabilities.
        target: probabilities, or their logarithms with log_target. Where one is 0 the loss is -0 · input, 0.
        reduction: also "batchmean", the sum divided by the length of the first axis: the divergence as it is defined.
    """
    _same_shape(input, target)
    if log_target:
        loss = np.exp(target) * (target - input)
    else:
        loss = target * np.log(np.where(target == 0, 1, target)) - target * input
    if reduction == "batchmean":
        return np.sum(loss) / (np.shape(input)[0] if np.ndim(input) else 1)
    return _reduced(loss, reduction)


def is_target(classes: int, target: Array, axis: int) -> Array:
    """Where along `axis` each target is: one_hot."""
    index = beside(np.reshape(np.arange(classes), (-1,) + (1,) * (np.ndim(target) - axis)), target)
    return index == np.expand_dims(target, axis)


@array_code
def pick(x: Array, target: Array, axis: int) -> Array:
    """x at each target."""
    return np.sum(np.where(is_target(np.shape(x)[axis], target, axis), x, 0), axis=axis)


@array_code
def cross_entropy_gradient(g: Array, e: Array, s: Array, target: Array, axis: int) -> Array:
    return np.expand_dims(g, axis) * (e / s - is_target(np.shape(e)[axis], target, axis))


@op
def softmax_cross_entropy(x: Array, target: Array, axis: int = 1) -> Rule:
    """out = log Σ eˣ - Σᵢ xᵢ · [i = target]        ∂L/∂xᵢ = g · (pᵢ - [i = target]), p = eˣ / Σ eˣ

    The classes lie along `axis`; `target` holds their indices, in x's shape without that axis.
    """
    e, s, m = exponentials(x, axis)
    picked = pick(x, target, axis) - m.squeeze(axis)
    return np.log(s).squeeze(axis) - picked, (lambda g: cross_entropy_gradient(g, e, s, target, axis),)


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
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], not {label_smoothing}")
    shape = np.shape(input)
    axis = _class_axis(shape, weight)
    classes = shape[axis]
    column = None if weight is None else np.reshape(weight, (-1,) + (1,) * (len(shape) - 1 - axis))
    target = target if hasattr(target, "dtype") else np.asarray(target)
    if target.dtype.kind not in "iu":
        if np.shape(target) != shape:
            raise ValueError("targets must be class indices, integers; or probabilities, one for each class")
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / classes
        loss = -np.sum(target * _weighted(log_softmax(input, axis), column), axis=axis)
        return np.sum(loss) / loss.size if reduction == "mean" else _reduced(loss, reduction)
    target, counts = _class_indices(shape, target, axis, ignore_index)
    share = None if weight is None else weight[target]
    loss = _weighted(softmax_cross_entropy(input, target, axis), share)
    if label_smoothing:
        logs = _weighted(log_softmax(input, axis), column)
        loss = (1 - label_smoothing) * loss - (label_smoothing / classes) * np.sum(logs, axis=axis)
    return _reduced_classes(loss, share, counts, reduction)


def nll_loss(
    input: Array, target: Any, weight: Array | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Array:
    """-input[target]: cross_entropy where the input is already log p. Arguments as there, target class indices."""
    axis = _class_axis(np.shape(input), weight)
    target, counts = _class_indices(np.shape(input), target, axis, ignore_index)
    share = None if weight is None else weight[target]
    if lazy(target):  # Dask takes no elements at places that aren't known
        loss = -np.sum(np.where(is_target(np.shape(input)[axis], target, axis), input, 0), axis=axis)
    else:
        loss = -np.squeeze(np.take_along_axis(input, np.expand_dims(target, axis), axis), axis)
    return _reduced_classes(_weighted(loss, share), share, counts, reduction)


def _class_axis(shape: tuple[int, ...], weight: Array | None) -> int:
    """Where the classes lie in an input of `shape`."""
    if not shape:
        raise ValueError("input is a scalar; it needs an axis of classes: (C,), (N, C) or (N, C, d1, …)")
    axis = min(len(shape), 2) - 1
    if weight is not None and np.shape(weight) != (shape[axis],):
        raise ValueError(f"weight needs one number for each of the {shape[axis]} classes")
    return axis


def _class_indices(shape: tuple[int, ...], target: Any, axis: int, ignore_index: int) -> tuple[Array, Array | None]:
    """The targets as class indices that are all valid, and which of them count (None where all do)."""
    target = detached(target) if hasattr(target, "dtype") else np.asarray(target)
    expected = shape[:axis] + shape[axis + 1 :]
    if np.shape(target) != expected:
        raise ValueError(f"class indices need shape {expected}, input's shape without its class axis")
    counts = target != ignore_index
    if foreign(target):
        target = np.where(counts, target, 0)
        if lazy(target):  # looked at when it is computed
            target = target.map_blocks(_within_classes, shape[axis], "a loss over classes: ", dtype=target.dtype)
        return target, counts
    if counts.all():
        counts = None
    else:
        target = np.where(counts, target, 0)
    return _within_classes(target, shape[axis]), counts


def _within_classes(target: Array, classes: int, name: str = "") -> Array:
    wrong = target[(target < 0) | (target >= classes)]
    if wrong.size:
        raise IndexError(f"{name}target {wrong[0]} is out of range: input has {classes} classes, 0 to {classes - 1}")
    return target


def _reduced_classes(loss: Array, share: Array | None, counts: Array | None, reduction: str) -> Array:
    """Reduced over the targets that count, each with its class's weight."""
    if counts is not None:
        loss = np.where(counts, loss, 0)
        share = counts.astype(loss.dtype) if share is None else np.where(counts, share, 0)
    if reduction == "mean" and share is not None:
        return np.sum(loss) / np.sum(share)
    return _reduced(loss, reduction)
