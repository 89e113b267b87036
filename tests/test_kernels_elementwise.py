"""Powers by products and logarithms of sums agree with NumPy's own, at the corners too."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels.elementwise import logaddexp, plain_logaddexp, plain_portion, plain_power, portion, power

X = np.random.default_rng(0).uniform(-3, 3, (4, 6))
X[0, :3] = math.nan, math.inf, -math.inf
ENDS = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0, 1e300, -1e300, 3.5])


def close(a: Any, b: Any) -> None:
    eps = np.finfo(b.dtype).eps if b.dtype.kind == "f" else 0
    np.testing.assert_allclose(a, b, rtol=20 * eps, atol=eps**2)
    assert a.dtype == b.dtype
    assert np.shape(a) == np.shape(b)


@pytest.mark.parametrize("n", [-17, -3, -2.0, -1, 0, 0.5, 1, 2, 3, 3.0, 4, 7, 15, 16, 17, 2.5])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_powers(dtype: Any, n: float) -> None:
    x = np.array([[-3, -2, -1], [1, 2, 3]]) if dtype is np.int64 else X.astype(dtype)
    if dtype is np.int64 and n < 0 and isinstance(n, int):
        with pytest.raises(ValueError, match="Integers to negative integer powers"):
            power(x, n)
        return
    with np.errstate(all="ignore"):
        for a in (x, x.T, x[:, ::2], x[:0], x[1, 1]):
            close(power(a, n), plain_power(a, n))


def test_a_power_leaves_its_input_as_it_is() -> None:
    x = X.copy()
    for n in (3, 4, -3, -4):
        power(x, n)[...] = 7
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("base", [math.e, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_of_sums_and_their_portions(dtype: Any, base: float) -> None:
    ends = ENDS.astype(np.float64).clip(*([-1e38, 1e38] if dtype == np.float32 else [None, None]))
    ends[:2] = -np.inf, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, y in (
            (X, X[::-1] * 10),
            (X, X[1]),
            (X[1], X),
            (X.T, np.float64(0.5)),
            (X[:0], X[:0]),
            (ends[:, None], ends),
        ):
            x, y = x.astype(dtype), y.astype(dtype)
            out = logaddexp(x, y, base)
            with np.errstate(invalid="ignore"):
                close(out, plain_logaddexp(x, y, base))
    with np.errstate(invalid="ignore"):
        x = ends[:, None].astype(dtype)
        out = logaddexp(x, ends.astype(dtype), base)
        close(portion(x, out, base), plain_portion(x, out, base))
        close(portion(x[3:4], out[3:4], base), plain_portion(x[3:4], out[3:4], base))


def test_of_single_numbers_and_of_integers() -> None:
    assert power(np.float32(2), 3) == 8
    assert logaddexp(np.float64(0), np.float64(0)) == math.log(2)
    close(logaddexp(np.arange(3), np.arange(3)), np.arange(3) + math.log(2))
    assert portion(np.float64(-math.inf), np.float64(-math.inf)) == 0
