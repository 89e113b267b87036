"""Sums as matrix products equal NumPy's, for axes in any order of memory."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from tinygrad_lite.kernels.total import total

from ..cases import ordered

X = np.random.default_rng(0).standard_normal((3, 4, 1, 5))
AXES = [axes for k in range(5) for axes in combinations(range(4), k)]


@pytest.mark.parametrize("memory", list(permutations(range(4))))
@pytest.mark.parametrize("axes", AXES)
def test_sums_and_sums_of_products(axes: tuple[int, ...], memory: tuple[int, ...]) -> None:
    x = ordered(X, memory)
    for y in (x - 1, X + 1):  # laid out alike, and perhaps otherwise
        np.testing.assert_allclose(total(x, axes, y), np.sum(x * y, axes, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(total(x, axes), np.sum(x, axes, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17])
@pytest.mark.parametrize("inner", [1, 2, 64, 65])
def test_sums_along_an_axis_of_few(inner: int, n: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, n, inner))
    before = x.copy()
    for a in (x, x[:, :, ::-1], x[:, ::2], x.swapaxes(0, 1)):
        for axis in (2, -2, (2,), (1, 2), (2, 3)):
            np.testing.assert_allclose(total(a, axis), np.sum(a, axis, keepdims=True), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(x, before)


def test_what_is_no_contiguous_array_of_floats() -> None:
    strided = X[:, ::2]
    np.testing.assert_allclose(total(strided, (1, 3)), np.sum(strided, (1, 3), keepdims=True), rtol=1e-12)
    same = np.broadcast_to(2.0, (3, 4))
    np.testing.assert_array_equal(total(same, 1), [[8.0]] * 3)
    np.testing.assert_array_equal(total(np.arange(6).reshape(2, 3), -1), [[3], [12]])
    np.testing.assert_array_equal(total(np.zeros((0, 3)), 0), [[0.0, 0, 0]])
    np.testing.assert_allclose(total(X, None), np.sum(X, keepdims=True), rtol=1e-12)
    assert total(np.float64(3), None) == 3


def test_the_dtype_stays() -> None:
    assert total(X.astype(np.float32), -1).dtype == np.float32
    assert total(np.full(5000, 1, np.float16), 0) == 5000  # not added up one by one: that ends at 2048
