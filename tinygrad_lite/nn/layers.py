"""The layers: modules with weights, and modules that are one function; names, arguments and shapes are PyTorch's.

Weights start uniform in ±1/√fan_in, where fan_in is the number of inputs that one output sums over: He et al., "Delving
Deep into Rectifiers" (2015), with the gain 1/√3 that PyTorch has as its default. `tg.manual_seed` repeats them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from .. import random
from ..ops.windows import per_axis
from ..tensor import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "Linear",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "Embedding", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm",
    "MaxPool2d", "AvgPool2d", "ReLU", "LeakyReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax", "Dropout", "Flatten",
    "Sequential", "kaiming_uniform",
]  # fmt: skip

Ints = int | tuple[int, ...]


def kaiming_uniform(shape: tuple[int, ...], fan_in: int, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    """A parameter, uniform in ±1/√fan_in."""
    bound = 1 / math.sqrt(max(1, fan_in))
    return Tensor(random.generator.uniform(-bound, bound, shape), requires_grad=True, dtype=dtype, name=name)


def constant(value: float, shape: tuple[int, ...], dtype: Any, name: str, requires_grad: bool = True) -> Tensor:
    """A tensor of one value throughout."""
    return Tensor(np.full(shape, value), requires_grad=requires_grad, dtype=dtype, name=name)


def positive(layer: Module, **sizes: int) -> None:
    """Refuse a layer without inputs or outputs, where a mistake shows first."""
    for name, n in sizes.items():
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"{type(layer).__name__}: {name} must be a positive integer, got {n!r}")


def _unusual(layer: Module, settings: dict[str, Any]) -> list[str]:
    """`name=value` for the settings that aren't their defaults."""
    usual = {name: p.default for name, p in inspect.signature(type(layer)).parameters.items()}
    return [f"{name}={value!r}" for name, value in settings.items() if value != usual.get(name)]


class Linear(Module):
    """out = x @ weightᵀ + bias, over the last axis: (..., in_features) to (..., out_features).

    `weight` has shape (out_features, in_features), `bias` (out_features,) or is None.

    Raises:
        ValueError: a size is not a positive integer; on a call, x's last axis isn't in_features.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32) -> None:
        positive(self, in_features=in_features, out_features=out_features)
        self.weight = kaiming_uniform((out_features, in_features), in_features, dtype, "weight")
        self.bias = kaiming_uniform((out_features,), in_features, dtype, "bias") if bias else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}" + ("" if self.bias is not None else ", bias=False")


class _Conv(Module):
    """What convolutions over one, two and three spatial axes share."""

    function: ClassVar[Callable[..., Any]]
    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self._start(in_channels, out_channels, kernel_size, groups, bias, dtype)
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def _start(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        groups: int,
        bias: bool,
        dtype: Any,
        back: bool = False,
    ) -> None:
        """The bias and the weight, (out, in / groups, *kernel), or (in, out / groups, *kernel) where it goes `back`."""
        positive(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: groups={groups} must divide both in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        rows, columns = (in_channels, out_channels) if back else (out_channels, in_channels)
        kernel = per_axis(kernel_size, self.axes, f"{type(self).__name__}: kernel_size", 1)
        shape = (rows, columns // groups, *kernel)
        fan_in = math.prod(shape[1:])
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = kaiming_uniform(shape, fan_in, dtype, "weight")
        self.bias = kaiming_uniform((out_channels,), fan_in, dtype, "bias") if bias else None

    def forward(self, x: Any) -> Any:
        return type(self).function(x, self.weight, self.bias, **self.settings)

    def extra_repr(self) -> str:
        kernel = "×".join(map(str, self.weight.shape[2:]))
        said = _unusual(self, self.settings | {"bias": self.bias is not None})
        return ", ".join([f"{self.in_channels}, {self.out_channels}, {kernel}", *said])


class Conv1d(_Conv):
    """`F.conv1d` with a weight (out_channels, in_channels / groups, K) and a bias. Arguments as `Conv2d`'s."""

    function, axes = F.conv1d, 1


class Conv2d(_Conv):
    """`F.conv2d` with a weight (out_channels, in_channels / groups, KH, KW) and a bias (out_channels,).

    (N, in_channels, H, W) to (N, out_channels, H', W'); see `F.conv2d` for stride, padding, dilation and groups.

    Raises:
        ValueError: a size is not a positive integer, or groups doesn't divide both numbers of channels.
    """

    function, axes = F.conv2d, 2


class Conv3d(_Conv):
    """`F.conv3d` with a weight (out_channels, in_channels / groups, KD, KH, KW) and a bias. Arguments as `Conv2d`'s."""

    function, axes = F.conv3d, 3


class _ConvTranspose(_Conv):
    """The adjoints of convolutions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        dtype: Any = np.float32,
    ) -> None:
        self._start(in_channels, out_channels, kernel_size, groups, bias, dtype, back=True)
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.settings["output_padding"] = output_padding


class ConvTranspose1d(_ConvTranspose):
    """`F.conv_transpose1d` with a weight (in_channels, out_channels / groups, K). Arguments as `ConvTranspose2d`'s."""

    function, axes = F.conv_transpose1d, 1


class ConvTranspose2d(_ConvTranspose):
    """`F.conv_transpose2d` with a weight (in_channels, out_channels / groups, KH, KW) and a bias (out_channels,).

    (N, in_channels, H, W) to (N, out_channels, H', W'); see `F.conv_transpose2d` for the other arguments.

    Raises:
        ValueError: a size is not a positive integer, or groups doesn't divide both numbers of channels.
    """

    function, axes = F.conv_transpose2d, 2


class ConvTranspose3d(_ConvTranspose):
    """`F.conv_transpose3d` with a weight (in_channels, out_channels / groups, KD, KH, KW). As `ConvTranspose2d`."""

    function, axes = F.conv_transpose3d, 3


class Embedding(Module):
    """`F.embedding`, rows of `weight` (num_embeddings, embedding_dim) at indices, (...) to (..., embedding_dim).

    The weight starts standard normal, but for the row `padding_idx`, which starts at 0 and gets no gradient.

    Raises:
        ValueError: a size is not a positive integer, or there is no row `padding_idx`.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, dtype: Any = np.float32
    ) -> None:
        positive(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        weight = random.generator.standard_normal((num_embeddings, embedding_dim))
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: padding_idx={padding_idx} is none of the {num_embeddings} rows")
            weight[padding_idx] = 0
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype, name="weight")
        self.padding_idx = padding_idx

    def forward(self, indices: Any) -> Any:
        return F.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        rows, width = self.weight.shape
        return ", ".join([f"{rows}, {width}", *_unusual(self, {"padding_idx": self.padding_idx})])


class _BatchNorm(Module):
    """`F.batch_norm`: each channel of (N, num_features, ...) with mean 0 and variance 1, then · weight + bias.

    Training takes mean and variance from the batch, and `running_mean` and `running_var` follow them by `momentum`;
    after `eval()` those are used. They belong to the state but are no parameters.

    Raises:
        ValueError: num_features is not a positive integer; on a call, the input has another number of axes.
    """

    ranks: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        positive(self, num_features=num_features)
        shape = (num_features,)
        self.weight = constant(1, shape, dtype, "weight") if affine else None
        self.bias = constant(0, shape, dtype, "bias") if affine else None
        self.running_mean = constant(0, shape, dtype, "running_mean", requires_grad=False)
        self.running_var = constant(1, shape, dtype, "running_var", requires_grad=False)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Any) -> Any:
        if np.ndim(x) not in self.ranks:
            wanted = " or ".join(map(str, self.ranks))
            raise ValueError(f"{type(self).__name__}: x has shape {np.shape(x)}, but {wanted} axes are needed")
        state = (self.running_mean, self.running_var, self.weight, self.bias)
        return F.batch_norm(x, *state, self.training, self.momentum, self.eps)

    def extra_repr(self) -> str:
        settings = {"eps": self.eps, "momentum": self.momentum, "affine": self.weight is not None}
        return ", ".join([str(self.running_mean.size), *_unusual(self, settings)])


class BatchNorm1d(_BatchNorm):
    __doc__ = str(_BatchNorm.__doc__).replace("...)", "W) or (N, num_features)", 1)
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = str(_BatchNorm.__doc__).replace("...", "H, W", 1)
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = str(_BatchNorm.__doc__).replace("...", "D, H, W", 1)
    ranks = (5,)


class LayerNorm(Module):
    """`F.layer_norm`: the last axes of (..., *normalized_shape) with mean 0 and variance 1, then · weight + bias.

    `normalized_shape` is a tuple, or an integer for the last axis alone; weight and bias have this shape.
    """

    def __init__(
        self, normalized_shape: Ints, eps: float = 1e-5, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.weight = constant(1, shape, dtype, "weight")
        self.bias = constant(0, shape, dtype, "bias") if bias else None
        self.eps = eps

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        settings = {"eps": self.eps, "bias": self.bias is not None}
        return ", ".join(["×".join(map(str, self.weight.shape)), *_unusual(self, settings)])


# ------------------------------------------------------------------------------------------------ without weights


class _Function(Module):
    """One function of one input, with settings."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def forward(self, x: Any) -> Any:
        return type(self).function(x, **self.settings)

    def extra_repr(self) -> str:
        return ", ".join(_unusual(self, self.settings))


class MaxPool2d(_Function):
    """`F.max_pool2d`: the largest of each window, (N, C, H, W) to (N, C, H', W'). `stride` is the kernel by default."""

    function = F.max_pool2d

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
        )


class AvgPool2d(_Function):
    """`F.avg_pool2d`: the mean of each window, (N, C, H, W) to (N, C, H', W'). Without `stride`, the kernel's size."""

    function = F.avg_pool2d

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )


class ReLU(_Function):
    """`F.relu`: max(x, 0)."""

    function = F.relu


class LeakyReLU(_Function):
    """`F.leaky_relu`: x where x > 0, else negative_slope · x."""

    function = F.leaky_relu

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)


class GELU(_Function):
    """`F.gelu`: x · Φ(x), with Φ the normal distribution function; `approximate="tanh"` for the quicker formula."""

    function = F.gelu

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class SiLU(_Function):
    """`F.silu`: x · σ(x)."""

    function = F.silu


class Sigmoid(_Function):
    """`F.sigmoid`: 1 / (1 + e⁻ˣ)."""

    function = F.sigmoid


class Tanh(_Function):
    """`np.tanh`."""

    function = np.tanh


class Softmax(_Function):
    """`F.softmax` along `axis`."""

    function = F.softmax

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class Dropout(Module):
    """`F.dropout`: in training each is 0 with probability `p` and else divided by 1 - p; after `eval()`, x itself.

    Raises:
        ValueError: p is not in [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be a probability, got {p!r}")
        self.p = p

    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return str(self.p)


class Flatten(Module):
    """The axes from `start_axis` to `end_axis` as one: by default all but the first, (N, ...) to (N, product)."""

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, x: Any) -> Any:
        shape = np.shape(x)
        start, end = self.start_axis % len(shape), self.end_axis % len(shape)
        return np.reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


# -------------------------------------------------------------------------------------------------------- together


class Sequential(Module):
    """Modules one after the other, `nn.Sequential(a, b, c)(x) = c(b(a(x)))`; named "0", "1", … A slice is one again."""

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: needs modules, but argument {i} is a {type(module).__name__}")
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.children())

    def __len__(self) -> int:
        return len(list(self.children()))

    def __getitem__(self, index: int | slice) -> Module:
        modules = list(self)
        return Sequential(*modules[index]) if isinstance(index, slice) else modules[index]
