"""piecewise, apply_along_axis, apply_over_axes: NumPy's values, gradients through the functions they apply."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

X = np.array([[-2.0, -0.5, 0.3], [1.5, 2.5, -1.0]])


@pytest.mark.parametrize(
    ("conditions", "functions"),
    [
        (lambda x: [x < 0, x >= 0], [lambda x: -x * x, lambda x: x**3]),
        (lambda x: [x < 0, x > 1], [-1.0, lambda x: np.sqrt(x), lambda x: 2 * x]),
        (lambda x: [x < 2, x < 0], [lambda x: x, lambda x: 3 * x]),
    ],
    ids=["two", "number and otherwise", "overlapping"],
)
def test_piecewise(conditions: Any, functions: Any) -> None:
    def f(x: Any) -> Any:
        return np.piecewise(x, conditions(x), functions)

    np.testing.assert_allclose(f(tg.Tensor(X)), f(X), rtol=1e-15)
    assert tg.gradcheck(f, X)


def test_one_condition_stands_for_a_list_of_one() -> None:
    y: Any = np.piecewise(tg.Tensor(X[0]), X[0] < 0, [lambda x: x * x, 5.0])
    np.testing.assert_array_equal(y, np.piecewise(X[0], X[0] < 0, [lambda x: x * x, 5.0]))


def test_a_piece_sees_only_its_own_elements() -> None:
    """√x is not taken where x < 0, so no NaN comes back from there."""
    x = tg.Tensor(X, requires_grad=True)
    np.sum(np.piecewise(x, [x > 0], [np.sqrt, 0.0])).backward()
    np.testing.assert_allclose(x.grad.data, np.where(X > 0, 0.5 / np.sqrt(np.abs(X)), 0))


def test_piecewise_of_a_number_and_of_nothing() -> None:
    assert tg.grad(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x * x]))(3.0) == 6.0
    empty: Any = np.piecewise(tg.Tensor(np.zeros(0)), [np.zeros(0, bool)], [lambda x: x])
    assert empty.shape == (0,)
    with pytest.raises(ValueError, match=r"^piecewise: with 2 conditions, give 2 or one more"):
        np.piecewise(tg.Tensor(X), [X < 0, X > 0], [1.0])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(
    "f",
    [np.sum, np.cumsum, lambda line: np.outer(line, line[:2]), lambda line: np.sort(line)[::-1]],
    ids=["number", "line", "matrix", "sorted"],
)
def test_apply_along_axis(f: Any, axis: int) -> None:
    np.testing.assert_array_equal(np.apply_along_axis(f, axis, tg.Tensor(X)), np.apply_along_axis(f, axis, X))
    assert tg.gradcheck(lambda x: np.apply_along_axis(f, axis, x), X)


def test_apply_along_axis_passes_arguments_on_and_refuses_nothing_to_apply_to() -> None:
    y: Any = np.apply_along_axis(lambda line, a, b: a * line[0] + b, 1, tg.Tensor(X), 2.0, b=1.0)
    np.testing.assert_array_equal(y, 2 * X[:, 0] + 1)
    with pytest.raises(ValueError, match=r"^apply_along_axis: an axis has length 0"):
        np.apply_along_axis(np.sum, 1, tg.Tensor(np.zeros((0, 3))))


@pytest.mark.parametrize("axes", [0, (0, 1), [-1]])
def test_apply_over_axes(axes: Any) -> None:
    for f in (np.sum, lambda a, axis: np.max(a, axis, keepdims=True)):
        np.testing.assert_array_equal(np.apply_over_axes(f, tg.Tensor(X), axes), np.apply_over_axes(f, X, axes))
        assert tg.gradcheck(lambda x, f=f: np.apply_over_axes(f, x, axes), X)
