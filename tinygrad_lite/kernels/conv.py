"""Convolution and its two adjoints over n spatial axes: rows of an image unfolded, and matrix products.

Shapes: x (N, C, *size), weight (O, C / groups, *kernel), out and g (N, O, *places). In memory the batch is innermost
(see memory_order.py); large results have their rows outermost, (rows, channels, *other axes, N), as the products in
unfolding.py give them. The rows of the output are independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..graph import OPS, Rule
from ..ops import conv as rules
from ..ops.windows import Windows
from ..values import Array
from .memory_order import batch_first, batch_inner, copied, put, with_batch_inner
from .threads import each, pieces, shared
from .thresholds import COLUMNS_OF_A_NARROW_MATRIX, ELEMENTS_TO_UNFOLD, NUMBERS_TO_UNFOLD_AT_ONCE
from .unfolding import Block, Rows, columns, empty, product, product_over_columns, rows_inside
from .windows import Geometry, Slices, geometry


@rules.conv_forward.register
def conv(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    """out[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]

    A row of the output is the weight (O, K · C · elements) @ the matrix that it sees.
    """
    windows = geometry(windows)
    if x.ndim == len(windows.size) + 1:  # one example
        return conv(x[None], weight, bias, windows, groups)[0]
    if as_it_lies(x, windows):
        return pointwise(x, weight, bias, groups)
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    if few(x, windows):
        u = columns(x, windows, groups, dtype)
        y = np.matmul(np.asarray(weight, dtype).reshape(groups, len(weight) // groups, u.shape[1]), u)
        if bias is not None:
            y += bias.reshape(groups, -1, 1)
        return batch_first(y.reshape(len(weight), *windows.places, len(x)))
    if in_one_row(windows, len(x)):
        return conv(x[:, :, None], weight[:, :, None], bias, windows.one_row, groups)[:, :, 0]
    if shifts(windows) and 2 * len(weight) <= x.shape[1]:
        return conv_then_shift(x, weight, bias, windows, groups)
    rows = Rows(x, windows, groups, dtype)
    w = copied(grouped_weight(weight, groups, dtype).swapaxes(2, 3), 1)
    w = w.reshape(*w.shape[:2], rows.high * rows.lines)
    out: Array = np.empty((windows.places[0], len(weight), *windows.places[1:], len(x)), dtype)
    flat = out.reshape(len(out), *w.shape[:2], rows.inner * windows.places[1]).swapaxes(0, 1)

    def fill(blocks: Iterable[Block]) -> None:
        for block in blocks:
            y = flat[:, block[0], :, rows.columns(block)]
            product(w[:, None], rows.matrices(block), y)
            if bias is not None:
                y += bias.reshape(groups, 1, -1, 1)

    each(fill, rows.blocks(w.shape[1]))
    return rows_inside(out)


def few(x: Array, windows: Geometry) -> bool:
    """Whether all that the windows see is one small matrix."""
    return math.prod((*x.shape[:2], *windows.kernel, *windows.places)) <= NUMBERS_TO_UNFOLD_AT_ONCE


def as_it_lies(x: Array, windows: Geometry) -> bool:
    """Whether the examples of x are the matrices that a kernel of one element is multiplied with."""
    return bool(windows.pointwise and len(x) > 1 and x.flags.c_contiguous)


def pointwise(x: Array, weight: Array, bias: Array | None, groups: int) -> Array:
    """`conv` for a kernel of one element: the weight @ each example of x."""
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    w = np.asarray(weight, dtype).reshape(groups, len(weight) // groups, weight.shape[1])
    out: Array = np.empty((len(x), len(weight), *x.shape[2:]), dtype)
    seen, flat = by_example(x, groups), by_example(out, groups)

    def fill(some: slice) -> None:
        product(w[:, None], seen[:, some], flat[:, some])
        if bias is not None:
            flat[:, some] += bias.reshape(groups, 1, -1, 1)

    each(fill, shared(len(x), w.shape[1] * seen.size))
    return out


def pointwise_weight(x: Array, g: Array, windows: Windows, groups: int) -> Array:
    seen, gs = by_example(x, groups), by_example(g, groups)
    share = shared(len(x), gs.shape[2] * seen.size)
    total = np.zeros((len(share), groups, gs.shape[2], seen.shape[2]), np.result_type(x, g))

    def add(i: int) -> None:
        for some in pieces(share[i], ELEMENTS_TO_UNFOLD // max(1, total[i].size)):
            total[i] += product_over_columns(gs[:, some], seen[:, some].swapaxes(-1, -2))

    each(add, range(len(share)))
    return total.sum(axis=0).reshape(g.shape[1], seen.shape[2], *windows.kernel)


def by_example(x: Array, groups: int) -> Array:
    """(groups, N, channels of a group, all spatial axes as one)"""
    n, channels, *size = x.shape
    return x.reshape(n, groups, channels // groups, math.prod(size)).swapaxes(0, 1)


def conv_then_shift(x: Array, weight: Array, bias: Array | None, windows: Geometry, groups: int) -> Array:
    """`conv` for few outputs and a stride of 1: products are added, each where its element sees it."""
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    w, others = grouped_weight(weight, groups, dtype), windows.others
    out: Array = np.empty((windows.places[0], *w.shape[:2], *others.places, len(x)), dtype)
    shifted(out, x, w.transpose(0, 4, 1, 3, 2), bias, windows.shifts, [at[1:] for at in others.elements])
    return rows_inside(out.reshape(len(out), len(weight), *out.shape[3:]))


def shifted(
    out: Array, x: Array, w: Array, bias: Array | None, windows: Geometry, moves: list[tuple[Slices, Slices]]
) -> None:
    """Products of w with rows of x that aren't unfolded, added up in out (rows, groups, outputs, *axes, N).

    w (groups, elements, outputs, rows of the kernel, channels) has a matrix for each element k of a row of the kernel.
    All are multiplied at once. Then the part moves[k][0] of the k-th product is added to the part moves[k][1] of out,
    or stored there if it comes first.
    """
    groups, elements, outputs = w.shape[:3]
    rows = Rows(x, windows, groups, out.dtype)
    w = np.ascontiguousarray(w).reshape(groups, elements, outputs, rows.high * rows.lines)
    order, covered = storing_first([target for _, target in moves], out.shape[3:-1])

    def add(y: Array, u: Array, some: slice) -> None:
        y, part = y[:, :, some], w[:, :, some]
        part = part.reshape(groups, 1, elements * part.shape[2], w.shape[3])
        v = empty((*u.shape[:2], part.shape[2]), u.shape[3], out.dtype)
        product(part, u, v)
        v = v.reshape(*u.shape[:2], elements, y.shape[2], *windows.places[1:], len(x)).swapaxes(0, 1)
        if not covered:
            y[...] = 0
        for k, first in order:
            source, target = moves[k]
            to, more = y[:, :, :, *target], v[:, :, k, :, *source]
            if first and covered:
                put(to, more)
            else:
                to += more
        if bias is not None:
            y += bias.reshape(groups, outputs, *[1] * len(windows.places))[:, some]

    def fill(blocks: Iterable[Block]) -> None:
        for block in blocks:
            add(out[block[0]], rows.matrices(block), slice(0, outputs))

    if len(out) > 1:
        each(fill, rows.blocks(elements * outputs))
    else:  # the outputs of a single row are shared out
        u = rows.matrices((slice(0, 1), slice(0, windows.places[1])))
        most = ELEMENTS_TO_UNFOLD // max(1, groups * elements * u.shape[3])
        share = [some for part in shared(outputs, elements * outputs * u.size) for some in pieces(part, most)]
        each(lambda some: add(out, u, some), share)


def storing_first(targets: list[Slices], shape: tuple[int, ...]) -> tuple[list[tuple[int, bool]], bool]:
    """In which order to put parts on an array of `shape`, and whether each is the first on all of its target; and
    whether those that are first cover the array, so that it needs no value before."""
    free, order, split = np.ones(shape, bool), [], False
    for k in sorted(range(len(targets)), key=lambda k: -free[targets[k]].size):
        new = free[targets[k]]
        order.append((k, bool(new.all())))
        split = split or bool(new.any() and not new.all())
        new[...] = False
    return order, not (split or free.any())


def grouped_weight(weight: Array, groups: int, dtype: Any) -> Array:
    """(groups, O / groups, C / groups, rows of the kernel, elements of a row)"""
    outputs, channels, high, *wide = weight.shape
    return np.asarray(weight, dtype).reshape(groups, outputs // groups, channels, high, math.prod(wide))


def shifts(windows: Geometry) -> bool:
    """Whether products can be added instead of unfolding their factors, which costs less where outputs are few."""
    return windows.places[0] > 1 and set(windows.stride[1:]) == {1} and math.prod(windows.kernel[1:]) > 1


def in_one_row(windows: Geometry, examples: int) -> bool:
    """Whether to unfold all axes: there is but one, or a row has few columns, or the kernel's rows lie apart."""
    few = math.prod(windows.places[1:]) * examples < COLUMNS_OF_A_NARROW_MATRIX
    return len(windows.size) == 1 or few and windows.places[0] > 1 or windows.kernel[0] > 1 < windows.dilation[0]


@rules.conv_weight_forward.register
def conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Any:
    """The adjoint of `conv` in the weight: out[o, c, k] = Σ x[n, c, p · stride + k · dilation - padding] · g[n, o, p]

    The matrix that a row of the output sees @ the row of g (columns, O), added up over the rows.
    """
    windows = geometry(windows)
    if x.ndim == len(windows.size) + 1:
        return conv_weight(x[None], g[None], windows, groups)
    if as_it_lies(x, windows) and g.flags.c_contiguous:
        return pointwise_weight(x, g, windows, groups)
    dtype = np.result_type(x, g)
    if few(x, windows):
        u = columns(x, windows, groups, dtype)
        gs = np.asarray(batch_inner(g), dtype).reshape(groups, g.shape[1] // groups, u.shape[2])
        return np.matmul(gs, u.swapaxes(1, 2)).reshape(g.shape[1], x.shape[1] // groups, *windows.kernel)
    if in_one_row(windows, len(x)):
        return conv_weight(x[:, :, None], g[:, :, None], windows.one_row, groups)[:, :, 0]
    rows = Rows(x, windows, groups, dtype)
    gs = batch_inner(g).swapaxes(0, 1)
    gs = gs.reshape(len(gs), groups, g.shape[1] // groups, rows.inner * windows.places[1]).swapaxes(0, 1)
    share = rows.blocks(gs.shape[2], result=rows.high * rows.lines * gs.shape[2])
    total = np.zeros((len(share), groups, rows.high * rows.lines, gs.shape[2]), dtype)

    def add(i: int) -> None:
        for block in share[i]:
            part = gs[:, block[0], :, rows.columns(block)]
            if part.shape[2] != 1:
                total[i] += product_over_columns(rows.matrices(block), part.swapaxes(-1, -2))
            else:  # products with one vector need no matrix
                sums = np.vecdot(rows.windows_seen(block), part[:, :, None, None])
                total[i] += sums.sum(axis=1).reshape(total[i].shape)

    each(add, range(len(share)))
    w = total.sum(axis=0).reshape(groups, rows.high, x.shape[1] // groups, *windows.kernel[1:], gs.shape[2])
    w = np.moveaxis(w, (-1, 2), (1, 2))
    return copied(w, len(windows.kernel)).reshape(g.shape[1], *w.shape[2:])


@rules.conv_input_forward.register
def conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Any:
    """The adjoint of `conv` in x: out[n, c, i] = Σ g[n, o, p] · weight[o, c, k] over all p, k that see i, + bias[c]

    With a stride of 1 it is a `conv` of g with the kernel turned by 180°. With a stride of s along the first axis, each
    remainder of the rows by s has elements of the kernel of its own; along the others, products are shifted. Where
    there is little to do, all products are made and added.
    """
    windows = geometry(windows)
    if g.ndim == len(windows.size) + 1:
        return conv_input(g[None], weight, bias, windows, groups)[0]
    if few_products(g, weight.shape[1] * groups, windows):
        return products_added(g, weight, bias, windows, groups)
    if max(windows.stride) == 1:
        return conv(g, turned_weight(weight, groups), bias, windows.turned, groups)
    apart = windows.kernel[0] > 1 and windows.stride[0] % windows.dilation[0]  # the rows that a row sees
    if len(windows.size) == 1 or apart:
        return conv_input(g[:, :, None], weight[:, :, None], bias, windows.one_row, groups)[:, :, 0]
    dtype = np.result_type(g, weight) if bias is None else np.result_type(g, weight, bias)
    w, others = grouped_weight(weight, groups, dtype).transpose(0, 4, 2, 3, 1), windows.others
    out: Array = np.empty((windows.size[0], groups, w.shape[2], *others.size, len(g)), dtype)
    for rows, elements, over in windows.phases:
        moves = [(places, inputs) for _, inputs, places in others.elements]
        shifted(out[rows], g, w[:, :, :, elements][:, :, :, ::-1], bias, over, moves)
    return rows_inside(out.reshape(len(out), groups * w.shape[2], *out.shape[3:]))


def few_products(g: Array, inputs: int, windows: Geometry) -> bool:
    """Whether the products of all elements are one small matrix, and (for a stride of 1, where a `conv` would do) have
    no more channels than g."""
    products = len(g) * inputs * math.prod((*windows.kernel, *windows.places))
    return products <= NUMBERS_TO_UNFOLD_AT_ONCE and (max(windows.stride) > 1 or inputs <= g.shape[1])


def products_added(g: Array, weight: Array, bias: Array | None, windows: Geometry, groups: int) -> Array:
    """`conv_input` for small arrays: the products of all elements, added where each saw its input, axis by axis."""
    dtype = np.result_type(g, weight) if bias is None else np.result_type(g, weight, bias)
    n, channels, outputs = len(windows.size), groups * weight.shape[1], len(weight) // groups
    w = np.asarray(weight, dtype).reshape(groups, outputs, math.prod(weight.shape[1:]))
    gs = np.asarray(batch_inner(g), dtype).reshape(groups, outputs, len(g) * math.prod(windows.places))
    v = np.matmul(w.swapaxes(1, 2), gs).reshape(channels, *windows.kernel, *windows.places, len(g))
    for axis in reversed(range(n)):  # v (C, *kernel[: axis + 1], *places[: axis + 1], *size[axis + 1 :], N)
        before, here = (slice(None),) * (axis + 1), (slice(None),) * (2 * axis + 1)
        shape = (*v.shape[: axis + 1], *v.shape[axis + 2 : 2 * axis + 2], windows.size[axis], *v.shape[2 * axis + 3 :])
        out: Array = np.zeros(shape, dtype)
        for k, inputs, places in windows.axes[axis].elements:
            out[(*here, inputs[axis])] += v[(*before, k)][(*here, places[axis])]
        v = out
    if bias is not None:
        v += bias.reshape(-1, *[1] * (n + 1))
    return batch_first(v)


def turned_weight(weight: Array, groups: int) -> Array:
    """The weight of the full correlation: the kernel turned by 180°, inputs and outputs of each group swapped."""
    w = np.flip(weight, tuple(range(2, weight.ndim)))
    return rules.ungrouped(np.swapaxes(rules.grouped(w, 0, groups), 1, 2), 0)


@rules.unfold_forward.register
def unfold(x: Array, windows: Windows) -> Array:
    """x (..., C, *size) to (..., C · elements, places): the windows as columns."""
    *lead, channels = x.shape[: x.ndim - len(windows.size)]
    columns: Array = np.zeros((*lead, channels, math.prod(windows.kernel), *windows.places), x.dtype)
    element_first = np.moveaxis(columns, len(lead) + 1, 0)
    for k, inputs, places in geometry(windows).elements:
        element_first[(k, ..., *places)] = x[(..., *inputs)]
    return columns.reshape(*lead, channels * math.prod(windows.kernel), math.prod(windows.places))


@rules.fold_forward.register
def fold(x: Array, windows: Windows) -> Array:
    """The adjoint of `unfold`."""
    *lead, lines, _ = x.shape
    channels = lines // math.prod(windows.kernel)
    columns = x.reshape(*lead, channels, math.prod(windows.kernel), *windows.places)
    element_first = np.moveaxis(columns, len(lead) + 1, 0)
    image: Array = np.zeros((*lead, channels, *windows.size), x.dtype)
    for k, inputs, places in geometry(windows).elements:
        image[(..., *inputs)] += element_first[(k, ..., *places)]
    return image


def on_batch_inner(rule: Callable[..., Rule]) -> Callable[..., Rule]:
    """The rule on x with the batch innermost in memory: brought into that order once, for the value and the gradients.

    With a kernel of one element x is used as it lies.
    """

    def run(*args: Any, **kwargs: Any) -> Rule:
        if len(args) > 1 and math.prod(np.shape(args[1])[2:]) > 1:
            args = (with_batch_inner(args[0]), *args[1:])
        return rule(*args, **kwargs)

    return run


for name in ("conv", "conv1d", "conv2d", "conv3d"):
    OPS[name].run = on_batch_inner(OPS[name].rule)
