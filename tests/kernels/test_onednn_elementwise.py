"""exp, tanh and activations by oneDNN against the plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels.onednn import elementwise as versions
from tinygrad_lite.ops import activation, special

from ..cases import rand
from .onednn import ORDERS, as_plain, in_order, same_where_not_finite, small_arrays_too  # noqa: F401

OF_ONE = [versions.exp, versions.tanh, versions.sigmoid]
PAIRS = [(versions.gelu, versions.gelu_gradient), (versions.gelu_tanh, versions.gelu_tanh_gradient)]
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
        as_plain(versions.sigmoid_gradient, h, activation.sigmoid_forward(x))
        as_plain(versions.silu_gradient, h, x, activation.sigmoid_forward(x), atol=1e-7)
        for forward, gradient in PAIRS:
            y, none = forward(x)
            assert none is None and np.allclose(y, forward.point.plain(x)[0], rtol=1e-5, atol=1e-6)
            as_plain(gradient, h, x, None, atol=1e-7)
    assert versions.tanh(x).strides == np.tanh(x).strides


@pytest.mark.parametrize("value", SPECIAL)
def test_what_is_not_finite_or_large_comes_out_as_from_the_plain_functions(value: Any) -> None:
    x, g = numbers(64), numbers(64, seed=1)
    x[17] = g[40] = value
    for version in OF_ONE:
        same_where_not_finite(version, x)
    s = activation.sigmoid_forward.plain(x)
    same_where_not_finite(versions.sigmoid_gradient, g, s)
    same_where_not_finite(versions.silu_gradient, g, x, s)
    same_where_not_finite(versions.gelu_gradient, g, x, None)
    same_where_not_finite(versions.gelu_tanh_gradient, g, x, None)
    for forward, name in ((versions.gelu, "none"), (versions.gelu_tanh, "tanh")):
        with np.errstate(all="ignore"):
            wanted = forward.point.plain(x)[0]
            np.testing.assert_allclose(activation.gelu(x, name), wanted, rtol=1e-4, atol=1e-6)


def test_what_is_not_for_it_passes_on() -> None:
    x = numbers(3, 4)
    for version in OF_ONE:
        assert version(x.astype(float)) is NotImplemented
        assert version(x.astype(np.float16)) is NotImplemented
        assert version(x[:0]) is NotImplemented
        assert version(x.astype(">f4")) is NotImplemented
        assert version(2.0) is NotImplemented


def test_gelu_kept_for_oneDNN_has_all_orders() -> None:
    x = tg.Tensor(numbers(50), requires_grad=True)
    for name in ("none", "tanh"):
        f = tg.grad(lambda x, name=name: np.sum(tg.gelu(x, name) ** 2))
        exact = tg.grad(lambda x, f=f: np.sum(f(x) ** 2))(x.data.astype(float))
        np.testing.assert_allclose(tg.grad(lambda x, f=f: np.sum(f(x) ** 2))(x).data, exact, rtol=1e-3, atol=1e-3)
    p = special.ndtr(x.data)
    np.testing.assert_allclose(
        activation.gelu_gradient.plain(x.data, x.data, None), activation.gelu_gradient.plain(x.data, x.data, p)
    )
