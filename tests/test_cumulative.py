"""What runs along an axis: maxima, minima, sums of exponentials."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 5))


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
