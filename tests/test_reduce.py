"""Reductions of a Tensor: NumPy's values in every calling form, and who gets the gradient."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

REDUCTIONS = [np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min, np.amax, np.amin, np.ptp, np.median, np.average]
NAN_REDUCTIONS = [
    np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian,
]  # fmt: skip
RUNNING = [np.cumsum, np.cumprod, np.nancumsum, np.nancumprod]
PLAIN = [np.argmax, np.argmin, np.any, np.all, np.count_nonzero]

X = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4))
WITH_NAN = np.array([[1.0, math.nan, 3.0], [math.nan, -2.0, 0.5]])
MASK = np.array([[True, False, True], [True, True, False]])


def tensor(x: Any) -> Any:
    return tg.Tensor(x)


def data(x: Any) -> Any:
    return x.data if isinstance(x, tg.Tensor) else x


def leaf(x: Any, dtype: Any = np.float64) -> Any:
    return tg.Tensor(x, requires_grad=True, dtype=dtype)


def slope(f: Callable[..., Any], x: Any) -> Any:
    x = leaf(x)
    f(x).sum().backward()
    return x.grad.data


# ------------------------------------------------------------------------------------------------ values, as NumPy


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, 1), (2, 0, 1)], ids=str)
@pytest.mark.parametrize("f", [*REDUCTIONS, *NAN_REDUCTIONS], ids=lambda f: f.__name__)
def test_the_value_and_dtype_are_numpys(f: Callable[..., Any], axis: Any, keepdims: bool, dtype: Any) -> None:
    x = (4 * X).astype(dtype)
    out, expected = f(tg.Tensor(x), axis=axis, keepdims=keepdims), f(x, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(out.data, expected, rtol=1e-6)
    assert out.dtype == expected.dtype
    assert out.shape == np.shape(expected)


@pytest.mark.parametrize("axis", [None, 0, -1], ids=str)
@pytest.mark.parametrize("f", RUNNING, ids=lambda f: f.__name__)
def test_running_values_are_numpys(f: Callable[..., Any], axis: Any) -> None:
    np.testing.assert_array_equal(f(tg.Tensor(WITH_NAN), axis=axis).data, f(WITH_NAN, axis=axis))


@pytest.mark.parametrize("f", NAN_REDUCTIONS, ids=lambda f: f.__name__)
def test_nan_is_skipped(f: Callable[..., Any]) -> None:
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(f(tg.Tensor(WITH_NAN), axis=axis).data, f(WITH_NAN, axis=axis))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", NAN_REDUCTIONS, ids=lambda f: f.__name__)
def test_of_nothing_but_nan(f: Callable[..., Any]) -> None:
    x = np.array([[math.nan, math.nan], [1.0, math.nan]])
    np.testing.assert_array_equal(f(tg.Tensor(x), axis=1).data, f(x, axis=1))


@pytest.mark.parametrize("f", PLAIN, ids=lambda f: f.__name__)
def test_what_counts_and_points_is_plain_numpy(f: Callable[..., Any]) -> None:
    for kwargs in ({}, {"axis": 1}, {"axis": 0, "keepdims": True}):
        out = f(leaf(X[0]), **kwargs)
        assert not isinstance(out, tg.Tensor)
        np.testing.assert_array_equal(out, f(X[0], **kwargs))


def test_arguments_stand_where_numpys_do() -> None:
    t: Any = tg.Tensor(X)
    assert t.sum(0, np.float32).dtype == np.float32
    assert t.mean(0, None, None, True).shape == (1, 3, 4)
    assert t.max(0, None, True).shape == (1, 3, 4)
    assert t.var(0, None, None, 1, True).shape == (1, 3, 4)
    np.testing.assert_array_equal(np.sum(a=t, axis=0).data, X.sum(0))


@pytest.mark.parametrize("f", [np.sum, np.prod, np.max, np.min])
def test_where_and_initial(f: Callable[..., Any]) -> None:
    out = f(tg.Tensor(X[0, :2, :3]), axis=1, where=MASK, initial=1.2)
    np.testing.assert_array_equal(out.data, f(X[0, :2, :3], axis=1, where=MASK, initial=1.2))
    assert slope(lambda x: f(x, axis=1, where=MASK, initial=1.2), X[0, :2, :3])[~MASK].tolist() == [0, 0]


@pytest.mark.parametrize(
    "mask", [MASK, tg.Tensor(MASK), MASK.tolist(), MASK[:1]], ids=["array", "tensor", "list", "broadcast"]
)
def test_a_mask_may_be_anything_that_broadcasts(mask: Any) -> None:
    plain = np.broadcast_to(mask.data if isinstance(mask, tg.Tensor) else mask, (2, 3))
    g = slope(lambda x: np.mean(x, axis=1, where=mask), X[0, :2, :3])
    np.testing.assert_allclose(g, plain / plain.sum(1, keepdims=True))


@pytest.mark.parametrize("f", [*REDUCTIONS[:-1], *NAN_REDUCTIONS, np.cumsum, np.cumprod], ids=lambda f: f.__name__)
def test_out_is_refused(f: Callable[..., Any]) -> None:
    with pytest.raises(
        TypeError, match=rf"{f.__name__.replace('amax', 'max').replace('amin', 'min')}: .*(cut|would be)"
    ):
        f(leaf(X), out=np.zeros(()))
    assert isinstance(f(leaf(X), out=None), tg.Tensor)


# ------------------------------------------------------------------------------------------------------ gradients


@pytest.mark.parametrize(
    "f", [np.ptp, np.median, np.average, np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmin,
     np.nanmedian],
)  # fmt: skip
@pytest.mark.parametrize("axis", [None, 1, (0, -1)], ids=str)
def test_compositions_to_second_order(f: Callable[..., Any], axis: Any) -> None:
    tg.gradcheck(lambda x: f(x, axis=axis), X, order=2)
    tg.gradcheck(lambda x: f(x, axis=axis, keepdims=True), X, order=2)


@pytest.mark.parametrize(
    "f", [np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nancumsum, np.nancumprod]
)
def test_a_nan_gets_no_gradient(f: Callable[..., Any]) -> None:
    g = slope(f, WITH_NAN)
    assert g[np.isnan(WITH_NAN)].tolist() == [0, 0]
    numbers = ~np.isnan(WITH_NAN)

    tg.gradcheck(lambda x: f(np.where(numbers, x, math.nan)), np.where(numbers, WITH_NAN, 0), order=2)


@pytest.mark.parametrize(
    ("f", "x"), [(np.max, [1.0, 3.0, 3.0]), (np.min, [3.0, 1.0, 1.0]), (np.nanmax, [1.0, 3.0, 3.0])]
)
def test_a_tie_shares_the_gradient_equally(f: Callable[..., Any], x: list[float]) -> None:
    assert slope(f, x).tolist() == [0, 0.5, 0.5]
    assert slope(lambda t: f(t, axis=1), [x, [5.0, 5.0, 5.0]]).tolist()[1] == [1 / 3] * 3


def test_initial_takes_its_share_of_a_tie() -> None:
    assert slope(lambda x: np.max(x, initial=3.0), [1.0, 3.0, 3.0]).tolist() == [0, 1 / 3, 1 / 3]
    assert slope(lambda x: np.max(x, initial=4.0), [1.0, 3.0, 3.0]).tolist() == [0, 0, 0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_nan_in_max_is_loud() -> None:
    assert np.isnan(slope(np.max, [1.0, math.nan])).all()


def test_product_with_zeros_to_third_order() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0, -1.0])
    assert slope(np.prod, x).tolist() == [0] * 5
    assert slope(np.prod, x[:3]).tolist() == [0, 6, 0]
    both: list[Callable[..., Any]] = [np.prod, np.cumprod]
    for f in both:  # beside a function whose derivatives are far from 0, to which a difference is relative
        tg.gradcheck(lambda x, f=f: np.sum(f(x)) + np.sum(np.exp(x)), x, order=3)


def test_product_does_not_overflow_where_the_gradient_does_not() -> None:
    with np.errstate(over="ignore"):
        assert slope(np.prod, [1e200, 1e200, 1e-200])[2] == math.inf
        assert slope(np.prod, [1e200, 1e200])[0] == 1e200


@pytest.mark.parametrize("f", [np.std, np.nanstd])
def test_std_of_equal_elements_has_gradient_0(f: Callable[..., Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert slope(f, [2.0, 2.0, 2.0]).tolist() == [0, 0, 0]
        assert slope(f, 2.0) == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_var_of_one_element() -> None:
    assert np.var(tg.Tensor([3.0])).item() == 0
    assert slope(np.var, [3.0]).tolist() == [0]
    assert math.isnan(np.var(tg.Tensor([3.0]), ddof=1).item())
    assert np.isnan(slope(lambda x: np.var(x, ddof=1), [3.0])).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_of_no_elements() -> None:
    empty = np.zeros((0, 3))
    assert np.sum(tg.Tensor(empty)).item() == 0
    assert np.prod(tg.Tensor(empty), axis=0).data.tolist() == [1, 1, 1]
    assert np.isnan(np.mean(tg.Tensor(empty), axis=0).data).all()
    for f in (np.sum, np.prod, np.mean, np.var, np.std, np.cumsum, np.cumprod):
        assert slope(f, empty).shape == (0, 3)
    with pytest.raises(ValueError, match="max: zero-size array"):
        np.max(leaf(empty))
    assert np.max(leaf(np.zeros((0, 3))), axis=1).shape == (0,)


@pytest.mark.parametrize("f", [*REDUCTIONS, *NAN_REDUCTIONS, np.cumsum, np.cumprod], ids=lambda f: f.__name__)
def test_float32_stays_float32_to_second_order(f: Callable[..., Any]) -> None:
    x = leaf(X, np.float32)
    y = f(x, axis=1)
    assert y.dtype == np.float32
    y.sum().backward(create_graph=True)
    assert x.grad.dtype == np.float32
    g = x.grad
    x.zero_grad()
    if g.requires_grad:
        (g * g).sum().backward()
        assert x.grad is None or x.grad.dtype == np.float32


def test_an_axis_that_is_not_there_is_named() -> None:
    with pytest.raises(np.exceptions.AxisError, match=r"sum: axis 3 is out of bounds.*shape \(2, 3, 4\)"):
        np.sum(leaf(X), axis=3)


# ------------------------------------------------------------------------------------- averages and quantiles


def test_average() -> None:
    t: Any = tg.Tensor(X)
    w = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(data(np.average(t, axis=1, weights=w)), np.average(X, axis=1, weights=w))
    np.testing.assert_allclose(data(np.average(t, weights=X)), np.average(X, weights=X))
    two = np.arange(1.0, 9).reshape(4, 2)
    np.testing.assert_allclose(data(np.average(t, axis=(2, 0), weights=two)), np.average(X, axis=(2, 0), weights=two))
    for a, b in zip(np.average(t, axis=1, returned=True), np.average(X, axis=1, returned=True)):
        np.testing.assert_allclose(data(a), b)
    for a, b in zip(np.average(t, axis=1, weights=w, returned=True), np.average(X, axis=1, weights=w, returned=True)):
        np.testing.assert_allclose(data(a), b)
    tg.gradcheck(lambda x, w: np.average(x, axis=1, weights=w, keepdims=True), X, w, order=2)
    with pytest.raises(ValueError, match=r"average: weights must have x's shape, .* \(saw x: shape \(2, 3, 4\)"):
        np.average(leaf(X), axis=1, weights=[1, 2])


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (np.cov, [(3, 5)]),
        (np.cov, [(5,)]),
        (np.cov, [(3, 5), (5,)]),
        (lambda x: np.cov(x, rowvar=False, bias=True), [(5, 3)]),
        (lambda x, y: np.cov(x, y, False, ddof=2), [(5, 3), (5, 2)]),
        (np.corrcoef, [(3, 5)]),
        (np.corrcoef, [(5,)]),
        (np.corrcoef, [(5,), (5,)]),
        (lambda x: np.corrcoef(x, x[:1]), [(2, 5)]),  # two of them correlate fully
        (lambda x, y: np.corrcoef(x, y, rowvar=False), [(5, 2), (5, 1)]),
    ],
)
def test_covariances(f: Any, shapes: Any) -> None:
    arrays = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(shapes)]
    for dtype in (np.float64, np.float32):
        given = [a.astype(dtype) for a in arrays]
        out, expected = f(*[leaf(a, dtype) for a in given]), f(*given)
        np.testing.assert_allclose(out.data, expected, atol=1e-14)
        assert out.dtype == expected.dtype and out.shape == expected.shape
    tg.gradcheck(f, *arrays, order=2)


def test_what_covariances_refuse() -> None:
    with pytest.raises(ValueError, match="cov: needs vectors or matrices"):
        np.cov(leaf(X))


# ------------------------------------------------------------------------------------------- what is 0-d, or empty


@pytest.mark.parametrize("axis", [0, -1, ()], ids=str)
@pytest.mark.parametrize(
    "f",
    [np.sum, np.prod, np.max, np.min, np.ptp, np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanmax, np.nanmin],
)
def test_a_single_number_along_its_axis(f: Callable[..., Any], axis: Any) -> None:
    out = f(leaf(1.5), axis=axis)
    assert out.shape == () and out.item() == f(np.float64(1.5), axis=axis)
    expected = 0 if f in (np.ptp, np.nanvar) else 1
    assert slope(lambda x: f(x, axis=axis), 1.5) == expected
    assert slope(lambda x: f(x, axis=axis, keepdims=True), 1.5) == expected
    tg.gradcheck(lambda x: f(x, axis=axis) * x**2, np.float64(1.5), order=2)


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("f", RUNNING, ids=lambda f: f.__name__)
def test_a_single_number_runs(f: Callable[..., Any], axis: Any) -> None:
    for x in (1.5, 0.0):
        assert f(leaf(x), axis=axis).data.tolist() == [x]
        assert slope(lambda x: f(x, axis=axis), x) == 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize(
    "f", [np.sum, np.prod, np.mean, np.var, np.std, *NAN_REDUCTIONS[:5], np.median, np.nanmedian, *RUNNING]
)
def test_nothing_has_a_gradient_of_its_shape(f: Callable[..., Any], shape: tuple[int, ...], axis: Any) -> None:
    empty = np.zeros(shape)
    np.testing.assert_array_equal(f(leaf(empty), axis=axis).data, f(empty, axis=axis))
    assert slope(lambda x: f(x, axis=axis) ** 2, empty).shape == shape


# ------------------------------------------------------------------------------------------------------- float16

HALF = np.float16


def half_slope(f: Callable[..., Any], x: Any) -> Any:
    x = leaf(x, HALF)
    f(x).sum().backward()
    assert x.grad.dtype == HALF
    return x.grad.data.astype(float)


@pytest.mark.parametrize("f", [np.mean, np.nanmean, np.max, np.min, np.nanmax])
def test_counts_of_float16_are_not_float16(f: Callable[..., Any]) -> None:
    """There is no float16 above 65,504, and none between 2,048 and 2,050."""
    for n in (70_000, 2049):
        np.testing.assert_allclose(half_slope(f, np.ones(n)), 1 / n, rtol=5e-3)
        np.testing.assert_allclose(half_slope(lambda x: f(x, axis=0), np.ones((n, 2))), 1 / n, rtol=5e-3)


def test_deviations_of_many_float16() -> None:
    x = np.where(np.arange(60_000) % 2, 2.0, -2.0)
    np.testing.assert_allclose(half_slope(lambda x: np.var(x / 2), x), x / 2 / x.size, rtol=5e-3)
    np.testing.assert_allclose(half_slope(lambda x: np.std(x / 2), x), x / 4 / x.size, rtol=2e-2)


def test_running_sums_of_float16_on_the_way_back() -> None:
    np.testing.assert_allclose(half_slope(np.cumsum, np.zeros(5000)), np.arange(5000, 0, -1), rtol=1e-3)
    np.testing.assert_allclose(half_slope(np.cumprod, np.ones(5000)), np.arange(5000, 0, -1), rtol=1e-3)


def test_a_bias_of_float16_is_summed_exactly() -> None:
    b = leaf(np.zeros(3), HALF)
    (np.ones((5000, 3), HALF) + b).sum().backward()
    assert b.grad.data.tolist() == [5000] * 3


@pytest.mark.parametrize("fweights", [None, [1, 3, 0, 2]])
@pytest.mark.parametrize("aweights", [None, [0.5, 1.0, 2.0, 0.1]])
@pytest.mark.parametrize("settings", [{}, {"bias": True}, {"ddof": 0}], ids=str)
def test_covariances_of_weighted_observations(fweights: Any, aweights: Any, settings: dict[str, Any]) -> None:
    weights = {"fweights": fweights, "aweights": aweights}
    x = np.random.default_rng(0).normal(size=(3, 4))
    cov: Any = np.cov
    np.testing.assert_allclose(cov(tg.Tensor(x), **weights, **settings), cov(x, **weights, **settings), rtol=1e-12)
    assert tg.gradcheck(lambda x: cov(x, **weights, **settings), x)
    with pytest.raises(ValueError, match=r"^cov: weights must have shape \(4,\)"):
        cov(tg.Tensor(x), fweights=[1, 2])
