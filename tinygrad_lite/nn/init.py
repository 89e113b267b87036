"""Initial weights, as `torch.nn.init` has them: each rebinds a tensor's array, in its dtype, and returns the tensor.

    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

fan_in is the number of inputs that one output sums over, fan_out the number of outputs that one input goes to: for a
weight (out, in, *kernel) in and out times the kernel's size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import random
from ..tensor import Tensor

__all__ = [
    "uniform_", "normal_", "trunc_normal_", "constant_", "zeros_", "ones_", "eye_", "dirac_", "orthogonal_", "sparse_",
    "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "calculate_gain",
]  # fmt: skip


def _set(tensor: Tensor, value: Any) -> Tensor:
    tensor.data = np.broadcast_to(value, tensor.shape)
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Uniform from a to b."""
    return _set(tensor, random.generator.uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal."""
    return _set(tensor, random.generator.normal(mean, std, tensor.shape))


def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Tensor:
    """Normal, with what lies outside [a, b] drawn again.

    Raises:
        ValueError: almost nothing lies inside.
    """
    values = random.generator.normal(mean, std, tensor.shape)
    inside = (math.erf((b - mean) / std / math.sqrt(2)) - math.erf((a - mean) / std / math.sqrt(2))) / 2
    if inside < 1e-3:
        raise ValueError(f"[{a}, {b}] holds {inside:.2g} of N({mean}, {std}²): too little to draw from")
    while np.any(outside := (values < a) | (values > b)):
        values = np.where(outside, random.generator.normal(mean, std, tensor.shape), values)
    return _set(tensor, values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` throughout."""
    return _set(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """0 throughout."""
    return _set(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """1 throughout."""
    return _set(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity, for a tensor of two axes."""
    if tensor.ndim != 2:
        raise ValueError("needs a tensor of 2 axes")
    return _set(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """1 in the middle of the kernel from each channel to itself, so that a convolution returns its input."""
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError("needs a weight (out, in, *kernel) of 3 to 5 axes, groups dividing out")
    values, each = np.zeros(tensor.shape), tensor.shape[0] // groups
    for i in range(tensor.shape[0]):
        if i % each < tensor.shape[1]:
            values[(i, i % each, *(n // 2 for n in tensor.shape[2:]))] = 1
    return _set(tensor, values)


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError("needs a weight (out, in, ...) of at least 2 axes")
    size = math.prod(tensor.shape[2:])
    return tensor.shape[1] * size, tensor.shape[0] * size


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By what the standard deviation must grow for the signal to keep its size through this nonlinearity.

    Args:
        nonlinearity: "linear", "sigmoid", "conv2d" (and the other convolutions), "tanh", "relu", "leaky_relu", "selu".
        param: the negative slope of leaky_relu, by default 0.01.

    Raises:
        ValueError: another name.
    """
    slope = 0.01 if param is None else param
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + slope**2)), "selu": 3 / 4}
    same = ["linear", "sigmoid", *(f"conv{way}{n}d" for way in ("", "_transpose") for n in (1, 2, 3))]
    if nonlinearity not in (*gains, *same):
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}; there are {', '.join((*gains, *same))}")
    return gains.get(nonlinearity, 1.0)


def _xavier(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2 / sum(_fans(tensor)))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform with standard deviation gain · √(2 / (fan_in + fan_out)): Glorot and Bengio (2010)."""
    bound = math.sqrt(3) * _xavier(tensor, gain)
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)): Glorot and Bengio (2010)."""
    return normal_(tensor, 0, _xavier(tensor, gain))


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Uniform with standard deviation gain / √fan: He et al. (2015). `a` is the negative slope of leaky_relu."""
    bound = math.sqrt(3) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Normal with standard deviation gain / √fan: He et al. (2015). `a` is the negative slope of leaky_relu."""
    return normal_(tensor, 0, _kaiming(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Orthogonal rows or columns, times gain: Saxe et al. (2014). Axes from the second on count as one."""
    _fans(tensor)
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    q, r = np.linalg.qr(random.generator.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diag(r) < 0, -1, 1)  # so that all are equally likely
    return _set(tensor, gain * np.reshape(q if rows >= columns else q.T, tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01) -> Tensor:
    """Normal, with a share `sparsity` of each column set to 0: Martens (2010). For a tensor of two axes."""
    if tensor.ndim != 2 or not 0 <= sparsity <= 1:
        raise ValueError("needs 2 axes and a share from 0 to 1")
    order = np.argsort(random.generator.random(tensor.shape), axis=0)
    kept = order >= math.ceil(sparsity * tensor.shape[0])
    return _set(tensor, np.where(kept, random.generator.normal(0, std, tensor.shape), 0))
