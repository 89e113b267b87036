"""np.linalg on Tensors: NumPy's values and result types, gradients, and what holds where a derivative ends."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .cases import Case, rand
from .cases.linalg import CASES
from .forms import Function, check_gradient, forms

LINALG: Any = np.linalg
SQUARE = rand(3, 3) + 2 * np.eye(3)
SYMMETRIC = rand(3, 3) + rand(3, 3).T
ORDERS = [None, 1, 2, 3, 0.5, -1, -2, 0, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


def leaf(x: Any, dtype: Any = np.float64) -> Any:
    return tg.Tensor(x, requires_grad=True, dtype=dtype)


def same(got: Any, expected: Any) -> None:
    """The same values, shapes and dtypes, in a result of the same type."""
    if isinstance(expected, tuple):
        assert isinstance(got, type(expected))
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            same(a, b)
        return
    assert np.shape(got) == np.shape(expected)
    if isinstance(got, tg.Tensor):
        assert got.dtype == expected.dtype
    tolerance = 1e-4 if getattr(expected, "dtype", None) == np.float32 else 1e-11
    np.testing.assert_allclose(getattr(got, "data", got), expected, rtol=tolerance, atol=tolerance)


CALLS: list[tuple[str, Function, Any]] = [
    ("inv", LINALG.inv, SQUARE),
    ("inv of a stack", LINALG.inv, np.stack([SQUARE, SQUARE.T])),
    ("det", LINALG.det, SQUARE),
    ("det of a stack", LINALG.det, np.stack([SQUARE, SQUARE.T])[None]),
    ("slogdet", LINALG.slogdet, -SQUARE),
    ("slogdet of a stack", LINALG.slogdet, np.stack([SQUARE, -SQUARE])),
    ("pinv", LINALG.pinv, rand(4, 2)),
    ("pinv with rcond", lambda x: LINALG.pinv(x, 0.5), rand(2, 4, 3)),
    ("pinv with rtol", lambda x: LINALG.pinv(x, rtol=0.5), rand(4, 3)),
    ("pinv of a symmetric matrix", lambda x: LINALG.pinv(x, hermitian=True), SYMMETRIC),
    ("cholesky", LINALG.cholesky, SYMMETRIC + 4 * np.eye(3)),
    ("cholesky upper", lambda x: LINALG.cholesky(x, upper=True), SYMMETRIC + 4 * np.eye(3)),
    ("qr", LINALG.qr, rand(4, 2)),
    ("qr wide", LINALG.qr, rand(2, 4)),
    ("qr stack", LINALG.qr, rand(2, 3, 2)),
    ("qr r", lambda x: LINALG.qr(x, "r"), rand(4, 2)),
    ("qr complete", lambda x: LINALG.qr(x, mode="complete"), rand(4, 2)),
    ("qr complete wide", lambda x: LINALG.qr(x, mode="complete"), rand(2, 4)),
    ("eigh", LINALG.eigh, SYMMETRIC),
    ("eigh upper", lambda x: LINALG.eigh(x, "U"), SQUARE),
    ("eigh stack", LINALG.eigh, np.stack([SYMMETRIC, SQUARE])),
    ("eigvalsh", LINALG.eigvalsh, SYMMETRIC),
    ("eigvalsh upper", lambda x: LINALG.eigvalsh(x, UPLO="U"), SQUARE),
    *((f"svd {x.shape}", LINALG.svd, x) for x in (SQUARE, rand(4, 2), rand(2, 4), rand(2, 2, 3))),
    *(
        (f"svd {x.shape} reduced", lambda x: LINALG.svd(x, full_matrices=False), x)
        for x in (SQUARE, rand(4, 2), rand(2, 4), rand(2, 2, 3))
    ),
    ("svd values", lambda x: LINALG.svd(x, compute_uv=False), rand(2, 4)),
    ("svdvals", LINALG.svdvals, rand(2, 4, 3)),
    *((f"cond {p}", lambda x, p=p: LINALG.cond(x, p), SQUARE) for p in (None, 2, -2, 1, -1, np.inf, "fro", "nuc")),
    ("cond of a stack", LINALG.cond, rand(2, 3, 2)),
    *((f"norm {o}", lambda x, o=o: LINALG.norm(x, o), rand(4)) for o in ORDERS),
    *((f"norm {o} axis", lambda x, o=o: LINALG.norm(x, o, -1), rand(2, 4)) for o in ORDERS),
    *((f"norm {o} keepdims", lambda x, o=o: LINALG.norm(x, o, 0, True), rand(2, 4)) for o in ORDERS),
    *((f"norm {o} of a matrix", lambda x, o=o: LINALG.norm(x, o), rand(3, 4)) for o in MATRIX_ORDERS),
    *((f"norm {o} axes", lambda x, o=o: LINALG.norm(x, o, (2, 0)), rand(3, 2, 4)) for o in MATRIX_ORDERS),
    *(
        (f"norm {o} axes keepdims", lambda x, o=o: LINALG.norm(x, o, axis=(0, -1), keepdims=True), rand(3, 2, 4))
        for o in MATRIX_ORDERS
    ),
    ("norm of everything", LINALG.norm, rand(2, 3, 4)),
    ("norm of everything keepdims", lambda x: LINALG.norm(x, keepdims=True), rand(2, 3, 4)),
    *(
        (f"vector_norm {o} {axis}", lambda x, o=o, axis=axis: LINALG.vector_norm(x, ord=o, axis=axis), rand(2, 3, 2))
        for o, axis in itertools.product((1, 2, 3, 0, np.inf), (None, 1, (0, 2)))
    ),
    *((f"matrix_norm {o}", lambda x, o=o: LINALG.matrix_norm(x, ord=o), rand(2, 3, 2)) for o in MATRIX_ORDERS[1:]),
    ("tensorinv", lambda x: LINALG.tensorinv(x + np.eye(6).reshape(6, 2, 3), 1), rand(6, 2, 3)),
    ("tensorsolve", lambda x: LINALG.tensorsolve(x + np.eye(6).reshape(2, 3, 3, 2), np.ones((2, 3))), rand(2, 3, 3, 2)),
    ("tensorsolve axes", lambda x: LINALG.tensorsolve(x, np.ones(2), (0,)), rand(2, 2)),
    ("lstsq", lambda x: LINALG.lstsq(x, np.ones(4)), rand(4, 2)),
    ("lstsq of a matrix", lambda x: LINALG.lstsq(x, np.ones((4, 3)), rcond=None), rand(4, 2)),
    ("lstsq wide", lambda x: LINALG.lstsq(x, np.ones(2), rcond=-1), rand(2, 4)),
    ("lstsq of rank 1", lambda x: LINALG.lstsq(x, np.arange(4.0), rcond=0.5), rand(4, 2)),
]


@pytest.mark.parametrize(("f", "x"), [pytest.param(f, x, id=name) for name, f, x in CALLS])
def test_values_are_numpys(f: Function, x: Any) -> None:
    for dtype in (np.float64, np.float32):
        same(f(leaf(x, dtype)), f(x.astype(dtype)))
    same(f(leaf(np.asfortranarray(x))), f(x))
    same(f(tg.Tensor(x)), f(x))


@pytest.mark.parametrize("case", CASES["solve"], ids=lambda case: case.label)
def test_solve(case: Case) -> None:
    a, b = case.inputs
    same(np.linalg.solve(leaf(a), leaf(b)), np.linalg.solve(a, b))
    same(LINALG.solve(a, leaf(b)), np.linalg.solve(a, b))
    same(LINALG.solve(leaf(a), b), np.linalg.solve(a, b))


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 2, 2)])
def test_of_size_0(shape: tuple[int, ...]) -> None:
    for f in (LINALG.inv, LINALG.det, LINALG.slogdet, LINALG.eigh, LINALG.svd, LINALG.cholesky, LINALG.norm):
        x = leaf(np.zeros(shape))
        expected = f(np.zeros(shape))
        same(f(x), expected)
        if f is not LINALG.slogdet:
            out = f(x)[0] if isinstance(expected, tuple) else f(x)
            out.backward(np.ones(out.shape))
            assert x.grad.shape == shape


COMPOSED: dict[str, list[Any]] = {
    "norm": [
        *((lambda x, o=o: LINALG.norm(x, o), (4,)) for o in ORDERS if o != 0),
        *((lambda x, o=o: LINALG.norm(x, o, (0, 2), True), (3, 2, 2)) for o in MATRIX_ORDERS),
    ],
    "cond": [(lambda x, p=p: LINALG.cond(x + 2 * np.eye(3), p), (3, 3)) for p in (None, -2, 1, "fro")],
    "tensorinv": [(lambda x: LINALG.tensorinv(x + 3 * np.eye(4).reshape(2, 2, 4)), (2, 2, 4))],
    "tensorsolve": [(lambda a, b: LINALG.tensorsolve(a + 3 * np.eye(4).reshape(4, 2, 2), b), (4, 2, 2), (4,))],
    "lstsq": [
        (lambda a, b: LINALG.lstsq(a, b)[0], (4, 2), (4,)),
        (lambda a, b: LINALG.lstsq(a, b)[0], (2, 4), (2, 2)),
        (lambda a, b: LINALG.lstsq(a, b)[1], (4, 2), (4, 2)),
        (lambda a, b: LINALG.lstsq(a, b)[3], (4, 2), (4,)),
    ],
}


@pytest.mark.parametrize(("f", "shapes"), forms(COMPOSED))
def test_gradients_of_compositions(f: Function, shapes: Any) -> None:
    check_gradient(f, shapes)


def test_third_order() -> None:
    tg.gradcheck(np.linalg.inv, rand(2, 2) + 2 * np.eye(2), order=3)
    tg.gradcheck(lambda x: np.linalg.det(x), SQUARE, order=3)
    tg.gradcheck(lambda x: np.linalg.norm(x), rand(3), order=3)
    tg.gradcheck(lambda a, b: np.linalg.solve(a, b), SQUARE, rand(3), order=3)
    tg.gradcheck(lambda x: np.linalg.svd(x).S, rand(2, 2), order=3)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("inv", lambda x: LINALG.inv(x)),
        ("pinv", lambda x: LINALG.pinv(x, 1e-9)),
        ("cholesky", lambda x: LINALG.cholesky(x @ x.T)),
        ("qr", lambda x: LINALG.qr(x)[0]),
        ("eigh", lambda x: LINALG.eigh(x)[1]),
        ("svd", lambda x: LINALG.svd(x, full_matrices=False)[0]),
    ],
)
def test_higher_orders_decompose_no_matrix_twice(name: str, f: Function) -> None:
    x = leaf(SQUARE)
    f(x).sum().backward(create_graph=True)
    nodes, stack = set(), [x.grad]
    while stack:
        node = stack.pop()
        if node not in nodes:
            nodes.add(node)
            stack.extend(a for a in node.args if isinstance(a, tg.Tensor))
    assert sum(node.op is not None and node.op.name == name for node in nodes) == 1


# ---------------------------------------------------------------------------------------------- where a derivative ends


def test_the_derivative_of_a_norm_at_0_is_0() -> None:
    for order in (None, 1, 2, 3, np.inf):
        x = leaf(np.zeros(3))
        LINALG.norm(x, order).backward()
        np.testing.assert_array_equal(x.grad.data, np.zeros(3), err_msg=str(order))
    x = leaf([[0.0, 0.0], [3.0, 4.0]])
    LINALG.norm(x, axis=1).sum().backward()
    np.testing.assert_allclose(x.grad.data, np.array([[0, 0], [0.6, 0.8]]))
    x = leaf(np.zeros((2, 2)))
    LINALG.norm(x).backward(create_graph=True)
    x.grad.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.zeros((2, 2)))


def test_elements_that_tie_for_the_largest_share_the_gradient_of_a_norm() -> None:
    x = leaf([1.0, -2.0, 2.0])
    LINALG.norm(x, np.inf).backward()
    np.testing.assert_allclose(x.grad.data, np.array([0, -0.5, 0.5]))


def test_a_count_has_no_derivative() -> None:
    assert not isinstance(np.linalg.norm(leaf([0.0, 2.0]), 0), tg.Tensor)
    assert np.linalg.norm(leaf([0.0, 2.0]), 0) == 1


@pytest.mark.parametrize(
    "x", [np.zeros((2, 2)), np.ones((3, 3)), np.diag([1.0, 2, 0]), np.outer([1.0, 2, 3], [3.0, 2, 1])]
)
def test_the_determinant_of_a_singular_matrix_has_its_cofactors_for_a_gradient(x: Any) -> None:
    """∂det/∂xᵢⱼ = (-1)ⁱ⁺ʲ times the determinant of x without row i and column j."""
    t = leaf(x)
    np.linalg.det(t).backward()
    for i, j in np.ndindex(x.shape):
        minor = np.delete(np.delete(x, i, 0), j, 1)
        assert t.grad.data[i, j] == pytest.approx((-1) ** (i + j) * np.linalg.det(minor), abs=1e-12)


def test_the_gradient_of_a_cholesky_factor_is_symmetric() -> None:
    x = leaf(SYMMETRIC + 4 * np.eye(3))
    (np.linalg.cholesky(x) * rand(3, 3)).sum().backward()
    np.testing.assert_allclose(x.grad.data, x.grad.data.T)


def test_equal_eigenvalues_have_a_first_derivative() -> None:
    """Σ w² is Σ xᵢⱼ², so its gradient is 2x."""
    for x in (np.eye(3), np.zeros((3, 3)), np.diag([1.0, 1, 2])):
        t = leaf(x)
        (np.linalg.eigh(t).eigenvalues ** 2).sum().backward()
        np.testing.assert_allclose(t.grad.data, 2 * x)
        t = leaf(x)
        (np.linalg.svd(t).S ** 2).sum().backward()
        np.testing.assert_allclose(t.grad.data, 2 * x)


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_the_vectors_of_equal_values_have_none_and_it_shows() -> None:
    """No finite, wrong number: neither from the vectors, nor from a second derivative that depends on them."""
    t = leaf(np.eye(2))
    w, v = np.linalg.eigh(t)
    ((v * np.sqrt(w)) @ v.T).sum().backward()
    assert not np.isfinite(t.grad.data).all()
    t = leaf(np.eye(2))
    np.linalg.svd(t).U[0, 1].backward()
    assert not np.isfinite(t.grad.data).all()
    t = leaf(np.eye(2))
    (np.linalg.eigvalsh(t) ** 2).sum().backward(create_graph=True)
    first, t.grad = t.grad, None
    first[0, 1].backward()
    assert not np.isfinite(t.grad.data).all()


def test_the_sign_of_a_determinant_is_plain_numpy() -> None:
    sign, logarithm = np.linalg.slogdet(leaf(-SQUARE))
    assert not isinstance(sign, tg.Tensor)
    assert sign == -1
    assert isinstance(logarithm, tg.Tensor)


def test_the_rank_from_least_squares_is_a_plain_integer() -> None:
    _, residuals, rank, _ = np.linalg.lstsq(leaf(rand(4, 2)), np.ones(4))
    assert type(rank) is int
    assert rank == 2
    assert residuals.shape == (1,)


@pytest.mark.parametrize(
    ("f", "kind", "message"),
    [
        (lambda: np.linalg.inv(leaf(np.ones((2, 2)))), np.linalg.LinAlgError,
         r"inv: Singular matrix \(saw x: shape \(2, 2\)"),
        (lambda: np.linalg.inv(leaf(np.ones((2, 3)))), np.linalg.LinAlgError,
         r"inv: .*square \(saw x: shape \(2, 3\)"),
        (lambda: np.linalg.cholesky(leaf(-np.eye(2))), np.linalg.LinAlgError,
         "cholesky: Matrix is not positive definite"),
        (lambda: np.linalg.solve(leaf(SQUARE), np.ones(2)), ValueError,
         r"solve: .*\(saw a: shape \(3, 3\).*b: shape \(2,\)"),
        (lambda: LINALG.qr(leaf(SQUARE), "raw"), ValueError,
         "qr: mode must be 'reduced', 'complete' or 'r', not 'raw'"),
        (lambda: np.linalg.norm(leaf(rand(2, 2, 2)), 2), ValueError,
         r"norm: ord=2 needs one axis .*, and axis=None names 3 \(saw x: shape \(2, 2, 2\)"),
        (lambda: LINALG.norm(leaf(rand(2, 2)), 3), ValueError, "norm: ord=3 is no norm of matrices: use None, 'fro'"),
        (lambda: LINALG.norm(leaf(rand(2)), "fro"), ValueError, "norm: ord='fro' is a norm of matrices"),
        (lambda: np.linalg.lstsq(leaf(rand(2, 2, 2)), np.ones(2)), ValueError, "lstsq: a must be a matrix"),
        (lambda: LINALG.tensorinv(leaf(rand(2, 3, 4))), ValueError,
         r"tensorinv: a's first 2 axes must hold as many .* \(saw a: shape \(2, 3, 4\)"),
        (lambda: LINALG.tensorsolve(leaf(rand(2, 3)), np.ones(2)), ValueError,
         r"tensorsolve: a's size must be the square of b's, 2² \(saw a: shape \(2, 3\)"),
        (lambda: np.linalg.eig(leaf(SQUARE)), TypeError, r"np\.linalg\.eig: no rule for a Tensor"),
    ],
)  # fmt: skip
def test_errors_say_what_does_not_fit(f: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        f()


def differences(f: Function, x: Any) -> Any:
    """The Hessian by central differences of the gradient."""
    step = 1e-5 * np.eye(x.size).reshape(-1, *x.shape)
    slope = tg.grad(f)
    rows = [(slope(x + d) - slope(x - d)) / 2e-5 for d in step]
    return np.reshape(rows, x.shape + x.shape)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.linalg.norm(x, "nuc"), 2 * np.eye(3)),
        (lambda x: np.linalg.norm(x, "nuc"), 1.5 * np.eye(4, 2)),
        (lambda x: np.linalg.norm(x, "nuc"), np.diag([3.0, 1, 1])[:, [1, 0, 2]]),
        (lambda x: np.linalg.norm(x, 2), np.diag([3.0, 1, 1])),
        (lambda x: np.linalg.norm(x, -2), np.diag([3.0, 3, 1])),
        (lambda x: np.sum(np.linalg.eigvalsh((x + x.T) / 2)[:2]), np.diag([1.0, 1, 2])),
        (lambda x: np.linalg.eigvalsh((x + x.T) / 2)[2], np.diag([1.0, 1, 2])),
    ],
)
def test_equal_values_have_a_hessian_where_it_exists(f: Function, x: Any) -> None:
    np.testing.assert_allclose(tg.hessian(f)(x), differences(f, x), atol=1e-8)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_equal_values_have_a_hessian_of_nan_where_it_is_not_known() -> None:
    for f in (lambda x: np.linalg.svdvals(x) ** 2, lambda x: np.linalg.eigvalsh(x) ** 2):
        assert np.isnan(tg.hessian(lambda x, f=f: np.sum(f(x)))(np.eye(2))).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, bool])
def test_norms_of_integers_do_not_wrap(dtype: Any) -> None:
    v, m = np.array([100, 90, 127]).astype(dtype), np.array([[100, 90], [127, 100]]).astype(dtype)
    norm: Any = np.linalg.norm
    vector_norm: Any = np.linalg.vector_norm
    orders: list[Any] = [None, 1, 2, 3, 0, np.inf, -np.inf]
    for order in orders:
        np.testing.assert_allclose(norm(constant(v), order).data, norm(v, order))
        order = 2 if order is None else order
        np.testing.assert_allclose(vector_norm(constant(m), ord=order).data, vector_norm(m, ord=order))
    orders = [None, "fro", 1, -1, np.inf, 2, "nuc"]
    for order in orders:
        np.testing.assert_allclose(norm(constant(m), order).data, norm(m, order))
    np.testing.assert_allclose(norm(constant(m), axis=1).data, norm(m, axis=1))


def constant(data: Any) -> Any:
    return tg.Tensor(data)
