"""vander and polyfit: NumPy's numbers, and gradients of points and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

RNG = np.random.default_rng(0)
X, Y, W = np.linspace(-1, 2, 7), RNG.normal(size=7), RNG.random(7) + 0.5
vander: Any = np.vander
polyfit: Any = np.polyfit


@pytest.mark.parametrize("settings", [{}, {"N": 3}, {"N": 3, "increasing": True}, {"N": 0}], ids=str)
def test_vander(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(vander(tg.Tensor(X), **settings), vander(X, **settings))
    assert tg.gradcheck(lambda x: vander(x, **{"N": 4} | settings), np.append(X, 0.0))
    with pytest.raises(ValueError, match=r"^vander: x must have one axis"):
        vander(tg.Tensor(np.eye(2)))


@pytest.mark.parametrize("deg", [0, 1, 3])
@pytest.mark.parametrize("weights", [None, W], ids=["equal", "weighted"])
@pytest.mark.parametrize("y", [Y, RNG.normal(size=(7, 2))], ids=["one", "two"])
def test_polyfit(deg: int, weights: Any, y: Any) -> None:
    np.testing.assert_allclose(polyfit(tg.Tensor(X), y, deg, w=weights), polyfit(X, y, deg, w=weights), atol=1e-12)
    assert tg.gradcheck(lambda x, y: polyfit(x, y, deg, w=weights), X, y, tolerance=1e-5)


@pytest.mark.parametrize("cov", [True, "unscaled"])
def test_the_covariance_and_all_that_full_returns(cov: Any) -> None:
    for got, expected in zip(polyfit(X, tg.Tensor(Y), 2, cov=cov), polyfit(X, Y, 2, cov=cov), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)
    full: Any = polyfit(X, tg.Tensor(Y), 2, full=True)
    for got, expected in zip(full, polyfit(X, Y, 2, full=True), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_what_cannot_be_fitted_is_refused() -> None:
    for x, y, deg in ((X, Y, -1), (X[:3], Y, 1), (X, np.zeros((7, 1, 1)), 1)):
        with pytest.raises(ValueError, match=r"^polyfit: needs deg ≥ 0, x of shape"):
            polyfit(tg.Tensor(x), y, deg)
    with pytest.raises(ValueError, match=r"^polyfit: the covariance needs more than 3 points"):
        polyfit(tg.Tensor(X[:3]), Y[:3], 2, cov=True)
