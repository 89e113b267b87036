"""NumPy's elementwise functions on a Tensor: its values and dtypes, and what the gradient is at every corner."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

ONE = [
    np.negative, np.positive, np.absolute, np.fabs, np.sign, np.square, np.sqrt, np.cbrt, np.reciprocal,
    np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p,
    np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arctanh,
    np.deg2rad, np.rad2deg, np.radians, np.degrees, np.floor, np.ceil, np.trunc, np.rint, np.fix, np.round, np.around,
    np.sinc, np.nan_to_num, np.real_if_close,
]  # fmt: skip
TWO = [
    np.add, np.subtract, np.multiply, np.divide, np.true_divide, np.power, np.float_power, np.floor_divide,
    np.mod, np.remainder, np.fmod, np.maximum, np.minimum, np.fmax, np.fmin, np.hypot, np.arctan2,
    np.logaddexp, np.logaddexp2, np.copysign, np.heaviside,
]  # fmt: skip
FLAT = [np.sign, np.floor, np.ceil, np.trunc, np.rint, np.fix, np.round]


def leaf(x: Any, dtype: Any = np.float64) -> Any:
    return tg.Tensor(x, requires_grad=True, dtype=dtype)


def slopes(f: Callable[..., Any], *values: Any) -> list[Any]:
    """The gradient of the sum of f for each of its arguments."""
    xs = [leaf(v) for v in values]
    np.sum(f(*xs)).backward()
    assert all(x.grad is not None for x in xs)
    return [x.grad.data for x in xs]


@pytest.fixture
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# ----------------------------------------------------------------------------------------------- values and dtypes


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("f", ONE, ids=lambda f: f.__name__)
def test_the_value_and_dtype_are_numpys(f: Callable[..., Any], dtype: Any) -> None:
    x = np.array([0.25, 0.5, 0.75]).astype(dtype) + (dtype is np.int64)
    with np.errstate(all="ignore"):
        out, expected = f(tg.Tensor(x)), f(x)
    np.testing.assert_array_equal(out.data, expected)
    assert out.dtype == expected.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("f", TWO, ids=lambda f: f.__name__)
def test_of_two_the_value_and_dtype_are_numpys(f: Callable[..., Any], dtype: Any) -> None:
    x, y = np.array([[1, 2, 3]], dtype), np.array([[2], [1]], dtype)
    expected = f(x, y)
    for a, b in ((tg.Tensor(x), tg.Tensor(y)), (x, tg.Tensor(y)), (tg.Tensor(x), y), (leaf(x), leaf(y))):
        if (
            dtype is np.int64
            and a.dtype != b.dtype
            or (isinstance(a, tg.Tensor) and a.requires_grad and dtype is not np.float64)
        ):
            continue
        out = f(a, b)
        if f in (np.logaddexp, np.logaddexp2):  # by a faster formula of our own: within a unit in the last place
            np.testing.assert_array_max_ulp(out.data, expected, 1)
        else:
            np.testing.assert_array_equal(out.data, expected)
        assert out.dtype == expected.dtype


@pytest.mark.parametrize("number", [2, 2.0, True])
@pytest.mark.parametrize("f", [f for f in TWO if f is not np.float_power], ids=lambda f: f.__name__)
def test_python_numbers_are_weak_to_third_order(f: Callable[..., Any], number: Any) -> None:
    calls: list[Callable[[Any], Any]] = [lambda x: f(x, number), lambda x: f(number, x)]
    for call in calls:
        x = leaf(np.array([0.5, 1.5, 3.5]), np.float32)
        y = call(x)
        assert y.dtype == np.float32
        for _ in range(3):
            if not y.requires_grad:
                break
            x.zero_grad()
            y.sum().backward(create_graph=True)
            if x.grad is None:
                break
            y = x.grad
            assert y.dtype == np.float32


def test_float_power_is_float64_and_its_gradient_has_the_tensors_dtype() -> None:
    x = leaf([1.0, 2.0], np.float32)
    y = np.float_power(x, 2)
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad.data, [2, 4])


@pytest.mark.parametrize(
    "f", [np.float_power, np.true_divide, lambda x, y: np.divmod(x, y)[1]], ids=["float_power", "true_divide", "divmod"]
)
def test_other_names_have_the_gradient_too(f: Callable[..., Any]) -> None:
    tg.gradcheck(f, np.array([0.7, 1.3, 2.1]), np.array([1.6]), order=2)


def test_divmod_is_floor_divide_and_remainder() -> None:
    for a, b in ((leaf([7.0, -7.0]), 3.0), (7.0, leaf([3.0, -3.0]))):
        for out, expected in zip(divmod(a, b), np.divmod(np.asarray(getattr(a, "data", a)), getattr(b, "data", b))):
            np.testing.assert_array_equal(out.data, expected)


# ---------------------------------------------------------------------------------------------------- the corners


@pytest.mark.parametrize("f", FLAT, ids=lambda f: f.__name__)
def test_what_is_flat_has_gradient_zero(f: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(slopes(f, [-1.0, -0.3, 0.0, 1.7])[0], np.zeros(4))
    assert slopes(f, 0.3)[0].shape == ()


def test_floor_divide_and_heaviside_are_flat() -> None:
    for g in (*slopes(np.floor_divide, [5.0, -5.0], [3.0]), slopes(np.heaviside, [-1.0, 1.0], 0.5)[0]):
        np.testing.assert_array_equal(g, np.zeros(np.shape(g)))
    assert slopes(np.heaviside, [-1.0, 0.0, 1.0], [0.5, 0.5, 0.5])[1].tolist() == [0, 1, 0]


def test_absolute_at_0_has_derivative_0() -> None:
    assert slopes(np.absolute, [-2.0, 0.0, 2.0])[0].tolist() == [-1, 0, 1]


def test_copysign() -> None:
    x, y = slopes(np.copysign, [-2.0, 2.0, 0.0, 2.0], [1.0, 1.0, 1.0, -0.0])
    assert x.tolist() == [-1, 1, 0, -1]
    assert y.tolist() == [0, 0, 0, 0]


def test_the_slope_of_sqrt_at_0_is_infinite() -> None:
    with np.errstate(divide="ignore"):
        assert slopes(np.sqrt, [0.0, 4.0])[0].tolist() == [math.inf, 0.25]


@pytest.mark.parametrize(
    ("f", "x", "y"), [(np.maximum, 3.0, 1.0), (np.minimum, 1.0, 3.0), (np.fmax, 3.0, 1.0), (np.fmin, 1.0, 3.0)]
)
def test_a_tie_shares_the_gradient_equally(f: Callable[..., Any], x: float, y: float) -> None:
    gx, gy = slopes(f, [x, y, 2.0], [y, x, 2.0])
    assert gx.tolist() == [1, 0, 0.5]
    assert gy.tolist() == [0, 1, 0.5]


@pytest.mark.parametrize("f", [np.fmax, np.fmin])
def test_fmax_and_fmin_send_nothing_to_a_nan(f: Callable[..., Any]) -> None:
    gx, gy = slopes(f, [math.nan, 1.0], [1.0, math.nan])
    assert gx.tolist() == [0, 1]
    assert gy.tolist() == [1, 0]


def test_clip_passes_the_gradient_within_its_bounds_and_on_them() -> None:
    x, low, high = slopes(np.clip, [-1.0, 0.0, 0.5, 1.0, 2.0], 0.0, 1.0)
    assert x.tolist() == [0, 1, 1, 1, 0]
    assert low == 1
    assert high == 1


def test_clip_knows_both_names_of_its_bounds() -> None:
    x = leaf([-1.0, 0.5, 2.0])
    for out in (
        np.clip(x, 0, 1),
        np.clip(x, min=0, max=1),
        np.clip(x, a_min=0, a_max=1),
        x.clip(0, 1),
        x.clip(min=0).clip(max=1),
    ):
        assert out.data.tolist() == [0, 0.5, 1]
    assert np.clip(x, None, 1).data.tolist() == [-1, 0.5, 1]
    assert np.clip(x, 0, None).data.tolist() == [0, 0.5, 2]
    with pytest.raises(ValueError, match=r"clip: .*twice"):
        np.clip(x, 0, 1, min=0)


def test_power_at_0(no_warnings: None) -> None:
    for n, slope in ((0, 0), (0.0, 0), (1, 1), (2, 0), (3.0, 0)):
        assert slopes(partial(lambda n, x: x**n, n), [0.0])[0].tolist() == [slope], n
    exponents = np.array([0.0, 1.0, 2.0])
    assert slopes(lambda x: x**exponents, np.zeros(3))[0].tolist() == [0, 1, 0]
    assert slopes(np.power, np.zeros(3), exponents)[0].tolist() == [0, 1, 0]


def test_power_of_a_negative_base(no_warnings: None) -> None:
    x, y = slopes(np.power, [-2.0, -2.0, 2.0], [2.0, 3.0, 2.0])
    assert x.tolist() == [-4, 12, 4]
    np.testing.assert_allclose(y, [0, 0, 4 * math.log(2)])  # no log x where x < 0


def test_power_to_third_order_at_0() -> None:
    x = leaf(0.0)
    y = x**3
    for expected in (0, 0, 6):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert float(y) == expected


def test_hypot_and_arctan2_at_the_origin(no_warnings: None) -> None:
    for f in (np.hypot, np.arctan2):
        assert [g.tolist() for g in slopes(f, [0.0], [0.0])] == [[0], [0]]


def test_hypot_and_arctan2_do_not_overflow(no_warnings: None) -> None:
    np.testing.assert_allclose(slopes(np.hypot, 3e200, 4e200), [0.6, 0.8])
    np.testing.assert_allclose(slopes(np.arctan2, 3e200, 4e200), [4e200 / 5e200 / 5e200, -3e200 / 5e200 / 5e200])


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_of_infinities_and_large_numbers(f: Callable[..., Any], no_warnings: None) -> None:
    gx, gy = slopes(f, [-math.inf, -math.inf, 1.0, 1e4, -1e4], [-math.inf, 1.0, -math.inf, -1e4, 1e4])
    assert gx.tolist() == [0, 0, 1, 1, 0]
    assert gy.tolist() == [0, 1, 0, 0, 1]


def test_sinc_at_0_to_fourth_order() -> None:
    x = leaf(0.0)
    y = np.sinc(x)
    for expected in (0, -(math.pi**2) / 3, 0, math.pi**4 / 5):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert float(y) == pytest.approx(expected, abs=1e-12)


def test_the_slope_of_sinc_is_the_same_on_both_sides_of_its_seam() -> None:
    below, above = slopes(np.sinc, [np.nextafter(0.5, 0), 0.5])[0]
    assert below == pytest.approx(above, rel=1e-14)


def test_expm1_keeps_its_slope_where_the_value_is_minus_1() -> None:
    assert slopes(np.expm1, -50.0)[0] == math.exp(-50)


def test_nan_to_num_cuts_what_it_replaced() -> None:
    x = [1.0, math.nan, math.inf, -math.inf]
    assert slopes(lambda t: np.nan_to_num(t, nan=5.0, posinf=6.0, neginf=7.0), x)[0].tolist() == [1, 0, 0, 0]
    assert np.nan_to_num(tg.Tensor(x), nan=5.0, posinf=6.0, neginf=7.0).data.tolist() == [1, 5, 6, 7]


def test_where() -> None:
    condition = np.array([True, False, True])
    x, y = slopes(lambda x, y: np.where(condition, x, y), [1.0, 2.0, 3.0], [4.0])
    assert x.tolist() == [1, 0, 1]
    assert y.tolist() == [1]
    t = leaf([0.0, 1.0])
    assert np.where(t)[0].tolist() == [1]
    assert np.where(tg.Tensor([True, False]), t, 5).data.tolist() == [0, 5]
    with pytest.raises(TypeError, match="where"):
        np.where(t, t)


def test_a_where_that_hides_an_undefined_value_hides_its_gradient() -> None:
    x = leaf([0.0, 4.0])
    safe = np.where(x > 0, x, 1)
    np.where(x > 0, np.sqrt(safe), 0).sum().backward()
    assert x.grad.data.tolist() == [0, 0.25]


@pytest.mark.parametrize("shapes", list(itertools.product([(), (0,), (1,), (2, 0), (2, 1)], repeat=2)), ids=str)
def test_any_two_shapes_that_broadcast(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    a, b = (np.full(shape, 2.0) for shape in shapes)
    try:
        expected = np.power(a, b)
    except ValueError:
        with pytest.raises(ValueError, match=r"power: .*broadcast"):
            np.power(leaf(a), leaf(b))
        return
    x, y = leaf(a), leaf(b)
    out = np.power(x, y)
    np.testing.assert_array_equal(out.data, expected)
    out.backward(np.ones(out.shape))
    assert x.grad.shape == a.shape
    assert y.grad.shape == b.shape


def test_a_slope_is_not_computed_for_what_needs_none(no_warnings: None) -> None:
    x = leaf([0.0, 2.0])
    (np.array([-3.0, 0.0]) ** x).sum().backward()  # would be log(-3)
    y = leaf([-3.0, 2.0])
    (y ** np.array([2.0, 3.0])).sum().backward()
    assert y.grad.data.tolist() == [-6, 12]


def test_polyval() -> None:
    p, x = np.array([2.0, -1.0, 0.5, 3.0]), np.array([[0.3, -1.2], [0.0, 2.0]])
    t: Any = tg.Tensor(x, requires_grad=True)
    for coefficients in (p, [1, 2, 3], tg.Tensor(p, requires_grad=True), []):
        plain = coefficients.data if isinstance(coefficients, tg.Tensor) else coefficients
        out: Any = np.polyval(coefficients, t)
        np.testing.assert_allclose(out.data if len(plain) else out, np.polyval(plain, x), rtol=1e-14)
    tg.gradcheck(np.polyval, p, x, order=2)


# ------------------------------------------------------------------------------------------- digits that are not lost


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize("x", [0.0, 1e17, -1e17, 1e300])
def test_equal_numbers_share_the_gradient_of_their_logaddexp(f: Any, x: float) -> None:
    a, b = slopes(f, [x], [x])
    assert (a[0], b[0]) == (0.5, 0.5)
    with np.errstate(over="ignore"):
        single = np.float32(np.clip(x, -1e30, 1e30))
    t = leaf([single], np.float32)
    f(t, np.array([single])).sum().backward()
    assert t.grad.data[0] == 0.5


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_at_infinities(f: Any, no_warnings: None) -> None:
    inf = np.inf
    a, b = leaf([inf, inf, 1, -inf, -inf, inf]), leaf([1, -inf, inf, 2, -inf, inf])
    f(a, b).backward(np.ones(6))
    np.testing.assert_array_equal(a.grad.data, [1, 1, 0, 0, 0, 0.5])
    np.testing.assert_array_equal(b.grad.data, [0, 0, 1, 1, 0, 0.5])


def test_a_power_of_an_array_of_zeros_at_subnormals(no_warnings: None) -> None:
    x, tiny = [0.0, 5e-324, -5e-324, 1e-310, 1e-300, 2.0], np.array([0.0, 1e-40], np.float32)
    a, _ = slopes(np.power, x, np.zeros(6))
    np.testing.assert_array_equal(a, 0)
    t = leaf(tiny, np.float32)
    (t ** np.zeros(2, np.float32)).sum().backward()
    np.testing.assert_array_equal(t.grad.data, 0)
    # ∂²/∂x∂y xʸ = xʸ⁻¹ · (1 + y · log x), which is 1 / x at y = 0
    mixed = tg.hessian(lambda v: v[0] ** v[1])(np.array([3.0, 0.0]))
    np.testing.assert_allclose(mixed[0, 1], 1 / 3)


def test_polynomials_of_integers_do_not_wrap() -> None:
    x = np.array([20, 100], np.uint8)
    for p in ([1, 2, 3], np.array([1, 2, 3]), (1.5, 2)):
        np.testing.assert_array_equal(np.polyval(p, tg.Tensor(x)), np.polyval(p, x))


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize("x", [2000.0, -2000.0, -np.inf])
def test_the_second_derivative_of_logaddexp_far_apart_is_0(f: Any, x: float, no_warnings: None) -> None:
    a, b = (tg.Tensor(v, requires_grad=True) for v in (x, 1.0))
    first = tg.grad(lambda a: f(a, b))(a)
    assert first == (x > 0)
    tg.grad(lambda a: f(a, b))(a)
    out = f(a, b)
    out.backward(create_graph=True)
    gradient = a.grad
    a.grad = b.grad = None
    gradient.backward()
    assert a.grad == b.grad == 0
