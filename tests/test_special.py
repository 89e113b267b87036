"""The error function and the logarithm of the gamma function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

X = np.concatenate([np.linspace(-6, 6, 2001), np.logspace(-300, 1.4, 200), [0.0, -0.0]])


def test_erf_and_erfc_to_the_last_digits_of_float64() -> None:
    np.testing.assert_allclose(F.erf(X), np.vectorize(math.erf)(X), rtol=5e-16)
    np.testing.assert_allclose(F.erfc(X), np.vectorize(math.erfc)(X), rtol=1e-15)


def test_erfc_keeps_its_digits_where_it_is_tiny() -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        for x in np.linspace(0.1, 26, 50):
            exact = mpmath.erfc(mpmath.mpf(float(x)))
            assert abs(mpmath.mpf(float(F.erfc(x))) / exact - 1) < 1e-15


def test_erf_to_the_last_digits_of_float32() -> None:
    x = X.astype(np.float32)
    np.testing.assert_allclose(F.erf(x), np.vectorize(math.erf)(x.astype(float)), rtol=4e-7, atol=1e-45)
    assert F.erf(x).dtype == F.erfc(x).dtype == F.ndtr(x).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends(dtype: Any) -> None:
    ends = np.array([-np.inf, np.inf, np.nan, 40, -40], dtype)
    np.testing.assert_array_equal(F.erf(ends), [-1, 1, np.nan, 1, -1])
    np.testing.assert_array_equal(F.erfc(ends), [2, 0, np.nan, 0, 2])
    np.testing.assert_array_equal(F.ndtr(ends[:3]), [0, 1, np.nan])
    assert math.copysign(1, F.erf(dtype(-0.0))) == -1
    assert F.erf(np.zeros((0, 2), dtype)).shape == (0, 2)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int16, np.uint16, np.int32, np.int64])
def test_integers_give_the_floats_that_numpy_has_for_them(dtype: Any) -> None:
    x = np.arange(3).astype(dtype)
    for function in (F.erf, F.erfc):
        got, expected = function(x), function(x.astype(np.float64))
        assert got.dtype == np.result_type(dtype, np.float16)
        np.testing.assert_allclose(got, expected, rtol=2 * np.finfo(got.dtype).eps)


def test_scalars_give_scalars() -> None:
    assert type(F.erf(1)) is type(F.erfc(0.5)) is np.float64
    np.testing.assert_allclose(F.erf(1), math.erf(1), rtol=3e-16)
    assert F.erf(tg.Tensor(0.5, requires_grad=True)).dtype == np.float64


def test_ndtr_is_accurate_in_its_lower_tail() -> None:
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-37, 5, 500)
    np.testing.assert_allclose(F.ndtr(x), special.ndtr(x), rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_ndtr_to_three_roundings_of_float32() -> None:
    ends = [0, -0.0, 1e-30, 1e4, 1e10, -1e15, 1e25, -3e38]
    x = np.concatenate([np.linspace(-9, 9, 100_001), ends]).astype(np.float32)
    p = F.ndtr(x)
    np.testing.assert_allclose(p, F.ndtr(x.astype(float)), rtol=0, atol=3 * 2**-24)
    assert p.min() == 0 and p.max() == 1
    np.testing.assert_array_equal(p[-8:], [0.5, 0.5, 0.5, 1, 1, 0, 1, 0])


def test_the_gamma_family() -> None:
    special = pytest.importorskip("scipy.special")
    x = np.array([0.3, 1.0, 2.5, 10.0])
    np.testing.assert_array_equal(F.lgamma(x), special.gammaln(x))
    t = tg.Tensor(x, requires_grad=True)
    F.lgamma(t).sum().backward()
    assert t.grad is not None
    np.testing.assert_allclose(t.grad.data, special.digamma(x))
    np.testing.assert_allclose(F.polygamma(0, x), F.digamma(x))
    tg.gradcheck(lambda t: F.polygamma(1, t), x, order=3)


def test_without_scipy_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *args: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("tinygrad_lite.ops.special.import_module", missing)
    for name in ("lgamma", "digamma"):
        with pytest.raises(ImportError, match=f"{name}: needs SciPy, which is not installed: pip install scipy"):
            getattr(F, name)(2.0)
    assert abs(F.erf(0.5) - math.erf(0.5)) < 1e-15  # erf needs none
