"""Convolution and its two adjoints: 1, 2 and 3 spatial axes, strides, dilation, groups.

A result follows the order of its input in memory: N, H, W, C where the input has its channels innermost, else
N, C, H, W. For the first, oneDNN has fast code. For the second it chooses layouts of its own (blocks of channels), and
the arrays are reordered before and after: asked for N, C, H, W itself it takes a slow path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ...graph import OPS, Rule
from ...ops import conv as rules
from ...ops.windows import Windows
from ...values import Array
from ..thresholds import CONV_ELEMENTS_FOR_ONEDNN, CONV_PRODUCTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Object, Shape, call, dense, fits, layout, version

DIRECT = 1  # the algorithm: never Winograd, where a pixel changes results that do not see it


@version(rules.conv_forward, CONV_ELEMENTS_FOR_ONEDNN)
def conv(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    n = len(windows.size)
    if x.ndim == n + 1:
        y = conv(x[None], weight, bias, windows, groups)
        return y if y is NotImplemented else y[0]
    if not fits(weight, bias) or not worth(len(x), weight, windows):
        return NotImplemented
    x, weight = usable(x), np.ascontiguousarray(weight)
    last = channels_last(x)
    y = empty((len(x), len(weight), *windows.places), last)
    run = call(_forward, x.shape, x.strides, weight.shape, bias is not None, windows, groups, last)
    run(x, weight, y) if bias is None else run(x, weight, y, np.ascontiguousarray(bias))
    return y


@version(rules.conv_input_forward, CONV_ELEMENTS_FOR_ONEDNN)
def conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    n = len(windows.size)
    if g.ndim == n + 1:
        x = conv_input(g[None], weight, bias, windows, groups)
        return x if x is NotImplemented else x[0]
    if not fits(weight, bias) or not worth(len(g), weight, windows):
        return NotImplemented
    g, weight = usable(g), np.ascontiguousarray(weight)
    last = channels_last(g)
    x = empty((len(g), weight.shape[1] * groups, *windows.size), last)
    call(_backward_data, x.shape, g.strides, weight.shape, windows, groups, last)(g, weight, x)
    if bias is not None:
        x += rules.over_places(bias, windows)
    return x


@version(rules.conv_weight_forward, CONV_ELEMENTS_FOR_ONEDNN)
def conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Any:
    n = len(windows.size)
    if x.ndim == n + 1:
        return conv_weight(x[None], g[None], windows, groups)
    shape = (g.shape[1], x.shape[1] // groups, *windows.kernel)
    weight = np.empty(shape, np.float32)
    if not fits(g) or not worth(len(x), weight, windows):
        return NotImplemented
    x, g = usable(x), usable(g)
    last = channels_last(x) and channels_last(g)
    call(_backward_weights, x.shape, x.strides, g.strides, shape, windows, groups, last)(x, g, weight)
    return weight


def worth(examples: int, weight: ndarray, windows: Windows) -> bool:
    """Whether there is enough to do; and something."""
    return examples * weight.size * math.prod(windows.places) >= CONV_PRODUCTS_FOR_ONEDNN


def usable(x: ndarray) -> ndarray:
    """x, or a copy where no layout describes it: repeated elements (of a broadcast), or axes turned round."""
    return x if min(x.strides) > 0 else np.ascontiguousarray(x)


def channels_last(x: ndarray) -> bool:
    return not x.flags.c_contiguous and np.moveaxis(x, 1, -1).flags.c_contiguous


def empty(shape: Shape, last: bool, dtype: Any = np.float32) -> ndarray:
    """A new array in C order, or with the channels (axis 1) innermost."""
    if not last:
        return np.empty(shape, dtype)
    return np.moveaxis(np.empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)


# --------------------------------------------------------------------------------------------- calls, made once a shape


def _forward(
    x: Shape, x_strides: Shape, weight: Shape, bias: bool, windows: Windows, groups: int, last: bool
) -> Call:
    return Call(
        _description("forward", x, weight, bias, windows, groups, last),
        [
            (dnn.SRC, layout(x, x_strides)),
            (dnn.WEIGHTS, dense(_grouped(weight, groups))),
            (dnn.DST, image((x[0], weight[0], *windows.places), last)),
            *([(dnn.BIAS, dense(weight[:1]))] if bias else []),
        ],
        [dnn.DST],
    )


def _backward_data(x: Shape, g_strides: Shape, weight: Shape, windows: Windows, groups: int, last: bool) -> Call:
    return Call(
        _description("backward_data", x, weight, False, windows, groups, last),
        [
            (dnn.DIFF_DST, layout((x[0], weight[0], *windows.places), g_strides)),
            (dnn.WEIGHTS, dense(_grouped(weight, groups))),
            (dnn.DIFF_SRC, image(x, last)),
        ],
        [dnn.DIFF_SRC],
    )


def _backward_weights(
    x: Shape, x_strides: Shape, g_strides: Shape, weight: Shape, windows: Windows, groups: int, last: bool
) -> Call:
    return Call(
        _description("backward_weights", x, weight, False, windows, groups, last),
        [
            (dnn.SRC, layout(x, x_strides)),
            (dnn.DIFF_DST, layout((x[0], weight[0], *windows.places), g_strides)),
            (dnn.DIFF_WEIGHTS, dense(_grouped(weight, groups))),
        ],
        [dnn.DIFF_WEIGHTS],
    )


def _description(
    kind: str, x: Shape, weight: Shape, bias: bool, windows: Windows, groups: int, last: bool
) -> Object:
    wanted = (lambda shape: image(shape, True)) if last else dnn.any_layout
    source, result = wanted(x), wanted((x[0], weight[0], *windows.places))
    kernel = dnn.any_layout(_grouped(weight, groups))
    geometry = [dnn.integers(v) for v in geometry_of(windows)]
    shift = dense(weight[:1]) if bias else None
    forward = dnn.description(
        "convolution_forward", dnn.TRAINING, DIRECT, source, kernel, shift, result, *geometry, None
    )
    if kind == "forward":
        return forward
    layouts = (source, kernel, result) if kind == "backward_data" else (source, kernel, None, result)
    return dnn.description(f"convolution_{kind}", DIRECT, *layouts, *geometry, forward, None)


def geometry_of(windows: Windows) -> tuple[Sequence[int], ...]:
    """Strides, holes, and the padding before and after (negative where the last inputs are not seen)."""
    after = [
        (p - 1) * s + span - length - before
        for p, s, span, length, before in zip(
            windows.places, windows.stride, windows.span, windows.size, windows.padding
        )
    ]
    return windows.stride, [d - 1 for d in windows.dilation], windows.padding, after


def _grouped(weight: Shape, groups: int) -> Shape:
    return weight if groups == 1 else (groups, weight[0] // groups, *weight[1:])


def image(shape: Shape, last: bool, dtype: int = dnn.FLOAT32) -> Object:
    return dense(shape, (0, *range(2, len(shape)), 1) if last else (), dtype)


# ------------------------------------------------------------------------------------- instead of the batch innermost


def as_it_lies(name: str, least: int) -> None:
    """Let an op use x as it lies where x is for oneDNN, and not as NumPy's kernels want it: the batch innermost."""
    op = OPS[name]
    otherwise = op.run

    def run(x: Array, *args: Any, **kwargs: Any) -> Rule:
        return (op.rule if dnn.ours(x, least) else otherwise)(x, *args, **kwargs)

    op.run = run


for name in ("conv", "conv1d", "conv2d", "conv3d"):
    as_it_lies(name, CONV_ELEMENTS_FOR_ONEDNN)
