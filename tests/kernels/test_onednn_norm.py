"""Standardisation by oneDNN against the plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels.onednn import norm as versions

from ..cases import rand
from .onednn import ORDERS, double, in_order, rms, same_where_not_finite, small_arrays_too  # noqa: F401

SHAPES = [
    ((3, 5), (1,)), ((64, 33), (1,)), ((2, 3, 4, 5), (2, 3)), ((2, 3, 4, 5), (1, 2, 3)), ((9,), (0,)), ((4, 1), (1,)),
]  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_standardisation_and_its_gradient_are_as_the_plain_ones(shape: Any, axis: Any, order: str) -> None:
    if len(shape) < 2 and "last" in order:
        pytest.skip("an order of several axes")
    for shift in (0, 100):
        x = in_order(rand(*shape).astype(np.float32) + np.float32(shift), order)
        got, plain, exact = versions.standardized(x, axis=axis, eps=1e-5), *(
            versions.standardized.point.plain(a, axis=axis, eps=1e-5) for a in (x, double(x))
        )
        for a, b, c in zip(got, plain, exact, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            assert rms(a - c) <= 4 * rms(b - c) + 2e-7 * rms(c)
    y, sigma = got
    g = rand(*shape, seed=1).astype(np.float32)
    weights = [1, 2.5, rand(*shape[-len(axis) :], seed=2).astype(np.float32)]
    weights.append(rand(*[n if i not in axis[1:] else 1 for i, n in enumerate(shape)][1:], seed=3).astype(np.float32))
    for weight in weights:
        arguments = (in_order(g, order), y, sigma, weight)
        got = versions.standardize_gradient(*arguments, axis=axis)
        plain = versions.standardize_gradient.point.plain(*arguments, axis=axis)
        exact = versions.standardize_gradient.point.plain(*map(double, arguments), axis=axis)
        assert got.shape == plain.shape and got.dtype == plain.dtype
        assert rms(got - exact) <= 4 * rms(plain - exact) + 2e-7 * rms(exact)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_spoils_no_other(value: float) -> None:
    x, g = rand(6, 9).astype(np.float32), rand(6, 9, seed=1).astype(np.float32)
    y, sigma = versions.standardized(x, axis=(1,), eps=1e-5)
    x[2, 3] = g[4, 5] = value
    with np.errstate(all="ignore"):
        got, plain = (f(x, axis=(1,), eps=1e-5) for f in (versions.standardized, versions.standardized.point.plain))
        for a, b in zip(got, plain, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        got, plain = (
            f(g, y, sigma, 1, axis=(1,))
            for f in (versions.standardize_gradient, versions.standardize_gradient.point.plain)
        )
        np.testing.assert_allclose(got, plain, rtol=1e-4, atol=1e-5)


def test_what_is_not_for_it_passes_on() -> None:
    x = rand(3, 4, 5).astype(np.float32)
    assert versions.standardized(x, axis=(0, 2), eps=1e-5) is NotImplemented
    assert versions.standardized(x.astype(float), axis=(2,), eps=1e-5) is NotImplemented
    assert versions.standardized(x[:0], axis=(2,), eps=1e-5) is NotImplemented
