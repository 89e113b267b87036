"""What np.linalg has: inverses and determinants, solutions of linear equations, decompositions, norms.

All work on a matrix, or on a stack of them along the leading axes.
"""

from __future__ import annotations

import contextlib
import functools
import math
import string
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np

from ..dispatch import forward
from ..errors import not_lazy
from ..graph import Node, Rule, op
from ..tensor import implements
from ..values import Array, as_array, beside, lazy
from .product import T

Axis = int | tuple[int, ...] | None
Shape = tuple[int, ...]
Triangle = Literal["L", "U"]  # which of a symmetric matrix is read



def matrixwise(*core: int) -> Callable[[Callable[..., Rule]], Callable[..., Rule]]:
    """For lazy arrays: the rule in each chunk of a stack, since Dask has few of NumPy's functions of matrices.

    `core` says how many last axes of each input are one matrix or vector: they are brought into one chunk.
    """

    def decorate(rule: Callable[..., Rule]) -> Callable[..., Rule]:
        @functools.wraps(rule)
        def run(*args: Any, **kwargs: Any) -> Rule:
            return _in_chunks(rule, core, args, kwargs) if any(map(lazy, args)) else rule(*args, **kwargs)

        return run

    return decorate


def _in_chunks(rule: Callable[..., Rule], core: Shape, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rule:
    import dask.array

    apply: Any = dask.array.apply_gufunc
    arrays, settings = args[: len(core)], args[len(core) :]
    shapes = [np.shape(a)[-n:] for a, n in zip(arrays, core)]
    letters = iter(string.ascii_letters)
    inputs = [f"({','.join(next(letters) for _ in shape)})" for shape in shapes]
    with np.errstate(all="ignore"):  # on one matrix, for the shape of what comes out
        ones = [(np.eye(*shape) if len(shape) == 2 else np.ones(shape)).astype(arrays[0].dtype) for shape in shapes]
        value, closures = rule(*ones, *settings, **kwargs)
    at: Any = lambda g, k, *xs: rule(*xs, *settings, **kwargs)[1][k](g)  # type: ignore[misc]
    sizes = {next(letters): n for n in np.shape(value)}
    output = f"({','.join(sizes)})"

    def chunked(function: Callable[..., Any], signature: str, *arrays: Any, **sizes: Any) -> Any:
        options = {"output_dtypes": value.dtype, "allow_rechunk": True, **sizes}
        return apply(function, signature, *arrays, **options)

    def gradient(k: int) -> Callable[[Any], Any]:
        signature = f"{','.join([output, *inputs])}->{inputs[k]}"
        return lambda g: chunked(lambda g, *xs: at(g, k, *xs), signature, g, *arrays)

    forward = f"{','.join(inputs)}->{output}"
    out = chunked(lambda *xs: rule(*xs, *settings, **kwargs)[0], forward, *arrays, output_sizes=sizes)
    return out, tuple([None if closure is None else gradient(k) for k, closure in enumerate(closures)])


# ---------------------------------------------------------------------------------- inverses, determinants, equations


@op(np.linalg.inv, linear=False)
@matrixwise(2)
def inv(x: Array) -> Rule:
    """out = x⁻¹        ∂L/∂x = -outᵀ @ g @ outᵀ"""
    y = np.linalg.inv(x)
    return y, (lambda g: -(T(y) @ g @ T(y)),)


@op(np.linalg.pinv, linear=False)
@matrixwise(2)
def pinv(x: Array, *rcond: Any, **options: Any) -> Rule:
    """out = x⁺        ∂L/∂x = -outᵀ @ g @ outᵀ + (I - x @ out) @ gᵀ @ out @ outᵀ + outᵀ @ out @ gᵀ @ (I - out @ x)

    The Moore-Penrose inverse, arguments as in `np.linalg.pinv`. Its derivative is that at constant rank: where the rank
    changes the inverse itself jumps. Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973), 413.
    """
    p = np.linalg.pinv(x, *rcond, **options)

    def grad(g: Array) -> Array:
        pt, gt = T(p), T(g)
        outside = gt @ p @ pt
        inside = pt @ p @ gt
        return -(pt @ g @ pt) + outside - x @ (p @ outside) + inside - (inside @ p) @ x

    return p, (grad,)


@forward
def cofactors_forward(x: Array) -> Array:
    """By the inverse, or for a nearly singular x by its singular values: the product of all but one, for each."""
    with contextlib.suppress(np.linalg.LinAlgError):
        inverse = np.linalg.inv(x)
        condition = np.linalg.norm(x, axis=(-2, -1)) * np.linalg.norm(inverse, axis=(-2, -1))
        if np.all(condition < np.finfo(inverse.dtype).eps ** -0.5):
            return T(inverse) * np.linalg.det(x)[..., None, None]
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.where(beside(np.eye(n, dtype=bool), s), 1, s[..., None, :]).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * (sign[..., None] * others)[..., None, :]) @ vh


@op
@matrixwise(2)
def cofactors(x: Array) -> Rule:
    """out = det x · x⁻ᵀ        ∂L/∂x = tr(gᵀ @ out) · x⁻ᵀ - x⁻ᵀ @ gᵀ @ out

    A singular x has cofactors too; their gradient needs an invertible one.
    """
    out = cofactors_forward(x)

    def grad(g: Array) -> Array:
        inverse = T(np.linalg.inv(x))
        return np.sum(g * out, axis=(-2, -1), keepdims=True) * inverse - inverse @ T(g) @ out

    return out, (grad,)


@op(np.linalg.det, linear=False)
@matrixwise(2)
def det(x: Array) -> Rule:
    """out = det x        ∂L/∂x = g · out · x⁻ᵀ

    The cofactors of a singular matrix are there, and so is its gradient; the second derivative needs an invertible one.
    """
    return np.linalg.det(x), (lambda g: np.expand_dims(g, (-2, -1)) * cofactors(x),)


@op
def slogdet(x: Array) -> Rule:
    """out = [sign(det x), log |det x|]        ∂L/∂x = g[1] · x⁻ᵀ"""
    not_lazy("slogdet", x)
    sign, logdet = np.linalg.slogdet(x)
    return np.stack((sign, logdet)), (lambda g: np.expand_dims(g[1], (-2, -1)) * T(np.linalg.inv(x)),)


SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


@implements(np.linalg.slogdet)
def _slogdet(a: Array) -> Any:
    """`np.linalg.slogdet`. The sign has no derivative and is plain NumPy."""
    both = slogdet(a)
    return SlogdetResult(both.value[0], both[1])


@op(np.linalg.solve, linear=False)
@matrixwise(2, 2)
def solve(a: Array, b: Array) -> Rule:
    """out = a⁻¹ @ b        ∂L/∂a = -a⁻ᵀ @ g @ outᵀ        ∂L/∂b = a⁻ᵀ @ g

    Shapes as in `np.linalg.solve`: b is a vector if it has one axis, else a matrix or a stack of them.
    """
    x = np.linalg.solve(a, b)
    vector = np.ndim(b) == 1

    def grad_b(g: Array) -> Array:
        """As a matrix, of one column where b is a vector."""
        return np.linalg.solve(T(a), np.expand_dims(g, -1) if vector else g)

    return x, (
        lambda g: -(grad_b(g) @ T(np.expand_dims(x, -1) if vector else x)),
        lambda g: grad_b(g)[..., 0] if vector else grad_b(g),
    )


@implements(np.linalg.tensorinv)
def tensorinv(a: Array, ind: int = 2) -> Array:
    """`np.linalg.tensorinv`: the inverse for np.tensordot over `ind` axes.

    Raises:
        ValueError: the sizes of a's first `ind` axes and of the others do not multiply to the same.
    """
    before, after = np.shape(a)[:ind], np.shape(a)[ind:]
    if ind < 1 or math.prod(before) != math.prod(after):
        raise ValueError(f"a's first {ind} axes must hold as many elements as the others")
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(before), math.prod(after)))), after + before)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Array, b: Array, axes: tuple[int, ...] | None = None) -> Array:
    """`np.linalg.tensorsolve`: x with np.tensordot(a, x, x.ndim) = b; `axes` of a are moved to its end before.

    Raises:
        ValueError: a does not have b's size squared.
    """
    if axes is not None:
        a = np.moveaxis(a, axes, range(np.ndim(a) - len(axes), np.ndim(a)))
    n, unknown = np.size(b), np.shape(a)[np.ndim(b) :]
    if np.size(a) != n * n or math.prod(unknown) != n:
        raise ValueError(f"a's size must be the square of b's, {n}²")
    return np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.ravel(b)), unknown)


@implements(np.linalg.lstsq)
def lstsq(a: Array, b: Array, rcond: float | None = None) -> tuple[Array, Array, int, Array]:
    """`np.linalg.lstsq`: the x of least |b - a x|, and of these the shortest: (x, residuals, rank, singular values).

    x is a⁺ @ b, so the derivatives are those at constant rank. As in NumPy, `residuals` is empty where a has fewer rows
    than columns, as many, or not its full rank. The rank is a plain integer.
    """
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2):
        raise ValueError("a must be a matrix, and b a vector or a matrix")
    m, n = np.shape(a)
    a, b = map(as_array, (a, b))
    a = a.astype(np.result_type(a, b))
    s = np.linalg.svd(a, compute_uv=False)
    eps = np.finfo(s.dtype).eps
    rcond = eps * max(m, n) if rcond is None else eps if rcond < 0 else rcond
    rank = int(np.sum(s > rcond * s[:1]))
    x = np.linalg.pinv(a, rcond) @ b
    residuals = np.reshape(np.sum((b - a @ x) ** 2, axis=0), -1) if rank == n < m else np.zeros_like(x, shape=0)
    return x, residuals, rank, s


# ------------------------------------------------------------------------------------------------------ decompositions
#
# An op has one value. A decomposition into several is packed into one array by its op, and taken apart again by the
# function that stands for NumPy's. Run again on Tensors, that function gives the parts of the node itself.


def pack(*parts: Array) -> Array:
    """Matrices (or stacks of them) as one array, each flattened to a row."""
    rows = [(*stack, n * m) for *stack, n, m in map(np.shape, parts)]
    return np.concatenate([np.reshape(part, row) for part, row in zip(parts, rows)], -1)


def unpack(packed: Array, *shapes: Shape) -> list[Array]:
    """The matrices of these shapes that were packed."""
    ends = accumulate([rows * columns for rows, columns in shapes], initial=0)
    stack = np.shape(packed)[:-1]
    return [np.reshape(packed[..., i:j], (*stack, *shape)) for (i, j), shape in zip(pairwise(ends), shapes)]


def mirrored(x: Array) -> Array:
    """The symmetric matrix that has x's lower triangle."""
    return np.tril(x) + T(np.tril(x, -1))


def over_gaps(x: Array, values: Array) -> Array:
    """xᵢⱼ / (valuesⱼ - valuesᵢ), and 0 on the diagonal. Equal values divide by zero: inf or nan, as NumPy has it."""
    one = beside(np.eye(np.shape(x)[-1], dtype=x.dtype), x)
    return x * (1 - one) / (np.expand_dims(values, -2) - np.expand_dims(values, -1) + one)


def slopes(g: Array, s: Array, constant: bool) -> Array:
    """(gⱼ - gᵢ) / (sⱼ - sᵢ), and 0 on the diagonal.

    Of equal s this is the derivative of g, which is 0 where g is constant. Otherwise it is not known here, and NaN.
    """
    dg, ds = (np.expand_dims(a, -2) - np.expand_dims(a, -1) for a in (g, s))
    flat = beside(np.eye(np.shape(s)[-1], dtype=bool), s) | ((dg == 0) & constant)
    return dg / np.where(flat & (ds == 0), 1, ds)


@op
@matrixwise(2)
def cholesky(x: Array) -> Rule:
    """out @ outᵀ = x        ∂L/∂x = ½ · out⁻ᵀ @ (P + Pᵀ - I · P) @ out⁻¹, where P = tril(outᵀ @ g)

    Like NumPy's, it reads the lower triangle alone; x is symmetric, and so is its gradient.
    I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527.
    """
    lower = np.linalg.cholesky(x)

    def grad(g: Array) -> Array:
        inverse = np.linalg.inv(lower)
        return T(inverse) @ mirrored(T(lower) @ g) @ inverse / 2

    return lower, (grad,)


@implements(np.linalg.cholesky)
def _cholesky(a: Array, /, *, upper: bool = False) -> Array:
    """`np.linalg.cholesky`; with `upper`, from the upper triangle, the factor whose transpose comes first."""
    return T(cholesky(T(a))) if upper else cholesky(a)


@op
@matrixwise(2)
def qr(x: Array, complete: bool = False) -> Rule:
    """out = [q, r], x = q r        ∂L/∂x = (∂L/∂q + q P) r⁻ᵀ

    P is the symmetric matrix with the lower triangle of r ∂L/∂rᵀ - ∂L/∂qᵀ q. For an x of full rank with as many rows as
    columns, or more. The further columns of a complete q are some orthonormal basis of what is left: they are taken to
    turn as little as can be, which gives the right derivative of whatever does not depend on the choice of that basis.
    S. Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions, arXiv:1001.1654.
    """
    q, r = np.linalg.qr(x, "complete" if complete else "reduced")
    n = np.shape(x)[-1]

    def grad(g: Array) -> Array:
        gq, gr = unpack(g, np.shape(q)[-2:], np.shape(r)[-2:])
        gq, own, upper = turned(gq, q, n), q[..., :n], r[..., :n, :]
        return T(np.linalg.solve(upper, T(gq + own @ mirrored(upper @ T(gr[..., :n, :]) - T(gq) @ own))))

    return pack(q, r), (grad,)


def turned(g: Array, basis: Array, n: int) -> Array:
    """The gradient of the first n columns of an orthonormal basis, with what reaches them through the rest of it."""
    if np.shape(basis)[-1] == n:
        return g
    return g[..., :n] - basis[..., n:] @ T(g[..., n:]) @ basis[..., :n]


QRResult: Any = type(np.linalg.qr(np.eye(1)))


@implements(np.linalg.qr)
def _qr(a: Array, mode: str = "reduced") -> Any:
    """`np.linalg.qr` with mode "reduced", "complete" or "r"."""
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"mode must be 'reduced', 'complete' or 'r', not {mode!r}")
    m, n = np.shape(a)[-2:]
    if m < n:  # a = [x, y] = q [r, qᵀ y]
        q, r = np.linalg.qr(a[..., :m])
        r = np.concatenate((r, T(q) @ a[..., m:]), -1)
    else:
        k = m if mode == "complete" else n
        q, r = unpack(qr(a, mode == "complete"), (m, k), (k, n))
    return r if mode == "r" else QRResult(q, r)


@op
@matrixwise(2)
def eigh(x: Array, UPLO: Triangle = "L") -> Rule:
    """out = [w, v], x = v diag(w) vᵀ        ∂L/∂x = v (vᵀ ∂L/∂v / (wⱼ - wᵢ)) vᵀ, made symmetric

    The gradient of the vectors; that of the values is in `eigenvalues`. Like NumPy's, it reads one triangle; x is
    symmetric, and so is its gradient. The vectors of equal values are some basis of a space and have no derivative:
    it comes out as inf or nan. M. Giles, Collected matrix derivative results for forward and reverse mode AD (2008).
    """
    w, v = np.linalg.eigh(x, UPLO)
    n = np.shape(x)[-1]

    def grad(g: Array) -> Array:
        _, gv = unpack(g, (1, n), (n, n))
        gx = v @ over_gaps(T(v) @ gv, w) @ T(v)
        return (gx + T(gx)) / 2

    return pack(np.expand_dims(w, -2), v), (grad,)


@op
@matrixwise(2, 1)
def eigenvalues(x: Array, decomposed: Array) -> Rule:
    """out = w, x = v diag(w) vᵀ        ∂L/∂x = v diag(g) vᵀ

    Of a symmetric x, out of what `eigh` gave. Equal values are no harm in the first derivative.
    """
    n = np.shape(x)[-1]
    w, _ = unpack(decomposed, (1, n), (n, n))
    return w[..., 0, :], (lambda g: with_eigenvalues(g, x, decomposed, not requires_grad(g)), None)


def requires_grad(g: Array) -> bool:
    return isinstance(g, Node) and g.requires_grad


@op
@matrixwise(1, 2, 1)
def with_eigenvalues(w: Array, x: Array, decomposed: Array, constant: bool) -> Rule:
    """out = v diag(w) vᵀ, v the eigenvectors of x        ∂L/∂w = diag(vᵀ g v)        ∂L/∂x = v (slope · vᵀ g v) vᵀ

    slopeᵢⱼ = (wⱼ - wᵢ) / (λⱼ - λᵢ), λ the eigenvalues of x.
    """
    n = np.shape(x)[-1]
    _, v = unpack(decomposed, (1, n), (n, n))

    def grad(g: Array) -> Array:
        inner = T(v) @ g @ v
        return v @ ((inner + T(inner)) / 2 * slopes(w, eigenvalues(x, decomposed), constant)) @ T(v)

    out = (v * np.expand_dims(w, -2)) @ T(v)
    return out, (lambda g: np.sum(v * (g @ v), axis=-2), grad, None)


EighResult: Any = type(np.linalg.eigh(np.eye(1)))


@implements(np.linalg.eigh)
def _eigh(a: Array, UPLO: Triangle = "L") -> Any:
    """`np.linalg.eigh`: eigenvalues in ascending order and eigenvectors of symmetric matrices."""
    n = np.shape(a)[-1]
    decomposed = eigh(a, UPLO)
    return EighResult(eigenvalues(a, decomposed), unpack(decomposed, (1, n), (n, n))[1])


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Array, UPLO: Triangle = "L") -> Array:
    """`np.linalg.eigvalsh`: eigenvalues in ascending order of symmetric matrices."""
    return eigenvalues(a, eigh(a, UPLO))


def _svd_shapes(x: Array, full_matrices: bool) -> tuple[Shape, Shape, Shape]:
    """Those of u, s (as a row) and vᵀ."""
    m, n = np.shape(x)[-2:]
    k = min(m, n)
    return ((m, m), (1, k), (n, n)) if full_matrices else ((m, k), (1, k), (k, n))


@op
@matrixwise(2)
def svd(x: Array, full_matrices: bool = True) -> Rule:
    """out = [u, s, vᵀ], x = u diag(s) vᵀ        ∂L/∂x = u (A diag(s) + diag(s) B) vᵀ

    The gradient of the vectors; that of the values is in `singular_values`. Aᵢⱼ = (uᵀ ∂L/∂u - ∂L/∂uᵀ u)ᵢⱼ / (sⱼ² - sᵢ²)
    says how u turns, B likewise how v does; where x is not square there is also what leaves the span of u, or of v,
    divided by s. The vectors of equal values have no derivative, nor have those of a 0 in an x that is not square: it
    comes out as inf or nan. The further columns of full matrices are as in `qr`.
    J. Townsend, Differentiating the singular value decomposition (2016).
    """
    shapes = _svd_shapes(x, full_matrices)
    all_u, s, all_vt = np.linalg.svd(x, full_matrices)
    k = np.shape(s)[-1]
    u, v = all_u[..., :k], T(all_vt)[..., :k]

    def grad(g: Array) -> Array:
        gu, _, gvt = unpack(g, *shapes)
        gu, gv = turned(gu, all_u, k), turned(T(gvt), T(all_vt), k)
        row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
        in_u, in_v = T(u) @ gu, T(v) @ gv
        gx = over_gaps(in_u - T(in_u), s * s) * row + column * over_gaps(in_v - T(in_v), s * s)
        gx = u @ gx @ T(v)
        m, n = np.shape(x)[-2:]
        if m > k:
            gx = gx + ((gu - u @ in_u) / row) @ T(v)
        if n > k:
            gx = gx + u @ T((gv - v @ in_v) / row)
        return gx

    return pack(all_u, np.expand_dims(s, -2), all_vt), (grad,)


@op
@matrixwise(2, 1)
def singular_values(x: Array, decomposed: Array, full_matrices: bool) -> Rule:
    """out = s, x = u diag(s) vᵀ        ∂L/∂x = u diag(g) vᵀ

    Out of what `svd` gave. Equal values are no harm in the first derivative.
    """
    _, s, _ = unpack(decomposed, *_svd_shapes(x, full_matrices))
    way = full_matrices
    return s[..., 0, :], (lambda g: with_singular_values(g, x, decomposed, way, not requires_grad(g)), None)


@op
@matrixwise(1, 2, 1)
def with_singular_values(s: Array, x: Array, decomposed: Array, full_matrices: bool, constant: bool) -> Rule:
    """out = u diag(s) vᵀ, u and v as of x        ∂L/∂s = diag(uᵀ g v)        ∂L/∂x = u (slope · S + ratio · K) vᵀ

    S and K are the symmetric and the antisymmetric part of uᵀ g v, σ the singular values of x,
    slopeᵢⱼ = (sⱼ - sᵢ) / (σⱼ - σᵢ) and ratioᵢⱼ = (sⱼ + sᵢ) / (σⱼ + σᵢ); where x is not square, what leaves the span of
    u or of v counts too, times s / σ.
    """
    u, _, vt = unpack(decomposed, *_svd_shapes(x, full_matrices))
    k = np.shape(s)[-1]
    u, v = u[..., :k], T(vt)[..., :k]

    def grad(g: Array) -> Array:
        sigma = singular_values(x, decomposed, full_matrices)
        gv, inner = g @ v, T(u) @ g @ v
        both = np.expand_dims(sigma, -2) + np.expand_dims(sigma, -1) + beside(np.eye(k, dtype=x.dtype), x)
        ratio = (np.expand_dims(s, -2) + np.expand_dims(s, -1)) / both
        core = slopes(s, sigma, constant) * (inner + T(inner)) / 2 + ratio * (inner - T(inner)) / 2
        gx = u @ core @ T(v)
        m, n = np.shape(x)[-2:]
        share = np.expand_dims(s / sigma, -2) if m != n else 1
        if m > k:
            gx = gx + ((gv - u @ inner) * share) @ T(v)
        if n > k:
            gu = T(g) @ u
            gx = gx + u @ T((gu - v @ T(inner)) * share)
        return gx

    out = (u * np.expand_dims(s, -2)) @ T(v)
    return out, (lambda g: np.sum(u * (g @ v), axis=-2), grad, None)


SVDResult: Any = type(np.linalg.svd(np.eye(1)))


@implements(np.linalg.svd)
def _svd(a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """`np.linalg.svd`: u, the singular values in descending order, and vᵀ; without compute_uv the values alone.

    `hermitian` changes nothing: what is symmetric has the same decomposition.
    """
    full_matrices = full_matrices and compute_uv
    decomposed = svd(a, full_matrices)
    s = singular_values(a, decomposed, full_matrices)
    u, _, vt = unpack(decomposed, *_svd_shapes(a, full_matrices))
    return SVDResult(u, s, vt) if compute_uv else s


# --------------------------------------------------------------------------------------------------------------- norms


@forward
def norm_forward(x: Array, p: float, axis: Axis, keepdims: bool) -> Array:
    if p != 2:
        return np.sum(np.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)
    if axis is None and not keepdims:
        return np.sqrt(np.vdot(x, x))
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


@op
def norm(x: Array, p: float = 2, axis: Axis = None, keepdims: bool = False) -> Rule:
    """out = (Σ |x|ᵖ)^(1/p)        ∂L/∂x = g · sign(x) · (|x| / out)ᵖ⁻¹

    Where out is 0 the gradient is 0.
    """
    y = norm_forward(x, p, axis, keepdims)

    def grad(g: Array) -> Array:
        scale = np.where(y == 0, np.inf, y)
        if axis is not None and not keepdims:
            g, scale = np.expand_dims(g, axis), np.expand_dims(scale, axis)
        return g * (x / scale) if p == 2 else g * (np.sign(x) * (np.abs(x) / scale) ** (p - 1))

    return y, (grad,)


def _norm_of_vectors(x: Array, ord: Any, axis: Axis, keepdims: bool) -> Array:
    if ord in (np.inf, -np.inf):
        if ord > 0 and np.size(x) == 0:
            return np.sum(x, axis=axis, keepdims=keepdims)  # the largest of none is 0
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims)  # a count: it has no derivative
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"ord={ord!r} is a norm of matrices, along axis={axis} there are vectors")
    return norm(x, ord, axis, keepdims)


def _norm_of_matrices(x: Array, ord: Any, axis: tuple[int, int], keepdims: bool) -> Array:
    if ord in (None, "fro", "f"):
        return norm(x, 2, axis, keepdims)
    matrices = np.moveaxis(x, axis, (-2, -1))
    if ord in (2, -2, "nuc"):
        values = np.linalg.svd(matrices, compute_uv=False)
    elif ord in (1, -1, np.inf, -np.inf):
        values = np.sum(np.abs(matrices), axis=-2 if abs(ord) == 1 else -1)
    else:
        raise ValueError(f"ord={ord!r} is no norm of matrices: use None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    chosen = np.sum if ord == "nuc" or (ord > 0 and not np.size(values)) else np.max if ord > 0 else np.min
    out = chosen(values, axis=-1)  # none of them is below 0
    return np.expand_dims(out, axis) if keepdims else out


def _floating(x: Array) -> Array:
    """Squares and sums of small integers would wrap round."""
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


@implements(np.linalg.norm)
def _norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """`np.linalg.norm`: every order that NumPy has, of vectors (one axis) and matrices (two).

    At 0 the derivative of a norm is taken as 0; elements that tie for the largest share the gradient equally.

    Raises:
        ValueError: the order is none of those, or `ord` is given for more than two axes without saying which.
    """
    x = _floating(x)
    if ord is None and axis is None:
        return norm(x, 2, None, keepdims)
    axes = tuple(range(np.ndim(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return _norm_of_vectors(x, 2 if ord is None else ord, axes[0], keepdims)
    if len(axes) == 2:
        rows, columns = np.lib.array_utils.normalize_axis_tuple(axes, np.ndim(x))
        return _norm_of_matrices(x, ord, (rows, columns), keepdims)
    raise ValueError(f"ord={ord!r} needs one axis (vectors) or two (matrices), and axis={axis} names {len(axes)}")


@implements(np.linalg.vector_norm)
def vector_norm(x: Array, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """`np.linalg.vector_norm`: of all elements along one axis, several or all."""
    return _norm_of_vectors(_floating(x), ord, axis, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """`np.linalg.matrix_norm`: of the matrices in the last two axes."""
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Array, p: Any = None) -> Array:
    """`np.linalg.cond`: the norm of x times that of its inverse; for None, largest over smallest singular value."""
    if p in (None, 2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
