"""Dispatch points: which version runs on what, and that a rule cannot misuse what they give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.dispatch import array_code, forward
from tinygrad_lite.graph import OPS, Rule

X = np.array([1.0, 2.0])


@pytest.fixture(autouse=True)
def own_ops() -> Iterator[None]:
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def leaf(x: Any) -> Any:
    return tg.Tensor(x, requires_grad=True)


# ------------------------------------------------------------------------------------------------ which version runs


def test_the_latest_version_is_asked_first_and_passes_on_what_is_not_its_own() -> None:
    @array_code
    def point(x: Any, n: int = 1) -> Any:
        return "plain"

    point.register(lambda x, n=1: "first" if n > 1 else NotImplemented)
    assert point.register(lambda x, n=1: "second" if n > 2 else NotImplemented) is point
    assert [point(X, n) for n in (1, 2, 3)] == ["plain", "first", "second"]
    assert point(X, n=3) == "second"
    assert point.plain(X, 3) == "plain"
    assert point.__name__ == "point"


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (X, "fast"),
        (np.float32(1), "fast"),
        (1.5, "fast"),
        (None, "fast"),
        ((0, 1), "fast"),
        (np.array([1, None]), "plain"),
        (tg.Tensor(X), "plain"),
    ],
    ids=["array", "scalar", "number", "none", "tuple", "objects", "tensor"],
)
def test_versions_see_numpys_arrays_alone(argument: Any, expected: str) -> None:
    @array_code
    def point(x: Any, y: Any) -> Any:
        return "plain"

    point.register(lambda x, y: "fast")
    assert point(argument, X) == point(X, argument) == expected


def test_arrays_of_other_libraries_go_to_the_plain_function() -> None:
    class Foreign:
        def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
            return NotImplemented

    @array_code
    def point(x: Any) -> Any:
        return "plain"

    point.register(lambda x: "fast")
    assert point(Foreign()) == "plain"


# ------------------------------------------------------------------------------ what a rule may do with the result


@forward
def doubled(x: Any) -> Any:
    return 2 * x


@forward
def tripled(x: Any) -> Any:
    return 3 * x


@array_code
def quadrupled(x: Any) -> Any:
    return 4 * x


def hessian(f: Any) -> Any:
    return tg.hessian(lambda x: np.sum(f(x)))(X)


def test_forward_code_gives_the_node_that_is_run_again() -> None:
    seen = []

    @tg.op
    def cubed(x: Any) -> Rule:
        """out = (2x)³ / 8"""
        y = doubled(x)
        seen.append(y)
        return y, (lambda g: g * y,)

    x = leaf(X)
    out = cubed(x)
    (tg.grad(lambda x: np.sum(cubed(x))))(leaf(X))
    out.backward(np.ones(2), create_graph=True)
    assert seen[-1] is out


@pytest.mark.parametrize("order", [1, 2])
def test_forward_code_used_as_a_part_raises_and_names_the_rule(order: int) -> None:
    @tg.op
    def middle(x: Any) -> Rule:
        """out = 3 · (2x)²        ∂L/∂x = g · 12 · 2x"""
        h = doubled(x)
        return 3 * h * h, (lambda g: g * 12 * h,)

    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(middle(x)))(X), 24 * X)
    with pytest.raises(TypeError, match=r"^middle: its rule must return what @forward code gives"):
        hessian(middle)
    with pytest.raises(TypeError, match=r"^middle: "):
        tg.gradcheck(middle, X)


def test_the_second_forward_code_in_a_rule_builds_graph() -> None:
    @tg.op
    def right(x: Any) -> Rule:
        """out = 2x · s with s = 3x, whose value is not 2x"""
        y = doubled(x)
        s = tripled(x)
        return y, (lambda g: g * 2 * s / s,)

    @tg.op
    def late(x: Any) -> Rule:
        s = tripled(x)
        y = doubled(x)
        return y, (lambda g: g * 2 * s / s,)

    np.testing.assert_allclose(hessian(right), np.zeros((2, 2)), atol=1e-15)
    with pytest.raises(TypeError, match=r"^late: "):
        hessian(late)


def test_a_part_builds_graph_wherever_a_rule_uses_it() -> None:
    @tg.op
    def quartic(x: Any) -> Rule:
        """out = (4x)²        ∂L/∂x = g · 8 · 4x"""
        h = quadrupled(x)
        return h * h, (lambda g: g * 8 * h,)

    np.testing.assert_array_equal(hessian(quartic), 32 * np.eye(2))
    assert tg.gradcheck(quartic, X)


def test_gradcheck_compares_the_gradient_that_create_graph_gives() -> None:
    """A rule that computes another gradient on Tensors than on arrays."""

    @tg.op
    def two_faced(x: Any) -> Rule:
        factor = 3.0 if isinstance(x, tg.Tensor) else 2.0
        return x * x, (lambda g: g * x * factor,)

    assert tg.gradcheck(two_faced, X, order=1)
    with pytest.raises(tg.check.GradientError, match=r"order 1, input 0.*create_graph gives .* central"):
        tg.gradcheck(two_faced, X)
