"""dropout and its kin, rrelu, gumbel_softmax and multinomial: distributions, seeds, gradients, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn
from tinygrad_lite.random import manual_seed


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


@pytest.mark.parametrize("p", [None, "a", -0.1, 1.1, np.nan])
def test_a_probability_that_is_none_is_refused(p: Any) -> None:
    with pytest.raises(ValueError, match=r"^dropout: p must lie in \[0, 1\], not "):
        F.dropout(np.ones(3), p)


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d"])
def test_its_kin_refuse_and_end_as_dropout_does(name: str) -> None:
    spatial = int(name[-2]) if name.endswith("d") else 1
    f, x = getattr(F, name), tg.Tensor(np.ones((2, 3) + (4,) * spatial))
    assert f(x, 0.5, training=False) is x
    assert f(x, 0.0, training=True) is x
    np.testing.assert_array_equal(f(x, 1.0, training=True).data, 0)
    assert f(tg.Tensor(x.data, dtype=np.float32), 0.5, training=True).dtype == np.float32
    with pytest.raises(ValueError, match=rf"{name}: p must lie in \[0, 1\], not 1.5"):
        f(x, 1.5)


@pytest.mark.parametrize(
    ("name", "shape", "channels"),
    [
        ("dropout1d", (5, 6, 7), 2),
        ("dropout1d", (30, 7), 1),
        ("dropout2d", (5, 6, 7, 8), 2),
        ("dropout2d", (5, 6, 7), 2),
        ("dropout3d", (5, 6, 2, 3, 4), 2),
        ("dropout3d", (30, 2, 3, 4), 1),
        ("feature_alpha_dropout", (5, 6, 7, 8), 2),
        ("feature_alpha_dropout", (5, 6), 2),
    ],
)
def test_whole_channels_are_dropped(name: str, shape: tuple[int, ...], channels: int) -> None:
    out = getattr(F, name)(np.ones(shape), 0.5, training=True)
    flat = out.reshape(*shape[:channels], -1)
    assert np.all(flat == flat[..., :1])
    assert len(np.unique(out)) == 2


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal(200_000)
    for p in (0.1, 0.5):
        out = F.alpha_dropout(x, p, training=True)
        assert abs(out.mean()) < 0.02 and abs(out.var() - 1) < 0.02
        lowest, counts = np.unique(out, return_counts=True)
        assert abs(counts.max() / x.size - p) < 0.01 and lowest[counts.argmax()] < 0


def test_layers_drop_in_training_alone_and_with_the_seed() -> None:
    x = np.ones((4, 3, 5, 6))
    for name in ("Dropout2d", "AlphaDropout", "FeatureAlphaDropout", "RReLU"):
        layer = getattr(nn, name)()
        given = -x if name == "RReLU" else x
        manual_seed(1)
        a, b = layer(given), layer(given)
        manual_seed(1)
        assert np.array_equal(layer(given), a) and not np.array_equal(a, b)
        layer.eval()
        expected = given * (11 / 48) if name == "RReLU" else given
        np.testing.assert_allclose(layer(given), expected, rtol=1e-12)


def test_rrelu_draws_a_slope_for_each_that_is_below_0() -> None:
    x = tg.Tensor(np.linspace(-1, 1, 1001), requires_grad=True)
    out = F.rrelu(x, 0.2, 0.6, training=True)
    slopes = out.data[:500] / x.data[:500]
    assert 0.2 <= slopes.min() < 0.22 and 0.58 < slopes.max() <= 0.6
    np.testing.assert_array_equal(out.data[500:], x.data[500:])
    out.sum().backward()
    np.testing.assert_allclose(x.grad.data[:500], slopes)
    with pytest.raises(ValueError, match=r"rrelu: lower=0.5 must not be above upper=0.1"):
        F.rrelu(x, 0.5, 0.1)


def test_gumbel_softmax_chooses_as_softmax_says() -> None:
    manual_seed(0)
    logits = np.log([0.1, 0.2, 0.7])
    hard = F.gumbel_softmax(np.broadcast_to(logits, (20_000, 3)), hard=True)
    assert set(np.unique(np.round(hard, 12))) == {0, 1}
    np.testing.assert_allclose(hard.mean(axis=0), [0.1, 0.2, 0.7], atol=0.015)
    soft = F.gumbel_softmax(np.broadcast_to(logits, (50, 3)).T, tau=0.5, axis=0)
    np.testing.assert_allclose(soft.sum(axis=0), 1)


def test_the_gradient_of_a_hard_choice_is_that_of_a_soft_one() -> None:
    found = []
    for hard in (False, True):
        x = tg.Tensor(np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32), requires_grad=True)
        manual_seed(5)
        out = F.gumbel_softmax(x, 0.7, hard)
        assert out.dtype == np.float32
        (out * np.arange(4, dtype=np.float32)).sum().backward()
        found.append(x.grad.data)
    np.testing.assert_allclose(*found)
    with pytest.raises(ValueError, match="gumbel_softmax: tau must be above 0, not 0"):
        F.gumbel_softmax([1.0, 2.0], 0)


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_draws_in_the_ratio_of_its_input(replacement: bool) -> None:
    manual_seed(0)
    p = np.array([1.0, 0, 2, 7])
    drawn = F.multinomial(np.broadcast_to(p, (20_000, 4)), 2, replacement)
    assert drawn.shape == (20_000, 2) and drawn.dtype == np.int64
    first = np.bincount(drawn[:, 0], minlength=4) / 20_000
    np.testing.assert_allclose(first, p / 10, atol=0.015)
    if replacement:
        np.testing.assert_allclose(np.bincount(drawn[:, 1], minlength=4) / 20_000, p / 10, atol=0.015)
    else:
        assert not np.any(drawn[:, 0] == drawn[:, 1])
        second = [0.2 / 8 + 0.7 / 3, 0, 0.1 * 2 / 9 + 0.7 * 2 / 3, 0.1 * 7 / 9 + 0.2 * 7 / 8]
        np.testing.assert_allclose(np.bincount(drawn[:, 1], minlength=4) / 20_000, second, atol=0.015)
    manual_seed(2)
    again = F.multinomial(tg.Tensor(p), 3, replacement)
    manual_seed(2)
    assert np.array_equal(F.multinomial(p, 3, replacement), again) and again.shape == (3,)


@pytest.mark.parametrize(
    ("p", "n", "said"),
    [
        ([0.0, 0.0], 1, r"multinomial: needs \(n,\) or \(m, n\) finite numbers of at least 0, not all 0"),
        ([1.0, -1.0], 1, "needs"),
        ([1.0, np.inf], 1, "needs"),
        ([1.0, 0.0, 2.0], 3, "multinomial: num_samples must be from 1 to 2, not 3"),
        ([1.0, 2.0], 0, "num_samples must be from 1 to 2, not 0"),
    ],
)
def test_what_multinomial_refuses(p: Any, n: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        F.multinomial(p, n)
