"""Differences, slopes, convolutions, interpolation and areas along a sequence: NumPy's values, and gradients."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .cases import rand
from .forms import Function, check_gradient, check_symbols, forms, inputs, parts

NUMPY: Any = np
T3, T4, T5 = np.array([0.0, 0.5, 2.0]), np.array([-1.0, 0.5, 2.0, 2.25]), np.array([3.0, 1.0, 0.5, 0.25, -1.0])

FORMS: dict[str, list[Any]] = {
    "diff": [
        (np.diff, (4,)),
        (np.diff, (1,)),
        (np.diff, (0,)),
        (lambda x: np.diff(x, 0), (2, 3)),
        (lambda x: np.diff(x, 2), (2, 4)),
        (lambda x: np.diff(x, 5), (2, 4)),
        (lambda x: np.diff(x, axis=0), (3, 2)),
        (lambda x: np.diff(x, axis=-2, prepend=0.5), (3, 2)),
        (lambda x, y: np.diff(x, 2, 1, y, y), (2, 3), (2, 1)),
    ],
    "ediff1d": [
        (np.ediff1d, (4,)),
        (np.ediff1d, (2, 3)),
        (lambda x: np.ediff1d(x, to_end=2.0), (3,)),
        (lambda x, y: np.ediff1d(x, to_begin=y), (3,), (2, 2)),
    ],
    "gradient": [
        (np.gradient, (4,)),
        (np.gradient, (2,)),
        (np.gradient, (3, 4)),
        (lambda f: NUMPY.gradient(f, 0.5), (3, 4)),
        (lambda f: NUMPY.gradient(f, 0.5, 2.0), (3, 4)),
        (lambda f: NUMPY.gradient(f, T4), (4,)),
        (lambda f: NUMPY.gradient(f, T3, 0.5), (3, 4)),
        (lambda f: NUMPY.gradient(f, T4, T3, axis=(1, 0)), (3, 4)),
        (lambda f: NUMPY.gradient(f, axis=-1), (3, 4)),
        (lambda f: NUMPY.gradient(f, T5, axis=1), (2, 5, 2)),
        (lambda f: NUMPY.gradient(f, edge_order=2), (3, 4)),
        (lambda f: NUMPY.gradient(f, T4, edge_order=2), (4,)),
        (lambda f: NUMPY.gradient(f, T3, axis=0, edge_order=2), (3, 2)),
    ],
    "trapezoid": [
        (NUMPY.trapezoid, (4,)),
        (NUMPY.trapezoid, (1,)),
        (lambda y: NUMPY.trapezoid(y, dx=0.5), (2, 3)),
        (lambda y: NUMPY.trapezoid(y, T3), (2, 3)),
        (lambda y: NUMPY.trapezoid(y, T3, axis=0), (3, 2)),
        (lambda y, x: NUMPY.trapezoid(y, x), (3,), (3,)),
        (lambda y, x: NUMPY.trapezoid(y, x, axis=0), (3, 2), (3, 2)),
    ],
    "convolve": [
        (lambda a, v, mode=mode: NUMPY.convolve(a, v, mode), (n,), (m,))
        for mode, n, m in itertools.product(("full", "same", "valid"), (1, 3, 4), (1, 2, 5))
    ],
    "correlate": [
        (lambda a, v, mode=mode: NUMPY.correlate(a, v, mode), (n,), (m,))
        for mode, n, m in itertools.product(("full", "same", "valid"), (1, 3, 4), (1, 2, 5))
    ],
}


@pytest.mark.parametrize(("f", "shapes"), forms(FORMS))
def test_values_are_numpys(f: Function, shapes: Any) -> None:
    arrays = inputs(shapes)
    expected = f(*arrays)
    got = f(*[tg.Tensor(x, requires_grad=True) for x in arrays])
    assert isinstance(got, tuple) == isinstance(expected, tuple)
    for out, array in zip(parts(got), parts(expected), strict=True):
        assert out.shape == array.shape
        np.testing.assert_allclose(out.data, array, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("f", "shapes"), forms(FORMS))
def test_gradients_to_second_order(f: Function, shapes: Any) -> None:
    check_gradient(f, shapes)


@pytest.mark.parametrize(("f", "shapes"), forms({name: FORMS[name] for name in ("diff", "convolve", "correlate")}))
def test_on_symbols(f: Function, shapes: Any) -> None:
    if f is not FORMS["diff"][7][0]:  # a 0.5 put before symbols
        check_symbols(f, shapes)


def test_float32_stays_float32() -> None:
    x = tg.Tensor(rand(5), requires_grad=True, dtype=np.float32)
    for out in (
        np.diff(x, prepend=0),
        np.ediff1d(x, to_begin=[1.0]),
        NUMPY.gradient(x, 0.5),
        NUMPY.convolve(x, x),
        NUMPY.trapezoid(x),
        NUMPY.interp(x, x, x),
    ):
        assert out.dtype == np.float32


def test_all_lengths_of_two_sequences() -> None:
    for n, m, mode in itertools.product(range(1, 8), range(1, 8), ("full", "same", "valid")):
        a, v = rand(n), rand(m, seed=1)
        for f in (NUMPY.convolve, NUMPY.correlate):
            np.testing.assert_allclose(f(tg.Tensor(a), v, mode).data, f(a, v, mode), atol=1e-14)


def test_the_gradient_of_a_convolution_in_loops() -> None:
    """outₖ = Σᵢ xᵢ wₖ₋ᵢ, so ∂L/∂xᵢ = Σₖ gₖ wₖ₋ᵢ, entry by entry."""
    x, w, g = rand(4), rand(3), rand(6)
    tx, tw = tg.Tensor(x, requires_grad=True), tg.Tensor(w, requires_grad=True)
    NUMPY.convolve(tx, tw).backward(g)
    for i in range(4):
        assert tx.grad.data[i] == pytest.approx(sum(g[k] * w[k - i] for k in range(i, i + 3)))
    for j in range(3):
        assert tw.grad.data[j] == pytest.approx(sum(g[k] * x[k - j] for k in range(j, j + 4)))


# --------------------------------------------------------------------------------------------------------------- interp

XP, FP = np.array([0.0, 1.0, 3.0, 7.0]), rand(4)
OPTIONS: list[Any] = [{}, {"left": 5.0}, {"right": -2.0}, {"left": 0, "right": 0}, {"period": 4.0}, {"period": -2.5}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_interp(options: Any) -> None:
    at = np.array([[0.3, -1.1, 0.0, 1.0], [2.5, 3.0, 7.0, 9.2]])
    expected = NUMPY.interp(at, XP, FP, **options)
    x, xp, fp = map(tg.Tensor, (at, XP, FP))
    for given in ((x, XP, FP), (at, xp, FP), (at, XP, fp), (x, xp, fp), (at.tolist(), XP, fp)):
        np.testing.assert_allclose(NUMPY.interp(*given, **options).data, expected, atol=1e-14)
    between, points = np.array([0.3, -1.1, 2.45, 5.3, 9.2]), XP + [0.05, 0.1, 0.15, 0.2]
    tg.gradcheck(lambda x, xp, fp: NUMPY.interp(x, xp, fp, **options), between, points, FP)


def test_interp_at_a_point_gives_the_points_own_value() -> None:
    xp, fp = np.sort(rand(50)), rand(50, seed=1)
    np.testing.assert_array_equal(NUMPY.interp(tg.Tensor(xp), xp, fp).data, fp)


def test_interp_of_one_point_is_constant() -> None:
    x = tg.Tensor([0.0, 1.0, 2.0], requires_grad=True)
    fp = tg.Tensor([5.0], requires_grad=True)
    out = NUMPY.interp(x, [1.0], fp, left=-1.0)
    np.testing.assert_array_equal(out.data, [-1, 5, 5])
    out.sum().backward()
    np.testing.assert_array_equal(fp.grad.data, [2])


def test_beyond_the_points_the_slope_is_0_even_at_infinity() -> None:
    x = tg.Tensor([-np.inf, -1.0, 0.5, 8.0, np.inf], requires_grad=True)
    fp = tg.Tensor(FP, requires_grad=True)
    NUMPY.interp(x, XP, fp).sum().backward()
    np.testing.assert_allclose(x.grad.data, [0, 0, FP[1] - FP[0], 0, 0])
    np.testing.assert_allclose(fp.grad.data, [2.5, 0.5, 0, 2])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.diff(x, -1), "diff: n must not be negative, it is -1"),
        (lambda x: np.diff(x[0]), "diff: needs an array with at least one axis, got a scalar"),
        (lambda x: NUMPY.gradient(x[:1]), "gradient: axis 0 has 1 samples, edge_order=1 needs 2 or more"),
        (lambda x: NUMPY.gradient(x, edge_order=3), "gradient: edge_order must be 1 or 2, not 3"),
        (lambda x: NUMPY.gradient(x, [1, 2]), r"gradient: axis 0 has 3 samples, its coordinates have shape \(2,\)"),
        (lambda x: NUMPY.convolve(x, x[:0]), r"convolve: both must be sequences, not empty .* v: shape \(0,\)"),
        (lambda x: NUMPY.convolve(x, x, "all"), "convolve: mode must be 'full', 'same' or 'valid', not 'all'"),
        (lambda x: NUMPY.correlate(x[None], x), r"correlate: both must be sequences, .* a: shape \(1, 3\)"),
        (lambda x: NUMPY.interp(x, x, x[:2]), r"interp: xp and fp must be sequences .* fp: shape \(2,\)"),
        (lambda x: NUMPY.interp(x, x, x, period=0), "interp: the period must not be 0"),
        (lambda x: NUMPY.trapezoid(x, [1, 2]), "trapezoid: 2 coordinates for 3 samples along axis -1"),
    ],
)
def test_errors_say_what_does_not_fit(f: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        f(tg.Tensor(T3, requires_grad=True))


def test_too_many_spacings_are_refused() -> None:
    with pytest.raises(TypeError, match="gradient: 2 spacings for 1 axes: give none, one number, or one for each axis"):
        NUMPY.gradient(tg.Tensor(T3), 1.0, 2.0)


@pytest.mark.parametrize("settings", [{}, {"axis": 0}, {"period": 4.0}, {"discont": 4.0}], ids=str)
def test_unwrap(settings: dict[str, Any]) -> None:
    p = np.cumsum(np.random.default_rng(0).normal(size=(4, 5)) * 2, axis=1) % 6.0
    unwrap: Any = np.unwrap
    np.testing.assert_array_equal(unwrap(tg.Tensor(p), **settings), unwrap(p, **settings))
    assert tg.gradcheck(lambda p: unwrap(p, **settings), p)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_slopes_of_integers_do_not_wrap(dtype: Any) -> None:
    f, at = np.array([100, 90, 80, 120]).astype(dtype), np.array([9, 7, 4, 0]).astype(np.uint8)
    for spacing in ((), (2,), (at,)):
        expected: Any = np.gradient(f.astype(float), *[np.asarray(h, float) for h in spacing])
        np.testing.assert_allclose(np.gradient(tg.Tensor(f), *spacing), expected)
