"""The layers with weights; names, arguments, state and shapes are PyTorch's.

Weights start uniform in ±1/√fan_in, where fan_in is the number of inputs that one output sums over: He et al., "Delving
Deep into Rectifiers" (2015), with the gain 1/√3 that PyTorch has as its default. `tg.manual_seed` repeats them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from .. import random
from ..ops.indexing import add_at
from ..ops.windows import Ints, per_axis
from ..settings import Positive
from ..tensor import Tensor
from . import functional as F
from .containers import ModuleList, Sequential
from .layer import Layer, constant, uniform

__all__ = [
    "Linear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "Embedding", "EmbeddingBag", "PReLU", "AdaptiveLogSoftmaxWithLoss",
]  # fmt: skip


class Linear(Layer):
    """out = x @ weightᵀ + bias, over the last axis: (..., in_features) to (..., out_features).

    `weight` has shape (out_features, in_features), `bias` (out_features,) or is None.

    Raises:
        ValueError: a size is not a positive integer; on a call, x's last axis isn't in_features.
    """

    def __init__(
        self, in_features: Positive, out_features: Positive, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        self.weight = uniform((out_features, in_features), in_features, dtype, "weight")
        self.bias = uniform((out_features,), in_features, dtype, "bias") if bias else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)


class Bilinear(Layer):
    """outₖ = x1ᵀ @ weightₖ @ x2 + biasₖ: (..., in1_features) and (..., in2_features) to (..., out_features).

    `weight` has shape (out_features, in1_features, in2_features), `bias` (out_features,) or is None.

    Raises:
        ValueError: a size is not a positive integer; on a call, a last axis has another length.
    """

    def __init__(
        self, in1_features: Positive, in2_features: Positive, out_features: Positive, bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.weight = uniform((out_features, in1_features, in2_features), in1_features, dtype, "weight")
        self.bias = uniform((out_features,), in1_features, dtype, "bias") if bias else None

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.bilinear(x1, x2, self.weight, self.bias)


class _Conv(Layer):
    """`F.{function}` with a weight (out_channels, in_channels / groups, *kernel_size) and a bias (out_channels,).

    (N, in_channels, {before}) to (N, out_channels, {after}); see `F.{function}` for stride, padding, dilation and
    groups. padding_mode says what lies in the padding: "zeros", or "reflect", "replicate" or "circular" of the input.

    Raises:
        ValueError: a size is not a positive integer, groups doesn't divide both numbers of channels, or there is no
            such padding_mode.
    """

    function: ClassVar[Callable[..., Any]]
    axes: ClassVar[int]
    passed: ClassVar[tuple[str, ...]] = ("stride", "padding", "dilation", "groups")

    def __init_subclass__(cls, function: Callable[..., Any] | None = None, axes: int = 0) -> None:
        if function is not None:
            cls.function, cls.axes = staticmethod(function), axes
            before = ("W", "H, W", "D, H, W")[axes - 1]
            words = {"function": function.__name__, "before": before, "after": before.replace(",", "′,") + "′"}
            cls.__doc__ = str(cls.__bases__[0].__doc__).format(**words)

    def __init__(
        self, in_channels: Positive, out_channels: Positive, kernel_size: Ints, stride: Ints = 1,
        padding: Ints | str = 0, dilation: Ints = 1, groups: Positive = 1, bias: bool = True,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros", dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self._weights(in_channels, out_channels, (out_channels, in_channels), kernel_size, groups, bias, dtype)

    def _weights(
        self, inputs: int, outputs: int, rows: tuple[int, int], kernel_size: Ints, groups: int, bias: bool, dtype: Any
    ) -> None:
        """The weight, (rows[0], rows[1] / groups, *kernel), and the bias."""
        if inputs % groups or outputs % groups:
            raise ValueError(f"groups={groups} must divide both in_channels={inputs} and out_channels={outputs}")
        self.kernel_size = per_axis(kernel_size, self.axes, "kernel_size", 1)
        shape = (rows[0], rows[1] // groups, *self.kernel_size)
        self.weight = uniform(shape, math.prod(shape[1:]), dtype, "weight")
        self.bias = uniform((outputs,), math.prod(shape[1:]), dtype, "bias") if bias else None

    @property
    def settings(self) -> dict[str, Any]:
        """What the function gets beside the input and the weights."""
        return {name: getattr(self, name) for name in self.passed}

    def forward(self, x: Any) -> Any:
        settings = self.settings
        if self.padding_mode != "zeros":
            x, settings = F.pad(x, self._frame(), self.padding_mode), settings | {"padding": 0}
        return type(self).function(x, self.weight, self.bias, **settings)

    def _frame(self) -> list[int]:
        """The padding as F.pad takes it: (before, after), from the last axis on."""
        if self.padding == "same":
            dilation = per_axis(self.dilation, self.axes, "dilation", 1)
            around = [(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for d, k in zip(dilation, self.kernel_size)]
        else:
            each = per_axis(0 if self.padding == "valid" else self.padding, self.axes, "padding", 0)
            around = [(p, p) for p in each]
        return [n for pair in reversed(around) for n in pair]


class Conv1d(_Conv, function=F.conv1d, axes=1): ...


class Conv2d(_Conv, function=F.conv2d, axes=2): ...


class Conv3d(_Conv, function=F.conv3d, axes=3): ...


class _ConvTranspose(_Conv):
    """`F.{function}` with a weight (in_channels, out_channels / groups, *kernel_size) and a bias (out_channels,).

    (N, in_channels, {before}) to (N, out_channels, {after}); see `F.{function}` for the other arguments. On a call,
    output_size chooses among the sizes that a convolution would turn into x's, in place of output_padding.

    Raises:
        ValueError: a size is not a positive integer, groups doesn't divide both numbers of channels, or no
            output_padding gives output_size.
    """

    passed = (*_Conv.passed, "output_padding")

    def __init__(
        self, in_channels: Positive, out_channels: Positive, kernel_size: Ints, stride: Ints = 1, padding: Ints = 0,
        output_padding: Ints = 0, groups: Positive = 1, bias: bool = True, dilation: Ints = 1,
        padding_mode: Literal["zeros"] = "zeros", dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self._weights(in_channels, out_channels, (in_channels, out_channels), kernel_size, groups, bias, dtype)

    def forward(self, x: Any, output_size: Any = None) -> Any:
        settings = self.settings
        if output_size is not None:
            settings["output_padding"] = self._output_padding(np.shape(x), output_size)
        return type(self).function(x, self.weight, self.bias, **settings)

    def _output_padding(self, shape: tuple[int, ...], output_size: Any) -> tuple[int, ...]:
        n = self.axes
        wanted = tuple(output_size)[-n:] if isinstance(output_size, (tuple, list)) else (output_size,) * n
        stride, padding, dilation = (per_axis(self.settings[k], n, k, 0) for k in ("stride", "padding", "dilation"))
        each = zip(shape[-n:], stride, padding, dilation, self.kernel_size)
        least = tuple((size - 1) * s - 2 * p + d * (k - 1) + 1 for size, s, p, d, k in each)
        extra = tuple(w - m for w, m in zip(wanted, least))
        if len(wanted) != n or not all(0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation)):
            said = f"the smallest is {least}, and below the stride may be added along each axis"
            raise ValueError(f"{type(self).__name__}: output_size {output_size} is out of reach: {said}")
        return extra


class ConvTranspose1d(_ConvTranspose, function=F.conv_transpose1d, axes=1): ...


class ConvTranspose2d(_ConvTranspose, function=F.conv_transpose2d, axes=2): ...


class ConvTranspose3d(_ConvTranspose, function=F.conv_transpose3d, axes=3): ...


class _Rows(Layer):
    """`weight` (num_embeddings, embedding_dim), standard normal, but for the row `padding_idx`, which starts at 0."""

    def _start(self, rows: int, width: int, padding_idx: int | None, dtype: Any) -> None:
        weight = random.generator.standard_normal((rows, width))
        if padding_idx is not None:
            if not isinstance(padding_idx, (int, np.integer)) or not -rows <= padding_idx < rows:
                raise ValueError(f"padding_idx={padding_idx!r} is none of the {rows} rows")
            weight[padding_idx] = 0
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype, name="weight")

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, *settings: Any, **named: Any) -> Self:
        """A layer with these rows, frozen by default; all, with the row `padding_idx`, as they are given."""
        if np.ndim(embeddings) != 2:
            raise ValueError(f"{cls.__name__}.from_pretrained: needs (rows, width), got shape {np.shape(embeddings)}")
        layer = cls(*np.shape(embeddings), *settings, **named)
        layer.weight = Tensor(getattr(embeddings, "data", embeddings), name="weight")
        layer.weight.requires_grad_(not freeze)
        return layer


class Embedding(_Rows):
    """`F.embedding`, rows of `weight` (num_embeddings, embedding_dim) at indices, (...) to (..., embedding_dim).

    The weight starts standard normal, but for the row `padding_idx`, which starts at 0 and gets no gradient.

    Raises:
        ValueError: a size is not a positive integer, or there is no row `padding_idx`.
    """

    def __init__(
        self, num_embeddings: Positive, embedding_dim: Positive, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self._start(num_embeddings, embedding_dim, padding_idx, dtype)

    def forward(self, indices: Any) -> Any:
        norm = (self.max_norm, self.norm_type)
        return F.embedding(indices, self.weight, self.padding_idx, *norm, self.scale_grad_by_freq)


class EmbeddingBag(_Rows):
    """`F.embedding_bag`: the sum, mean or maximum of the rows of `weight` in each bag of indices.

    A call takes (bags, n) indices, or all in one line with `offsets`; and perhaps per_sample_weights.

    Raises:
        ValueError: a size is not a positive integer, or there is no row `padding_idx`.
    """

    def __init__(
        self, num_embeddings: Positive, embedding_dim: Positive, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: Literal["sum", "mean", "max"] = "mean",
        include_last_offset: bool = False, padding_idx: int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self._start(num_embeddings, embedding_dim, padding_idx, dtype)

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        settings = (self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode)
        more = (self.include_last_offset, self.padding_idx)
        return F.embedding_bag(input, self.weight, offsets, *settings, per_sample_weights, *more)


class PReLU(Layer):
    """`F.prelu`: x where x > 0, else weight · x; the weight is learned, one number or one for each channel.

    Raises:
        ValueError: num_parameters is not a positive integer.
    """

    def __init__(self, num_parameters: Positive = 1, init: float = 0.25, dtype: Any = np.float32) -> None:
        self.weight = constant(init, (num_parameters,), dtype, "weight")

    def forward(self, x: Any) -> Any:
        return F.prelu(x, self.weight)


class ClassLogProbs(NamedTuple):
    """log p of each target, (N,), and minus their mean."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Layer):
    """log_softmax over very many classes, the rare ones in clusters that have but few numbers to tell them apart by.

    `head` scores the classes below cutoffs[0], and each cluster as one class; tail[i] scores the classes from
    cutoffs[i] to the next cutoff, in in_features / div_value^(i + 1) dimensions. Number the most frequent classes
    first. Grave et al., "Efficient softmax approximation for GPUs" (2017).

    A call with x (N, in_features) or (in_features,) and its target classes gives (log p of each target, the loss).

    Raises:
        ValueError: cutoffs don't rise, or lie outside 1 … n_classes - 1; on a call, shapes that don't fit.
        IndexError: a target is no class.
    """

    def __init__(
        self, in_features: Positive, n_classes: Positive, cutoffs: list[Positive], div_value: float = 4.0,
        head_bias: bool = False, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if cutoffs != sorted(set(cutoffs)) or not cutoffs or cutoffs[-1] >= n_classes:
            raise ValueError(f"cutoffs must rise from at least 1 to below n_classes={n_classes}, got {cutoffs}")
        self.cutoffs = [*cutoffs, n_classes]
        self.head = Linear(in_features, cutoffs[0] + len(cutoffs), head_bias, dtype)
        self.tail = ModuleList()
        for i, (start, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            width = int(in_features // div_value ** (i + 1))
            first, second = Linear(in_features, width, False, dtype), Linear(width, end - start, False, dtype)
            self.tail.append(Sequential(first, second))

    def forward(self, x: Any, target: Any) -> ClassLogProbs:
        target = np.asarray(getattr(target, "data", target))
        if np.shape(x)[:-1] != target.shape or target.ndim > 1:
            raise ValueError(f"{type(self).__name__}: x has shape {np.shape(x)} but target has shape {target.shape}")
        if np.any((target < 0) | (target >= self.n_classes)):
            raise IndexError(f"{type(self).__name__}: a target is none of the {self.n_classes} classes")
        rows, classes = np.reshape(x, (-1, np.shape(x)[-1])), np.reshape(target, -1)
        cluster, first = np.searchsorted(self.cutoffs, classes, side="right"), self.cutoffs[0]
        column = np.where(cluster > 0, first + cluster - 1, classes)
        output = F.log_softmax(self.head(rows), 1)[np.arange(classes.size), column]
        for i, (tail, start) in enumerate(zip(self.tail, self.cutoffs), 1):
            at = np.flatnonzero(cluster == i)
            inner = F.log_softmax(tail(rows[at]), 1)[np.arange(at.size), classes[at] - start]
            output = output + add_at(inner, at, output.shape)
        output = np.reshape(output, target.shape)
        return ClassLogProbs(output, -np.mean(output))

    def log_prob(self, x: Any) -> Any:
        """log p of every class, (N, n_classes)."""
        head, first = F.log_softmax(self.head(x), 1), self.cutoffs[0]
        inner = [F.log_softmax(tail(x), 1) + head[:, [first + i]] for i, tail in enumerate(self.tail)]
        return np.concatenate([head[:, :first], *inner], axis=1)

    def predict(self, x: Any) -> Any:
        """The likeliest class, (N,)."""
        return np.argmax(self.log_prob(x), axis=1)
