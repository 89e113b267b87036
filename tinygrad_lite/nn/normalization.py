"""The normalising layers: their functions with weight and bias, and for some the running statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ops.windows import Ints
from ..settings import Positive
from . import functional as F
from .layer import Layer, constant

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "GroupNorm", "RMSNorm",
]  # fmt: skip


class _BatchNorm(Layer):
    """`F.batch_norm`: each channel of (N, num_features, ...) with mean 0 and variance 1, then · weight + bias.

    Training takes mean and variance from the batch, and `running_mean` and `running_var` follow them by `momentum`, or
    with momentum=None are the mean over all batches so far; after `eval()` those are used. They belong to the state but
    are no parameters, as does `num_batches_tracked`. With track_running_stats=False there are none, and every batch is
    normalised by its own.

    Raises:
        ValueError: num_features is not a positive integer; on a call, the input has another number of axes.
    """

    function: ClassVar[Callable[..., Any]] = staticmethod(F.batch_norm)
    counts: ClassVar[bool] = True  # whether it counts the batches that it has seen
    ranks: ClassVar[tuple[int, ...]]  # how many axes an input may have

    def __init_subclass__(cls, axes: int = 0) -> None:
        if axes:
            batched = cls.__bases__[0] is _BatchNorm
            cls.ranks = (axes + 2,) if batched and axes > 1 else (axes + 1, axes + 2)
            shape = ("W", "H, W", "D, H, W")[axes - 1]
            cls.__doc__ = str(cls.__bases__[0].__doc__).replace("...", shape, 1)

    def __init__(
        self, num_features: Positive, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        shape, track = (num_features,), track_running_stats
        self.weight = constant(1, shape, dtype, "weight") if affine else None
        self.bias = constant(0, shape, dtype, "bias") if affine else None
        self.running_mean = constant(0, shape, dtype, "running_mean", requires_grad=False) if track else None
        self.running_var = constant(1, shape, dtype, "running_var", requires_grad=False) if track else None
        counted = constant(0, (), np.int64, "num_batches_tracked", requires_grad=False)
        self.num_batches_tracked = counted if track else None

    def forward(self, x: Any) -> Any:
        if np.ndim(x) not in self.ranks:
            wanted = " or ".join(map(str, self.ranks))
            raise ValueError(f"{type(self).__name__}: x has shape {np.shape(x)}, but {wanted} axes are needed")
        mean: Any = self.running_mean
        counted: Any = self.num_batches_tracked if self.counts else None
        own, before, share = self.training or mean is None, getattr(mean, "data", None), self.momentum
        if share is None:  # of this batch in the mean over all
            share = 0.0 if counted is None else float(1 / (counted.item() + 1))
        out = type(self).function(x, mean, self.running_var, self.weight, self.bias, own, share, self.eps)
        moved = mean is not None and mean.data is not before  # not by an empty batch, or checkpoint's second call
        if counted is not None and moved:
            counted.data = counted.data + 1
        return out


class BatchNorm1d(_BatchNorm, axes=1): ...


class BatchNorm2d(_BatchNorm, axes=2): ...


class BatchNorm3d(_BatchNorm, axes=3): ...


class _InstanceNorm(_BatchNorm):
    """`F.instance_norm`: each channel of each example of (N, num_features, ...) with mean 0 and variance 1.

    Then · weight + bias where `affine`. An input without the axis N is one example. Running statistics are kept only
    with track_running_stats, and then used after `eval()`; see `BatchNorm2d`.

    Raises:
        ValueError: num_features is not a positive integer; on a call, the input has another number of axes.
    """

    function, counts = staticmethod(F.instance_norm), False  # as PyTorch's

    def __init__(
        self, num_features: Positive, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False,
        track_running_stats: bool = False, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: Any) -> Any:
        if np.ndim(x) == self.ranks[0]:
            return np.squeeze(super().forward(np.expand_dims(x, 0)), 0)
        return super().forward(x)


class InstanceNorm1d(_InstanceNorm, axes=1): ...


class InstanceNorm2d(_InstanceNorm, axes=2): ...


class InstanceNorm3d(_InstanceNorm, axes=3): ...


def _shape(normalized_shape: Ints) -> tuple[int, ...]:
    shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    if not shape or not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in shape):
        raise ValueError(f"normalized_shape must be one or more positive integers, got {normalized_shape!r}")
    return shape


class LayerNorm(Layer):
    """`F.layer_norm`: the last axes of (..., *normalized_shape) with mean 0 and variance 1, then · weight + bias.

    `normalized_shape` is a tuple, or an integer for the last axis alone; weight and bias have this shape. With
    elementwise_affine=False there are none.

    Raises:
        ValueError: a size is not a positive integer; on a call, x's last axes are others.
    """

    def __init__(
        self, normalized_shape: Ints, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.normalized_shape = _shape(normalized_shape)
        self.weight = constant(1, self.normalized_shape, dtype, "weight") if elementwise_affine else None
        self.bias = constant(0, self.normalized_shape, dtype, "bias") if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Layer):
    """`F.rms_norm`: x / √(mean x² + eps) over the last axes (..., *normalized_shape), then · weight.

    eps=None is the smallest that x's dtype tells from 1. With elementwise_affine=False there is no weight.

    Raises:
        ValueError: a size is not a positive integer; on a call, x's last axes are others.
    """

    def __init__(
        self, normalized_shape: Ints, eps: float | None = None, elementwise_affine: bool = True,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.normalized_shape = _shape(normalized_shape)
        self.weight = constant(1, self.normalized_shape, dtype, "weight") if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Layer):
    """`F.group_norm`: each of num_groups groups of channels of each example with mean 0 and variance 1.

    Then · weight + bias, one number a channel; with affine=False there are none. (N, num_channels, ...) to the same.

    Raises:
        ValueError: a size is not a positive integer, or num_groups doesn't divide num_channels.
    """

    def __init__(
        self, num_groups: Positive, num_channels: Positive, eps: float = 1e-5, affine: bool = True,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if num_channels % num_groups:
            raise ValueError(f"num_groups={num_groups} must divide num_channels={num_channels}")
        self.weight = constant(1, (num_channels,), dtype, "weight") if affine else None
        self.bias = constant(0, (num_channels,), dtype, "bias") if affine else None

    def forward(self, x: Any) -> Any:
        if np.ndim(x) < 2 or np.shape(x)[1] != self.num_channels:
            raise ValueError(f"GroupNorm: x has shape {np.shape(x)}, but (N, {self.num_channels}, ...) is needed")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
