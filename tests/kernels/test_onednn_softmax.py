"""softmax by oneDNN against the plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS
from tinygrad_lite.kernels.onednn import softmax as versions
from tinygrad_lite.ops import activation

from ..cases import rand
from .onednn import ORDERS, as_plain, double, in_order, rms, same_where_not_finite, small_arrays_too  # noqa: F401

SHAPES = [((3, 5), -1), ((64, 33), 1), ((2, 3, 4, 5), 3), ((2, 3, 4, 5), -1), ((7,), 0), ((4, 1), 1)]


def numbers(*shape: int, seed: int = 0) -> Any:
    return (4 * rand(*shape, seed=seed)).astype(np.float32)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_softmax_and_its_gradient_are_as_the_plain_ones(shape: Any, axis: int, order: str) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    for shift in (0, 80, -1000):
        x, g = in_order(numbers(*shape) + np.float32(shift), order), numbers(*shape, seed=1)
        y = as_plain(versions.softmax, x, axis)
        as_plain(versions.softmax_gradient, g, y, axis, atol=1e-8)
        as_plain(versions.softmax_gradient, np.broadcast_to(g.ravel()[:1], shape), in_order(y, order), axis, atol=1e-7)


@pytest.mark.parametrize("shift", [0, 80, -1000])
@pytest.mark.parametrize("spread", [1, 10, 100])  # with the last some p are 0 in float32
def test_cross_entropy_is_as_the_rule(shift: float, spread: float) -> None:
    op: Any = OPS["softmax_cross_entropy"]
    x = numbers(40, 9) * np.float32(spread) + np.float32(shift)
    target = np.random.default_rng(0).integers(0, 9, 40)
    g = numbers(40, seed=1)
    (value, closures), (plain, plain_closures), (exact, exact_closures) = (
        f(cast(x), target, 1) for f, cast in ((op.run, np.asarray), (op.rule, np.asarray), (op.rule, double))
    )
    for a, b, c in ((value, plain, exact), (closures[0](g), plain_closures[0](g), exact_closures[0](double(g)))):
        assert a.shape == b.shape and a.dtype == b.dtype == np.float32
        assert rms(a - c) <= 4 * rms(b - c) + 3e-7 * rms(c)


def test_cross_entropy_of_what_is_not_finite() -> None:
    op, target = OPS["softmax_cross_entropy"], np.arange(6)
    for value in (np.nan, np.inf, -np.inf):
        x = numbers(6, 9)
        x[2, 2] = x[4] = value
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(op.run(x, target, 1)[0], op.rule(x, target, 1)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_a_row_that_is_not_finite_spoils_no_other(value: float) -> None:
    x, g = numbers(6, 9), numbers(6, 9, seed=1)
    x[2, 3] = g[4, 5] = x[5] = value
    with np.errstate(all="ignore"):
        y = activation.softmax_forward.plain(x, -1)
        same_where_not_finite(versions.softmax, x, -1)
        same_where_not_finite(versions.softmax_gradient, g, y, -1)
        for f in (tg.softmax, tg.log_softmax):
            got, wanted = f(x), np.asarray(f(x.astype(float)), np.float32)
            np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    masked = numbers(6, 9)
    masked[:, ::2] = -np.inf
    as_plain(versions.softmax, masked, -1)


def test_what_is_not_for_it_passes_on() -> None:
    x = numbers(3, 4)
    assert versions.softmax(x.astype(float), -1) is NotImplemented
    assert versions.softmax(x[:, :0], -1) is NotImplemented
    assert versions.softmax(x, 0) is NotImplemented  # only the last axis
    assert versions.softmax_gradient(x, x.astype(float), -1) is NotImplemented
