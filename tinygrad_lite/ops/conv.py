"""Convolution, its two adjoints, and unfold with its own: one definition for 1, 2 and 3 spatial axes.

conv is linear in x and in the weight. Its gradient for x is the full correlation of g with the kernel turned by 180°
(that is conv_transpose), and its gradient for the weight is the correlation of x with g. Each of the three is the
adjoint of the others in one of its inputs, so they are closed under differentiation, to any order.

In the formulas ⋆ slides the window of the second over the first and sums, and ∗ is its adjoint, the full correlation
with the window turned by 180°: every place p puts g[p] · weight back onto the inputs that its window saw.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..dispatch import array_code, forward
from ..errors import check_size
from ..graph import Rule, op, total
from ..values import Array, lazy
from .windows import Ints, Windows, check_rank, over_axes, overlap_add, per_axis, slide, view

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "fold", "unfold",
]  # fmt: skip

# ------------------------------------------------------------------------------- the three sums, over n spatial axes


@op
def conv(x: Array, weight: Array, windows: Windows, groups: int) -> Rule:
    """out = x ⋆ weight        ∂L/∂x = g ∗ weight        ∂L/∂weight = x ⋆ g"""
    return conv_forward(x, weight, None, windows, groups), (
        lambda g: conv_input(g, weight, windows, groups),
        lambda g: conv_weight(x, g, windows, groups),
    )


@op
def conv_input(g: Array, weight: Array, windows: Windows, groups: int) -> Rule:
    """out = g ∗ weight        ∂L/∂g = h ⋆ weight        ∂L/∂weight = h ⋆ g, where h = ∂L/∂out"""
    return conv_input_forward(g, weight, None, windows, groups), (
        lambda h: conv(h, weight, windows, groups),
        lambda h: conv_weight(h, g, windows, groups),
    )


@op
def conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Rule:
    """out = x ⋆ g        ∂L/∂x = g ∗ h        ∂L/∂g = x ⋆ h, where h = ∂L/∂out"""
    return conv_weight_forward(x, g, windows, groups), (
        lambda h: conv_input(g, h, windows, groups),
        lambda h: conv(x, h, windows, groups),
    )


@forward
def conv_forward(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    """out[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]

    x (N, C, *size) or (C, *size), weight (O, C / groups, *kernel).
    """
    seen, w, out = subscripts(x, windows)
    y = in_groups(groups, view(x, windows), seen, weight, w, out)
    return y if bias is None else y + over_places(bias, windows)


@forward
def conv_input_forward(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    """out[n, c, i] = Σ g[n, o, p] · weight[o, c, k] over all p, k that see i, + bias[c]"""
    seen, w, out = subscripts(g, windows)
    x = overlap_add(in_groups(groups, g, out, weight, w, seen), windows)
    return x if bias is None else x + over_places(bias, windows)


@forward
def conv_weight_forward(x: Array, g: Array, windows: Windows, groups: int) -> Array:
    """out[o, c, k] = Σ_n Σ_p x[n, c, p · stride + k · dilation - padding] · g[n, o, p]"""
    seen, w, out = subscripts(x, windows)
    return in_groups(groups, view(x, windows), seen, g, out, w)


def subscripts(x: Array, windows: Windows) -> tuple[str, str, str]:
    """einsum's letters for the windows seen, the weight and the output: n (where x is a batch), g (groups), c, o, the
    places xyz, and the elements ijk of a window."""
    axes = len(windows.size)
    batch, places, elements = "n" * (np.ndim(x) - axes - 1), "xyz"[:axes], "ijk"[:axes]
    return f"{batch}gc{places}{elements}", f"goc{elements}", f"{batch}go{places}"


def in_groups(groups: int, a: Array, left: str, b: Array, right: str, out: str) -> Array:
    """np.einsum of a and b, where an axis of channels has two letters: g for its groups, then the channels of one."""
    a, b = grouped(a, left.index("g"), groups), grouped(b, right.index("g"), groups)
    return ungrouped(np.einsum(f"{left},{right}->{out}", a, b, optimize=True), out.index("g"))


def grouped(a: Array, axis: int, groups: int) -> Array:
    """One axis cut into (groups, channels of one group)."""
    shape = np.shape(a)
    return np.reshape(a, (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]))


def ungrouped(a: Array, axis: int) -> Array:
    """The two axes that `grouped` made, one again."""
    shape = np.shape(a)
    return np.reshape(a, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def over_places(bias: Array, windows: Windows) -> Array:
    return np.reshape(bias, (-1, *[1] * len(windows.size)))


def sum_but_channels(g: Array, n: int) -> Array:
    """∂L/∂bias: every example and every place adds the same bias."""
    channels = np.ndim(g) - n - 1
    return np.reshape(total(g, tuple([i for i in range(np.ndim(g)) if i != channels])), (-1,))


# -------------------------------------------------------------------------------------------- the names that torch has


def conv_nd(
    n: int, x: Array, weight: Array, bias: Array | None = None, stride: Ints = 1, padding: Ints | str = 0,
    dilation: Ints = 1, groups: int = 1,
) -> Rule:  # fmt: skip
    """out = x ⋆ weight + bias        ∂L/∂x = g ∗ weight        ∂L/∂weight = x ⋆ g        ∂L/∂bias = Σ g

    out[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]. ∂L/∂x is the full
    correlation of g with the weight turned by 180°, ∂L/∂weight the correlation of x with g.

    Args:
        x: (N, C, *size), or (C, *size) for one example.
        weight: (O, C / groups, *kernel).
        bias: (O,) or None.
        stride, dilation: an integer, or one for each spatial axis.
        padding: zeros on both sides, an integer or one for each spatial axis; 'valid' (none), or 'same': the output has
            the input's size (stride 1 only; where the number of zeros is odd, the extra one is at the end).
        groups: the channels are cut into so many groups, each seen by O / groups of the outputs; `groups=C` is
            depthwise.

    Returns:
        (N, O, *places) with, along each axis, W' = ⌊(W + 2 · padding - dilation · (K - 1) - 1) / stride⌋ + 1.

    Raises:
        ValueError: ranks or channels don't match, groups don't divide them, or the kernel exceeds the padded input.
    """
    windows = sliding(n, x, weight, bias, stride, padding, dilation, groups)
    return conv_forward(x, weight, bias, windows, groups), (
        lambda g: conv_input(g, weight, windows, groups),
        lambda g: conv_weight(x, g, windows, groups),
        lambda g: sum_but_channels(g, n),
    )


def conv_transpose_nd(
    n: int, x: Array, weight: Array, bias: Array | None = None, stride: Ints = 1, padding: Ints = 0,
    output_padding: Ints = 0, groups: int = 1, dilation: Ints = 1,
) -> Rule:  # fmt: skip
    """out = x ∗ weight + bias        ∂L/∂x = g ⋆ weight        ∂L/∂weight = g ⋆ x        ∂L/∂bias = Σ g

    The adjoint of `conv_nd` with the same weight: x plays the part of its g. It undoes conv_nd's shape, not its values.

    Args:
        x: (N, C, *size), or (C, *size) for one example.
        weight: (C, O / groups, *kernel): the weight of the conv_nd, whose outputs are now the inputs.
        bias: (O,) or None.
        stride, padding, dilation, groups: those of the conv_nd.
        output_padding: so many more elements at the end of the output, since a conv_nd with a stride maps several sizes
            to one. Smaller than the stride or the dilation.

    Returns:
        (N, O, *places) with, along each axis,
        W' = (W - 1) · stride - 2 · padding + dilation · (K - 1) + output_padding + 1.

    Raises:
        ValueError: ranks or channels don't match, groups don't divide them, or nothing is left of the output.
    """
    windows = spreading(n, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return conv_input_forward(x, weight, bias, windows, groups), (
        lambda g: conv(g, weight, windows, groups),
        lambda g: conv_weight(g, x, windows, groups),
        lambda g: sum_but_channels(g, n),
    )


conv1d, conv2d, conv3d = (op(over_axes(n, conv_nd)) for n in (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = (op(over_axes(n, conv_transpose_nd)) for n in (1, 2, 3))


@op(linear=True)
def unfold(x: Array, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> Rule:
    """out = the windows of x as columns        ∂L/∂x = fold(g): each element added where it was seen

    x (N, C, H, W) or (C, H, W) gives (N, C · KH · KW, L) or (C · KH · KW, L): a column for each of the L places of the
    window.
    """
    shape = np.shape(x)
    if len(shape) not in (3, 4):
        raise ValueError("x must have shape (N, C, H, W), or (C, H, W) for one example")
    windows = slide(shape[-2:], per_axis(kernel_size, 2, "kernel_size", 1), stride, padding, dilation)
    return unfold_forward(x, windows), (lambda g: fold(g, shape[-2:], kernel_size, dilation, padding, stride),)


@op(linear=True)
def fold(
    x: Array, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Rule:
    """out = the columns of x added where `unfold` saw them        ∂L/∂x = unfold(g)

    x (N, C · KH · KW, L) or (C · KH · KW, L) gives (N, C, *output_size) or (C, *output_size). fold(unfold(x)) is x
    times the number of windows that see each element.
    """
    shape = np.shape(x)
    kernel = per_axis(kernel_size, 2, "kernel_size", 1)
    windows = slide(per_axis(output_size, 2, "output_size", 1), kernel, stride, padding, dilation)
    rows, columns = kernel[0] * kernel[1], windows.places[0] * windows.places[1]
    if len(shape) not in (2, 3) or shape[-2] % rows or shape[-1] != columns:
        raise ValueError(f"x must have shape (N, C · {rows}, {columns}) or (C · {rows}, {columns}): elements, places")
    return fold_forward(x, windows), (lambda g: unfold(g, kernel_size, dilation, padding, stride),)


@array_code
def unfold_forward(x: Array, windows: Windows) -> Array:
    """x (..., C, *size) to (..., C · elements, places)."""
    n = len(windows.size)
    v = np.moveaxis(view(x, windows), range(-n, 0), range(-2 * n, -n))
    lead, channels = np.shape(x)[: -n - 1], np.shape(x)[-n - 1]
    return np.reshape(v, (*lead, channels * math.prod(windows.kernel), math.prod(windows.places)))


@array_code
def fold_forward(x: Array, windows: Windows) -> Array:
    """The adjoint of `unfold_forward`."""
    n = len(windows.size)
    *lead, lines, _ = np.shape(x)
    v = np.reshape(x, (*lead, lines // math.prod(windows.kernel), *windows.kernel, *windows.places))
    return overlap_add(np.moveaxis(v, range(-2 * n, -n), range(-n, 0)), windows)


# ---------------------------------------------------------------------------------- what the arguments must agree upon


def sliding(
    n: int, x: Array, weight: Array, bias: Array | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Windows:
    """The windows of a conv over n spatial axes."""
    shape, kernel = check_ranks(n, x, weight, "(O, C / groups, *kernel)", groups)
    channels, outputs = shape[-n - 1], kernel[0]
    if channels % groups or outputs % groups:
        raise ValueError(f"{groups=} must divide x's channels ({channels}) and the weight's first axis ({outputs})")
    if (seen := kernel[1] * groups) != channels:
        raise ValueError(f"x has {channels} channels, but weight's second axis ({kernel[1]}) times groups is {seen}")
    check_bias(bias, outputs)
    windows = slide(shape[-n:], kernel[2:], stride, padding, dilation)
    check_size((*shape[: -n - 1], outputs, *windows.places), x)
    return windows


def spreading(
    n: int,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Windows:
    """The windows of a conv_transpose over n spatial axes: those of the conv whose adjoint it is."""
    shape, kernel = check_ranks(n, x, weight, "(C, O / groups, *kernel)", groups)
    channels = shape[-n - 1]
    if kernel[0] != channels or channels % groups:
        raise ValueError(f"x has {channels} channels: weight's first axis ({kernel[0]}) must equal, groups divide them")
    check_bias(bias, kernel[1] * groups)
    stride, dilation = per_axis(stride, n, "stride", 1), per_axis(dilation, n, "dilation", 1)
    padding, more = per_axis(padding, n, "padding", 0), per_axis(output_padding, n, "output_padding", 0)
    if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation)):
        raise ValueError(f"output_padding {more} must be smaller than the stride {stride} or the dilation {dilation}")
    size = tuple(
        (p - 1) * s - 2 * b + d * (k - 1) + m + 1
        for p, s, b, d, k, m in zip(shape[-n:], stride, padding, dilation, kernel[2:], more)
    )
    if min(size) < 1:
        raise ValueError(f"nothing is left: the output would have size {size}; use less padding")
    check_size((*shape[: -n - 1], kernel[1] * groups, *size), x)
    return Windows(size, kernel[2:], stride, dilation, padding, shape[-n:])


def check_ranks(n: int, x: Array, weight: Array, form: str, groups: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    check_rank(n, x)
    if lazy(x):
        warnings.warn(
            "a convolution of a Dask array takes thousands of tasks a chunk: tg.distributed.DataParallel trains a conv "
            "net with one task for each shard of the data",
            stacklevel=8,
        )
    shape, kernel = np.shape(x), np.shape(weight)
    if len(kernel) != n + 2:
        raise ValueError(f"weight must have {n + 2} axes {form}")
    if min(kernel[2:]) < 1:
        raise ValueError(f"the weight's kernel {kernel[2:]} is empty")
    if not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ValueError("groups must be an integer of at least 1")
    return shape, kernel


def check_bias(bias: Array | None, outputs: int) -> None:
    if bias is not None and np.shape(bias) != (outputs,):
        raise ValueError(f"bias must have shape ({outputs},), one for each output channel")
