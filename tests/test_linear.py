"""linear, bilinear, embedding, one_hot and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.random import manual_seed

RNG = np.random.default_rng(0)


def test_linear_is_x_times_the_transposed_weight() -> None:
    x, w, b = RNG.standard_normal((2, 5, 3)), RNG.standard_normal((4, 3)), RNG.standard_normal(4)
    np.testing.assert_allclose(F.linear(x, w, b), np.einsum("nti,oi->nto", x, w) + b)
    np.testing.assert_allclose(F.linear(x, w[0]), x @ w[0])
    tg.gradcheck(F.linear, x, w, b)
    with pytest.raises(ValueError, match=r"linear: x's last axis .* x: shape \(2, 5, 3\) .* weight: shape \(3, 4\)"):
        F.linear(x, w.T)


def test_the_gradients_of_linear_are_those_of_the_textbook() -> None:
    x, w = (tg.Tensor(RNG.standard_normal(s), requires_grad=True) for s in ((5, 3), (4, 3)))
    g = RNG.standard_normal((5, 4))
    F.linear(x, w).backward(g)
    np.testing.assert_allclose(x.grad.data, g @ w.data)
    np.testing.assert_allclose(w.grad.data, g.T @ x.data)


def test_bilinear() -> None:
    x, y, w, b = (RNG.standard_normal(s) for s in ((5, 3), (5, 2), (4, 3, 2), (4,)))
    expected = [[x[n] @ w[k] @ y[n] + b[k] for k in range(4)] for n in range(5)]
    np.testing.assert_allclose(F.bilinear(x, y, w, b), expected)
    tg.gradcheck(F.bilinear, x, y, w, b)
    with pytest.raises(
        ValueError, match=r"bilinear: .* need shapes .* \(saw input1: shape \(5, 3\) .*, weight: shape \(4, 2, 3\)"
    ):
        F.bilinear(x, y, np.swapaxes(w, 1, 2))


def test_embedding_adds_up_the_gradients_of_a_row_that_is_used_twice() -> None:
    weight = tg.Tensor(RNG.standard_normal((4, 2)), requires_grad=True)
    out = F.embedding([[1, 3], [1, 0]], weight)
    np.testing.assert_array_equal(out.data, weight.data[[[1, 3], [1, 0]]])
    out.backward(np.ones((2, 2, 2)))
    np.testing.assert_array_equal(weight.grad.data, [[1, 1], [2, 2], [0, 0], [1, 1]])
    tg.gradcheck(lambda w: np.tanh(F.embedding([[1, 3], [1, 0]], w)), weight.data)
    assert F.embedding(np.zeros((0, 3), int), weight).shape == (0, 3, 2)


@pytest.mark.parametrize("padding", [1, -3])
def test_the_padding_row_gets_no_gradient(padding: int) -> None:
    weight = tg.Tensor(RNG.standard_normal((4, 2)), requires_grad=True)
    out = F.embedding([1, 3, 1], weight, padding_idx=padding)
    np.testing.assert_array_equal(out.data, weight.data[[1, 3, 1]])
    out.sum().backward()
    np.testing.assert_array_equal(weight.grad.data, [[0, 0], [0, 0], [0, 0], [1, 1]])


def test_indices_that_are_refused() -> None:
    weight = np.zeros((4, 2))
    with pytest.raises(IndexError, match="embedding: index 4 is out of range: weight has 4 rows"):
        F.embedding([0, 4], weight)
    with pytest.raises(IndexError, match="embedding: index -1 is out of range"):
        F.embedding([-1], weight)
    with pytest.raises(IndexError, match="embedding: padding_idx 4 is out of range"):
        F.embedding([0], tg.Tensor(weight), padding_idx=4)
    with pytest.raises(TypeError, match="embedding: indices must be integers, not float64"):
        F.embedding([0.5], weight)
    with pytest.raises(IndexError, match="one_hot: index 3 is out of range: num_classes is 3"):
        F.one_hot([3], 3)
    with pytest.raises(ValueError, match="one_hot: without any index num_classes cannot be told"):
        F.one_hot(np.zeros(0, int))


def test_one_hot() -> None:
    np.testing.assert_array_equal(F.one_hot([[2], [0]]), [[[0, 0, 1]], [[1, 0, 0]]])
    assert F.one_hot(tg.Tensor(np.array([1])), 4).shape == (1, 4)
    assert F.one_hot(np.zeros(0, int), 4).shape == (0, 4)


def test_dropout_keeps_the_mean_and_repeats_with_its_seed() -> None:
    x = tg.Tensor(np.ones(100_000, np.float32), requires_grad=True)
    manual_seed(3)
    a = F.dropout(x, 0.25)
    manual_seed(3)
    b = F.dropout(x, 0.25)
    np.testing.assert_array_equal(a.data, b.data)
    assert a.dtype == np.float32
    assert set(np.unique(a.data)) == {0, np.float32(1 / 0.75)}
    assert abs(a.data.mean() - 1) < 0.01  # five standard deviations of the mean
    a.sum().backward()
    np.testing.assert_array_equal(x.grad.data, a.data)


def test_the_mask_of_dropout_is_the_same_at_second_order() -> None:
    x = tg.Tensor(np.arange(1.0, 9), requires_grad=True)
    dropped = F.dropout(x, 0.5)
    (dropped**3).sum().backward(create_graph=True)
    first = x.grad
    assert first is not None
    np.testing.assert_allclose(first.data, 3 * dropped.data**2 * (dropped.data != 0) * 2)
    x.zero_grad()
    first.sum().backward()
    np.testing.assert_allclose(x.grad.data, 6 * dropped.data * 4 * (dropped.data != 0))


def test_dropout_at_its_ends() -> None:
    x = tg.Tensor(np.ones(3))
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 0.9, training=False) is x
    np.testing.assert_array_equal(F.dropout(x, 1.0).data, 0)
    with pytest.raises(ValueError, match=r"dropout: p must lie in \[0, 1\], not -0.1"):
        F.dropout(x, -0.1)


@pytest.mark.parametrize("size", [3.0, None, "3", np.float64(3)])
def test_sizes_that_are_no_integers_are_refused(size: Any) -> None:
    with pytest.raises(TypeError, match=r"^one_hot: num_classes must be an integer, got "):
        F.one_hot([0, 1], size)
    if size is not None:
        with pytest.raises(TypeError, match=r"^embedding: padding_idx must be an integer or None, got "):
            F.embedding([0, 1], np.ones((3, 2)), padding_idx=size)


@pytest.mark.parametrize("p", [None, "a", -0.1, 1.1, np.nan])
def test_a_probability_that_is_none_is_refused(p: Any) -> None:
    with pytest.raises(ValueError, match=r"^dropout: p must (lie in \[0, 1\], not|be a number, got) "):
        F.dropout(np.ones(3), p)
