"""exp, tanh and activations by oneDNN against the plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS
from tinygrad_lite.kernels.onednn import elementwise as versions

from ..cases import rand
from .onednn import ORDERS, as_plain, double, in_order, rms, same_where_not_finite, small_arrays_too  # noqa: F401

OF_ONE = [versions.exp, versions.tanh, versions.sigmoid]
WHOLE = [("gelu", ()), ("gelu", ("tanh",)), ("silu", ())]
SHAPES = [(1,), (7,), (3, 5), (64, 33), (2, 3, 4, 5), (1000,)]
SPECIAL = np.array(
    [0.0, -0.0, 1, -1, np.nan, np.inf, -np.inf, 100, -100, 3e38, -3e38, 1e-30, -1e-30, 20, -20, 5, -5], np.float32
)


def numbers(*shape: int, seed: int = 0) -> Any:
    return (4 * rand(*shape, seed=seed)).astype(np.float32)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_functions_and_gradients_are_as_the_plain_ones(shape: Any, order: str) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    x, g = in_order(numbers(*shape), order), numbers(*shape, seed=1)
    for version in OF_ONE:
        as_plain(version, x)
    for h in (g, in_order(g, order), np.broadcast_to(g.ravel()[:1], shape)):
        for name, settings in WHOLE:
            results = []
            for op, cast in ((OPS[name].run, np.asarray), (OPS[name].rule, np.asarray), (OPS[name].rule, double)):
                result: Any = op(cast(x), *settings)
                results.append((result[0], result[1][0](cast(h))))
            for a, b, c in zip(*results, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype == np.float32
                assert rms(a - c) <= 4 * rms(b - c) + 3e-7 * rms(c) + 1e-7
    assert versions.tanh(x).strides == np.tanh(x).strides


@pytest.mark.parametrize("value", SPECIAL)
def test_what_is_not_finite_or_large_comes_out_as_from_the_plain_functions(value: Any) -> None:
    x, g = numbers(64), numbers(64, seed=1)
    x[17] = g[40] = value
    for version in OF_ONE:
        same_where_not_finite(version, x)
    with np.errstate(all="ignore"):
        for name, settings in WHOLE:
            (value, closures), (plain, plain_closures) = (f(x, *settings) for f in (OPS[name].run, OPS[name].rule))
            gradients: Any = closures[0], plain_closures[0]
            np.testing.assert_allclose(value, plain, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(gradients[0](g), gradients[1](g), rtol=1e-4, atol=4e-6)  # in the tail


def test_what_is_not_for_it_passes_on() -> None:
    x = numbers(3, 4)
    for version in OF_ONE:
        assert version(x.astype(float)) is NotImplemented
        assert version(x.astype(np.float16)) is NotImplemented
        assert version(x[:0]) is NotImplemented
        assert version(x.astype(">f4")) is NotImplemented
        assert version(2.0) is NotImplemented


@pytest.mark.parametrize(("name", "settings"), WHOLE)
def test_whole_ops_have_all_orders(name: str, settings: Any) -> None:
    x = tg.Tensor(numbers(50), requires_grad=True)

    def squared(x: Any) -> Any:
        return np.sum(getattr(tg, name)(x, *settings) ** 2)

    double_x = x.data.astype(float)
    exact, got = tg.hvp(squared, (double_x,), (double_x,)), tg.hvp(squared, (x,), (x,))
    np.testing.assert_allclose(got.data, exact, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(tg.gelu(x, approximate="tanh").data, tg.gelu(x, "tanh").data)
