"""Sums that run along an axis agree with NumPy's, for every length, axis and direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels import cumulative as kernels
from tinygrad_lite.kernels.cumulative import running_sum

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "ELEMENTS_TO_SUM_IN_RUNS", 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 16, 31, 32, 33, 47, 48, 100])
def test_equal_to_the_plain_version(n: int, reverse: bool, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for shape, axis in (((n,), 0), ((3, n), 1), ((n, 3), 0), ((2, n, 5), 1), ((2, n, 5), -2), ((0, n), 1), ((n, 1), 0)):
        x = (10 * rng.standard_normal(shape)).astype(dtype)
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        for a in (x, np.asfortranarray(x), np.repeat(x, 2, -1)[..., ::2]):
            got = running_sum(a, axis, reverse)
            np.testing.assert_allclose(got, running_sum.plain(x, axis, reverse), rtol=tolerance, atol=50 * tolerance)
            assert got.dtype == dtype


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_does_not_reach_back(wrong: float, reverse: bool) -> None:
    x = np.ones((2, 50))
    x[0, 20] = wrong
    np.testing.assert_array_equal(running_sum(x, 1, reverse), running_sum.plain(x, 1, reverse))


def test_it_is_nearer_to_the_exact_sums_than_numpy() -> None:
    x = np.random.default_rng(0).standard_normal((4, 100_000)).astype(np.float32)
    exact = np.cumsum(x, 1, dtype=np.float64)
    assert np.abs(running_sum(x, 1) - exact).max() < np.abs(np.cumsum(x, 1) - exact).max()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (4, 2)])
def test_kernels_equal_their_plain_versions(shape: tuple[int, ...], reverse: bool) -> None:
    x, d = RNG.standard_normal((2, *shape))
    fast, plain = kernels.discounted_sum, kernels.discounted_sum.plain
    np.testing.assert_allclose(fast(x, d, 0, reverse), plain(x, d, 0, reverse), rtol=1e-13)
    np.testing.assert_allclose(kernels.logcumsumexp(x, 0), kernels.logcumsumexp.plain(x, 0))
