"""Sums, differences and products by oneDNN: to the last bit as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import fast
from tinygrad_lite.graph import OPS
from tinygrad_lite.kernels.onednn import arithmetic as versions

from ..cases import rand
from .onednn import ORDERS, as_plain, in_order, same_where_not_finite, small_arrays_too  # noqa: F401

NAMES = ["add", "subtract", "multiply"]
SPECIAL = np.array([0.0, -0.0, 1, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-30, 1e-42], np.float32)


def numbers(*shape: int, seed: int = 0) -> Any:
    return rand(*shape, seed=seed).astype(np.float32)


def as_the_rule(name: str, x: Any, y: Any, g: Any) -> None:
    with np.errstate(all="ignore"):
        (value, closures), (plain, plain_closures) = (f(x, y) for f in (OPS[name].run, OPS[name].rule))
        results = [(value, plain)]
        for ours, theirs in zip(closures, plain_closures, strict=True):
            assert ours is not None and theirs is not None
            results += [(ours(g), theirs(g))]
    for a, b in results:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a)[~np.isnan(a)], np.signbit(b)[~np.isnan(b)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (64, 33), (2, 3, 4, 5)])
def test_values_and_gradients_are_the_rule_s(name: str, order: str, shape: Any) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    x, y, g = (numbers(*shape, seed=i) for i in range(3))
    one = np.broadcast_to(np.float32(1.5), shape)
    for a, b, h in [(in_order(x, order), y, g), (x, in_order(y, order), g), (x, y, in_order(g, order))]:
        as_the_rule(name, a, b, h)
    as_the_rule(name, x, y, one)
    as_the_rule(name, one, y, g)
    as_the_rule(name, x, one, g)
    as_the_rule(name, x, x, x)
    for part in (x[:1], x[..., :1], x[..., 0], np.broadcast_to(x[:1], shape), x[0] if len(shape) > 1 else x):
        if len(shape) == 1 or part.ndim == len(shape) or shape[-1] == part.shape[-1]:
            as_the_rule(name, in_order(x, order), part, g)
            as_the_rule(name, part, y, g)


def test_in_which_ways_an_array_may_repeat() -> None:
    x = numbers(2, 3, 4, 5)
    for y, shape in [
        (x, (1, 120, 1)), (x[:1], (2, 60, 1)), (x[0, 0, 0], (24, 5, 1)), (x[0, :, :1, :1], (2, 3, 20)),
        (x[:, :, :1, :1], (1, 6, 20)), (x[:1, :1, :1, :1], (1, 1, 120)),
        (np.broadcast_to(x[:1, 0, 0, 0], x.shape), (1, 1, 120)),
        (np.broadcast_to(x[:1, :, :1, :1], x.shape), (2, 3, 20)),
    ]:  # fmt: skip
        found = versions.repeats(x, y)
        assert found is not None and found[1] == shape
    for y in (x[:, :1], x[..., :1, :], x[:, ::-1], x.transpose(0, 1, 2, 3)[..., ::-1]):
        assert versions.repeats(x, y) is None
    assert versions.repeats(x[:, :1], x) is None


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), (1, 3, 1, 1), (2, 3, 1, 1), (5,)])
def test_scaling_by_channel_is_as_the_plain_code(shape: Any) -> None:
    x, weight, bias = numbers(2, 3, 4, 5 if shape == (5,) else 3), numbers(*shape, seed=1), numbers(*shape, seed=2)
    as_plain(versions.scale, x, weight, bias)
    x[0, 1, 2] = np.nan
    same_where_not_finite(versions.scale, x, weight, bias)
    assert versions.scale(x, 1, bias) is NotImplemented
    assert versions.scale(x, weight.astype(float), bias) is NotImplemented


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_or_tiny_comes_out_as_from_numpy(name: str) -> None:
    x, y = np.meshgrid(SPECIAL, SPECIAL)
    as_the_rule(name, x, y, x[::-1])


@pytest.mark.parametrize("name", NAMES)
def test_other_dtypes_and_shapes_are_left_to_numpy(name: str) -> None:
    x = numbers(3, 4)
    half, double, none = x.astype(np.float16), x.astype(float), x[:0]
    for a, b in [(x, x[0]), (x, double), (half, x), (none, none), (x, 2.0), (2.0, x), (x, 3)]:
        value, plain = OPS[name].run(a, b)[0], OPS[name].rule(a, b)[0]
        assert value.dtype == plain.dtype and value.shape == plain.shape
        np.testing.assert_array_equal(value, plain)


def test_a_large_sum_of_gradients_and_a_second_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = set()
    both = versions.both

    def seen(function: int, x: Any, y: Any) -> Any:
        calls.add(function)
        return both(function, x, y)

    monkeypatch.setattr(versions, "both", seen)
    monkeypatch.setattr(fast, "ELEMENTS_FOR_ONE_ORDER", 1)
    x = tg.Tensor(numbers(50, 40), requires_grad=True)

    def cube(x: Any) -> Any:
        return np.sum(x * x * x - x)

    np.testing.assert_allclose(tg.grad(cube)(x).data, 3 * x.data**2 - 1, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tg.hvp(cube, (x,), (x,)).data, 6 * x.data**2, rtol=1e-5, atol=1e-5)
    assert calls == {versions.MULTIPLY, versions.SUBTRACT, versions.ADD}
