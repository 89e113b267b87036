"""Sums and means are as exact as NumPy's, and fail as those do."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels import reduce
from tinygrad_lite.kernels.thresholds import ELEMENTS_TO_SUM_BY_PRODUCTS
from tinygrad_lite.ops.reduce import mean_of

from ..cases import ordered

X = np.random.default_rng(0).standard_normal((3, 4, 1, 5))
AXES = [axes for k in range(5) for axes in combinations(range(4), k)]


@pytest.mark.parametrize("memory", list(permutations(range(4))))
@pytest.mark.parametrize("axes", AXES)
def test_means_over_axes_and_means_of_products(axes: tuple[int, ...], memory: tuple[int, ...]) -> None:
    x = ordered(X, memory)
    np.testing.assert_allclose(mean_of(x, axes), np.mean(x, axes, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(mean_of(x, axes, x + 1), np.mean(x * (x + 1), axes, keepdims=True), rtol=1e-12)
    single = x.astype(np.float32)
    assert mean_of(single, axes).dtype == mean_of(single, axes, single).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0), (-2,), (0, 1, 2), ()])
@pytest.mark.parametrize("shape", [(40, 30, 31), (1, 40000, 1), (33, 1, 1000), (2, 2, 9973), (35000, 1, 3)])
def test_large_sums_and_means_are_as_exact_as_those_of_numpy(
    shape: tuple[int, ...], axis: Any, keepdims: bool, dtype: Any
) -> None:
    x = np.random.default_rng(0).random(shape).astype(dtype)
    assert x.size >= ELEMENTS_TO_SUM_BY_PRODUCTS
    exact = x.astype(np.longdouble)
    for fast, function in ((reduce.sum, np.sum), (reduce.mean, np.mean)):
        got, wanted = fast(x, axis=axis, keepdims=keepdims), function(exact, axis=axis, keepdims=keepdims)
        assert (got.shape, got.dtype) == (wanted.shape, dtype)
        numpys = np.max(np.abs(function(x, axis=axis, keepdims=keepdims) / wanted - 1))
        assert np.max(np.abs(got / wanted - 1)) <= max(numpys, 8 * np.finfo(dtype).eps)


def test_a_large_sum_has_numpys_errors() -> None:
    x = np.ones((200, 200))
    with pytest.raises(ValueError, match="repeated axis"):
        reduce.sum(x, axis=(0, 0))
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds"):
        reduce.sum(x, axis=2)
    reduce.sum(x, axis=(1,))
    for wrong in ([1], 1.0, (1.0,)):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            reduce.sum(x, axis=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (2, 0, 3)])
def test_a_number_is_spread_as_numpy_does_it(shape: tuple[int, ...]) -> None:
    for g in (np.float32(2.5), np.float64(-1), np.int64(3), np.asarray(1.5), np.ones((1,) * len(shape))):
        got = reduce.spread(g, shape, None, False)
        np.testing.assert_array_equal(got, np.broadcast_to(g, shape), strict=True)
        assert not isinstance(got, np.ndarray) or not got.flags.writeable
