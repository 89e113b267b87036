"""Functions over threads, powers by products and logarithms of sums agree with NumPy's own, at the corners too."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.dispatch import array_code
from tinygrad_lite.kernels import elementwise, thresholds
from tinygrad_lite.kernels.elementwise import logaddexp, logaddexp2, logaddexp2_gradient, logaddexp_gradient, power
from tinygrad_lite.ops import ufuncs

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
            close(power(a, n), power.plain(a, n))


def test_a_power_leaves_its_input_as_it_is() -> None:
    x = X.copy()
    for n in (3, 4, -3, -4):
        power(x, n)[...] = 7
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("f", [logaddexp, logaddexp2], ids=["e", "2"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logarithms_of_sums(dtype: Any, f: Any) -> None:
    ends = ENDS.astype(np.float64).clip(*([-1e38, 1e38] if dtype == np.float32 else [None, None]))
    ends[:2] = -np.inf, np.inf
    with np.errstate(over="ignore"):
        ends = ends.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, y in (
            (X, X[::-1] * 10),
            (X, X[1]),
            (X[1], X),
            (X.T, np.float64(0.5)),
            (X[:0], X[:0]),
            (ends[:, None], ends),
            tuple(np.meshgrid(ends, ends)),
        ):
            x, y = x.astype(dtype), y.astype(dtype)
            with np.errstate(invalid="ignore"):
                close(f(x, y), f.plain(x, y))


@pytest.mark.parametrize("f", [logaddexp_gradient, logaddexp2_gradient], ids=["e", "2"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_of_logarithms_of_sums(dtype: Any, f: Any) -> None:
    x, y = (a.astype(dtype) for a in np.meshgrid([*X[0], -math.inf, math.inf, 1e4, 17.0], [*X[1], -math.inf, math.inf]))
    g = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    for a, b, h in ((x, y, g), (x, x, g), (x[:, 3:6], y[:, 3:6], g[:, 3:6]), (x.T, y.T, g.T)):
        close(f(h, a, b), f.plain(h, a, b))


def test_of_single_numbers_and_of_integers() -> None:
    assert power(np.float32(2), 3) == 8
    assert logaddexp(np.float64(0), np.float64(0)) == math.log(2)
    close(logaddexp(np.arange(3), np.arange(3)), np.arange(3) + math.log(2))
    assert logaddexp_gradient(np.float64(1), np.float64(-math.inf), np.float64(-math.inf)) == 0


@pytest.fixture
def small_passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, and each number worth one."""
    monkeypatch.setattr(thresholds, "BYTES_FOR_A_SECOND_THREAD", 1)
    before = tg.get_num_threads()
    tg.set_num_threads(3)
    yield
    tg.set_num_threads(before)


FUNCTIONS = [
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "arcsin", "arccos",
    "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
]  # fmt: skip


@pytest.mark.usefixtures("small_passes")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.bool_])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_over_threads_are_numpy_s(name: str, dtype: Any) -> None:
    function, ours = getattr(np, name), getattr(ufuncs, name)
    x = (X * 2).astype(dtype) if dtype is np.bool_ else np.nan_to_num(X * 2, posinf=9, neginf=-9).astype(dtype)
    for a in (x, x.T, x[:, ::2], x[::-1], x[:1], x[:, :1], x[:0], x[0], x[0, 0], np.broadcast_to(x[:, :1], (4, 6))):
        with np.errstate(all="ignore"):
            got, expected = ours(a), function(a)
        np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(expected.dtype).eps)  # ends of loops differ
        assert got.dtype == expected.dtype
        assert type(got) is type(expected)
        assert np.isfortran(got) == np.isfortran(expected)


def test_a_large_array_is_shared_out() -> None:
    parts = []

    def function(x: Any, out: Any = None) -> None:
        parts.append(x.nbytes)

    before = tg.get_num_threads()
    tg.set_num_threads(2)
    try:
        elementwise.shared(array_code(function))(np.ones(1_499_999, np.float32))
        elementwise.shared(array_code(function))(np.ones((1000, 1500), np.float32))
    finally:
        tg.set_num_threads(before)
    assert parts == [5_999_996, 3_000_000, 3_000_000]


@pytest.mark.usefixtures("small_passes")
def test_warnings_and_errors_come_from_the_threads_as_from_one() -> None:
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        ufuncs.log(-np.ones((4, 6)))
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="log"):
        ufuncs.log(-np.ones((4, 6)))
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("error")
        assert np.isnan(ufuncs.log(-np.ones((4, 6)))).all()
