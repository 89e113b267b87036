"""Convolution against a literal transcription of its definition: loops over indices, sharing nothing with the
engine.
"""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    fold,
    unfold,
)

from .cases import rand

Pair = tuple[int, int]


def visits(size: Pair, kernel: Pair, stride: Pair, before: Pair, dilation: Pair, places: Pair) -> Any:
    """Every (place, element, input) of a window that slides over an image; padding is no input."""
    for i, j, a, b in itertools.product(*map(range, (*places, *kernel))):
        y, x = i * stride[0] + a * dilation[0] - before[0], j * stride[1] + b * dilation[1] - before[1]
        if 0 <= y < size[0] and 0 <= x < size[1]:
            yield (i, j), (a, b), (y, x)


def slow_conv2d(
    x: Any, w: Any, bias: Any, g: Any, stride: Pair, before: Pair, dilation: Pair, groups: int, places: Any
) -> Any:
    """out, ∂L/∂x, ∂L/∂w and ∂L/∂bias, where g = ∂L/∂out."""
    N, _, *size = x.shape
    outputs, per_group, *kernel = w.shape
    out, dx, dw, db = np.zeros((N, outputs, *places)), np.zeros_like(x), np.zeros_like(w), np.zeros_like(bias)
    for n, o in itertools.product(range(N), range(outputs)):
        first = o // (outputs // groups) * per_group  # the first channel of o's group
        for i, j in itertools.product(*map(range, places)):
            out[n, o, i, j] = bias[o]
            db[o] += g[n, o, i, j]
        for (i, j), (a, b), (y, z) in visits(tuple(size), tuple(kernel), stride, before, dilation, places):
            for c in range(per_group):
                out[n, o, i, j] += x[n, first + c, y, z] * w[o, c, a, b]
                dx[n, first + c, y, z] += g[n, o, i, j] * w[o, c, a, b]
                dw[o, c, a, b] += x[n, first + c, y, z] * g[n, o, i, j]
    return out, dx, dw, db


OPTIONS = [
    (kernel, stride, padding, dilation, groups)
    for kernel in [(1, 1), (2, 3), (3, 2)]
    for stride, padding, dilation in [
        ((1, 1), (0, 0), (1, 1)),
        ((2, 1), (0, 1), (1, 1)),
        ((1, 3), (2, 1), (1, 2)),
        ((2, 2), (1, 1), (2, 1)),
        ((3, 3), (3, 3), (2, 3)),
    ]
    for groups in (1, 2, 4)
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "groups"), OPTIONS)
def test_conv2d_is_its_definition(kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
    x, w, bias = (
        tg.Tensor(rand(*shape), requires_grad=True) for shape in ((2, 4, 6, 7), (4, 4 // groups, *kernel), (4,))
    )
    out = conv2d(x, w, bias, stride, padding, dilation, groups)
    g = rand(*out.shape, seed=1)
    out.backward(g)
    places = tuple(
        (s + 2 * p - d * (k - 1) - 1) // t + 1 for s, p, d, k, t in zip((6, 7), padding, dilation, kernel, stride)
    )
    expected = slow_conv2d(x.data, w.data, bias.data, g, stride, padding, dilation, groups, places)
    assert out.shape == (2, 4, *places)
    for got, want in zip((out, x.grad, w.grad, bias.grad), expected):
        np.testing.assert_allclose(got.data, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "groups"), OPTIONS)
def test_conv_transpose2d_is_the_adjoint_of_conv2d(
    kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> None:
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩, for the size of x that conv_transpose gives."""
    w, y = rand(4, 2, *kernel), rand(2, 4, 4, 3)
    for more in ((0, 0), tuple(s - 1 for s in stride)):
        if any(
            (3 - i) * s - 2 * p + d * (k - 1) + m + 1 < 1
            for i, (s, p, d, k, m) in enumerate(zip(stride, padding, dilation, kernel, more))
        ):
            continue
        back = conv_transpose2d(y, w, None, stride, padding, more, groups, dilation)
        x = rand(*back.shape, seed=2)
        there = conv2d(x, w, None, stride, padding, dilation, groups)
        assert there.shape == y.shape
        np.testing.assert_allclose(np.sum(there * y), np.sum(x * back), rtol=1e-12)


def test_the_textbook_example() -> None:
    """A 3×3 input and a 2×2 kernel: all nine entries of ∂L/∂x and all four of ∂L/∂w, as derived by hand."""
    (x11, x12, x13), (x21, x22, x23), (x31, x32, x33) = x = rand(3, 3)
    (w11, w12), (w21, w22) = w = rand(2, 2, seed=1)
    (d11, d12), (d21, d22) = d = rand(2, 2, seed=2)
    X, W = tg.Tensor(x[None, None], requires_grad=True), tg.Tensor(w[None, None], requires_grad=True)
    out = conv2d(X, W)
    out.backward(d[None, None])
    o = [
        [x11 * w11 + x12 * w12 + x21 * w21 + x22 * w22, x12 * w11 + x13 * w12 + x22 * w21 + x23 * w22],
        [x21 * w11 + x22 * w12 + x31 * w21 + x32 * w22, x22 * w11 + x23 * w12 + x32 * w21 + x33 * w22],
    ]
    dw = [
        [d11 * x11 + d12 * x12 + d21 * x21 + d22 * x22, d11 * x12 + d12 * x13 + d21 * x22 + d22 * x23],
        [d11 * x21 + d12 * x22 + d21 * x31 + d22 * x32, d11 * x22 + d12 * x23 + d21 * x32 + d22 * x33],
    ]
    dx = [
        [d11 * w11, d11 * w12 + d12 * w11, d12 * w12],
        [d11 * w21 + d21 * w11, d11 * w22 + d12 * w21 + d21 * w12 + d22 * w11, d12 * w22 + d22 * w12],
        [d21 * w21, d21 * w22 + d22 * w21, d22 * w22],
    ]
    for got, want in ((out, o), (W.grad, dw), (X.grad, dx)):
        np.testing.assert_allclose(got.data[0, 0], want, rtol=1e-12)


def test_the_textbook_example_in_symbols() -> None:
    """The same formulas come out of the very code that trains the network, when its arrays hold symbols."""
    sympy = pytest.importorskip("sympy")

    def symbols(letter: str, rows: int, columns: int) -> Any:
        return np.array(
            [[sympy.Symbol(f"{letter}{i + 1}{j + 1}") for j in range(columns)] for i in range(rows)], dtype=object
        )

    x, w, d = symbols("x", 3, 3), symbols("w", 2, 2), symbols("d", 2, 2)
    X, W = tg.Tensor(x[None, None], requires_grad=True), tg.Tensor(w[None, None], requires_grad=True)
    out = conv2d(X, W)
    out.backward(d[None, None])
    o = [["x11*w11 + x12*w12 + x21*w21 + x22*w22", "x12*w11 + x13*w12 + x22*w21 + x23*w22"],
         ["x21*w11 + x22*w12 + x31*w21 + x32*w22", "x22*w11 + x23*w12 + x32*w21 + x33*w22"]]  # fmt: skip
    dw = [["d11*x11 + d12*x12 + d21*x21 + d22*x22", "d11*x12 + d12*x13 + d21*x22 + d22*x23"],
          ["d11*x21 + d12*x22 + d21*x31 + d22*x32", "d11*x22 + d12*x23 + d21*x32 + d22*x33"]]  # fmt: skip
    dx = [["d11*w11", "d11*w12 + d12*w11", "d12*w12"],
          ["d11*w21 + d21*w11", "d11*w22 + d12*w21 + d21*w12 + d22*w11", "d12*w22 + d22*w12"],
          ["d21*w21", "d21*w22 + d22*w21", "d22*w22"]]  # fmt: skip
    for got, want in ((out, o), (W.grad, dw), (X.grad, dx)):
        for entry, formula in zip(got.data.ravel(), itertools.chain(*want)):
            assert sympy.expand(entry - sympy.sympify(formula)) == 0


def test_the_gradient_for_x_is_the_full_correlation_with_the_kernel_turned_by_180_degrees() -> None:
    x, w, g = tg.Tensor(rand(1, 1, 5, 6), requires_grad=True), rand(1, 1, 3, 2), rand(1, 1, 3, 5)
    conv2d(x, w).backward(g)
    full = conv2d(np.pad(g, [(0, 0), (0, 0), (2, 2), (1, 1)]), w[:, :, ::-1, ::-1])
    np.testing.assert_allclose(x.grad.data, full, rtol=1e-12)


def test_the_gradient_for_the_weight_is_the_correlation_of_x_with_g() -> None:
    x, w, g = rand(1, 1, 5, 6), tg.Tensor(rand(1, 1, 3, 2), requires_grad=True), rand(1, 1, 3, 5)
    conv2d(x, w).backward(g)
    np.testing.assert_allclose(w.grad.data, conv2d(x, g), rtol=1e-12)


@pytest.mark.parametrize(("kernel", "dilation"), [((2, 3), (1, 1)), ((3, 4), (2, 1)), ((1, 2), (1, 3))])
def test_same_padding_keeps_the_size(kernel: Pair, dilation: Pair) -> None:
    x, w = rand(2, 2, 5, 6), rand(3, 2, *kernel)
    out = conv2d(x, w, padding="same", dilation=dilation)
    total = [d * (k - 1) for k, d in zip(kernel, dilation)]
    padded = np.pad(x, [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)])
    assert out.shape == (2, 3, 5, 6)
    np.testing.assert_allclose(out, conv2d(padded, w, dilation=dilation), rtol=1e-12)


def test_one_and_three_axes_are_the_same_rule() -> None:
    """conv1d is conv2d on images of one row, and conv3d of one slice is conv2d."""
    x, w, b = rand(2, 4, 9), rand(6, 2, 3), rand(6)
    options: Any = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
    row = conv2d(x[:, :, None], w[:, :, None], b, (1, 2), (0, 1), (1, 2), 2)
    np.testing.assert_allclose(conv1d(x, w, b, **options), row[:, :, 0], rtol=1e-12)
    x, w = rand(2, 4, 5, 6), rand(6, 2, 3, 2)
    one_slice = conv3d(x[:, :, None], w[:, :, None], b, (1, 2, 2), (0, 1, 1), (1, 2, 2), 2)
    np.testing.assert_allclose(one_slice[:, :, 0], conv2d(x, w, b, **options), rtol=1e-12)
    y, w = rand(2, 4, 5), rand(4, 3, 3)
    row = conv_transpose2d(y[:, :, None], w[:, :, None], b, (1, 2), (0, 1), (0, 1), 2, (1, 2))
    np.testing.assert_allclose(conv_transpose1d(y, w, b, 2, 1, 1, 2, 2), row[:, :, 0], rtol=1e-12)
    y, w = rand(2, 4, 5, 4), rand(4, 3, 3, 2)
    one_slice = conv_transpose3d(y[:, :, None], w[:, :, None], b, (1, 2, 2), (0, 1, 1), (0, 1, 1), 2, (1, 2, 2))
    np.testing.assert_allclose(one_slice[:, :, 0], conv_transpose2d(y, w, b, 2, 1, 1, 2, 2), rtol=1e-12)


def test_each_number_of_axes_has_a_name_a_signature_and_a_docstring_of_its_own() -> None:
    for n, (size, kernel) in {1: ("W", "K"), 2: ("H, W", "KH, KW"), 3: ("D, H, W", "KD, KH, KW")}.items():
        for f in OF_AXES[n]:
            assert f.__name__.endswith(f"{n}d") and f.op.name == f.__name__
            assert list(inspect.signature(f).parameters)[:4] == ["x", "weight", "bias", "stride"]
            assert f"x: (N, C, {size}), or (C, {size})" in f.__doc__ and f"/ groups, {kernel})" in f.__doc__
            assert "*" not in f.__doc__ and "_nd" not in f.__doc__
        with pytest.raises(TypeError, match=f"conv{n}d: missing 1 required positional argument: 'weight'"):
            OF_AXES[n][0](rand(1, *[2] * (n + 1)))


def test_one_example_without_a_batch_axis() -> None:
    x, w, b = tg.Tensor(rand(3, 5, 5), requires_grad=True), tg.Tensor(rand(4, 3, 2, 2), requires_grad=True), rand(4)
    batch = tg.Tensor(x.data[None], requires_grad=True)
    w_batch = tg.Tensor(w.data, requires_grad=True)
    out, out_batch = conv2d(x, w, b, padding=1), conv2d(batch, w_batch, b, padding=1)
    assert out.shape == (4, 6, 6)
    np.testing.assert_array_equal(out.data, out_batch.data[0])
    out.backward(np.ones(out.shape))
    out_batch.backward(np.ones(out_batch.shape))
    np.testing.assert_array_equal(x.grad.data, batch.grad.data[0])
    np.testing.assert_array_equal(w.grad.data, w_batch.grad.data)


def test_unfold_and_matmul_is_conv2d_and_fold_is_the_adjoint_of_unfold() -> None:
    x, w = rand(2, 3, 6, 5), rand(4, 3, 2, 3)
    options: Any = {"dilation": 2, "padding": (1, 2), "stride": (1, 2)}
    columns = unfold(x, (2, 3), **options)
    out = conv2d(x, w, **options)
    np.testing.assert_allclose((w.reshape(4, -1) @ columns).reshape(out.shape), out, rtol=1e-12)
    y = rand(*columns.shape)
    np.testing.assert_allclose(np.sum(columns * y), np.sum(x * fold(y, (6, 5), (2, 3), **options)), rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (3, 3, 8, 8), (0, 3, 8, 8)])
def test_arrays_in_any_memory_order_give_the_same(shape: tuple[int, ...]) -> None:
    x, w = rand(*shape), rand(4, shape[1], 3, 3)
    expected = conv2d(np.ascontiguousarray(x), w, padding=1)
    for order in itertools.permutations(range(4)):
        other = np.transpose(np.ascontiguousarray(np.transpose(x, order)), np.argsort(order))
        np.testing.assert_allclose(conv2d(other, np.asfortranarray(w), padding=1), expected, rtol=1e-12)
    np.testing.assert_allclose(conv2d(np.repeat(x, 2, axis=3)[..., ::2], w, padding=1), expected, rtol=1e-12)


def test_integers_and_mixed_dtypes() -> None:
    x, w = np.arange(16).reshape(1, 1, 4, 4), np.array([[[[1, 2], [3, 4]]]])
    out = conv2d(x, w)
    assert out.dtype == np.int64
    np.testing.assert_array_equal(out, conv2d(x.astype(float), w.astype(float)))
    assert conv2d(rand(1, 1, 4, 4).astype(np.float32), rand(1, 1, 2, 2)).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: conv2d(rand(1, 3, 5, 5), rand(4, 2, 3, 3)),
            r"conv2d: x has 3 channels, but weight's second axis \(2\)",
        ),
        (
            lambda: conv2d(rand(1, 1, 2, 5), rand(1, 1, 3, 3)),
            r"conv2d: .*spans \(3, 3\), larger than the input of \(2, 5\)",
        ),
        (
            lambda: conv2d(rand(1, 4, 5, 5), rand(3, 2, 3, 3), groups=2),
            r"conv2d: groups=2 must divide x's channels \(4\) and .* \(3\)",
        ),
        (lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3)), "conv2d: weight must have 4 axes"),
        (lambda: conv2d(rand(5, 5), rand(4, 3, 3, 3)), r"conv2d: x must have 4 axes .* \(saw x: shape \(5, 5\)"),
        (lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3), rand(3)), r"conv2d: bias must have shape \(4,\)"),
        (
            lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3), stride=0),
            "conv2d: stride must be an integer of at least 1",
        ),
        (
            lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3), padding=(1, 2, 3)),
            "conv2d: padding must be .* one for each",
        ),
        (
            lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3), padding="full"),
            "conv2d: padding must be integers, 'same' or 'valid'",
        ),
        (
            lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3), padding="same", stride=2),
            "conv2d: padding='same' needs stride 1",
        ),
        (
            lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3), groups=0),
            "conv2d: groups must be an integer of at least 1",
        ),
        (lambda: conv1d(rand(1, 3, 5, 5), rand(4, 3, 3)), "conv1d: x must have 3 axes"),
        (
            lambda: conv_transpose2d(rand(1, 3, 5, 5), rand(4, 3, 3, 3)),
            r"conv_transpose2d: x has 3 channels: weight's first axis \(4\)",
        ),
        (
            lambda: conv_transpose2d(rand(1, 3, 5, 5), rand(3, 4, 3, 3), output_padding=1),
            "conv_transpose2d: output_padding .* smaller",
        ),
        (lambda: conv_transpose2d(rand(1, 3, 1, 1), rand(3, 4, 3, 3), padding=2), "conv_transpose2d: nothing is left"),
        (lambda: fold(rand(1, 7, 4), (3, 3), 2), r"fold: x must have shape \(N, C · 4, 4\)"),
        (lambda: unfold(rand(3, 3), 2), "unfold: x must have shape"),
    ],
)
def test_a_wrong_call_is_refused_in_a_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


# --------------------------------------------------------------------------- no output sees what its window does not

# x, weight, options of a convolution; the shapes are such that every way to compute one is taken
LOCAL: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 9), (4, 3, 3), {}),
    ((20, 4, 50), (6, 2, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    ((2, 3, 6, 7), (4, 3, 3, 2), {"padding": 1}),
    ((8, 16, 14, 14), (16, 16, 3, 3), {"padding": 1}),
    ((4, 32, 28, 28), (32, 32, 3, 3), {"padding": 1}),
    ((40, 32, 12, 12), (4, 32, 3, 3), {"padding": 1}),
    ((40, 4, 12, 12), (32, 4, 5, 5), {"padding": 2}),
    ((8, 16, 14, 14), (16, 16, 1, 1), {}),
    ((8, 16, 15, 14), (24, 16, 3, 3), {"stride": 2, "padding": 1}),
    ((8, 16, 15, 14), (24, 16, 3, 2), {"stride": (3, 2), "padding": (1, 0), "dilation": (2, 3)}),
    ((8, 16, 14, 14), (16, 4, 3, 3), {"padding": 1, "groups": 4}),
    ((8, 24, 14, 14), (24, 1, 3, 3), {"padding": 1, "groups": 24}),
    ((8, 24, 14, 14), (48, 1, 3, 3), {"stride": 2, "padding": 1, "groups": 24}),
    ((2, 3, 5, 4, 6), (4, 3, 2, 3, 2), {"padding": (0, 1, 1)}),
    ((4, 8, 7, 8, 9), (8, 4, 3, 3, 2), {"stride": (2, 1, 2), "padding": 1, "groups": 2}),
]  # fmt: skip
OPTION_NAMES = ("stride", "padding", "dilation")
OF_AXES: dict[int, Any] = {1: (conv1d, conv_transpose1d), 2: (conv2d, conv_transpose2d), 3: (conv3d, conv_transpose3d)}


def per_axis(option: Any, n: int) -> tuple[int, ...]:
    return option if isinstance(option, tuple) else (option,) * n


def offsets(x: Any, w: Any, places: Any, options: dict[str, Any]) -> list[Any]:
    """For each axis the element of the window (size, places) with which a place sees an input; -1: with none."""
    n, found = len(places), []
    stride, padding, dilation = (per_axis(options.get(key, int(key != "padding")), n) for key in OPTION_NAMES)
    for size, kernel, number, s, p, d in zip(x.shape[2:], w.shape[2:], places, stride, padding, dilation):
        at = np.arange(size)[:, None] + p - np.arange(number) * s
        found.append(np.where((at % d == 0) & (at >= 0) & (at < d * kernel), at // d, -1))
    return found


def seen_together(axes: list[Any]) -> Any:
    """Booleans (*axes) from those of each axis."""
    out = np.ones((), bool)
    for one in axes:
        out = np.logical_and.outer(out, one)
    return out


def computed(f: Any, x: Any, w: Any, g: Any, options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """out, ∂L/∂x and ∂L/∂w."""
    x, w = tg.Tensor(x, requires_grad=True), tg.Tensor(w, requires_grad=True)
    out = f(x, w, **options)
    out.backward(g)
    return out.data, x.grad.data, w.grad.data


def spoiled(a: Any, at: tuple[int, ...]) -> Any:
    a = a.copy()
    a[at] = np.nan
    return a


def check_nan(got: Any, clean: Any, must: Any, may: Any) -> None:
    """NaN where `must` says, nowhere but where `may` does, and all else bit for bit as it was."""
    nan = np.isnan(got)
    assert nan[must].all() and not nan[~may].any()
    np.testing.assert_array_equal(got[~nan], clean[~nan])


@pytest.mark.parametrize(("shape", "kernel", "options"), LOCAL)
@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
def test_a_nan_reaches_what_sees_it_and_nothing_else(
    shape: Any, kernel: Any, options: dict[str, Any], transposed: bool
) -> None:
    """x, w and g are those of the convolution: of its adjoint, g is the input and x has the shape of the output.

    The zeros of the padding are multiplied, or left out: a NaN in g or w may also reach what sees padding in its stead.
    """
    f = OF_AXES[len(shape) - 2][transposed]
    x, w = rand(*shape).astype(np.float32), rand(*kernel, seed=1).astype(np.float32)
    g = rand(*OF_AXES[len(shape) - 2][0](x, w, **options).shape, seed=2).astype(np.float32)
    x = rand(*f(g, w, **options).shape, seed=3).astype(np.float32) if transposed else x
    axes = offsets(x, w, g.shape[2:], options)
    inputs, outputs = kernel[1], kernel[0] // options.get("groups", 1)  # channels of a group

    def run(x: Any, w: Any, g: Any) -> tuple[Any, Any, Any]:
        """What has the shape of x, of w and of g."""
        first, second, of_w = computed(f, g, w, x, options) if transposed else computed(f, x, w, g, options)
        return (first, of_w, second) if transposed else (second, of_w, first)

    of_x, of_w, of_g = run(x, w, g)
    rng = np.random.default_rng(0)
    for choose in (lambda m: 0, lambda m: m - 1, lambda m: int(rng.integers(m))):
        i, k, p = (tuple(map(choose, a.shape)) for a in (x, w, g))

        seen, element = np.zeros(g.shape, bool), np.zeros(w.shape, bool)
        group, own = divmod(i[1], inputs)
        its_outputs = slice(group * outputs, (group + 1) * outputs)
        seen[i[0], its_outputs] = seen_together([a[j] >= 0 for a, j in zip(axes, i[2:])])
        element[its_outputs, own] = seen_together([np.isin(range(n), a[j]) for n, a, j in zip(kernel[2:], axes, i[2:])])
        got_x, got_w, got_g = run(spoiled(x, i), w, g)
        check_nan(got_g, of_g, seen, seen)
        check_nan(got_w, of_w, element, element)
        np.testing.assert_array_equal(got_x, of_x)

        seen, element, may = np.zeros(x.shape, bool), np.zeros(w.shape, bool), np.zeros(w.shape, bool)
        first = p[1] // outputs * inputs
        seen[p[0], first : first + inputs] = seen_together([a[:, j] >= 0 for a, j in zip(axes, p[2:])])
        element[p[1]] = seen_together([np.isin(range(n), a[:, j]) for n, a, j in zip(kernel[2:], axes, p[2:])])
        may[p[1]] = True
        got_x, got_w, got_g = run(x, w, spoiled(g, p))
        check_nan(got_x, of_x, seen, seen)
        check_nan(got_w, of_w, element, may)
        np.testing.assert_array_equal(got_g, of_g)

        got_x, got_w, got_g = run(x, spoiled(w, k), g)
        for got, clean, channel, along in ((got_g, of_g, k[0], 0), (got_x, of_x, k[0] // outputs * inputs + k[1], 1)):
            must, may = np.zeros(clean.shape, bool), np.zeros(clean.shape, bool)
            must[:, channel], may[:, channel] = seen_together([(a == j).any(along) for a, j in zip(axes, k[2:])]), True
            check_nan(got, clean, must, may)
        np.testing.assert_array_equal(got_w, of_w)


@pytest.mark.parametrize(("shape", "kernel", "options"), LOCAL)
def test_one_bright_element_changes_nothing_out_of_its_reach(shape: Any, kernel: Any, options: dict[str, Any]) -> None:
    """Not by a bit: 1e6 in one place must not cost others their digits."""
    conv, transpose = OF_AXES[len(shape) - 2]
    x, w = rand(*shape).astype(np.float32), rand(*kernel, seed=1).astype(np.float32)
    g = rand(*conv(x, w, **options).shape, seed=2).astype(np.float32)
    clean, back = computed(conv, x, w, g, options), transpose(g, w, **options)
    axes = offsets(x, w, g.shape[2:], options)
    bright, bright_g = x.copy(), g.copy()
    i, p = tuple(m // 2 for m in shape[2:]), tuple(m // 2 for m in g.shape[2:])
    bright[(slice(None), slice(None), *i)] += 1e6
    bright_g[(slice(None), slice(None), *p)] += 1e6
    there = ~seen_together([a[j] >= 0 for a, j in zip(axes, i)])
    here = ~seen_together([a[:, j] >= 0 for a, j in zip(axes, p)])
    np.testing.assert_array_equal(computed(conv, bright, w, g, options)[0][..., there], clean[0][..., there])
    np.testing.assert_array_equal(computed(conv, x, w, bright_g, options)[1][..., here], clean[1][..., here])
    if back.shape == x.shape:
        np.testing.assert_array_equal(transpose(bright_g, w, **options)[..., here], back[..., here])


@pytest.mark.parametrize(("shape", "kernel", "options"), LOCAL)
def test_sums_of_nonnegative_products_are_not_negative(shape: Any, kernel: Any, options: dict[str, Any]) -> None:
    conv, transpose = OF_AXES[len(shape) - 2]
    x, w = (rand(*s, low=0).astype(np.float32) for s in (shape, kernel))
    x[:, :, shape[2] // 2] *= 1e4
    g = np.zeros_like(conv(x, w, **options))
    g[:, :, g.shape[2] // 2] = 1e4
    assert all(a.min() >= 0 for a in computed(conv, x, w, g, options))
    assert all(a.min() >= 0 for a in computed(transpose, g, w, np.ones_like(transpose(g, w, **options)), options))
