from typing import Any

import numpy as np

from tinygrad_lite.ops import linalg

from . import Case, rand

Array = Any


def _square(*shape: int, seed: int = 0) -> Array:
    """Invertible matrices, well away from singular ones."""
    return rand(*shape, seed=seed) + 2 * np.eye(shape[-1])


def _symmetric(x: Array) -> Array:
    return (x + np.swapaxes(x, -1, -2)) / 2


def _positive(x: Array) -> Array:
    return _symmetric(x) + 3 * np.eye(x.shape[-1], dtype=x.dtype)


def _with_singular_values(s: Array, x: Array) -> Array:
    return linalg.with_singular_values(s, x, linalg.svd(x), True, False)


def _projectors(basis: Array, n: int) -> Array:
    """What does not depend on which basis of a space is chosen: of the first n columns' space, and of the rest."""
    first, rest = basis[..., :n], basis[..., n:]
    return first @ np.swapaxes(first, -1, -2) - 2 * rest @ np.swapaxes(rest, -1, -2)


def _sine(x: Array) -> Array:
    """Of a matrix: sin of its eigenvalues."""
    w, v = np.linalg.eigh(x)
    return (v * np.sin(w)) @ v.T


TALL, WIDE = rand(4, 2), rand(2, 4)
STACK = rand(2, 4, 3)

CASES = {
    "inv": [Case(np.linalg.inv, [_square(*shape)], f"{shape}") for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0))],
    "pinv": [
        Case(np.linalg.pinv, [_square(3, 3)], "square"),
        Case(np.linalg.pinv, [TALL], "tall"),
        Case(np.linalg.pinv, [WIDE], "wide"),
        Case(np.linalg.pinv, [STACK], "stack"),
        Case(lambda x, y: np.linalg.pinv(x @ y, 1e-5), [TALL, rand(2, 3)], "of rank 2"),
    ],
    "det": [
        Case(np.linalg.det, [_square(3, 3)]),
        Case(np.linalg.det, [_square(2, 2, 2)], "stack"),
        Case(np.linalg.det, [-np.eye(3) + rand(3, 3) / 4], "negative"),
        Case(np.linalg.det, [_square(1, 1)], "1x1"),
    ],
    "cofactors": [
        Case(linalg.cofactors, [_square(3, 3)]),
        Case(linalg.cofactors, [_square(2, 2, 2)], "stack"),
        Case(linalg.cofactors, [_square(1, 1)], "1x1"),
    ],
    "slogdet": [
        Case(lambda x: np.linalg.slogdet(x).logabsdet, [_square(3, 3)]),
        Case(lambda x: np.linalg.slogdet(x)[1], [-_square(2, 3, 3)], "stack"),
    ],
    "solve": [
        Case(np.linalg.solve, [_square(3, 3), rand(3)], "vector"),
        Case(np.linalg.solve, [_square(3, 3), rand(3, 2)], "matrix"),
        Case(np.linalg.solve, [_square(2, 3, 3), rand(3)], "stack and vector"),
        Case(np.linalg.solve, [_square(2, 3, 3), rand(3, 2)], "stack and matrix"),
        Case(np.linalg.solve, [_square(3, 3), rand(2, 3, 1)], "matrix and stack"),
    ],
    "cholesky": [
        Case(lambda x: np.linalg.cholesky(_positive(x)), [rand(3, 3)]),
        Case(lambda x: np.linalg.cholesky(_positive(x), upper=True), [rand(2, 3, 3)], "upper"),
    ],
    "qr": [
        Case(lambda x: np.linalg.qr(x).Q, [TALL], "q"),
        Case(lambda x: np.linalg.qr(x, "r"), [TALL], "r"),
        Case(lambda x: np.linalg.qr(x)[0], [_square(3, 3)], "square"),
        Case(lambda x: np.concatenate(np.linalg.qr(x), -2), [STACK], "stack"),
        Case(lambda x: np.concatenate(np.linalg.qr(x), -1), [WIDE], "wide"),
        Case(lambda x: _projectors(np.linalg.qr(x, "complete").Q, 2), [TALL], "complete q"),
        Case(lambda x: np.linalg.qr(x, "complete").R, [TALL], "complete r"),
    ],
    "eigh": [
        Case(lambda x: np.linalg.eigh(_symmetric(x)).eigenvectors, [rand(3, 3)]),
        Case(lambda x: np.linalg.eigh(_symmetric(x), "U")[1], [rand(2, 2, 2)], "stack"),
        Case(lambda x: _sine(_symmetric(x)), [rand(3, 3)], "both"),
    ],
    "eigenvalues": [
        Case(lambda x: np.linalg.eigh(_symmetric(x)).eigenvalues, [rand(3, 3)]),
        Case(lambda x: np.linalg.eigvalsh(_symmetric(x)), [rand(2, 3, 3)], "stack"),
    ],
    "with_eigenvalues": [
        Case(
            lambda w, x: linalg.with_eigenvalues(w, _symmetric(x), linalg.eigh(_symmetric(x)), False),
            [rand(3), rand(3, 3)],
        ),
    ],
    "svd": [
        Case(lambda x: np.linalg.svd(x).U, [rand(3, 3)], "u"),
        Case(lambda x: np.linalg.svd(x).Vh, [rand(3, 3)], "v"),
        Case(lambda x: np.linalg.svd(x, full_matrices=False)[0], [TALL], "tall u"),
        Case(lambda x: np.linalg.svd(x, full_matrices=False)[2], [TALL], "tall v"),
        Case(lambda x: np.linalg.svd(x, False)[0], [WIDE], "wide u"),
        Case(lambda x: np.linalg.svd(x, False)[2], [WIDE], "wide v"),
        Case(lambda x: np.linalg.svd(x, False)[0], [STACK], "stack"),
        Case(lambda x: _projectors(np.linalg.svd(x)[0], 1), [TALL], "full tall"),
        Case(lambda x: _projectors(np.linalg.svd(x)[2].mT, 2), [WIDE], "full wide"),
    ],
    "singular_values": [
        Case(lambda x: np.linalg.svd(x).S, [rand(3, 3)]),
        Case(np.linalg.svdvals, [TALL], "tall"),
        Case(lambda x: np.linalg.svd(x, compute_uv=False), [rand(2, 2, 3)], "wide stack"),
    ],
    "with_singular_values": [
        Case(lambda s, x: _with_singular_values(s, x), [rand(3), rand(3, 3)]),
        Case(lambda s, x: _with_singular_values(s, x), [rand(2), TALL], "tall"),
        Case(lambda s, x: _with_singular_values(s, x), [rand(2, 2), rand(2, 2, 3)], "wide stack"),
    ],
    "norm": [
        Case(np.linalg.norm, [rand(2, 3)]),
        Case(np.linalg.norm, [rand(3)], "vector"),
        Case(lambda x: np.linalg.norm(x, axis=1), [rand(2, 3)], "axis"),
        Case(lambda x: np.linalg.norm(x, axis=-1, keepdims=True), [rand(2, 3)], "keepdims"),
        Case(lambda x: np.linalg.norm(x, axis=None, keepdims=True), [rand(2, 3)], "keepdims of all"),
        Case(lambda x: np.linalg.norm(x, "fro", axis=(0, 2)), [rand(2, 3, 2)], "fro"),
        Case(lambda x: np.linalg.norm(x, 3), [rand(4)], "3"),
        Case(lambda x: np.linalg.norm(x, 3.5, axis=0, keepdims=True), [rand(2, 3)], "3.5"),
        Case(lambda x: np.linalg.norm(x, -1), [rand(4)], "-1"),
        Case(lambda x: np.linalg.vector_norm(x, ord=3, axis=(0, 2)), [rand(2, 3, 2)], "axes"),
        Case(lambda x: linalg.norm(x), [rand()], "scalar"),
    ],
}
