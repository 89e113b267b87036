"""Standardisation by oneDNN against the plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS
from tinygrad_lite.kernels.onednn import norm as versions

from ..cases import rand
from .onednn import ORDERS, double, in_order, rms, small_arrays_too  # noqa: F401

PLAIN = versions.standardized.point.plain
SHAPES = [
    ((3, 5), (1,)), ((64, 33), (1,)), ((2, 3, 4, 5), (2, 3)), ((2, 3, 4, 5), (1, 2, 3)), ((9,), (0,)), ((4, 1), (1,)),
]  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_standardisation_is_as_the_plain_one(shape: Any, axis: Any, order: str) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    for shift in (0, 100):
        x = in_order(rand(*shape).astype(np.float32) + np.float32(shift), order)
        compare(versions.standardized(x, axis=axis, eps=1e-5), PLAIN(x, axis, 1e-5), PLAIN(double(x), axis, 1e-5))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_the_gradient_of_standardisation_is_as_the_plain_one(shape: Any, axis: Any, order: str) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    x, g = (in_order(rand(*shape, seed=i).astype(np.float32), order) for i in range(2))
    y, sigma = PLAIN(x, axis, 1e-5)
    channels = rand(*[1 if i > axis[0] else n for i, n in enumerate(shape)], seed=2).astype(np.float32)
    for weight in (1, channels):
        for h in (g, np.broadcast_to(g.ravel()[:1], shape)):
            exact = versions.standardize_gradient.point.plain(*map(double, (h, y, sigma, weight)), axis)
            plain = versions.standardize_gradient.point.plain(h, y, sigma, weight, axis)
            compare([versions.standardize_gradient(h, y, sigma, weight, axis)], [plain], [exact])
    for arguments in ((g, y, sigma, 2.0 * channels.astype(float)), (g.astype(float), y, sigma, 1)):
        assert versions.standardize_gradient(*arguments, axis) is NotImplemented


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_the_whole_op_and_its_gradients_are_as_the_rule_s(shape: Any, axis: Any, order: str) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    x, g = (in_order(rand(*shape, seed=i).astype(np.float32), order) for i in range(2))
    w, b = (rand(*shape[-len(axis) :], seed=i).astype(np.float32) for i in range(2, 4))
    every: list[Any] = []
    run, rule = OPS["standardize"].run, OPS["standardize"].rule
    for op, cast in ((run, np.asarray), (rule, np.asarray), (rule, double)):
        result: Any = op(cast(x), cast(w), cast(b), axis, 1e-5)
        out, closures = result
        for h in (g, np.broadcast_to(g.ravel()[:1], shape)):
            gradients = [closure(cast(h)) for closure in closures]
        gradients += [closures[1](cast(g)), closures[2](cast(g)), closures[0](cast(g))]
        every.append([out, *gradients])
    compare(*every)


def compare(got: Any, plain: Any, exact: Any) -> None:
    for a, b, c in zip(got, plain, exact, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype == np.float32
        assert rms(a - c) <= 4 * rms(b - c) + 3e-7 * max(rms(c), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_spoils_no_other(value: float) -> None:
    x, g = rand(6, 9).astype(np.float32), rand(6, 9, seed=1).astype(np.float32)
    w, b = rand(9, seed=2).astype(np.float32), rand(9, seed=3).astype(np.float32)
    x[2, 3] = g[4, 5] = value
    every: list[Any] = []
    with np.errstate(all="ignore"):
        for op in (OPS["standardize"].run, OPS["standardize"].rule):
            result: Any = op(x, w, b, (1,), 1e-5)
            out, closures = result
            y, sigma = versions.standardized(x, axis=(1,), eps=1e-5)
            gradient: Any = versions.standardize_gradient
            gx = (gradient if op == OPS["standardize"].run else gradient.point.plain)(g, y, sigma, w, (1,))
            every.append([out, *[closure(g) for closure in closures], y, sigma, gx])
    for got, plain in zip(*every, strict=True):
        np.testing.assert_allclose(got, plain, rtol=1e-4, atol=1e-5)


def test_layer_norm_of_any_order() -> None:
    x, w, b = (tg.Tensor(rand(*s).astype(np.float32), requires_grad=True) for s in ((5, 8), (8,), (8,)))

    def squared(*arrays: Any) -> Any:
        return np.sum(tg.layer_norm(arrays[0], (8,), arrays[1], arrays[2]) ** 2)

    exact = [a.data.astype(float) for a in (x, w, b)]
    for got, wanted in zip(tg.hvp(squared, (x, w, b), (x, w, b)), tg.hvp(squared, exact, exact)):
        np.testing.assert_allclose(got.data, getattr(wanted, "data", wanted), rtol=1e-3, atol=1e-3)


def test_what_is_not_for_it_passes_on() -> None:
    x = rand(3, 4, 5).astype(np.float32)
    assert versions.standardized(x, axis=(0, 2), eps=1e-5) is NotImplemented
    assert versions.standardized(x.astype(float), axis=(2,), eps=1e-5) is NotImplemented
    assert versions.standardized(x[:0], axis=(2,), eps=1e-5) is NotImplemented
