"""Lengths and distances of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((2, 3, 4))


def test_normalize() -> None:
    np.testing.assert_allclose(F.normalize(X), X / np.sqrt((X**2).sum(1, keepdims=True)))
    np.testing.assert_allclose(F.normalize(X, 1, 0), X / np.abs(X).sum(0))
    tg.gradcheck(F.normalize, X)
    zero = tg.Tensor(np.zeros((1, 3)), requires_grad=True)
    out = F.normalize(zero)
    np.testing.assert_array_equal(out.data, 0)
    out.sum().backward()
    assert np.all(np.isfinite(zero.grad.data))


def test_cosine_similarity() -> None:
    expected = (X * Y).sum(1) / np.sqrt((X**2).sum(1) * (Y**2).sum(1))
    np.testing.assert_allclose(F.cosine_similarity(X, Y), expected)
    np.testing.assert_allclose(F.cosine_similarity(X, X[:1], axis=-1)[0], 1)
    assert F.cosine_similarity(np.zeros((1, 4)), Y[:1]) == 0
    tg.gradcheck(F.cosine_similarity, X, Y)


def test_pairwise_distance() -> None:
    np.testing.assert_allclose(F.pairwise_distance(X, Y), np.sqrt(((X - Y + 1e-6) ** 2).sum(1)))
    np.testing.assert_allclose(F.pairwise_distance(X, Y, 1, 0, keepdims=True), np.abs(X - Y).sum(1, keepdims=True))
    tg.gradcheck(F.pairwise_distance, X, Y)
    x = tg.Tensor(X, requires_grad=True)
    F.pairwise_distance(x, X).sum().backward()
    assert np.all(np.isfinite(x.grad.data))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_vector_of_zeros_has_a_finite_gradient_in_every_dtype(dtype: Any) -> None:
    zero, other, one = np.zeros((2, 3), dtype), np.ones((2, 3), dtype), np.ones(2)
    losses: list[Any] = [
        lambda x: F.normalize(x),
        lambda x: F.cosine_similarity(x, other),
        lambda x: F.cosine_embedding_loss(x, other, one),
    ]
    for f in losses:
        x = tg.Tensor(zero, requires_grad=True)
        np.sum(f(x)).backward()
        assert x.grad is not None and np.isfinite(x.grad.data).all()


def test_pdist() -> None:
    rows = RNG.standard_normal((4, 3))
    expected = [np.sum(np.abs(rows[i] - rows[j]) ** 3) ** (1 / 3) for i in range(4) for j in range(i + 1, 4)]
    np.testing.assert_allclose(F.pdist(rows, 3.0), expected)
    tg.gradcheck(F.pdist, rows, order=2)
    assert F.pdist(rows[:1]).shape == (0,)
    with pytest.raises(ValueError, match=r"pdist: x must be \(N, M\), it has shape \(3,\)"):
        F.pdist(rows[0])
