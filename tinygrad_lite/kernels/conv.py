"""Convolution and its two adjoints over n spatial axes: windows unfolded into columns, and matrix products.

Shapes: x (N, C, *size), weight (O, C / groups, *kernel), out and g (N, O, *places). In memory the batch is innermost
(see layout.py), so the columns of all examples stand beside each other. They are unfolded a block at a time, into a
buffer that stays in the cache, so that a product reads what was just written. Blocks are independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph import Array, kernel
from . import depthwise, winograd
from .columns import (
    Block,
    Columns,
    blocks,
    buffer,
    columns_at_a_time,
    product,
    product_over_columns,
    shared,
    shares,
)  # fmt: skip
from .layout import batch_first, batch_last
from .threads import each
from .windows import Windows, overlap_add, view


def _subscripts(n: int) -> tuple[list[int], list[int], list[int]]:
    """Labels for einsum of the windows seen, the weight and the output: N, groups, C, O, then n places, n elements."""
    batch, group, channel, out = range(4)
    places, elements = [*range(4, 4 + n)], [*range(4 + n, 4 + 2 * n)]
    return [batch, group, channel, *places, *elements], [group, out, channel, *elements], [batch, group, out, *places]


def _grouped(a: Array, axis: int, groups: int) -> Array:
    """Axis `axis` cut into (groups, channels of one group)."""
    shape = np.shape(a)
    return np.reshape(a, (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]))


def _merged(a: Array, axis: int) -> Array:
    """The two axes that `_grouped` made, one again."""
    shape = np.shape(a)
    return np.reshape(a, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _einsum(a: Array, a_labels: list[int], b: Array, b_labels: list[int], labels: list[int]) -> Array:
    return np.einsum(a, a_labels, b, b_labels, labels, optimize=True)


def plain_conv(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    seen, w, out = _subscripts(len(windows.size))
    v = _grouped(view(x, windows), 1, groups)
    y = _merged(_einsum(v, seen, _grouped(weight, 0, groups), w, out), 1)
    return y if bias is None else y + np.reshape(bias, (-1, *[1] * len(windows.size)))


def plain_conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    seen, w, out = _subscripts(len(windows.size))
    v = _einsum(_grouped(g, 1, groups), out, _grouped(weight, 0, groups), w, seen)
    x = overlap_add(_merged(v, 1), windows)
    return x if bias is None else x + np.reshape(bias, (-1, *[1] * len(windows.size)))


def plain_conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Array:
    seen, w, out = _subscripts(len(windows.size))
    v = _grouped(view(x, windows), 1, groups)
    return _merged(_einsum(v, seen, _grouped(g, 1, groups), out, w), 0)


def plain_unfold(x: Array, windows: Windows) -> Array:
    n = len(windows.size)
    v = np.moveaxis(view(x, windows), range(2, 2 + n), range(-n, 0))
    return np.reshape(v, (len(v), np.shape(x)[1] * math.prod(windows.kernel), math.prod(windows.places)))


def plain_fold(x: Array, windows: Windows) -> Array:
    n = len(windows.size)
    v = np.reshape(x, (len(x), np.shape(x)[1] // math.prod(windows.kernel), *windows.kernel, *windows.places))
    return overlap_add(np.moveaxis(v, range(-n, 0), range(2, 2 + n)), windows)


# ---------------------------------------------------------------------------------------------------------- the kernels


def parts(count: int, groups: int) -> list[slice]:
    """The rows of each group."""
    size = count // groups
    return [slice(i * size, (i + 1) * size) for i in range(groups)]


@kernel(plain_conv)
def conv(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    """out[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]

    The columns of the windows, multiplied from the left by the weight: (O, C · elements) @ (C · elements, places · N).
    """
    if groups == x.shape[1] > 1:
        return depthwise.conv(x, weight, bias, windows)
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    if groups == 1 and winograd.pays(x.shape[1], len(weight), windows, len(x), dtype):
        return winograd.conv(x, weight, bias, windows)
    columns = Columns(x, windows, dtype)
    w = np.asarray(weight, dtype).reshape(len(weight), math.prod(weight.shape[1:]))
    out = np.empty((len(w), *columns.places), dtype)
    flat = out.reshape(len(w), math.prod(columns.places))

    def fill(blocks: Iterable[Block]) -> None:
        room, result = columns.buffer(), buffer(len(w), columns.longest, dtype)
        for block in blocks:
            u, y = columns.unfold(block, room), result[:, : block[2] - block[1]]
            for rows, outputs in zip(parts(len(u), groups), parts(len(w), groups)):
                product(w[outputs], u[rows], y[outputs])
            # Into the cache first, and from there to where it stays: BLAS is slower where rows are far apart.
            np.add(y, 0 if bias is None else bias[:, None], out=flat[:, block[1] : block[2]])

    each(fill, shares(columns.blocks(), w.size * flat.shape[1]))
    return batch_first(out)


@kernel(plain_conv_weight)
def conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Any:
    """The adjoint of `conv` in the weight: out[o, c, k] = Σ x[n, c, p · stride + k · dilation - padding] · g[n, o, p]

    The columns of the windows, multiplied from the right by g: (C · elements, places · N) @ (places · N, O).
    """
    if groups == x.shape[1] > 1:
        return depthwise.conv_weight(x, g, windows)
    dtype = np.result_type(x, g)
    if groups == 1 and winograd.pays(x.shape[1], g.shape[1], windows, len(x), dtype):
        return winograd.conv_weight(x, g, windows)
    columns = Columns(x, windows, dtype)
    flat = batch_last(g).reshape(g.shape[1], math.prod(columns.places))

    share = shares(columns.blocks(), columns.rows * flat.size // groups)
    total = np.zeros((len(share), columns.rows, len(flat) // groups), dtype)

    def add(i: int) -> None:
        buffer = columns.buffer()
        for block in share[i]:
            u, gs = columns.unfold(block, buffer), flat[:, block[1] : block[2]]
            for rows, outputs in zip(parts(len(u), groups), parts(len(flat), groups)):
                total[i, rows] += product_over_columns(u[rows], gs[outputs])

    each(add, range(len(share)))
    w = total.sum(axis=0)
    shape = (groups, x.shape[1] // groups, *windows.kernel, len(flat) // groups)
    return np.ascontiguousarray(np.moveaxis(w.reshape(shape), -1, 1)).reshape(len(flat), *shape[1:-1])


@kernel(plain_conv_input)
def conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    """The adjoint of `conv` in x: out[n, c, i] = Σ g[n, o, p] · weight[o, c, k] over all p, k that see i, + bias[c]

    With a stride of 1 it is a `conv` of g with the kernel turned by 180°. Otherwise, or where that would unfold much
    more than it has to, the columns are (C · elements, O) @ (O, places · N), and are added where the windows saw them.
    """
    back = turned(windows)
    channels, outputs = weight.shape[1], len(weight) // groups
    seen, places = math.prod(windows.size), math.prod(windows.places)
    # Unfolding g copies outputs · elements numbers for each input; adding columns back takes twice as long for each of
    # channels · elements numbers at each place.
    if back and seen * outputs < 2 * places * channels:
        return conv(g, turned_weight(weight, groups), bias, back, groups)
    if channels == 1 < groups:
        return depthwise.conv_input(g, weight, bias, windows, groups)
    dtype = np.result_type(g, weight) if bias is None else np.result_type(g, weight, bias)
    elements = math.prod(windows.kernel)
    flat = batch_last(g).reshape(g.shape[1], math.prod(windows.places) * len(g))
    out = np.zeros((channels * groups, *windows.size, len(g)), dtype)
    if bias is not None:
        out += bias[(slice(None), *[None] * (out.ndim - 1))]
    most = columns_at_a_time(elements * channels)

    def add(group: int, some: slice) -> None:
        """Some of the channels of a group."""
        w = weight[parts(len(weight), groups)[group], some].reshape(outputs, -1, elements)
        w = np.ascontiguousarray(w.transpose(2, 1, 0), dtype).reshape(-1, outputs)
        gs, xs = flat[parts(len(flat), groups)[group]], out[parts(len(out), groups)[group]][some]
        room = buffer(len(w), min(most, flat.shape[1]), dtype)
        for places, start, stop in blocks((*windows.places, len(g)), most):
            columns = room[:, : stop - start]
            product(w, gs[:, start:stop], columns)
            columns = columns.reshape(elements, len(xs), *(p.stop - p.start for p in places))
            for k, inputs, within in windows.elements(places[:-1]):
                xs[:, *inputs, places[-1]] += columns[k, :, *within]

    some_channels = shared(channels, weight.size // groups * flat.shape[1])
    each(lambda part: add(*part), [(group, some) for group in range(groups) for some in some_channels])
    return batch_first(out)


def turned(windows: Windows) -> Windows | None:
    """The windows of the full correlation: a conv over the places that gives the inputs. None if it is not one."""
    if any(s != 1 for s in windows.stride):
        return None
    padding = tuple(span - 1 - p for span, p in zip(windows.span, windows.padding))
    if min(padding) < 0:
        return None
    return Windows(windows.places, windows.kernel, windows.stride, windows.dilation, padding, windows.size)


def turned_weight(weight: Array, groups: int) -> Array:
    """The weight of the full correlation: the kernel turned by 180°, inputs and outputs of each group swapped."""
    w = np.flip(weight, tuple(range(2, weight.ndim)))
    return _merged(np.swapaxes(_grouped(w, 0, groups), 1, 2), 0)


@kernel(plain_unfold)
def unfold(x: Array, windows: Windows) -> Any:
    """x (N, C, *size) to (N, C · elements, places): the windows as columns."""
    n, channels, elements = len(x), x.shape[1], math.prod(windows.kernel)
    columns: Array = np.zeros((n, channels, elements, *windows.places), x.dtype)
    for k, inputs, places in windows.elements():
        columns[:, :, k, *places] = x[..., *inputs]
    return columns.reshape(n, channels * elements, math.prod(windows.places))


@kernel(plain_fold)
def fold(x: Array, windows: Windows) -> Any:
    """The adjoint of `unfold`."""
    n, elements = len(x), math.prod(windows.kernel)
    columns = x.reshape(n, x.shape[1] // elements, elements, *windows.places)
    image: Array = np.zeros((n, x.shape[1] // elements, *windows.size), x.dtype)
    for k, inputs, places in windows.elements():
        image[..., *inputs] += columns[:, :, k, *places]
    return image
