"""Order: unique (sort, quantiles and the median have their tests in test_indexing.py and test_reduce.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

X = np.array([[3.0, 1.0, 3.0], [2.0, 1.0, 3.0], [3.0, 1.0, 3.0]])


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("asked", [{}, {"return_index": True}, {"return_inverse": True, "return_counts": True}])
def test_unique_has_numpys_values_and_a_gradient(axis: int | None, asked: dict[str, Any]) -> None:
    unique: Any = np.unique
    got, expected = unique(tg.Tensor(X), axis=axis, **asked), unique(X, axis=axis, **asked)
    for a, b in zip(got, expected) if asked else [(got, expected)]:
        np.testing.assert_array_equal(a, b)
    x = tg.Tensor(X, requires_grad=True)
    values = unique(x, axis=axis, **asked)
    (values[0] if asked else values).sum().backward()
    places = unique(X, return_index=True, axis=axis)[1]
    first = np.zeros(X.size if axis is None else X.shape[axis])
    first[places] = 1
    expected_gradient = first.reshape(X.shape) if axis is None else np.ones_like(X) * np.expand_dims(first, 1 - axis)
    np.testing.assert_array_equal(x.grad.data, expected_gradient)


def test_unique_knows_nan() -> None:
    x = tg.Tensor([np.nan, 1.0, np.nan])
    np.testing.assert_array_equal(np.unique(x), [1.0, np.nan])
    np.testing.assert_array_equal(np.unique(x, equal_nan=False), [1.0, np.nan, np.nan])
