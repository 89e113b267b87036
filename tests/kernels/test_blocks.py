"""What goes through blocks gives what it gives as a whole, for every shape and order of memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.dispatch import array_code
from tinygrad_lite.kernels import activation, blocks, elementwise, erf, softmax, thresholds
from tinygrad_lite.kernels.blocks import blockwise

from ..cases import ordered

X = np.random.default_rng(0).standard_normal((6, 5, 4))


@pytest.fixture(autouse=True, params=[1, 2, 3])
def small_blocks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    monkeypatch.setattr(thresholds, "BYTES_FOR_A_SECOND_THREAD", 256)
    before = tg.get_num_threads()
    tg.set_num_threads(request.param)
    yield
    tg.set_num_threads(before)


def scaled(out: Any, x: Any, y: Any) -> None:
    np.multiply(x, y, out=out)


@pytest.mark.parametrize("memory", list(permutations(range(3))))
@pytest.mark.parametrize("whole", [(), 0, 1, 2, -1, (0, -1)])
def test_of_every_order_with_what_is_broadcast(whole: int | tuple[int, ...], memory: tuple[int, ...]) -> None:
    x = ordered(X, memory)
    for y in (X + 1, X[:1], X[:, :1], X[..., :1]):
        np.testing.assert_array_equal(blockwise(scaled, np.empty_like(x), x, y, whole=whole), x * y)


@pytest.mark.parametrize("memory", list(permutations(range(3))))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_of_every_order(dtype: Any, memory: tuple[int, ...]) -> None:
    x = ordered(X, memory).astype(dtype)
    for g in (np.flip(X, 0).astype(dtype), np.broadcast_to(dtype(2), X.shape)):
        cases: list[tuple[Any, tuple[Any, ...]]] = [
            (activation.relu, (x,)),
            (activation.relu_gradient, (g, x)),
            (erf.ndtr, (x,)),
            (activation.gelu_gradient, (g, x, erf.ndtr(x))),
            (activation.sigmoid, (x,)),
            (activation.sigmoid_gradient, (g, activation.sigmoid(x))),
            (activation.silu_gradient, (g, x, activation.sigmoid(x))),
            (activation.softplus, (x, 2.0, 1.0)),
            (activation.softplus_gradient, (g, x, 2.0, 1.0)),
            (activation.elu, (x, 0.5)),
            (activation.elu_gradient, (g, x, 0.5)),
            (softmax.softmax, (x, 1)),
            (softmax.softmax_gradient, (g, softmax.softmax(x, 1), 1)),
            (erf.erf, (x,)),
            (erf.erfc, (x,)),
            (elementwise.logaddexp, (x, x[:, ::-1])),
            (elementwise.logaddexp, (x, x[:1])),
        ]
        for kernel, arrays in cases:
            got, plain = kernel(*arrays), kernel.plain(*arrays)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, plain, rtol=0, atol=8 * np.finfo(dtype).eps)
    for y in (5, -3, -1.5):
        base = np.absolute(x)
        np.testing.assert_allclose(elementwise.power(base, y), base**y, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("shape", "other", "memory", "run"),
    [
        ((64, 1000), (64, 1), (0, 1), 1000),
        ((64, 1000), (1000,), (0, 1), 1000),
        ((64, 1000), (64, 1000), (0, 1), 64_000),
        ((64, 1000), (), (0, 1), 64_000),
        ((8, 4, 5, 6), (1, 4, 1, 1), (0, 1, 2, 3), 30),
        ((8, 4, 5, 6), (1, 4, 1, 1), (1, 2, 3, 0), 240),  # the batch innermost
        ((8, 4, 5, 6), (8, 4, 1, 1), (0, 1, 2, 3), 30),
        ((8, 4, 5, 6), (8, 1, 1, 1), (0, 1, 2, 3), 120),
        ((8, 4, 5, 6), (4, 5, 1), (0, 1, 2, 3), 6),
        ((8, 4, 1, 6), (4, 1, 1), (0, 1, 2, 3), 6),
        ((1, 1), (1, 1), (0, 1), 1),
    ],
)
def test_how_long_a_run_has_as_many_of_the_others_or_one(
    shape: tuple[int, ...], other: tuple[int, ...], memory: tuple[int, ...], run: int
) -> None:
    strides = ordered(np.empty(shape), memory).strides
    assert blocks._run(shape, strides, other) == run
    assert blocks._run(shape, strides, shape, other) == run


def test_long_runs_go_without_numpys_buffer_and_it_comes_back() -> None:
    sizes, before = [], np.getbufsize()
    for shape in ((4, 250), (4, 249), (1000,)):
        out = np.empty(shape, np.float32)
        blocks._unbuffered(lambda out, column: sizes.append(np.getbufsize()), out, np.empty((4, 1)))
        assert np.getbufsize() == before
    assert sizes == [16, before, before]


def test_large_arrays_are_shared_out() -> None:
    parts: list[tuple[int, ...]] = []

    @array_code
    def double(x: Any, times: int) -> Any:
        return x * times

    @blocks.in_blocks(double)
    def write(out: Any, x: Any, times: int) -> None:
        parts.append(x.shape)
        np.multiply(x, times, out=out)

    np.testing.assert_array_equal(double(X, 2), 2 * X)
    assert len(parts) == tg.get_num_threads() and sum(map(np.prod, parts)) == X.size
    np.testing.assert_array_equal(double(X[0, 0], 2), 2 * X[0, 0])
    assert parts[-1] == (4,)


def test_a_whole_axis_is_not_cut() -> None:
    seen = []
    for whole in (0, 1, 2, -3):
        blockwise(lambda out: seen.append(out.shape), X, whole=whole)
        assert all(shape[whole] == X.shape[whole] for shape in seen)
        assert sum(np.prod(shape) for shape in seen) == X.size
        seen.clear()


@pytest.mark.parametrize("shape", [(), (0,), (0, 64), (100,), (1, 100), (100, 1)])
def test_of_every_shape(shape: tuple[int, ...]) -> None:
    x = np.ones(shape)
    for whole in ((), *range(len(shape))):
        np.testing.assert_array_equal(blockwise(scaled, np.zeros(shape), x, x, whole=whole), x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shift", [-1000, -11, 0, 9, 11, 1000, [[0], [-50], [50], [0], [0], [0]]])
@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_of_moderate_and_of_large_numbers(axis: int, shift: Any, dtype: Any) -> None:
    x = (X.reshape(6, 20) + shift).astype(dtype)
    e = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    expected = e / e.sum(axis, keepdims=True)
    got: Any = softmax.softmax(x, axis)
    assert got.dtype == dtype
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance**2)
    logs = tg.nn.functional.log_softmax(x, axis)
    np.testing.assert_allclose(logs, np.log(np.maximum(expected, 1e-300)), rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [-1000, 0, 1000, [[0], [-50], [50], [0], [0], [0]]])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), None])
def test_logsumexp_of_moderate_and_of_large_numbers(axis: Any, shift: Any, dtype: Any) -> None:
    x = (X.reshape(6, 20) + shift).astype(dtype)
    m = x.max(axis, keepdims=True).astype(np.float64)
    e = np.exp(x - m)
    s = e.sum(axis, keepdims=True)
    out, pullback = tg.vjp(lambda t: tg.logsumexp(t, axis), tg.Tensor(x))
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(out, np.squeeze(np.log(s) + m, axis), rtol=tolerance)
    np.testing.assert_allclose(pullback(np.full(out.shape, 2, dtype)), 2 * e / s, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [-1000, 0, 1000, [[0], [-50], [50], [0], [0], [0]]])
def test_cross_entropy_of_moderate_and_of_large_numbers(shift: Any, dtype: Any) -> None:
    x = (X.reshape(6, 20) + shift).astype(dtype)
    target = 3 * np.arange(6)
    d = x.astype(np.float64) - x.max(1, keepdims=True)
    s = np.exp(d).sum(1, keepdims=True)
    one_hot = np.arange(20) == target[:, None]
    out, pullback = tg.vjp(lambda t: tg.cross_entropy(t, target, reduction="none"), tg.Tensor(x))
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(out, (np.log(s) - d)[one_hot], rtol=tolerance, atol=tolerance)
    expected = 2 * (np.exp(d) / s - one_hot)
    np.testing.assert_allclose(pullback(np.full(6, 2, dtype)), expected, rtol=tolerance, atol=tolerance)
