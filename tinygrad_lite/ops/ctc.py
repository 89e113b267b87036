"""ctc_loss: a sequence of labels against longer sequences of scores, without knowing which label falls where."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..values import Array, beside, on_host
from .indexing import detached

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Array, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:  # fmt: skip
    """-log of the sum of the probabilities of all alignments with the target.

    An alignment is a label or the blank at each step; it spells what remains when repeated labels count once and blanks
    are left out. Graves et al., "Connectionist temporal classification" (2006). The sum runs step by step over α[s],
    the probability of having come to place s of the target with blanks around each label: α[s] ← (α[s] + α[s - 1] +
    α[s - 2]) · p, the last only where the label isn't that at s - 2. All is computed as logarithms.

    Args:
        log_probs: (T, N, C), or (T, C) for one example: log p of each class at each step, as log_softmax gives them.
        targets: integers (N, S), of which those from the target's length on don't count; or one after the other.
        input_lengths: how many of the T steps count, (N,).
        target_lengths: (N,).
        blank: the class that stands for no label.
        reduction: "none"; "sum"; or "mean" of the losses, each divided by its target's length.
        zero_infinity: 0, without gradient, where no alignment is long enough and the loss is infinite. (That it has no
            gradient even otherwise is unlike torch, where it is NaN.)

    ∂L/∂log_probs is -p(class at this step | target). PyTorch adds p(class), which log_softmax takes off again.

    Raises:
        ValueError: shapes or lengths that do not fit, or an unknown reduction.
        IndexError: a target or the blank is no class.
    """
    shape = np.shape(log_probs)
    if len(shape) not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs must be (T, N, C) or (T, C), it has shape {shape}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"ctc_loss: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    logs = log_probs if len(shape) == 3 else np.expand_dims(log_probs, 1)
    logs = logs * 1.0 if logs.dtype.kind in "biu" else logs
    steps, n, classes = np.shape(logs)
    lengths = _lengths("input_lengths", input_lengths, n, steps)
    sizes = _lengths("target_lengths", target_lengths, n, None)
    labels = _labels(on_host(detached(targets)), sizes, n, len(shape) == 2)
    if not 0 <= blank < classes:
        raise IndexError(f"ctc_loss: blank={blank} is none of the {classes} classes")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise IndexError(f"ctc_loss: target {wrong[0]} is none of the {classes} classes")

    places = np.full((n, 2 * labels.shape[1] + 1), blank)  # blank, label, blank, label, …, blank
    places[:, 1::2] = labels
    skips = np.zeros(places.shape, bool)
    skips[:, 2:] = (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])
    counters = np.arange(n), np.arange(steps), np.arange(places.shape[1])
    rows, times, at, places, skips, lengths, sizes = (
        beside(a, logs) for a in (*counters, places, skips, lengths, sizes)  # where the scores are
    )
    p = np.moveaxis(logs, 1, 0)[rows[:, None, None], times[:, None], places[:, None]]  # (N, T, places)
    never = beside(np.full((n, 2), -np.inf, p.dtype), logs)
    alpha = np.where(at == 0, 0, -np.inf).astype(p.dtype) + np.zeros_like(never[:, :1])  # before the first step
    for t in range(steps):
        before = np.concatenate([never, alpha], axis=1)
        step = np.logaddexp(alpha, before[:, 1:-1]) if t else np.where(at < 2, 0, -np.inf).astype(p.dtype)
        step = np.logaddexp(step, np.where(skips, before[:, :-2], -np.inf)) if t else step
        alpha = np.where((t < lengths)[:, None], step + p[:, t], alpha)
    last = np.where(sizes > 0, alpha[rows, np.maximum(2 * sizes - 1, 0)], -np.inf)
    loss = -np.logaddexp(alpha[rows, 2 * sizes], last)
    if zero_infinity:
        loss = np.where(np.isinf(detached(loss)), 0, loss)
    if reduction == "mean":
        return np.mean(loss / np.maximum(sizes, 1).astype(p.dtype))
    return np.sum(loss) if reduction == "sum" else loss if len(shape) == 3 else loss[0]


def _lengths(name: str, given: Any, n: int, most: int | None) -> Array:
    lengths = np.atleast_1d(on_host(detached(given)))
    if lengths.shape != (n,) or (n and lengths.dtype.kind not in "iu") or np.any(lengths < 0):
        raise ValueError(f"ctc_loss: {name} must be {n} integers of at least 0, one for each example, got {given!r}")
    if most is not None and np.any(lengths > most):
        raise ValueError(f"ctc_loss: {name} must be at most the {most} steps of log_probs, got {given!r}")
    return lengths.astype(np.intp)


def _labels(targets: Array, sizes: Array, n: int, single: bool) -> Array:
    """(N, longest), with 0 after the end of each."""
    if targets.dtype.kind not in "iu" and targets.size:
        raise ValueError(f"ctc_loss: targets must be integers, not {targets.dtype}")
    longest = int(sizes.max(initial=0))
    inside = np.arange(longest) < sizes[:, None]
    labels = np.zeros((n, longest), np.intp)
    if targets.ndim == 2 and targets.shape[0] == n and targets.shape[1] >= longest:
        labels[inside] = targets[:, :longest][inside]
    elif targets.ndim == 1 and (targets.size == sizes.sum() or single and targets.size >= longest):
        labels[inside] = targets[: sizes.sum()]
    else:
        raise ValueError(
            f"ctc_loss: targets have shape {targets.shape}: they need ({n}, {longest}) or more, or one after the other "
            f"({sizes.sum()},)"
        )
    return labels
