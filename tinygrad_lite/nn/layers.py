"""The layers with weights, and dropout; names, arguments, state and shapes are PyTorch's.

Weights start uniform in ±1/√fan_in, where fan_in is the number of inputs that one output sums over: He et al., "Delving
Deep into Rectifiers" (2015), with the gain 1/√3 that PyTorch has as its default. `tg.manual_seed` repeats them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import random
from ..ops.windows import per_axis
from ..tensor import Tensor
from . import functional as F
from .module import Module
from .stateless import settings_of

__all__ = [
    "Linear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "Embedding", "PReLU", "Dropout",
]  # fmt: skip

Ints = int | tuple[int, ...]
PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def uniform(shape: tuple[int, ...], fan_in: int, dtype: Any, name: str) -> Tensor:
    """A parameter, uniform in ±1/√fan_in. A matrix lies by columns: layers multiply by its transpose, row by row."""
    bound = 1 / math.sqrt(max(1, fan_in))
    values = random.generator.uniform(-bound, bound, shape)
    values = np.asfortranarray(values) if len(shape) == 2 else values
    return Tensor(values, requires_grad=True, dtype=dtype, name=name)


def constant(value: float, shape: tuple[int, ...], dtype: Any, name: str, requires_grad: bool = True) -> Tensor:
    """A tensor of one value throughout."""
    return Tensor(np.full(shape, value), requires_grad=requires_grad, dtype=dtype, name=name)


def positive(layer: Module, **sizes: int) -> None:
    """Refuse a layer without inputs or outputs, where a mistake shows first."""
    for name, n in sizes.items():
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
            raise ValueError(f"{type(layer).__name__}: {name} must be a positive integer, got {n!r}")


def flags(layer: Module, **values: Any) -> None:
    """Refuse what is neither True nor False: an array, or an argument that slipped into another's place."""
    for name, value in values.items():
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{type(layer).__name__}: {name} must be True or False, got {value!r}")


def probability(layer: Module, value: Any, name: str = "dropout") -> float:
    """Refuse what is no probability."""
    if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ValueError(f"{type(layer).__name__}: {name} must be a probability, got {value!r}")
    return float(value)


class Linear(Module):
    """out = x @ weightᵀ + bias, over the last axis: (..., in_features) to (..., out_features).

    `weight` has shape (out_features, in_features), `bias` (out_features,) or is None.

    Raises:
        ValueError: a size is not a positive integer; on a call, x's last axis isn't in_features.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32) -> None:
        positive(self, in_features=in_features, out_features=out_features)
        flags(self, bias=bias)
        self.in_features, self.out_features = in_features, out_features
        self.weight = uniform((out_features, in_features), in_features, dtype, "weight")
        self.bias = uniform((out_features,), in_features, dtype, "bias") if bias else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Bilinear(Module):
    """outₖ = x1ᵀ @ weightₖ @ x2 + biasₖ: (..., in1_features) and (..., in2_features) to (..., out_features).

    `weight` has shape (out_features, in1_features, in2_features), `bias` (out_features,) or is None.

    Raises:
        ValueError: a size is not a positive integer; on a call, a last axis has another length.
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        positive(self, in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        flags(self, bias=bias)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = uniform((out_features, in1_features, in2_features), in1_features, dtype, "weight")
        self.bias = uniform((out_features,), in1_features, dtype, "bias") if bias else None

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        bias = settings_of(self, {"bias": self.bias is not None})
        return ", ".join([f"{self.in1_features}, {self.in2_features}, {self.out_features}", *bias])


class _Conv(Module):
    """`F.{function}` with a weight (out_channels, in_channels / groups, {kernel}) and a bias (out_channels,).

    (N, in_channels, {before}) to (N, out_channels, {after}); see `F.{function}` for stride, padding, dilation and
    groups. padding_mode says what lies in the padding: "zeros", or "reflect", "replicate" or "circular" of the input.

    Raises:
        ValueError: a size is not a positive integer, groups doesn't divide both numbers of channels, or there is no
            such padding_mode.
    """

    function: ClassVar[Callable[..., Any]]
    axes: ClassVar[int]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None, axes: int = 0) -> None:
        if function is not None:
            cls.function, cls.axes = staticmethod(function), axes
            before = ("W", "H, W", "D, H, W")[axes - 1]
            cls.__doc__ = str(cls.__bases__[0].__doc__).format(
                function=function.__name__,
                kernel=", ".join(f"K{axis}" for axis in before.split(", ")) if axes > 1 else "K",
                before=before,
                after=before.replace(",", "′,") + "′",
            )

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
        padding_mode: str = "zeros",
        dtype: Any = np.float32,
    ) -> None:
        self._start(in_channels, out_channels, kernel_size, groups, bias, padding_mode, dtype)
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def _start(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
        back: bool = False,
    ) -> None:
        """The bias and the weight, (out, in / groups, *kernel), or (in, out / groups, *kernel) where it goes `back`."""
        name = type(self).__name__
        positive(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        flags(self, bias=bias)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups={groups} must divide both in_channels={in_channels} and out_channels={out_channels}"
            )
        modes = ["zeros"] if back else list(PADDING_MODES)
        if str(padding_mode) not in modes:
            raise ValueError(f"{name}: padding_mode must be {' or '.join(map(repr, modes))}, got {padding_mode!r}")
        rows, columns = (in_channels, out_channels) if back else (out_channels, in_channels)
        self.kernel_size = per_axis(kernel_size, self.axes, f"{name}: kernel_size", 1)
        shape = (rows, columns // groups, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        self.in_channels, self.out_channels, self.padding_mode = in_channels, out_channels, padding_mode
        self.weight = uniform(shape, fan_in, dtype, "weight")
        self.bias = uniform((out_channels,), fan_in, dtype, "bias") if bias else None

    def forward(self, x: Any) -> Any:
        settings = self.settings
        if self.padding_mode != "zeros":
            x, settings = F.pad(x, self._frame(), PADDING_MODES[self.padding_mode]), settings | {"padding": 0}
        return type(self).function(x, self.weight, self.bias, **settings)

    def _frame(self) -> list[int]:
        """The padding as F.pad takes it: (before, after), from the last axis on."""
        padding: Any = self.settings["padding"]
        if padding == "same":
            dilation = per_axis(self.settings["dilation"], self.axes, "dilation", 1)
            around = [(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for d, k in zip(dilation, self.kernel_size)]
        else:
            each = per_axis(0 if padding == "valid" else padding, self.axes, f"{type(self).__name__}: padding", 0)
            around = [(p, p) for p in each]
        return [n for pair in reversed(around) for n in pair]

    def extra_repr(self) -> str:
        kernel = "×".join(map(str, self.kernel_size))
        settings = self.settings | {"bias": self.bias is not None, "padding_mode": self.padding_mode}
        return ", ".join([f"{self.in_channels}, {self.out_channels}, {kernel}", *settings_of(self, settings)])


class Conv1d(_Conv, function=F.conv1d, axes=1): ...


class Conv2d(_Conv, function=F.conv2d, axes=2): ...


class Conv3d(_Conv, function=F.conv3d, axes=3): ...


class _ConvTranspose(_Conv):
    """`F.{function}` with a weight (in_channels, out_channels / groups, {kernel}) and a bias (out_channels,).

    (N, in_channels, {before}) to (N, out_channels, {after}); see `F.{function}` for the other arguments. On a call,
    output_size chooses among the sizes that a convolution would turn into x's, in place of output_padding.

    Raises:
        ValueError: a size is not a positive integer, groups doesn't divide both numbers of channels, or no
            output_padding gives output_size.
    """

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
        padding_mode: str = "zeros",
        dtype: Any = np.float32,
    ) -> None:
        self._start(in_channels, out_channels, kernel_size, groups, bias, padding_mode, dtype, back=True)
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.settings["output_padding"] = output_padding

    def forward(self, x: Any, output_size: Any = None) -> Any:
        settings = self.settings
        if output_size is not None:
            settings = settings | {"output_padding": self._output_padding(np.shape(x), output_size)}
        return type(self).function(x, self.weight, self.bias, **settings)

    def _output_padding(self, shape: tuple[int, ...], output_size: Any) -> tuple[int, ...]:
        n, name = self.axes, type(self).__name__
        wanted = tuple(output_size)[-n:] if isinstance(output_size, (tuple, list)) else (output_size,) * n
        of = {k: per_axis(self.settings[k], n, f"{name}: {k}", 0) for k in ("stride", "padding", "dilation")}
        each = zip(shape[-n:], of["stride"], of["padding"], of["dilation"], self.kernel_size)
        least = tuple((size - 1) * s - 2 * p + d * (k - 1) + 1 for size, s, p, d, k in each)
        extra = tuple(w - m for w, m in zip(wanted, least))
        if len(wanted) != n or not all(0 <= e < max(s, d) for e, s, d in zip(extra, of["stride"], of["dilation"])):
            raise ValueError(
                f"{name}: output_size {output_size} is out of reach: the smallest is {least}, and below the stride "
                "may be added along each axis"
            )
        return extra


class ConvTranspose1d(_ConvTranspose, function=F.conv_transpose1d, axes=1): ...


class ConvTranspose2d(_ConvTranspose, function=F.conv_transpose2d, axes=2): ...


class ConvTranspose3d(_ConvTranspose, function=F.conv_transpose3d, axes=3): ...


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
            if not isinstance(padding_idx, (int, np.integer)) or not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: padding_idx={padding_idx!r} is none of the {num_embeddings} rows")
            weight[padding_idx] = 0
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype, name="weight")

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """An embedding with these rows, frozen by default; all, with the row `padding_idx`, as they are given."""
        if np.ndim(embeddings) != 2:
            raise ValueError(f"Embedding.from_pretrained: needs (rows, width), got shape {np.shape(embeddings)}")
        rows, width = np.shape(embeddings)
        layer = cls(rows, width, padding_idx)
        layer.weight = Tensor(getattr(embeddings, "data", embeddings), name="weight")
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, indices: Any) -> Any:
        return F.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = settings_of(self, {"padding_idx": self.padding_idx})
        return ", ".join([f"{self.num_embeddings}, {self.embedding_dim}", *padding])


class PReLU(Module):
    """`F.prelu`: x where x > 0, else weight · x; the weight is learned, one number or one for each channel.

    Raises:
        ValueError: num_parameters is not a positive integer.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = np.float32) -> None:
        positive(self, num_parameters=num_parameters)
        self.weight = constant(init, (num_parameters,), dtype, "weight")

    def forward(self, x: Any) -> Any:
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return ", ".join(settings_of(self, {"num_parameters": self.weight.size}))


class Dropout(Module):
    """`F.dropout`: in training each is 0 with probability `p` and else divided by 1 - p; after `eval()`, x itself.

    Raises:
        ValueError: p is not in [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(self, p, "p")

    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return str(self.p)
