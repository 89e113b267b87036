"""Sums that run along an axis agree with NumPy's, for every length, axis and direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels import cumulative
from tinygrad_lite.kernels.cumulative import cumsum, plain_cumsum


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cumulative, "MANY", 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 16, 31, 32, 33, 47, 48, 100])
def test_equal_to_the_plain_version(n: int, reverse: bool, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for shape, axis in (((n,), 0), ((3, n), 1), ((n, 3), 0), ((2, n, 5), 1), ((2, n, 5), -2), ((0, n), 1), ((n, 1), 0)):
        x = (10 * rng.standard_normal(shape)).astype(dtype)
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        for a in (x, np.asfortranarray(x), np.repeat(x, 2, -1)[..., ::2]):
            got = cumsum(a, axis, reverse)
            np.testing.assert_allclose(got, plain_cumsum(x, axis, reverse), rtol=tolerance, atol=50 * tolerance)
            assert got.dtype == dtype


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_does_not_reach_back(wrong: float, reverse: bool) -> None:
    x = np.ones((2, 50))
    x[0, 20] = wrong
    np.testing.assert_array_equal(cumsum(x, 1, reverse), plain_cumsum(x, 1, reverse))


def test_it_is_nearer_to_the_exact_sums_than_numpy() -> None:
    x = np.random.default_rng(0).standard_normal((4, 100_000)).astype(np.float32)
    exact = np.cumsum(x, 1, dtype=np.float64)
    assert np.abs(cumsum(x, 1) - exact).max() < np.abs(np.cumsum(x, 1) - exact).max()
