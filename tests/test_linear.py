"""linear, bilinear, embedding, bags of embeddings and one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

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


def test_rows_are_shortened_to_max_norm_in_the_weight_itself() -> None:
    weight: Any = tg.Tensor([[3.0, 4], [0.3, 0.4], [6, 8]], requires_grad=True)
    old = weight.data
    out = F.embedding([0, 1, 0], weight, max_norm=1.0)
    np.testing.assert_allclose(out.data, [[0.6, 0.8], [0.3, 0.4], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(weight.data, [[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]], rtol=1e-6)
    assert np.array_equal(old[0], [3, 4])
    with pytest.raises(TypeError, match="embedding: max_norm changes the weight, which must be a Tensor"):
        F.embedding([0], np.ones((2, 2)), max_norm=1.0)


def test_bags_to_second_order() -> None:
    weight, w = RNG.standard_normal((5, 3)), RNG.standard_normal((3, 4))
    indices = RNG.integers(0, 5, (3, 4))
    for mode in ("sum", "mean", "max"):
        tg.gradcheck(lambda x, mode=mode: F.embedding_bag(indices, x, mode=mode) ** 2, weight, order=2)
    tg.gradcheck(lambda x, w: F.embedding_bag(indices, x, mode="sum", per_sample_weights=w) ** 2, weight, w, order=2)
    for mode in ("sum", "mean", "max"):
        empty = F.embedding_bag(np.zeros(0, int), tg.Tensor(weight), np.array([0, 0]), mode=mode)
        assert np.array_equal(empty.data, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([0, 1],), r"embedding_bag: give indices \(bags, n\), or \(total,\) with offsets"),
        (([[0, 1]], [0]), "give indices"),
        (([0, 1], [1]), r"embedding_bag: offsets must rise from 0 to at most the 2 indices, got \[1\]"),
        (([0, 1], [0, 3]), "offsets must rise"),
        (([[0, 1]], None, None, 2.0, False, "most"), "mode must be 'sum', 'mean' or 'max', not 'most'"),
        (([[0, 1]], None, None, 2.0, False, "mean", [[1.0, 2.0]]), "per_sample_weights must have input's shape"),
    ],
)
def test_bags_that_are_refused(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        F.embedding_bag(arguments[0], np.ones((3, 2)), *arguments[1:])


def test_one_hot() -> None:
    np.testing.assert_array_equal(F.one_hot([[2], [0]]), [[[0, 0, 1]], [[1, 0, 0]]])
    assert F.one_hot(tg.Tensor(np.array([1])), 4).shape == (1, 4)
    assert F.one_hot(np.zeros(0, int), 4).shape == (0, 4)


@pytest.mark.parametrize("size", [3.0, None, "3", np.float64(3)])
def test_sizes_that_are_no_integers_are_refused(size: Any) -> None:
    with pytest.raises(TypeError, match=r"^one_hot: num_classes must be an integer, got "):
        F.one_hot([0, 1], size)
    if size is not None:
        with pytest.raises(TypeError, match=r"^embedding: padding_idx must be an integer or None, got "):
            F.embedding([0, 1], np.ones((3, 2)), padding_idx=size)
