"""What training loops do with all parameters at once: clip their gradients, or join them in one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor, as_value, settle
from . import rnn as rnn

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "parameters_to_vector", "vector_to_parameters"]


def _tensors(tensors: Any) -> list[Tensor]:
    found = list(tensors) if isinstance(tensors, Iterable) and not isinstance(tensors, Tensor) else [tensors]
    for t in found:
        if not isinstance(t, Tensor):
            raise TypeError(f"needs tensors, not a {type(t).__name__}; as in model.parameters()")
    return found


def get_total_norm(tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0) -> float:
    """The norm of all tensors as one vector: (Σ |x|ᵖ)^(1/p), the largest |x| for p = ∞. Summed in float64."""
    given = _tensors(tensors)
    settle(given)
    arrays = [np.absolute(t.data).astype(np.float64) for t in given]
    largest = max((float(np.max(a)) for a in arrays if a.size), default=0.0)
    if norm_type == math.inf or not largest or not math.isfinite(largest):
        return largest
    total = math.fsum(float(np.sum((a / largest) ** norm_type)) for a in arrays)
    return float(largest * total ** (1 / norm_type))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients by one factor so that their norm is at most max_norm; returns the norm before.

        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    Raises:
        RuntimeError: with error_if_nonfinite, the norm is NaN or infinite.
    """
    withs = [p for p in _tensors(parameters) if p.grad is not None]
    norm = get_total_norm([_gradient(p) for p in withs], norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"clip_grad_norm_: the gradients' norm is {norm}, and can't be scaled to {max_norm}")
    factor = max_norm / (norm + 1e-6)
    for p in withs if not factor >= 1 else ():  # NaN scales too
        p.grad = Tensor(_gradient(p).data * p.dtype.type(factor))
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every number in the gradients into [-clip_value, clip_value]."""
    for p in _tensors(parameters):
        if p.grad is not None:
            p.grad = Tensor(np.clip(_gradient(p).data, -clip_value, clip_value))


def _gradient(p: Tensor) -> Tensor:
    return p.grad if isinstance(p.grad, Tensor) else Tensor(as_value(p.grad))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Any:
    """All parameters, flattened and joined: a result of ops, through which gradients flow to them."""
    return np.concatenate([np.ravel(p) for p in _tensors(parameters)])


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Set all parameters from a vector as `parameters_to_vector` makes it.

    Raises:
        ValueError: the vector has another length.
    """
    tensors = _tensors(parameters)
    values, total = as_value(vec), sum(p.size for p in tensors)
    if np.shape(values) != (total,):
        raise ValueError(f"needs a vector of {total}")
    start = 0
    for p in tensors:
        p.data = np.reshape(values[start : start + p.size], p.shape)
        start += p.size
