"""Products of vectors and matrices: NumPy's values for every rank, and the gradients of fully connected layers."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .cases import rand
from .forms import Function, check_gradient, check_symbols, forms, inputs

LINALG: Any = np.linalg

# {name: [(function, a shape for each input), …]}
FORMS: dict[str, list[Any]] = {
    "dot": [
        (np.dot, (), ()),
        (np.dot, (2, 3), ()),
        (np.dot, (3,), (3,)),
        (np.dot, (2, 3), (3,)),
        (np.dot, (2, 3), (3, 2)),
        (np.dot, (2, 2, 3), (3,)),
        (np.dot, (3,), (2, 3, 2)),
        (np.dot, (2, 3), (2, 3, 2)),
    ],
    "vdot": [(np.vdot, (2, 3), (3, 2)), (np.vdot, (3,), (3,)), (np.vdot, (), ())],
    "inner": [(np.inner, (3,), (3,)), (np.inner, (2, 3), (3,)), (np.inner, (2, 3), (2, 2, 3)), (np.inner, (2, 2), ())],
    "outer": [(np.outer, (2,), (3,)), (np.outer, (2, 2), (1, 3)), (np.outer, (), (2,)), (np.linalg.outer, (2,), (2,))],
    "vecdot": [
        (np.vecdot, (2, 3), (2, 3)),
        (np.vecdot, (2, 1, 3), (4, 3)),
        (lambda a, b: LINALG.vecdot(a, b, axis=0), (2, 3), (2, 3)),
    ],
    "kron": [
        (np.kron, (2,), (3,)),
        (np.kron, (2, 2), (1, 3)),
        (np.kron, (2,), (2, 2)),
        (np.kron, (2, 1, 2), (2,)),
        (np.kron, (), (2,)),
    ],
    "cross": [
        (np.cross, (3,), (3,)),
        (np.cross, (2, 3), (3,)),
        (lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2)),
        (lambda a, b: np.cross(a, b, 0, 1, 0), (3, 2), (2, 3)),
        (lambda a, b: np.linalg.cross(a, b, axis=0), (3, 2), (3, 1)),
    ],
    "trace": [
        (np.trace, (3, 3)),
        (np.trace, (2, 3)),
        (lambda a: np.trace(a, 1, 2, 1), (2, 3, 3)),
        (lambda a: a.trace(offset=-1), (3, 2)),
        (lambda a: np.linalg.trace(a, offset=1), (2, 3, 3)),
    ],
    "diagonal": [(lambda a: LINALG.diagonal(a, offset=1), (2, 3, 3))],
    "matrix_transpose": [(LINALG.matrix_transpose, (2, 3, 1))],
    "matrix_power": [
        *((lambda a, n=n: np.linalg.matrix_power(a + np.eye(2), n), (2, 2, 2)) for n in (1, 2, 3, 5)),
        *((lambda a, n=n: np.linalg.matrix_power(a + 3 * np.eye(2), n), (2, 2, 2)) for n in (-1, -2)),
    ],
    "multi_dot": [
        (lambda *arrays: np.linalg.multi_dot(arrays), (2, 3), (3, 2)),
        (lambda *arrays: np.linalg.multi_dot(arrays), (2, 3), (3, 1), (1, 4), (4, 2)),
        (lambda *arrays: np.linalg.multi_dot(arrays), (3,), (3, 2), (2, 2), (2,)),
    ],
}
if hasattr(np, "matvec"):  # NumPy 2.2
    FORMS["matvec"] = [(np.matvec, (2, 3), (3,)), (np.matvec, (4, 1, 2, 3), (5, 3)), (np.matvec, (2, 0), (0,))]
    FORMS["vecmat"] = [(np.vecmat, (3,), (3, 2)), (np.vecmat, (5, 3), (4, 1, 3, 2)), (np.vecmat, (0,), (0, 2))]
# NumPy inverts no matrix of symbols, and its vdot, vecdot, matvec and vecmat take a symbol for a complex number.
NOT_ON_SYMBOLS = ("matrix_power", "vdot", "vecdot", "matvec", "vecmat")
SHAPES = [
    (a, b)
    for a, b in itertools.product(
        [(3,), (2, 3), (1, 3), (4, 2, 3), (1, 2, 3), (5, 1, 2, 3), (0, 3), (2, 0), (0,), (4, 0, 3), (4, 2, 0)],
        [(3,), (3, 2), (3, 1), (4, 3, 2), (1, 3, 2), (5, 4, 3, 1), (0, 2), (0,), (3, 0), (4, 3, 0), (4, 0, 2)],
    )
    if a[-1] == b[-2:][0]
]


@pytest.mark.parametrize(("f", "shapes"), forms(FORMS))
def test_values_are_numpys(f: Function, shapes: Any) -> None:
    for dtype in (np.float64, np.float32):
        arrays = [x.astype(dtype) for x in inputs(shapes)]
        expected = f(*arrays)
        for constant in range(len(arrays)):  # one of them may be an array
            mixed = [
                tg.Tensor(x, requires_grad=True) if len(arrays) == 1 or i != constant else x
                for i, x in enumerate(arrays)
            ]
            out = f(*mixed)
            assert out.dtype == expected.dtype
            assert out.shape == expected.shape
            np.testing.assert_allclose(out.data, expected, rtol=1e-5 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize(("f", "shapes"), forms(FORMS))
def test_gradients_to_second_order(f: Function, shapes: Any) -> None:
    check_gradient(f, shapes)


@pytest.mark.parametrize(("f", "shapes"), forms({k: v for k, v in FORMS.items() if k not in NOT_ON_SYMBOLS}))
def test_on_symbols(f: Function, shapes: Any) -> None:
    check_symbols(f, shapes)


def test_the_power_of_a_matrix_of_symbols() -> None:
    check_symbols(lambda a: np.linalg.matrix_power(a, 3), [(2, 2)])


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_matmul_of_every_rank(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Values are NumPy's, and each gradient is Σ g · (the other factor), in loops over NumPy's own definition."""
    x, w = rand(*a), rand(*b, seed=1)
    tx, tw = tg.Tensor(x, requires_grad=True), tg.Tensor(w, requires_grad=True)
    out = tx @ tw
    np.testing.assert_allclose(out.data, x @ w, rtol=1e-12)
    assert out.shape == (x @ w).shape
    g = rand(*out.shape, seed=2) if out.shape else np.float64(0.7)
    out.backward(g)
    for array, gradient in ((x, tx.grad.data), (w, tw.grad.data)):
        expected = np.zeros_like(array)
        for i in np.ndindex(array.shape):
            unit = np.zeros_like(array)
            unit[i] = 1
            expected[i] = np.sum(g * (unit @ w if array is x else x @ unit))
        assert gradient.shape == array.shape
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14)


def test_a_fully_connected_layer_in_loops() -> None:
    """out = xW: ∂L/∂x = ∂L/∂out · Wᵀ and ∂L/∂W = xᵀ · ∂L/∂out, entry by entry."""
    x, w, g = rand(4, 3), rand(3, 2), rand(4, 2, seed=5)
    tx, tw = tg.Tensor(x, requires_grad=True), tg.Tensor(w, requires_grad=True)
    (tx @ tw).backward(g)
    for n, k in itertools.product(range(4), range(3)):
        assert tx.grad.data[n, k] == pytest.approx(sum(g[n, m] * w[k, m] for m in range(2)))
    for k, m in itertools.product(range(3), range(2)):
        assert tw.grad.data[k, m] == pytest.approx(sum(x[n, k] * g[n, m] for n in range(4)))


@pytest.mark.parametrize("x", [rand(4, 3).T, np.asfortranarray(rand(3, 4)), rand(3, 8)[:, ::2], rand(6, 4)[::-2]])
def test_matmul_of_arrays_in_any_memory_order(x: Any) -> None:
    w = rand(2, 4).T
    tx, tw = tg.Tensor(x, requires_grad=True), tg.Tensor(w, requires_grad=True)
    (tx @ tw).sum().backward()
    np.testing.assert_allclose(tx.grad.data, np.ones((3, 2)) @ w.T)
    np.testing.assert_allclose(tw.grad.data, x.T @ np.ones((3, 2)))


@pytest.mark.parametrize(
    ("a", "b"),
    [((64, 4, 32), (32, 256)), ((64, 2, 4, 32), (2, 32, 256)), ((64, 64), (32, 64, 4))],
    ids=["a weight for the whole batch", "a weight for some of its axes", "an input for many weights"],
)
def test_a_factor_that_a_batch_shares_has_its_gradient_without_a_batch_of_gradients(a: Any, b: Any) -> None:
    x, w = rand(*a), rand(*b)
    shared: Any = tg.Tensor(x if x.ndim < w.ndim else w, requires_grad=True)
    out: Any = shared @ w if x.ndim < w.ndim else x @ shared
    g = rand(*out.shape)
    tracemalloc.start()
    out.backward(g)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    batch = np.prod(np.broadcast_shapes(a[:-2], b[:-2])) * shared.shape[-1] * shared.shape[-2] * 8
    assert peak < batch / 2


def test_third_order() -> None:
    tg.gradcheck(lambda x, w: np.sum((x @ w) ** 3), rand(2, 2, 3), rand(3, 2), order=3)
    tg.gradcheck(lambda x: np.linalg.multi_dot([x, x, x]), rand(2, 2), order=3)


def test_a_power_of_0_is_the_identity_and_constant() -> None:
    x = tg.Tensor(rand(2, 3, 3), requires_grad=True)
    out = np.linalg.matrix_power(x, 0)
    np.testing.assert_array_equal(out, np.broadcast_to(np.eye(3), (2, 3, 3)))


def test_multi_dot_takes_the_cheap_order() -> None:
    """(100×1)(1×100)(100×1): from the right it is two dot products, from the left a 100×100 matrix on the way."""
    column, row = rand(100, 1), rand(1, 100)
    out = np.linalg.multi_dot(
        [tg.Tensor(column, requires_grad=True), tg.Tensor(row, requires_grad=True), tg.Tensor(column)]
    )
    assert max(node.size for node in out.args) == 100


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda: tg.Tensor(np.ones((64, 400))) @ np.ones((256, 10)),
         "matmul: x has shape (64, 400) but w has shape (256, 10): "
         "x's last axis (400) must equal w's second to last (256)"),
        (lambda: np.ones(3) @ tg.Tensor(np.ones(4)),
         "matmul: x has shape (3,) but w has shape (4,): x's last axis (3) must equal w's only one (4)"),
        (lambda: tg.Tensor(np.ones((2, 3, 4))) @ np.ones((3, 4, 5)),
         "matmul: x has shape (2, 3, 4) but w has shape (3, 4, 5): "
         "their leading axes (2,) and (3,) must be equal, or 1, or missing"),
        (lambda: tg.Tensor(2.0) @ np.ones(4),
         "matmul: x has shape () but w has shape (4,): a scalar has no axis to sum over; use x * w"),
        (lambda: np.cross(tg.Tensor(np.ones(2)), np.ones(2)),
         "cross: vectors must have 3 elements, a's have 2 and b's 2 (saw a: shape (2,)"),
        (lambda: np.linalg.outer(tg.Tensor(np.ones((2, 2))), np.ones(2)),
         "outer: both must be vectors (saw a: shape (2, 2) float64, b: shape (2,) float64)"),
        (lambda: np.linalg.matrix_power(tg.Tensor(np.ones((2, 3))), 2),
         "matrix_power: a's last two axes must be equal (saw a: shape (2, 3) float64, n: 2)"),
        (lambda: np.linalg.multi_dot([tg.Tensor(np.ones((2, 3)))]), "multi_dot: needs two arrays or more, got 1"),
        (lambda: np.linalg.multi_dot([tg.Tensor(np.ones((2, 3))), np.ones(3), np.ones((3, 2))]),
         "multi_dot: array 1 must be a matrix (the first and the last may be vectors) (saw arrays: [shape (2, 3)"),
    ],
)  # fmt: skip
def test_errors_say_what_does_not_fit(f: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        f()
    assert str(error.value).startswith(message)
