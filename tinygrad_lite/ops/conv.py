"""Convolution, its two adjoints, and unfold with its own: one set of rules for 1, 2 and 3 spatial axes.

conv is linear in x and in the weight. Its gradient for x is the full correlation of g with the kernel turned by 180°
(that is conv_transpose), and its gradient for the weight is the correlation of x with g. Each of the three is the
adjoint of the others in one of its inputs, so that they are closed under differentiation, to any order.

In the formulas ⋆ slides the window of the second over the first and sums, and ∗ is its adjoint, the full correlation
with the window turned by 180°: every place p puts g[p] · weight back onto the inputs that its window saw.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Rule, op
from ..kernels import conv as kernels
from ..kernels import reduce
from ..kernels.layout import laid
from ..kernels.windows import Ints, Windows, per_axis, slide
from ..values import Array

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "fold", "unfold",
]  # fmt: skip

# --------------------------------------------------------------------------------------- the rules, over n spatial axes


def correlation(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Rule:
    """The rule of conv: out[n, o, p] = Σ x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]"""
    batch = batched(x, windows) if windows.pointwise else laid(batched(x, windows))
    y = kernels.conv(batch, weight, bias, windows, groups)
    return as_batched_as(x, y), (
        lambda g: conv_input(batched(g, windows), weight, windows, groups),
        lambda g: conv_weight(batch, batched(g, windows), windows, groups),
        lambda g: sum_but_channels(g, windows),
    )


def full_correlation(g: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Rule:
    """The rule of conv_transpose: out[n, c, i] = Σ g[n, o, p] · weight[o, c, k] over all p, k that see i, + bias[c]"""
    y = kernels.conv_input(batched(g, windows), weight, bias, windows, groups)
    return as_batched_as(g, y), (
        lambda h: conv(batched(h, windows), weight, windows, groups),
        lambda h: conv_weight(batched(h, windows), batched(g, windows), windows, groups),
        lambda h: sum_but_channels(h, windows),
    )


@op
def conv(x: Array, weight: Array, windows: Windows, groups: int) -> Rule:
    """out = x ⋆ weight        ∂L/∂x = g ∗ weight        ∂L/∂weight = x ⋆ g"""
    return correlation(x, weight, None, windows, groups)


@op
def conv_input(g: Array, weight: Array, windows: Windows, groups: int) -> Rule:
    """out = g ∗ weight        ∂L/∂g = h ⋆ weight        ∂L/∂weight = h ⋆ g, where h = ∂L/∂out"""
    return full_correlation(g, weight, None, windows, groups)


@op
def conv_weight(x: Array, g: Array, windows: Windows, groups: int) -> Rule:
    """out = x ⋆ g        ∂L/∂x = g ∗ h        ∂L/∂g = x ⋆ h, where h = ∂L/∂out"""
    return kernels.conv_weight(x, g, windows, groups), (
        lambda h: conv_input(g, h, windows, groups),
        lambda h: conv(x, h, windows, groups),
    )


def batched(x: Array, windows: Windows) -> Array:
    """One example (C, *size) as a batch of one. The engine takes the axis off its gradient: it undoes broadcasting."""
    return x if np.ndim(x) == len(windows.size) + 2 else x[None]


def as_batched_as(x: Array, y: Array) -> Array:
    """The result y, without its batch of one where x was one example."""
    return y if np.ndim(y) == np.ndim(x) else y[0]


def sum_but_channels(g: Array, windows: Windows) -> Array:
    """∂L/∂bias: every example and every place adds the same bias."""
    return reduce.sum(batched(g, windows), axis=(0, *range(2, len(windows.size) + 2)))


# -------------------------------------------------------------------------------------------- the names that torch has


@op
def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Rule:
    """out = x ⋆ weight + bias        ∂L/∂x = g ∗ weight        ∂L/∂weight = x ⋆ g        ∂L/∂bias = Σ g

    x (N, C, W), weight (O, C / groups, K). `conv2d` over one axis: see there.
    """
    return correlation(x, weight, bias, sliding(1, x, weight, bias, stride, padding, dilation, groups), groups)


@op
def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Rule:
    """out = x ⋆ weight + bias        ∂L/∂x = g ∗ weight        ∂L/∂weight = x ⋆ g        ∂L/∂bias = Σ g

    out[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - padding] · weight[o, c, k] + bias[o]. ∂L/∂x is the full
    correlation of g with the weight turned by 180°, ∂L/∂weight the correlation of x with g.

    Args:
        x: (N, C, H, W), or (C, H, W) for one example.
        weight: (O, C / groups, KH, KW).
        bias: (O,) or None.
        stride, dilation: an integer, or one for each spatial axis.
        padding: zeros on both sides, an integer or one for each spatial axis; 'valid' (none), or 'same': the output has
            the input's size (stride 1 only; where the number of zeros is odd, the one more is at the end).
        groups: channels are cut into so many groups, each seen by O / groups of the outputs; `groups=C` is depthwise.

    Returns:
        (N, O, H', W') with H' = ⌊(H + 2 · padding - dilation · (KH - 1) - 1) / stride⌋ + 1. From 16 channels on, three
        rows of a kernel go by Winograd's filters (kernels/winograd.py), whose rounding error is up to twice that of
        the plain sum.

    Raises:
        ValueError: ranks or channels don't match, groups don't divide them, or the kernel exceeds the padded input.
    """
    return correlation(x, weight, bias, sliding(2, x, weight, bias, stride, padding, dilation, groups), groups)


@op
def conv3d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Rule:
    """out = x ⋆ weight + bias        ∂L/∂x = g ∗ weight        ∂L/∂weight = x ⋆ g        ∂L/∂bias = Σ g

    x (N, C, D, H, W), weight (O, C / groups, KD, KH, KW). `conv2d` over three axes: see there.
    """
    return correlation(x, weight, bias, sliding(3, x, weight, bias, stride, padding, dilation, groups), groups)


@op
def conv_transpose1d(
    x: Array, weight: Array, bias: Array | None = None, stride: Ints = 1, padding: Ints = 0, output_padding: Ints = 0,
    groups: int = 1, dilation: Ints = 1,
) -> Rule:  # fmt: skip
    """out = x ∗ weight + bias        ∂L/∂x = g ⋆ weight        ∂L/∂weight = g ⋆ x        ∂L/∂bias = Σ g

    x (N, C, W), weight (C, O / groups, K). `conv_transpose2d` over one axis: see there.
    """
    windows = spreading(1, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return full_correlation(x, weight, bias, windows, groups)


@op
def conv_transpose2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Ints = 1, padding: Ints = 0, output_padding: Ints = 0,
    groups: int = 1, dilation: Ints = 1,
) -> Rule:  # fmt: skip
    """out = x ∗ weight + bias        ∂L/∂x = g ⋆ weight        ∂L/∂weight = g ⋆ x        ∂L/∂bias = Σ g

    The adjoint of `conv2d` with the same weight: x plays the part of its g. It undoes conv2d's shape, not its values.

    Args:
        x: (N, C, H, W), or (C, H, W) for one example.
        weight: (C, O / groups, KH, KW): the weight of the conv2d, whose outputs are now the inputs.
        bias: (O,) or None.
        stride, padding, dilation, groups: those of the conv2d.
        output_padding: so many more rows at the end of the output, since a conv2d with a stride maps several sizes to
            one. Smaller than the stride or the dilation.

    Returns:
        (N, O, H', W') with H' = (H - 1) · stride - 2 · padding + dilation · (KH - 1) + output_padding + 1.

    Raises:
        ValueError: ranks or channels don't match, groups don't divide them, or nothing is left of the output.
    """
    windows = spreading(2, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return full_correlation(x, weight, bias, windows, groups)


@op
def conv_transpose3d(
    x: Array, weight: Array, bias: Array | None = None, stride: Ints = 1, padding: Ints = 0, output_padding: Ints = 0,
    groups: int = 1, dilation: Ints = 1,
) -> Rule:  # fmt: skip
    """out = x ∗ weight + bias        ∂L/∂x = g ⋆ weight        ∂L/∂weight = g ⋆ x        ∂L/∂bias = Σ g

    x (N, C, D, H, W), weight (C, O / groups, KD, KH, KW). `conv_transpose2d` over three axes: see there.
    """
    windows = spreading(3, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return full_correlation(x, weight, bias, windows, groups)


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
    y = kernels.unfold(batched(x, windows), windows)
    return (y if len(shape) == 4 else y[0]), (lambda g: fold(g, shape[-2:], kernel_size, dilation, padding, stride),)


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
        raise ValueError(
            f"x must have shape (N, C · {rows}, {columns}) or (C · {rows}, {columns}): a kernel of {kernel} has {rows} "
            f"elements, and {columns} places on an output of {windows.size}"
        )
    y = kernels.fold(x if len(shape) == 3 else x[None], windows)
    return (y if len(shape) == 3 else y[0]), (lambda g: unfold(g, kernel_size, dilation, padding, stride),)


# ---------------------------------------------------------------------------------- what the arguments must agree upon


def sliding(
    n: int, x: Array, weight: Array, bias: Array | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Windows:
    """The windows of a conv over n spatial axes."""
    shape, kernel = check_ranks(n, x, weight, "(O, C / groups, *kernel)", groups)
    channels, outputs = shape[-n - 1], kernel[0]
    if channels % groups or outputs % groups:
        raise ValueError(
            f"groups={groups} must divide x's channels ({channels}) and the weight's first axis ({outputs})"
        )
    if kernel[1] * groups != channels:
        raise ValueError(
            f"x has {channels} channels, but the weight's second axis ({kernel[1]}) times groups ({groups}) is "
            f"{kernel[1] * groups}"
        )
    check_bias(bias, outputs)
    return slide(shape[-n:], kernel[2:], stride, padding, dilation)


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
        raise ValueError(
            f"x has {channels} channels: the weight's first axis ({kernel[0]}) must equal them, and groups={groups} "
            "divide them"
        )
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
    return Windows(size, kernel[2:], stride, dilation, padding, shape[-n:])


def check_ranks(n: int, x: Array, weight: Array, form: str, groups: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape, kernel = np.shape(x), np.shape(weight)
    if len(shape) not in (n + 1, n + 2):
        raise ValueError(
            f"x must have {n + 2} axes (N, C, then {n} spatial), or {n + 1} for one example; it has {len(shape)}"
        )
    if len(kernel) != n + 2:
        raise ValueError(f"weight must have {n + 2} axes {form}; it has {len(kernel)}")
    if min(kernel[2:]) < 1:
        raise ValueError(f"the weight's kernel {kernel[2:]} is empty")
    if not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ValueError(f"groups must be an integer of at least 1; got {groups!r}")
    return shape, kernel


def check_bias(bias: Array | None, outputs: int) -> None:
    if bias is not None and np.shape(bias) != (outputs,):
        raise ValueError(f"bias must have shape ({outputs},), one for each output channel; it has {np.shape(bias)}")
