"""gradcheck finds what is wrong, and says where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.check import GradientError
from tinygrad_lite.graph import OPS


@pytest.fixture(autouse=True)
def own_ops_leave_the_table() -> Iterator[None]:
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def test_a_right_gradient_passes() -> None:
    assert tg.gradcheck(lambda x, y: np.tanh(x) * y, np.linspace(-1, 1, 6).reshape(2, 3), np.ones(3), order=3)


def test_a_wrong_rule_is_named_with_its_element_and_both_numbers() -> None:
    @tg.op
    def square_wrong(x: Any) -> Any:
        return x * x, (lambda g: g * x,)

    with pytest.raises(
        GradientError, match=r"order 1, input 0 of shape \(3,\), element \[2\]: backprop gives .* central"
    ):
        tg.gradcheck(square_wrong, np.array([0.0, 0.1, 2.0]))


def test_the_wrong_input_is_named() -> None:
    @tg.op
    def product_wrong(x: Any, y: Any) -> Any:
        return x * y, (lambda g: g * y, lambda g: g * y)

    with pytest.raises(GradientError, match="order 1, input 1: backprop gives"):
        tg.gradcheck(product_wrong, 2.0, 3.0)


def test_a_wrong_linear_shows_at_second_order_only() -> None:
    @tg.op(linear=True)
    def square_not_linear(x: Any) -> Any:
        return x * x, (lambda g: g * 2 * x,)

    assert tg.gradcheck(square_not_linear, np.array([1.0, 2.0]), order=1)
    with pytest.raises(GradientError, match="order 2"):
        tg.gradcheck(square_not_linear, np.array([1.0, 2.0]), order=2)


@pytest.mark.parametrize("x", [0.0, 1e-6, -3e-6])
def test_a_kink_within_the_step_is_reported_as_such(x: float) -> None:
    with pytest.raises(GradientError, match="kink"):
        tg.gradcheck(np.abs, np.array([x, 1.0]))


def test_strong_curvature_is_no_kink() -> None:
    assert tg.gradcheck(lambda x: 1 / x, np.array([0.02]), tolerance=1e-5)


def test_a_small_gradient_is_judged_by_its_own_size() -> None:
    @tg.op
    def tiny_wrong(x: Any) -> Any:
        return 1e-9 * x * x, (lambda g: 1.01 * 2e-9 * x * g,)

    with pytest.raises(GradientError):
        tg.gradcheck(tiny_wrong, np.array([1.0, 2.0]))


def test_integers_are_passed_on_and_not_checked() -> None:
    assert tg.gradcheck(lambda x, i: x[i], np.array([1.0, 2.0, 3.0]), np.array([0, 0, 2]))
    with pytest.raises(ValueError, match="none of the inputs is floating"):
        tg.gradcheck(np.exp, np.array([1, 2]))


def test_a_function_that_returns_no_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="must return one Tensor"):
        tg.gradcheck(lambda x: x.shape, np.ones(3))


def test_size_0() -> None:
    assert tg.gradcheck(np.tanh, np.zeros((0, 3)))


class TestDetectAnomaly:
    """The first op whose value or gradient is NaN or infinite is named, with the line that made it."""

    @pytest.fixture(autouse=True)
    def no_warnings(self) -> Iterator[None]:
        with np.errstate(all="ignore"):
            yield

    def test_log_of_0(self) -> None:
        x = tg.Tensor([1.0, 0.0, 2.0], requires_grad=True)
        with pytest.raises(FloatingPointError) as error, tg.detect_anomaly():
            y = x * 2
            z = np.log(y)  # this line
            z.sum().backward()
        assert str(error.value).splitlines() == [
            "log: its value is -inf in 1 of 3 elements, first at [1]",
            f"  made at test_check.py:{line_of('z = np.log(y)  # this line')}: z = np.log(y)  # this line",
            "  x: shape (3,) float64, from 0 to 4",
        ]

    def test_0_by_0(self) -> None:
        x = tg.Tensor(0.0, requires_grad=True)
        said = r"divide: its value is nan\n  made at .*: x / x\n"
        with pytest.raises(FloatingPointError, match=said), tg.detect_anomaly():
            x / x

    def test_an_overflow_in_exp(self) -> None:
        x = tg.Tensor([1.0, 1000.0], requires_grad=True)
        with pytest.raises(FloatingPointError, match=r"exp: its value is inf in 1 of 2"), tg.detect_anomaly():
            np.exp(x)

    def test_a_function_that_calls_the_op_puts_its_name_before_it(self) -> None:
        with pytest.raises(FloatingPointError, match=r"^linear: matmul: its value is nan"), tg.detect_anomaly():
            tg.nn.Linear(2, 1)(np.full((1, 2), np.nan))

    def test_the_gradient_of_the_root_of_0_points_to_the_forward_line(self) -> None:
        x = tg.Tensor([4.0, 0.0], requires_grad=True)
        with tg.detect_anomaly():
            y = np.sqrt(x)  # where the root was taken
            with pytest.raises(FloatingPointError) as error:
                y.sum().backward()
        lines = str(error.value).splitlines()
        assert lines[0] == "sqrt: ∂L/∂x is inf in 1 of 2 elements, first at [1]"
        line = line_of("y = np.sqrt(x)  # where the root was taken")
        assert lines[1] == f"  made at test_check.py:{line}: y = np.sqrt(x)  # where the root was taken"
        assert x.grad is None

    def test_the_module_is_named_by_its_attributes(self) -> None:
        class Log(tg.nn.Module):
            def forward(self, x: Any) -> Any:
                return np.log(x)

        class Net(tg.nn.Module):
            def __init__(self) -> None:
                self.blocks = [Log(), Log()]

            def forward(self, x: Any) -> Any:
                return self.blocks[1](self.blocks[0](x))

        with pytest.raises(FloatingPointError, match=r"  in Net\.blocks\.1\n"), tg.detect_anomaly():
            Net()(tg.Tensor(1.0, requires_grad=True))

    def test_values_that_need_no_gradient_are_watched_too(self) -> None:
        with pytest.raises(FloatingPointError, match="log: its value is -inf"), tg.detect_anomaly(), tg.no_grad():
            np.log(tg.Tensor([0.0]))

    def test_an_infinity_that_was_put_in_may_come_out(self) -> None:
        x = tg.Tensor(np.ones((1, 3, 2)), requires_grad=True)
        with tg.detect_anomaly():
            F.scaled_dot_product_attention(x, x, x, is_causal=True).sum().backward()
        assert x.grad is not None

    def test_outside_nothing_is_watched(self) -> None:
        x = tg.Tensor(0.0, requires_grad=True)
        with tg.detect_anomaly():
            x * 2
        assert np.isnan((x / x).data)

    def test_a_node_made_before_says_so(self) -> None:
        y: Any = np.sqrt(tg.Tensor(0.0, requires_grad=True))
        with pytest.raises(FloatingPointError, match="made outside detect_anomaly"), tg.detect_anomaly():
            y.backward()


def line_of(code: str) -> int:
    with open(__file__, encoding="utf-8") as file:
        return next(i for i, line in enumerate(file, 1) if line.strip() == code)
