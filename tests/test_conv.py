"""Convolution against a literal transcription of its definition: loops over indices, sharing nothing with the
engine.
"""

from __future__ import annotations

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
            r"conv2d: x has 3 channels, but the weight's second axis \(2\)",
        ),
        (
            lambda: conv2d(rand(1, 1, 2, 5), rand(1, 1, 3, 3)),
            r"conv2d: .*spans \(3, 3\), which is larger than the input of \(2, 5\)",
        ),
        (
            lambda: conv2d(rand(1, 4, 5, 5), rand(3, 2, 3, 3), groups=2),
            r"conv2d: groups=2 must divide x's channels \(4\) and .* \(3\)",
        ),
        (lambda: conv2d(rand(1, 3, 5, 5), rand(4, 3, 3)), "conv2d: weight must have 4 axes"),
        (lambda: conv2d(rand(5, 5), rand(4, 3, 3, 3)), "conv2d: x must have 4 axes .* or 3 for one example; it has 2"),
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
            r"conv_transpose2d: x has 3 channels: the weight's first axis \(4\)",
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
