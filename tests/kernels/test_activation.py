"""Activations in place equal their plain code: of every shape, dtype and order in memory, NaN and infinities too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels import activation, erf, loss, softmax
from tinygrad_lite.ops import activation as rules

ONE: list[tuple[Any, tuple[Any, ...]]] = [
    (activation.relu, ()),
    (activation.leaky_relu, (0.01,)),
    (activation.leaky_relu, (0,)),
    (activation.leaky_relu, (-0.5,)),
    (activation.leaky_relu, (1.67,)),
    (activation.sigmoid, ()),
    (activation.softplus, (1.0, 20.0)),
    (activation.softplus, (3.0, 0.5)),
    (activation.softplus, (-2, -9.0)),
    (activation.softplus, (2.0, np.inf)),
    (activation.gelu_tanh_gate, ()),
    (activation.hardswish, ()),
    (activation.elu, (1.0,)),
    (activation.elu, (1.67,)),
    (erf.erf, ()),
    (erf.erfc, ()),
    (erf.ndtr, ()),
]
TWO: list[tuple[Any, tuple[Any, ...]]] = [
    (activation.relu_gradient, ()),
    (activation.leaky_relu_gradient, (0.01,)),
    (activation.leaky_relu_gradient, (0,)),
    (activation.leaky_relu_gradient, (-0.5,)),
    (activation.leaky_relu_gradient, (1.67,)),
    (activation.sigmoid_gradient, ()),
    (activation.gated, (1000.0,)),
    (activation.gated, (0.5,)),
    (activation.softplus_gradient, (1.0, 20.0)),
    (activation.softplus_gradient, (3.0, 0.5)),
    (activation.softplus_gradient, (-2, -9.0)),
    (activation.hardswish_gradient, ()),
    (activation.elu_gradient, (1.0,)),
    (activation.elu_gradient, (0.5,)),
    (activation.elu_gradient, (1.67,)),
]
THREE: list[tuple[Any, tuple[Any, ...]]] = [
    (activation.silu_gradient, ()),
    (activation.gelu_gradient, ()),
    (activation.gelu_tanh_gradient, ()),
]
EVERY = [(kernel, 1, more) for kernel, more in ONE]
EVERY += [(kernel, 2, more) for kernel, more in TWO]
EVERY += [(kernel, 3, more) for kernel, more in THREE]


def equal(got: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        for a, b in zip(got, expected, strict=True):
            equal(a, b)
        return
    assert np.shape(got) == np.shape(expected)
    assert got.dtype == expected.dtype
    rtol, atol = {"f": (1e-5, 1e-6), "d": (1e-13, 1e-14), "e": (0, 0)}.get(got.dtype.char, (0, 0))
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 4, 5)])
@pytest.mark.parametrize(("kernel", "n", "more"), EVERY)
def test_of_every_shape_and_dtype(kernel: Any, n: int, more: Any, shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [np.asarray(2 * rng.standard_normal(shape), dtype)[()] for _ in range(n)]
    equal(kernel(*arrays, *more), kernel.plain(*arrays, *more))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("kernel", "n", "more"), EVERY)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
def test_of_nan_infinities_and_every_order_in_memory(kernel: Any, n: int, more: tuple[Any, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((4, 6)).astype(dtype) for _ in range(n)]
    x = arrays[-1] if n < 3 else arrays[0]
    x[0] = np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4
    mixed = [arrays[0], *[np.asfortranarray(a) for a in arrays[1:]]]
    turned = [a[::-1, ::2] for a in arrays]
    for some in (arrays, mixed, turned, [np.broadcast_to(dtype(2), (4, 6)), *arrays[1:]]):
        equal(kernel(*some, *more), kernel.plain(*some, *more))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("end", [np.inf, np.nan, 1e6, 50.0, -0.0])
def test_a_gate_of_0_shuts_out_infinities(end: float, dtype: Any) -> None:
    for x in (np.array([1, end], dtype), np.array([1, -end], dtype)):
        equal(activation.gated(x, rules.sigmoid(x), 50.0), activation.gated.plain(x, rules.sigmoid(x), 50.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_kinds_of_arguments_go_to_the_plain_code(dtype: Any) -> None:
    x = np.ones((2, 3), dtype)
    g = np.arange(6.0).reshape(2, 3)
    equal(activation.relu_gradient(g, x > 0), g)  # of no dtype that the kernel was made for
    equal(activation.relu_gradient(g[:1], x), np.broadcast_to(g[:1], (2, 3)))
    equal(activation.relu_gradient(np.float64(3), x.astype(np.float32)), np.full((2, 3), 3.0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shift", [0, 1000])
def test_softmax_and_its_relatives(shift: int, axis: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = (3 * rng.standard_normal((3, 4)) + shift).astype(dtype)
    e, s, m = softmax.exponentials(x, axis)
    np.testing.assert_allclose(e / s, np.exp(x - m) / np.sum(np.exp(x - m), axis, keepdims=True), rtol=2e-3)
    equal(softmax.softmax(x, axis), softmax.softmax.plain(x, axis))
    equal(softmax.log_softmax(x, axis)[0], softmax.log_softmax.plain(x, axis)[0])
    g, y = (rng.random((3, 4)).astype(dtype) for _ in range(2))
    equal(softmax.softmax_gradient(g, y, axis), softmax.softmax_gradient.plain(g, y, axis))
    s = (1 + y).sum(axis, keepdims=True)
    equal(softmax.log_softmax_gradient(g, y, s, axis), softmax.log_softmax_gradient.plain(g, y, s, axis))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((3, 5), 1), ((2, 5, 3, 4), 1), ((0, 5), 1)])
def test_cross_entropy(shape: tuple[int, ...], axis: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    others = shape[:axis] + shape[axis + 1 :]
    target, g = rng.integers(0, 5, others), np.asarray(rng.random(others), dtype)[()]
    e, s, _ = rules.exponentials(x, axis)
    equal(loss.pick(x, target, axis), loss.pick.plain(x, target, axis))
    kernel: Any = loss.cross_entropy_gradient
    equal(kernel(g, e, s, target, axis), kernel.plain(g, e, s, target, axis))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logistic_loss(dtype: Any) -> None:
    x, y = np.meshgrid([0, -0.0, 0.5, -3, 15, -15, 80, -80, np.inf, -np.inf, np.nan], [0, 0.25, 0.5, 1])
    x, y, g = x.astype(dtype), y.astype(dtype), np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    for a, b, h in ((x, y, g), (x[:, :8], y[:, :8], g[:, :8]), (x.T, y.T, g.T), (x[0, 0], y[0, 0], g[0, 0])):
        equal(loss.logistic_nll(a, b), loss.logistic_nll.plain(a, b))
        equal(loss.logistic_nll_gradient(h, a, b), loss.logistic_nll_gradient.plain(h, a, b))
    equal(loss.logistic_nll(x, y > 0.5), loss.logistic_nll.plain(x, y > 0.5))


def test_a_nan_stays_in_its_row() -> None:
    x = np.zeros((3, 4), np.float32)
    x[1, 2] = np.nan
    for f in (tg.softmax, tg.log_softmax):
        assert np.isnan(f(x)).any(1).tolist() == [False, True, False]


@pytest.mark.parametrize("f", [tg.relu, tg.sigmoid, tg.silu, tg.gelu, tg.elu, tg.softplus, tg.softmax, tg.log_softmax])
def test_inside_a_second_derivative(f: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3))
    tg.gradcheck(f, x, order=2)
