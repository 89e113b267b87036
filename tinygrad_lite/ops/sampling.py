"""What draws random numbers: dropout and its kin, rrelu, gumbel_softmax, multinomial.

All draw from `tinygrad_lite.random.generator` (see `manual_seed`), once, outside every rule: what was drawn is a
constant of the graph.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import random
from ..settings import Probability
from ..values import Array, beside, on_host
from .activation import softmax
from .indexing import detached

__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout", "gumbel_softmax",
    "multinomial", "rrelu",
]  # fmt: skip

ALPHA = -1.7580993408473766  # the limit of selu at -∞


def _check_probability(name: str, p: Any) -> None:
    if not (isinstance(p, (int, float, np.number)) and 0 <= p <= 1):
        raise ValueError(f"{name}: p must lie in [0, 1], not {p!r}")


def _floating(x: Any) -> np.dtype[Any]:
    return np.result_type(getattr(x, "dtype", np.float64), np.float16)


def _kept(shape: tuple[int, ...], p: float) -> Array:
    """True with probability 1 - p."""
    return random.generator.random(shape, np.float32) >= p


def _dropped(x: Array, p: float, shape: tuple[int, ...]) -> Array:
    dtype = _floating(x)
    return x * (_kept(shape, p) * dtype.type(1 / (1 - p)) if p < 1 else np.zeros(shape, dtype))


def dropout(x: Array, p: Probability = 0.5, training: bool = True) -> Array:
    """x with each element set to 0 with probability p, and the others divided by 1 - p, so that the mean stays.

    Args:
        x: of any shape.
        p: in [0, 1].
        training: when False, x itself is returned.

    Raises:
        ValueError: p is not in [0, 1].
    """
    _check_probability("dropout", p)
    return _dropped(x, p, np.shape(x)) if training and p else x


def _channels(name: str, x: Array, n: int) -> tuple[int, ...]:
    """x's shape with 1 for each spatial axis. (2 axes of dropout2d may be N and C.)"""
    shape = np.shape(x)
    if len(shape) not in (n + 1, n + 2):
        raise ValueError(f"{name}: x must have {n + 2} axes (N, C, then {n} spatial), or {n + 1}; it has {len(shape)}")
    lead = 2 if n == 2 else len(shape) - n
    return (*shape[:lead], *(1,) * (len(shape) - lead))


def dropout1d(x: Array, p: Probability = 0.5, training: bool = True) -> Array:
    """`dropout` of whole channels of x (N, C, W) or (C, W): Tompson et al. (2015)."""
    _check_probability("dropout1d", p)
    shape = _channels("dropout1d", x, 1)
    return _dropped(x, p, shape) if training and p else x


def dropout2d(x: Array, p: Probability = 0.5, training: bool = True) -> Array:
    """`dropout` of whole channels of x (N, C, H, W), or as in torch (N, C, W): Tompson et al. (2015)."""
    _check_probability("dropout2d", p)
    shape = _channels("dropout2d", x, 2)
    return _dropped(x, p, shape) if training and p else x


def dropout3d(x: Array, p: Probability = 0.5, training: bool = True) -> Array:
    """`dropout` of whole channels of x (N, C, D, H, W) or (C, D, H, W): Tompson et al. (2015)."""
    _check_probability("dropout3d", p)
    shape = _channels("dropout3d", x, 3)
    return _dropped(x, p, shape) if training and p else x


def _alpha_dropped(x: Array, p: float, shape: tuple[int, ...]) -> Array:
    dtype = _floating(x)
    if p == 1:
        return x * dtype.type(0)
    scale = ((1 - p) * (1 + p * ALPHA**2)) ** -0.5
    kept = _kept(shape, p)
    return x * (kept * dtype.type(scale)) + (scale * ALPHA * (~kept - p)).astype(dtype)


def alpha_dropout(x: Array, p: Probability = 0.5, training: bool = False) -> Array:
    """x with each element set to selu's lower limit with probability p, then scaled and moved.

    Mean 0 and variance 1 stay so: for networks of selu. Klambauer et al., "Self-normalizing neural networks" (2017).
    Arguments and errors are those of `dropout`.
    """
    _check_probability("alpha_dropout", p)
    return _alpha_dropped(x, p, np.shape(x)) if training and p else x


def feature_alpha_dropout(x: Array, p: Probability = 0.5, training: bool = False) -> Array:
    """`alpha_dropout` of whole channels of x (N, C, …)."""
    _check_probability("feature_alpha_dropout", p)
    if np.ndim(x) < 2:
        raise ValueError(f"feature_alpha_dropout: x must have axes N and C; it has shape {np.shape(x)}")
    shape = (*np.shape(x)[:2], *(1,) * (np.ndim(x) - 2))
    return _alpha_dropped(x, p, shape) if training and p else x


def rrelu(x: Array, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Array:
    """x where x > 0, else slope · x: a slope from [lower, upper] drawn for each element, or after training the middle.

    Xu et al., "Empirical evaluation of rectified activations in convolutional network" (2015).

    Raises:
        ValueError: lower is above upper.
    """
    if not lower <= upper:
        raise ValueError(f"rrelu: lower={lower} must not be above upper={upper}")
    slope: Any = (lower + upper) / 2
    if training:
        slope = random.generator.uniform(lower, upper, np.shape(x)).astype(_floating(x))
    return np.where(np.greater(detached(x), 0), x, slope * x)


def gumbel_softmax(logits: Array, tau: float = 1, hard: bool = False, axis: int = -1) -> Array:
    """softmax((logits + noise) / tau): a random choice among the classes that gradients flow through.

    The noise is Gumbel's, so the largest is class i with probability softmax(logits)ᵢ. Jang et al., "Categorical
    reparameterization with Gumbel-softmax" (2017).

    Args:
        logits: of any shape, with the classes along `axis`.
        tau: above 0; the smaller, the nearer to one of the classes.
        hard: return 1 for the largest and 0 for the others, with the gradient as without.

    Raises:
        ValueError: tau is not above 0.
    """
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be above 0, not {tau}")
    noise = -np.log(random.generator.exponential(size=np.shape(logits))).astype(_floating(logits))
    y = softmax((logits + noise) / tau, axis)
    if not hard:
        return y
    soft = detached(y)
    largest = np.expand_dims(np.argmax(soft, axis), axis)
    chosen = np.zeros_like(soft)
    np.put_along_axis(chosen, largest, 1, axis)
    return chosen + (y - soft)


def multinomial(input: Array, num_samples: int, replacement: bool = False) -> Array:
    """The numbers of num_samples elements, drawn with probabilities in the ratio of the input's.

    Args:
        input: of shape (n,) or (m, n), not negative; each row draws for itself.
        num_samples: of at least 1; without `replacement` at most as many as there are that aren't 0.
        replacement: whether one element may be drawn again.

    Returns:
        integers of shape (num_samples,) or (m, num_samples): an array, since they have no derivative.

    Raises:
        ValueError: the input is negative, not finite or 0 throughout, has other axes, or too many are asked for.
    """
    name, p = "multinomial", on_host(detached(input)).astype(np.float64)
    if p.ndim not in (1, 2) or not np.all(np.isfinite(p)) or np.any(p < 0) or np.any(np.sum(p, axis=-1) <= 0):
        raise ValueError(f"{name}: needs (n,) or (m, n) finite numbers of at least 0, not all 0; got shape {p.shape}")
    most = math.inf if replacement else np.min(np.count_nonzero(p, axis=-1), initial=p.shape[-1])
    if not 1 <= num_samples <= most:
        raise ValueError(f"{name}: num_samples must be from 1 to {most}, not {num_samples}")
    if not replacement:  # in the order in which each would first come, if it came at rate p
        with np.errstate(divide="ignore"):
            drawn = np.argsort(random.generator.exponential(size=p.shape) / p, axis=-1)[..., :num_samples]
        return beside(drawn, input)
    ends = np.cumsum(p, axis=-1)
    at = random.generator.random((*p.shape[:-1], num_samples)) * ends[..., -1:]
    rows = [np.searchsorted(e, a, "right") for e, a in zip(np.atleast_2d(ends), np.atleast_2d(at))]
    return beside(np.reshape(rows, at.shape).astype(np.int64), input)
