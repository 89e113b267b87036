"""Activations against their closed forms, at their corners and far out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

X = np.linspace(-5, 5, 41)


def slope(f: Callable[[Any], Any], x: Any) -> Any:
    t = tg.Tensor(x, requires_grad=True)
    out = f(t)
    out.backward(np.ones_like(out.data))
    assert t.grad is not None
    return t.grad.data


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


CLOSED_FORMS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.where(x > 0, x, 0),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "celu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "sigmoid": logistic,
    "logsigmoid": lambda x: np.log(logistic(x)),
    "silu": lambda x: x * logistic(x),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "hardsigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hardswish": lambda x: x * np.clip((x + 3) / 6, 0, 1),
    "tanhshrink": lambda x: x - np.tanh(x),
    "softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
    "softmin": lambda x: np.exp(-x) / np.exp(-x).sum(),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum()),
    "logsumexp": lambda x: np.log(np.exp(x).sum()),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_form(name: str) -> None:
    f, expected = getattr(F, name), CLOSED_FORMS[name](X)
    np.testing.assert_allclose(f(X), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(f(tg.Tensor(X)).data, f(X))
    single = f(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=2e-6, atol=1e-6)
    assert f(X.reshape(1, 41)[:, ::2]).shape == f(X[::2].reshape(1, 21)).shape  # not contiguous


@pytest.mark.parametrize(
    "name", ["relu", "sigmoid", "silu", "gelu", "softplus", "elu", "leaky_relu", "mish", "hardswish"]
)
def test_a_number_an_integer_array_and_no_elements(name: str) -> None:
    f = getattr(F, name)
    assert np.ndim(f(0.5)) == 0
    np.testing.assert_allclose(f(np.array([-2, 0, 3])), f(np.array([-2.0, 0, 3])))
    assert f(np.zeros((0, 3))).shape == (0, 3)
    assert slope(f, np.zeros((0, 3))).shape == (0, 3)
    assert slope(f, 0.7).dtype == np.float64


def test_relu_is_1_where_x_is_positive_and_0_where_it_is_not() -> None:
    x = np.array([-2.0, -0.0, 0.0, 1e-300, 3.0])
    np.testing.assert_array_equal(F.relu(x), [0, 0, 0, 1e-300, 3])
    np.testing.assert_array_equal(slope(F.relu, x), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(F.relu(np.array([np.inf, -np.inf, np.nan])), [np.inf, 0, np.nan])


def test_gelu_in_both_forms() -> None:
    special = pytest.importorskip("scipy.special")
    np.testing.assert_allclose(F.gelu(X), X * special.ndtr(X), rtol=1e-12)
    t = 0.5 * X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)))
    np.testing.assert_allclose(F.gelu(X, approximate="tanh"), t, rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="gelu: approximate must be 'none' or 'tanh', not 'fast'"):
        F.gelu(X, "fast")


def test_nothing_overflows_far_out() -> None:
    far = np.array([-1e5, -800.0, 800.0, 1e5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in (
            "sigmoid",
            "logsigmoid",
            "softplus",
            "silu",
            "gelu",
            "softmax",
            "log_softmax",
            "logsumexp",
            "mish",
            "elu",
        ):
            f = getattr(F, name)
            assert np.all(np.isfinite(f(far))), name
            assert np.all(np.isfinite(slope(f, far))), name
            assert np.all(np.isfinite(slope(f, far.astype(np.float32)))), name
    np.testing.assert_array_equal(F.logsigmoid(far), [-1e5, -800, 0, 0])
    np.testing.assert_array_equal(F.log_softmax(far), [-2e5, -1e5 - 800, -1e5 + 800, 0])


def test_sigmoid_keeps_its_digits_where_it_is_small() -> None:
    np.testing.assert_allclose(F.sigmoid(np.array([-40.0, -700.0])), np.exp([-40.0, -700.0]), rtol=1e-14)


def test_softplus_is_x_beyond_its_threshold() -> None:
    x = np.array([0.9, 1.1])
    np.testing.assert_allclose(F.softplus(x, beta=2, threshold=2), [np.log1p(np.exp(1.8)) / 2, 1.1])
    np.testing.assert_allclose(slope(lambda t: F.softplus(t, 2, 2), x), [logistic(1.8), 1])


def test_axes_of_softmax() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    for axis in (0, 1, 2, -1, -3):
        np.testing.assert_allclose(F.softmax(x, axis).sum(axis), 1)
        np.testing.assert_allclose(np.exp(F.log_softmax(x, axis)), F.softmax(x, axis), rtol=1e-13)
        # softmax does not change when all is shifted, so its gradient sums to nothing
        t = tg.Tensor(x, requires_grad=True)
        (F.softmax(t, axis) * x).sum().backward()
        assert t.grad is not None
        np.testing.assert_allclose(t.grad.data.sum(axis), 0, atol=1e-15)
    assert F.softmax(np.zeros((3, 0)), 1).shape == (3, 0)
    assert F.softmax(np.zeros((0, 3)), 1).shape == (0, 3)
    np.testing.assert_array_equal(F.softmax(np.zeros((2, 1)), 1), 1)
    with pytest.raises(np.exceptions.AxisError, match="softmax"):
        F.softmax(tg.Tensor(x), 3)


def test_softmax_where_some_are_infinitely_unlikely() -> None:
    x = np.array([0.0, -np.inf, 0.0])
    np.testing.assert_array_equal(F.softmax(x), [0.5, 0, 0.5])
    np.testing.assert_array_equal(slope(lambda t: F.softmax(t)[0], x), [0.25, 0, -0.25])
    assert F.logsumexp(x) == np.log(2)
    assert F.logsumexp(np.full(3, -np.inf)) == -np.inf
    assert F.logsumexp(np.array([np.inf, 0])) == np.inf


def test_logsumexp_over_axes_and_of_nothing() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    np.testing.assert_allclose(F.logsumexp(x, (0, -1)), np.log(np.exp(x).sum((0, -1))))
    assert F.logsumexp(x, 1, keepdims=True).shape == (2, 1, 4)
    np.testing.assert_array_equal(F.logsumexp(np.zeros((2, 0)), 1), [-np.inf, -np.inf])


def test_prelu_has_one_slope_or_one_a_channel() -> None:
    x = -np.ones((2, 3, 4))
    np.testing.assert_array_equal(F.prelu(x, np.array([1.0, 2, 3]))[0, :, 0], [-1, -2, -3])
    np.testing.assert_array_equal(F.prelu(x, np.array([0.5])), x / 2)
    assert F.prelu(np.float64(-2), np.array([0.25])) == -0.5
    tg.gradcheck(F.prelu, np.array([[-1.0, 2], [3, -4]]), np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match=r"prelu: weight needs one element, .* weight: shape \(4,\)"):
        F.prelu(x, np.ones(4))


def test_glu_halves_its_axis() -> None:
    x = np.arange(8.0).reshape(2, 4)
    np.testing.assert_allclose(F.glu(x), x[:, :2] * logistic(x[:, 2:]))
    np.testing.assert_allclose(F.glu(x, 0), x[:1] * logistic(x[1:]))
    with pytest.raises(ValueError, match=r"glu: x needs an even length along axis -1 .* \(saw x: shape \(2, 3\)"):
        F.glu(np.ones((2, 3)))


def test_bad_arguments_are_refused_in_a_sentence() -> None:
    with pytest.raises(TypeError, match=r"^relu: takes 1 positional argument but 2 were given \(saw"):
        F.relu(np.ones(2), 2)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="softshrink: lambd must not be negative, and is -1"):
        F.softshrink(X, -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "silu", "gelu", "elu", "tanh", "erf", "erfc", "ndtr"])
def test_an_array_without_axes_gives_a_number_as_in_numpy(name: str, dtype: Any) -> None:
    f = getattr(F, name)
    out = f(np.array(0.5, dtype))
    assert type(out) is dtype
    np.testing.assert_allclose(out, f(np.array([0.5], dtype))[0], rtol=1e-6)


ENDS = {  # at -∞ and ∞: the values, and the derivatives
    "relu": (0, np.inf, 0, 1),
    "relu6": (0, 6, 0, 0),
    "leaky_relu": (-np.inf, np.inf, 0.01, 1),
    "elu": (-1, np.inf, 0, 1),
    "celu": (-1, np.inf, 0, 1),
    "selu": (-1.7580993408473766, np.inf, 0, 1.0507009873554805),
    "sigmoid": (0, 1, 0, 0),
    "logsigmoid": (-np.inf, 0, 1, 0),
    "softplus": (0, np.inf, 0, 1),
    "silu": (0, np.inf, 0, 1),
    "mish": (0, np.inf, 0, 1),
    "gelu": (0, np.inf, 0, 1),
    "softsign": (-1, 1, 0, 0),
    "hardtanh": (-1, 1, 0, 0),
    "hardsigmoid": (0, 1, 0, 0),
    "hardswish": (0, np.inf, 0, 1),
    "tanh": (-1, 1, 0, 0),
    "tanhshrink": (-np.inf, np.inf, 1, 1),
    "softshrink": (-np.inf, np.inf, 1, 1),
    "hardshrink": (-np.inf, np.inf, 1, 1),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ENDS)
def test_at_infinity_and_far_out(name: str, dtype: Any) -> None:
    low, high, slope_low, slope_high = ENDS[name]
    far = 1e4 if dtype is np.float16 else 1e20
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (np.array([-np.inf, np.inf], dtype), np.array([-far, far], dtype)):
            value, gradient = getattr(F, name)(x), slope(getattr(F, name), x)
            np.testing.assert_allclose(gradient, [slope_low, slope_high], rtol=1e-3, atol=2e-4)
            if np.isinf(x[0]):
                np.testing.assert_allclose(value, [low, high], rtol=1e-3)
            else:
                assert np.all(np.isfinite(value))


def test_gelu_by_tanh_far_out() -> None:
    x = np.array([-np.inf, -1e20, -30, 1e20, np.inf], np.float32)
    np.testing.assert_array_equal(F.gelu(x, "tanh"), [0, 0, 0, x[3], np.inf])
    np.testing.assert_array_equal(slope(lambda t: F.gelu(t, "tanh"), x), [0, 0, 0, 1, 1])


@pytest.mark.parametrize(("name", "factor"), [("elu", 1), ("celu", 1), ("selu", 1.7580993408473766)])
def test_the_elu_family_keeps_its_gradient_far_below_0(name: str, factor: float) -> None:
    x = np.array([-10, -15, -20, -50, -80], np.float32)
    np.testing.assert_allclose(slope(getattr(F, name), x), factor * np.exp(x.astype(float)), rtol=1e-5)


def test_unsigned_integers_have_their_negative() -> None:
    x = np.array([0, 1, 3], np.uint8)
    for f in (F.sigmoid, F.logsigmoid, F.silu, F.softmin, F.softplus, F.gelu, F.mish, F.hardswish):
        np.testing.assert_allclose(f(x), f(x.astype(float)), rtol=2e-3)
