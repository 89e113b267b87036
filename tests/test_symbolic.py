"""The rules run on arrays of symbols as they stand, and what comes out are the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

sympy = pytest.importorskip("sympy")
from tinygrad_lite.symbolic import Symbol, array  # noqa: E402


def test_a_scalar_chain_gives_the_derivative_that_sympy_finds() -> None:
    x = tg.symbols("x")
    y = np.tanh(x) * np.exp(-x * x) / (1 + x**2)
    y.backward()
    s = Symbol("x")
    expected = sympy.diff(sympy.tanh(s) * sympy.exp(-(s**2)) / (1 + s**2), s)
    assert sympy.simplify(x.grad.data.item() - expected) == 0


def test_second_order() -> None:
    x = tg.symbols("x")
    np.log(1 + np.exp(x)).backward(create_graph=True)
    x.grad.backward()
    s = Symbol("x")
    first_and_second = sympy.diff(sympy.log(1 + sympy.exp(s)), s) + sympy.diff(sympy.log(1 + sympy.exp(s)), s, 2)
    assert sympy.simplify(x.grad.data.item() - first_and_second) == 0  # backward() adds to the gradient


def test_names_and_indices_count_from_1() -> None:
    assert str(tg.symbols("x", (2, 3)).data[1, 2].item()) == "x₂₃"
    assert str(tg.symbols("x", (12,)).data[11].item()) == "x₁₂"
    assert tg.symbols("x", 12).shape == (12,)
    assert str(array("x", (2, 12))[1, 11].item()) == "x₂ˏ₁₂"
    assert str(tg.symbols("x").data.item()) == "x"


def test_a_comparison_is_a_case_distinction_without_an_order_and_decided_with_one() -> None:
    a = array("a", (2,))
    assert (a > 0)[0].item() == sympy.Piecewise((1, a[0].item() > 0), (0, True))
    b = array("b", (2,), order=[1.0, -2.0])
    np.testing.assert_array_equal(b > 0, [True, False])
    assert np.argmax(b) == 0
    assert np.max(b).item() == b[0].item()
    with pytest.raises(ValueError, match="order of the symbols is not known"):
        np.argmax(a)
    with pytest.raises(ValueError, match=r"x has shape \(2,\), but its order has shape \(3,\)"):
        tg.symbols("x", (2,), order=[1, 2, 3])


def test_the_same_name_with_another_order_is_another_symbol() -> None:
    assert array("x", (2,), [1, 2])[0].item() != array("x", (2,), [2, 1])[0].item()
    assert array("x", (2,))[0].item() == array("x", (2,))[0].item()


UNARY = [
    np.negative, np.positive, np.absolute, np.square, np.sqrt, np.cbrt, np.reciprocal, np.exp, np.exp2, np.expm1,
    np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arctan, np.sinh, np.cosh, np.tanh,
    np.arcsinh, np.arctanh, np.deg2rad, F.relu, F.sigmoid, F.softmax, F.log_softmax, F.softplus, F.silu, F.softsign,
    F.leaky_relu, F.elu, F.hardtanh, np.sum, np.mean, np.prod, np.max, np.cumsum, np.var, np.std, np.ravel,
    np.transpose, np.flip, np.squeeze, np.diff, np.trace, lambda x: np.linalg.norm(x), lambda x: x @ x,
    lambda x: np.einsum("ij,jk->ik", x, x), lambda x: np.tensordot(x, x, 1), lambda x: np.outer(x, x),
    lambda x: np.kron(x, x), lambda x: x[[0, 1, 1]], lambda x: x[:, ::-1], lambda x: np.concatenate([x, x]),
    lambda x: np.stack([x, x]), lambda x: np.pad(x, 1), lambda x: np.reshape(x, -1), lambda x: np.repeat(x, 2),
    lambda x: np.roll(x, 1), lambda x: np.where(np.eye(2) > 0, x, 0), lambda x: np.tril(x), lambda x: x**3,
    lambda x: np.maximum(x, 0.3), lambda x: np.clip(x, 0.2, 0.5), lambda x: F.linear(x, x),
    lambda x: F.conv2d(x[None, None], x[None, None]), lambda x: F.avg_pool2d(x[None], 2),
    lambda x: F.max_pool2d(x[None], 2), lambda x: F.mse_loss(x, np.zeros((2, 2))),
    lambda x: F.cross_entropy(x, np.array([0, 1])), lambda x: np.convolve(x[0], x[1]), lambda x: np.dot(x, x[0]),
    lambda x: np.take(x, [0, 0], axis=1), lambda x: np.broadcast_to(x, (3, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("f", UNARY, ids=lambda f: getattr(f, "__name__", "f"))
def test_with_numbers_put_in_the_formulas_give_what_numbers_give(f: Any) -> None:
    numbers = np.array([[0.31, 0.47], [0.25, 0.84]])
    t = tg.Tensor(numbers, requires_grad=True)
    value = f(t)
    value.backward(np.ones(value.shape))
    x = tg.symbols("x", (2, 2), order=numbers)
    formula = f(x)
    formula.backward(np.ones(value.shape, object))
    places = {s.item(): n for s, n in zip([x.data[i] for i in np.ndindex(2, 2)], numbers.ravel())}

    def put_in(a: Any) -> Any:
        a = np.asarray(a, object)
        return np.array([float(sympy.sympify(e).subs(places)) for e in a.ravel()]).reshape(a.shape)

    np.testing.assert_allclose(put_in(formula.data), value.data, rtol=1e-12)
    np.testing.assert_allclose(put_in(x.grad.data), t.grad.data, rtol=1e-10, atol=1e-12)
