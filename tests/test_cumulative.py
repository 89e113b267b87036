"""What runs along an axis: maxima, minima, sums of exponentials."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 5))
Y = RNG.uniform(0.5, 2, (2, 3, 4))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_extremes_and_their_places(axis: int) -> None:
    for f, accumulate in ((F.cummax, np.maximum.accumulate), (F.cummin, np.minimum.accumulate)):
        values, indices = f(X, axis)
        np.testing.assert_array_equal(values, accumulate(X, axis))
        np.testing.assert_array_equal(np.take_along_axis(X, indices, axis), values)
        tg.gradcheck(lambda x, f=f: np.tanh(f(x, axis)[0]), X)


def test_a_tie_goes_to_the_last_and_nan_stays() -> None:
    x = tg.Tensor([1.0, 3, 3, 2], requires_grad=True)
    values, indices = F.cummax(x, 0)
    np.testing.assert_array_equal(indices, [0, 1, 2, 2])
    values.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [1, 1, 2, 0])
    values, indices = F.cummax(np.array([1, np.nan, 5]), 0)
    np.testing.assert_array_equal(values, [1, np.nan, np.nan])
    np.testing.assert_array_equal(indices, [0, 1, 1])
    assert F.cummin(np.zeros((0, 2)), 0)[0].shape == (0, 2)
    assert F.cummin(np.float64(2), 0) == (2, 0)


def test_logcumsumexp() -> None:
    np.testing.assert_allclose(F.logcumsumexp(X, 1), np.log(np.cumsum(np.exp(X), 1)))
    assert F.logcumsumexp(np.zeros((0, 2)), 0).shape == (0, 2)
    np.testing.assert_array_equal(F.logcumsumexp(np.array([-np.inf, 0.0]), 0), [-np.inf, 0])
    assert F.logcumsumexp(X.astype(np.float32), 0).dtype == np.float32


def test_neither_logcumsumexp_nor_its_gradient_overflows() -> None:
    x = tg.Tensor([-1e4, 1e4, 0.0, 1e4], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = F.logcumsumexp(x, 0)
        out.sum().backward()
    np.testing.assert_allclose(out.data, [-1e4, 1e4, 1e4, 1e4 + np.log(2)])
    np.testing.assert_allclose(x.grad.data, [1, 2.5, 0, 0.5])
    ends = tg.Tensor([-np.inf, 0.0, -np.inf], requires_grad=True)
    F.logcumsumexp(ends, 0)[1:].sum().backward()
    np.testing.assert_array_equal(ends.grad.data, [0, 2, 0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_large_equal_elements_share_the_gradient_of_logcumsumexp(dtype: Any) -> None:
    for large in (1e17, 1e4, -1e4):
        x = tg.Tensor(np.full(4, min(large, 6e4), dtype), requires_grad=True)
        F.logcumsumexp(x, 0)[-1].backward()
        np.testing.assert_array_equal(x.grad.data, np.full(4, 0.25, dtype))


def test_logcumsumexp_to_third_order_and_of_one_number() -> None:
    tg.gradcheck(lambda x: F.logcumsumexp(x, 1), X[:2, :3] * 3, order=3)
    tg.gradcheck(lambda x: F.logcumsumexp(x, 0) ** 2, np.float64(0.7))
    assert F.logcumsumexp(np.float64(0.7), -1) == 0.7


def test_accumulate_is_a_running_sum_or_product() -> None:
    for ufunc, running in ((np.add, np.cumsum), (np.multiply, np.cumprod)):
        out: Any = ufunc.accumulate(tg.Tensor(X), 1)
        np.testing.assert_allclose(out.data, running(X, 1))
        tg.gradcheck(lambda x, f=ufunc: f.accumulate(x, axis=-1), X)


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="since NumPy 2.1")
@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_the_running_kind_with_its_start(name: str) -> None:
    f = getattr(np, name)
    for x, settings in ((Y, {"axis": 1}), (Y, {"axis": -1}), (Y[0, 0], {}), (Y, {"axis": 0, "dtype": np.float32})):
        for initial in (False, True):
            out, expected = (f(a, include_initial=initial, **settings) for a in (tg.Tensor(x), x))
            np.testing.assert_array_equal(out.data, expected)
            assert out.dtype == expected.dtype
    tg.gradcheck(lambda x: f(x, axis=1, include_initial=True), Y, order=2)
    with pytest.raises(ValueError, match=rf"{name}: .*axis.* is required.* \(saw x: shape \(2, 3, 4\)"):
        f(tg.Tensor(Y))


@pytest.mark.parametrize("extreme", [np.maximum, np.minimum], ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_extremes_by_numpys_name(extreme: Any, axis: int) -> None:
    x = np.random.default_rng(0).permutation(np.arange(20.0)).reshape(4, 5)
    np.testing.assert_array_equal(extreme.accumulate(tg.Tensor(x), axis), extreme.accumulate(x, axis))
    assert tg.gradcheck(lambda x: extreme.accumulate(x, axis=axis), x)
    assert extreme.accumulate(tg.Tensor(x)).shape == x.shape
