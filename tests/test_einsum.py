"""einsum: NumPy's values for whatever subscripts NumPy takes, a gradient for each operand, products in pairs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .cases import Case, rand
from .cases.einsum import CASES
from .forms import Function, check_gradient, check_symbols, forms, inputs

TENSORDOT: dict[str, list[Any]] = {
    "tensordot": [
        (np.tensordot, (2, 3, 2), (3, 2, 2)),
        (lambda a, b: np.tensordot(a, b, 0), (2,), (3, 1)),
        (lambda a, b: np.tensordot(a, b, 1), (2, 3), (3, 2)),
        (lambda a, b: np.tensordot(a, b, (1, 0)), (2, 3), (3,)),
        (lambda a, b: np.tensordot(a, b, (-1, -2)), (2, 3), (2, 3, 2)),
        (lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0])), (2, 2, 3), (3, 2)),
        (lambda a, b: np.linalg.tensordot(a, b, axes=([1, 0], [0, 1])), (2, 3), (3, 2)),
        (np.tensordot, (2, 0), (2, 0)),
    ]
}


@pytest.mark.parametrize("case", CASES["einsum"], ids=lambda case: case.label)
def test_values_are_numpys(case: Case) -> None:
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
        arrays = [x.astype(dtype) for x in case.inputs]
        expected = case.f(*arrays)
        out = case.f(*[tg.Tensor(x, requires_grad=True) for x in arrays])
        assert out.shape == expected.shape
        assert out.dtype == expected.dtype
        np.testing.assert_allclose(out.data, expected, rtol=tolerance, atol=tolerance)


def test_every_pair_of_operands_with_up_to_three_letters() -> None:
    """All ways to name the axes of two operands, and of the result; the gradients by what they sum to."""
    sizes = {"a": 2, "b": 3, "c": 1}
    terms = [*"abc", "", *map("".join, itertools.permutations("abc", 2)), "aa", "aab", "bba"]
    for left, right in itertools.product(terms, terms):
        letters = sorted(set(left + right))
        for out in (o for n in range(len(letters) + 1) for o in map("".join, itertools.permutations(letters, n))):
            x, y = rand(*(sizes[c] for c in left)), rand(*(sizes[c] for c in right), seed=1)
            subscripts = f"{left},{right}->{out}"
            tx, ty = tg.Tensor(x, requires_grad=True), tg.Tensor(y, requires_grad=True)
            value = np.einsum(subscripts, tx, ty)
            np.testing.assert_allclose(value.data, np.einsum(subscripts, x, y), atol=1e-14, err_msg=subscripts)
            value.backward(np.ones(value.shape))
            # Of a form linear in each operand: Σ x · ∂L/∂x = Σ y · ∂L/∂y = L.
            loss = np.sum(value.data)
            np.testing.assert_allclose(np.sum(tx.grad.data * x), loss, atol=1e-13, err_msg=subscripts)
            np.testing.assert_allclose(np.sum(ty.grad.data * y), loss, atol=1e-13, err_msg=subscripts)


def test_the_gradient_in_loops() -> None:
    """∂L/∂x and ∂L/∂y of out[i, k] = Σⱼ x[i, i, j] y[j, k], entry by entry: off the diagonal ∂L/∂x is 0."""
    x, y, g = rand(2, 2, 3), rand(3, 2), rand(2, 2, seed=3)
    tx, ty = tg.Tensor(x, requires_grad=True), tg.Tensor(y, requires_grad=True)
    np.einsum("iij,jk->ik", tx, ty).backward(g)
    for a, b, j in np.ndindex(2, 2, 3):
        expected = sum(g[a, k] * y[j, k] for k in range(2)) if a == b else 0
        assert tx.grad.data[a, b, j] == pytest.approx(expected)
    for j, k in np.ndindex(3, 2):
        assert ty.grad.data[j, k] == pytest.approx(sum(g[i, k] * x[i, i, j] for i in range(2)))


@pytest.mark.parametrize(("f", "shapes"), forms(TENSORDOT))
def test_tensordot(f: Function, shapes: Any) -> None:
    arrays = inputs(shapes)
    np.testing.assert_allclose(f(*[tg.Tensor(x, requires_grad=True) for x in arrays]).data, f(*arrays), rtol=1e-13)
    check_gradient(f, shapes)
    check_symbols(f, shapes)


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "ij,jk", "ii->i", "ii", "ij,ij->", "...i,i...->..."])
def test_on_symbols(subscripts: str) -> None:
    operands = subscripts.split("->")[0].count(",") + 1
    check_symbols(lambda *xs: np.einsum(subscripts, *xs), [(2, 2)] * operands)


def test_a_chain_on_symbols() -> None:
    sympy = pytest.importorskip("sympy")
    names = sympy.symbols("x:12")
    arrays = [np.array(names[i : i + 4], object).reshape(2, 2) for i in (0, 4, 8)]
    tensors = [tg.Tensor(a, requires_grad=True) for a in arrays]
    loss = np.sum(np.einsum("ij,jk,kl->il", *tensors))
    assert sympy.expand(loss.data - np.sum(arrays[0] @ arrays[1] @ arrays[2])) == 0
    loss.backward()
    for a, t in zip(arrays, tensors):
        for symbol, g in zip(a.ravel(), t.grad.data.ravel()):
            assert sympy.expand(g - sympy.diff(loss.data, symbol)) == 0


def test_third_order() -> None:
    tg.gradcheck(lambda x, y: np.einsum("ij,jk,ik->i", x, y, x), rand(2, 3), rand(3, 3), order=3)


def test_optimize_is_taken_and_an_array_among_the_tensors_stays_one() -> None:
    x, y = rand(2, 3), rand(3, 4)
    for optimize in (True, False, "greedy", "optimal"):
        t = tg.Tensor(x, requires_grad=True)
        out = np.einsum("ij,jk", t, y, optimize=optimize)
        np.testing.assert_allclose(out.data, x @ y)
        out.sum().backward()
        np.testing.assert_allclose(t.grad.data, np.ones((2, 4)) @ y.T)


def test_many_operands_are_contracted_in_pairs() -> None:
    """Eight matrices in a chain: as one loop over nine letters it would take 10⁹ · 8 steps."""
    matrices = [rand(10, 10, seed=i) for i in range(8)]
    tensors = [tg.Tensor(a, requires_grad=True) for a in matrices]
    out = np.einsum("ab,bc,cd,de,ef,fg,gh,hi->ai", *tensors)
    np.testing.assert_allclose(out.data, np.linalg.multi_dot(matrices), rtol=1e-10, atol=1e-12)
    out.sum().backward()
    before, after = np.linalg.multi_dot(matrices[:3]), np.linalg.multi_dot(matrices[4:])
    np.testing.assert_allclose(tensors[3].grad.data, before.T @ np.ones((10, 10)) @ after.T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ij,jk", [(2, 3)], "einsum: 'ij,jk' is for 2 operands, 1 were given"),
        ("ij", [(2,)], "einsum: 'ij' has 2 letters, but its operand 0 has 1 axes (saw"),
        ("i", [(2, 3)], "einsum: 'i' has 1 letters, but its operand 0 has 2 axes (saw"),
        ("i%->i", [(2, 3)], "einsum: '%' in 'i%->i': only letters, ',', '...' and '->' can be there"),
        ("ij->ii", [(2, 3)], "einsum: 'i' in the result of 'ij->ii' must stand there once, and in an operand"),
        ("ij->k", [(2, 3)], "einsum: 'k' in the result of 'ij->k' must stand there once, and in an operand"),
        ("ij,jk->ik", [(2, 3), (4, 2)], "einsum: 'j' is 3 in one operand but 4 in another: they must be equal, or 1"),
    ],
)
def test_errors_say_what_does_not_fit(subscripts: str, shapes: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        np.einsum(subscripts, *[tg.Tensor(np.ones(shape)) for shape in shapes])
    assert str(error.value).startswith(message)


def test_errors_of_tensordot_say_what_does_not_fit() -> None:
    a, b = tg.Tensor(np.ones((2, 3))), np.ones((2, 3))
    with pytest.raises(ValueError) as error:
        np.tensordot(a, b, 1)
    assert str(error.value).startswith("tensordot: a's axis 1 (3) must equal b's axis 0 (2) (saw a: shape (2, 3)")
    with pytest.raises(ValueError, match="tensordot: axes=3, but a has 2 axes and b has 2"):
        np.tensordot(a, b, 3)
    with pytest.raises(ValueError, match="tensordot: axes has 1 axes of a but 2 of b; they must pair up"):
        np.tensordot(a, b, ([0], [0, 1]))


def test_axes_under_an_ellipsis_that_the_result_does_not_name_are_summed() -> None:
    x, y = rand(2, 3, 4), rand(4, 2)
    ways: list[tuple[Function, Any]] = [
        (lambda x, y: np.einsum("i...->i", x), x.sum((1, 2))),
        (lambda x, y: np.einsum("...->", x), x.sum()),
        (lambda x, y: np.einsum("...k,kl->l", x, y), x.sum((0, 1)) @ y),
        (lambda x, y: np.einsum(x, [..., 1], y, [1, 2], [2]), x.sum((0, 1)) @ y),
    ]
    for f, expected in ways:
        np.testing.assert_allclose(f(tg.Tensor(x), tg.Tensor(y)).data, expected)
        tg.gradcheck(lambda x, y, f=f: np.tanh(f(x, y)) + 0 * y.sum(), x, y, order=2)
