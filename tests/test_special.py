"""The error function and the logarithm of the gamma function."""

from __future__ import annotations

import math
import subprocess
import sys
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
    np.testing.assert_allclose(F.lgamma(x), special.gammaln(x), rtol=1e-15)
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lgamma_keeps_its_digits_next_to_its_zeros(dtype: Any) -> None:
    pytest.importorskip("scipy")
    mpmath = pytest.importorskip("mpmath")
    small = np.array([1e-7, 1e-3, 0.1, 0.29, 0.31]) if dtype is np.float32 else np.logspace(-15, -0.51, 30)
    near = np.concatenate([1 + small, 1 - small, 2 + small, 2 - small, [1, 2]]).astype(dtype)
    with mpmath.workdps(40):
        expected = [float(mpmath.loggamma(mpmath.mpf(float(x)))) for x in near]
    np.testing.assert_allclose(F.lgamma(near), expected, rtol=8 * np.finfo(dtype).eps)
    assert F.lgamma(near).dtype == dtype


SCIPY = [
    "cbrt", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e", "i1", "i1e",
    "log1p", "log_expit", "log_ndtr", "logit", "ndtr", "ndtri", "psi",
]  # fmt: skip


@pytest.mark.parametrize("name", SCIPY)
def test_scipys_functions_of_a_tensor_have_our_rules(name: str) -> None:
    special = pytest.importorskip("scipy.special")
    f, x = getattr(special, name), np.array([0.1, 0.3, 0.5, 0.75, 0.9])
    out = f(tg.Tensor(x, requires_grad=True))
    assert isinstance(out, tg.Tensor) and out.requires_grad
    np.testing.assert_allclose(out.data, f(x), rtol=2e-14, atol=1e-15)
    tg.gradcheck(f, x, order=2)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_scipys_functions_of_two(name: str) -> None:
    special = pytest.importorskip("scipy.special")
    f, x, y = getattr(special, name), np.array([0.0, 0.3, 2.0]), np.array([0.0, 0.7, 3.0])
    np.testing.assert_allclose(f(tg.Tensor(x), y).data, f(x, y))
    np.testing.assert_allclose(f(x, tg.Tensor(y)).data, f(x, y))
    np.testing.assert_array_equal(np.isnan(f(tg.Tensor(x), np.full(3, np.nan)).data), True)
    tg.gradcheck(f, x[1:], y[1:], order=2)
    a, b = tg.Tensor(x, requires_grad=True), tg.Tensor(y, requires_grad=True)
    f(a, b).sum().backward()
    assert a.grad is not None and b.grad is not None
    assert np.all(np.isfinite(a.grad.data)) and np.all(np.isfinite(b.grad.data))


def test_scipys_functions_without_a_rule_are_named_as_scipys() -> None:
    special = pytest.importorskip("scipy.special")
    t = tg.Tensor([0.5], requires_grad=True)
    for f, name in ((special.j0, "j0"), (special.zeta, "zeta")):
        with pytest.raises(TypeError, match=rf"^scipy\.special\.{name}: no rule for a Tensor"):
            f(t) if name == "j0" else f(t, 1.0)
    with pytest.raises(TypeError, match=r"^scipy\.special\.expit: dtype= is not supported on a Tensor"):
        special.expit(t, dtype=np.float32)
    with pytest.raises(TypeError, match=r"^np\.frexp: no rule for a Tensor"):
        np.frexp(t)


def test_scipy_is_not_imported_for_it() -> None:
    code = "import sys, numpy as np, tinygrad_lite as tg; np.exp(tg.Tensor([1.0])); print('scipy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_log_ndtr_and_its_gradient_far_out() -> None:
    mpmath = pytest.importorskip("mpmath")
    pytest.importorskip("scipy")
    x = np.array([-1e8, -1e4, -40.0, -5.0, 0.0, 5.0])
    t = tg.Tensor(x, requires_grad=True)
    out = F.log_ndtr(t)
    out.sum().backward()
    assert t.grad is not None
    with mpmath.workdps(60):
        for got, slope, a in zip(out.data[1:], t.grad.data[1:], map(mpmath.mpf, map(float, x[1:]))):
            tail = mpmath.erfc(-a / mpmath.sqrt(2)) / 2
            np.testing.assert_allclose(got, float(mpmath.log(tail)), rtol=1e-13)
            np.testing.assert_allclose(slope, float(mpmath.npdf(a) / tail), rtol=1e-13)
    np.testing.assert_allclose((out.data[0], t.grad.data[0]), (-5e15, 1e8), rtol=1e-13)


def test_entropies_at_their_ends() -> None:
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(F.entr(np.array([-1.0, 0.0, 1.0])), [-np.inf, 0, 0])
        np.testing.assert_array_equal(F.xlogy(np.array([0.0, 0.0, 1.0]), np.array([0.0, np.inf, 0.0])), [0, 0, -np.inf])
        np.testing.assert_array_equal(F.logit(np.array([0.0, 0.5, 1.0])), [-np.inf, 0, np.inf])
    d = 2.0**-40
    np.testing.assert_allclose(F.logit(0.5 + d), 4 * d, rtol=1e-12)


def test_bessel_functions_at_0_to_the_third_order() -> None:
    pytest.importorskip("scipy")
    for f, expected in ((F.i0, [1, 0, 0.5, 0]), (F.i1, [0, 0.5, 0, 0.375])):
        for derivative in expected:
            np.testing.assert_allclose(f(0.0), derivative, atol=1e-15)
            f = tg.grad(f)
