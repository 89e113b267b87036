"""Quantiles and np.unique of a Tensor: NumPy's values, and who gets the gradient. (np.sort is in test_indexing.py.)"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]  # fmt: skip
X = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4))
TIES = np.array([[3.0, 1.0, 3.0], [2.0, 1.0, 3.0], [3.0, 1.0, 3.0]])


def leaf(x: Any) -> Any:
    return tg.Tensor(x, requires_grad=True, dtype=np.float64)


def slope(f: Callable[..., Any], x: Any) -> Any:
    x = leaf(x)
    f(x).sum().backward()
    return x.grad.data


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_quantile(method: str) -> None:
    q = np.array([[0.0, 0.1, 0.5], [0.77, 0.9, 1.0]])
    for axis, keepdims in ((None, False), (1, False), ((0, -1), True)):
        expected = np.quantile(X, q, axis=axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]
        out = np.quantile(tg.Tensor(X), q, axis=axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]
        np.testing.assert_allclose(out.data, expected, rtol=1e-14)
        assert out.shape == expected.shape
    tg.gradcheck(lambda x: np.quantile(x, q, axis=1, method=method), X, order=2)  # type: ignore[call-overload]


def test_percentile_is_quantile_in_percent() -> None:
    np.testing.assert_allclose(np.percentile(leaf(X), [5, 50], axis=0).data, np.percentile(X, [5, 50], axis=0))
    assert slope(lambda x: np.percentile(x, 25), [0.0, 1.0, 2.0, 3.0]).tolist() == [0.25, 0.75, 0, 0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of ∞ - ∞, as NumPy's own
def test_quantiles_of_infinities_and_nan() -> None:
    x = np.array([[1.0, math.inf, 2.0], [math.nan, 1.0, 2.0]])
    np.testing.assert_array_equal(np.median(tg.Tensor(x), axis=1).data, np.median(x, axis=1))
    assert np.max(tg.Tensor([math.inf, math.inf])).item() == np.median(tg.Tensor([math.inf])).item() == math.inf


def test_the_median_of_equal_elements_goes_to_the_first() -> None:
    assert slope(np.median, [5.0, 5.0, 5.0]).tolist() == [0, 1, 0]


def test_what_quantile_refuses() -> None:
    with pytest.raises(TypeError, match="quantile: weights"):
        np.quantile(leaf(X), 0.5, weights=X, method="inverted_cdf")
    with pytest.raises(TypeError, match="q has no derivative"):
        np.quantile(leaf(X), leaf(0.5))
    with pytest.raises(ValueError, match="quantile: Quantiles must be in the range"):
        np.quantile(leaf(X), 2)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("asked", [{}, {"return_index": True}, {"return_inverse": True, "return_counts": True}])
def test_unique_has_numpys_values_and_a_gradient(axis: int | None, asked: dict[str, Any]) -> None:
    unique: Any = np.unique
    got, expected = unique(tg.Tensor(TIES), axis=axis, **asked), unique(TIES, axis=axis, **asked)
    for a, b in zip(got, expected) if asked else [(got, expected)]:
        np.testing.assert_array_equal(a, b)
    x = tg.Tensor(TIES, requires_grad=True)
    values = unique(x, axis=axis, **asked)
    (values[0] if asked else values).sum().backward()
    places = unique(TIES, return_index=True, axis=axis)[1]
    first = np.zeros(TIES.size if axis is None else TIES.shape[axis])
    first[places] = 1
    by_slice = first.reshape(TIES.shape) if axis is None else np.ones_like(TIES) * np.expand_dims(first, 1 - axis)
    np.testing.assert_array_equal(x.grad.data, by_slice)


def test_unique_knows_nan() -> None:
    x = tg.Tensor([np.nan, 1.0, np.nan])
    np.testing.assert_array_equal(np.unique(x), [1.0, np.nan])
    np.testing.assert_array_equal(np.unique(x, equal_nan=False), [1.0, np.nan, np.nan])


# ------------------------------------------------------------------------------------------------------------ topk


def test_topk_is_the_ends_of_the_sorted_order_and_hands_its_gradient_back() -> None:
    for axis in (0, 1, -1):
        values, indices = tg.topk(X, 2, axis)
        np.testing.assert_array_equal(values, np.flip(np.sort(X, axis), axis).take([0, 1], axis))
        np.testing.assert_array_equal(values, np.take_along_axis(X, indices, axis))
        values, indices = tg.topk(X, 2, axis, largest=False)
        np.testing.assert_array_equal(values, np.sort(X, axis).take([0, 1], axis))
        tg.gradcheck(lambda x, axis=axis: tg.topk(x, 2, axis)[0] ** 3, X, order=2)


def test_topk_of_ties_nan_nothing_and_numbers() -> None:
    values, indices = tg.topk([3.0, 1, 3, math.nan, 3], 3)
    assert indices.tolist() == [3, 0, 2] and values[1:].tolist() == [3, 3]
    assert tg.topk([3.0, 1, 1, 2], 2, largest=False)[1].tolist() == [1, 2]
    assert tg.topk(np.array([3, 1, 2], np.uint8), 2)[0].tolist() == [3, 2]
    assert tg.topk(np.zeros((0, 3)), 2)[0].shape == (0, 2) and tg.topk(X, 0)[0].shape == (2, 3, 0)
    value, index = tg.topk(tg.Tensor(2.0), 1)
    assert value.shape == () and index == 0
    with pytest.raises(ValueError, match="topk: k must be from 0 to the 4 elements along axis -1, not 5"):
        tg.topk(X, 5)


def test_topk_agrees_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for axis in (0, 2):
        for largest in (True, False):
            for a, b in zip(tg.topk(X, 2, axis, largest), torch.topk(torch.tensor(X), 2, axis, largest)):
                np.testing.assert_array_equal(a, b.numpy())
