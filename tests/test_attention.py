"""Attention: a mean of values, weighted by how well queries and keys agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(0)
Q, K, V = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 5, 4)), RNG.standard_normal((2, 5, 6))
attention = F.scaled_dot_product_attention


def softmax(x: Any) -> Any:
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def test_definition() -> None:
    scores = np.einsum("nle,nse->nls", Q, K)
    np.testing.assert_allclose(attention(Q, K, V), softmax(scores / 2) @ V)
    np.testing.assert_allclose(attention(Q, K, V, scale=0.3), softmax(scores * 0.3) @ V)
    bias = RNG.standard_normal((3, 5))
    np.testing.assert_allclose(attention(Q, K, V, bias), softmax(scores / 2 + bias) @ V)
    tg.gradcheck(attention, Q, K, V, bias)


def test_causal_is_a_triangular_mask_and_nothing_leaks_from_ahead() -> None:
    triangle = np.tri(3, 5, dtype=bool)
    expected = attention(Q, K, V, triangle)
    np.testing.assert_allclose(attention(Q, K, V, is_causal=True), expected)
    np.testing.assert_allclose(attention(Q, K, V, np.where(triangle, 0, -np.inf)), expected)
    np.testing.assert_allclose(expected[:, 0], V[:, 0])
    v = tg.Tensor(V, requires_grad=True)
    attention(Q, K, v, is_causal=True)[:, :2].sum().backward()
    np.testing.assert_array_equal(v.grad.data[:, 2:], 0)
    tg.gradcheck(lambda q, k, v: attention(q, k, v, is_causal=True), Q, K, V)


def test_a_query_that_may_attend_to_nothing_gets_0_and_gives_no_gradient() -> None:
    mask = np.ones((3, 5), bool)
    mask[1] = False
    for form in (mask, np.where(mask, 0.0, -np.inf)):
        q = tg.Tensor(Q, requires_grad=True)
        out = attention(q, K, V, form)
        np.testing.assert_array_equal(out.data[:, 1], 0)
        out.sum().backward()
        np.testing.assert_array_equal(q.grad.data[:, 1], 0)
        assert np.all(np.isfinite(q.grad.data))


def test_a_mask_may_be_a_list_or_a_tensor_and_gets_a_gradient_where_it_is_finite() -> None:
    allowed = np.tri(3, 5, 2, dtype=bool)
    allowed[1] = False
    expected = attention(Q, K, V, allowed)
    bias = tg.Tensor(np.where(allowed, 0, -np.inf), requires_grad=True)
    for form in (allowed.tolist(), tg.Tensor(allowed), bias.data.tolist(), bias):
        out = attention(tg.Tensor(Q), K, V, form)
        np.testing.assert_allclose(out.data, expected)
    out.sum().backward()
    assert bias.grad is not None
    np.testing.assert_array_equal(bias.grad.data != 0, allowed)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scaled_dot_product_attention: query, key and .* key: shape \(2, 5, 6\)"):
        attention(Q, V, V)
    with pytest.raises(ValueError, match="scaled_dot_product_attention: give attn_mask or is_causal, not both"):
        attention(Q, K, V, np.ones((3, 5), bool), is_causal=True)


def test_float32_stays_float32() -> None:
    q, k, v = (a.astype(np.float32) for a in (Q, K, V))
    assert attention(q, k, v, is_causal=True).dtype == np.float32
    assert attention(q, k, v, np.zeros((3, 5), np.float32)).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int32])
def test_a_mask_of_integers_is_refused(dtype: Any) -> None:
    mask = np.tri(3, 5).astype(dtype)
    for given in (mask, mask.tolist(), tg.Tensor(mask)):
        with pytest.raises(TypeError, match=r"attn_mask has dtype .*int.*: give booleans, True where "):
            attention(Q, K, V, given)
    np.testing.assert_allclose(attention(Q, K, V, mask.astype(bool)), attention(Q, K, V, is_causal=True))
