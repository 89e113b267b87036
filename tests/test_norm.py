"""Normalisation against its definitions, its running statistics, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 6, 2, 3))
W, B = RNG.standard_normal(6), RNG.standard_normal(6)


def standard(x: Any, axes: tuple[int, ...], eps: float = 1e-5) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def by_channel(a: Any) -> Any:
    return a.reshape(1, -1, 1, 1)


def test_definitions() -> None:
    scaled = by_channel(W), by_channel(B)
    np.testing.assert_allclose(
        F.batch_norm(X, None, None, W, B, training=True), standard(X, (0, 2, 3)) * scaled[0] + scaled[1], rtol=1e-10
    )
    np.testing.assert_allclose(F.instance_norm(X, weight=W), standard(X, (2, 3)) * scaled[0], rtol=1e-10)
    np.testing.assert_allclose(F.layer_norm(X, (2, 3), eps=0.1), standard(X, (2, 3), 0.1), rtol=1e-10)
    np.testing.assert_allclose(F.layer_norm(X, 3), standard(X, (3,)), rtol=1e-10)
    groups = standard(X.reshape(4, 2, -1), (2,)).reshape(X.shape)
    np.testing.assert_allclose(F.group_norm(X, 2, None, B), groups + scaled[1], rtol=1e-10)
    rms = np.sqrt((X**2).mean((2, 3), keepdims=True) + np.finfo(float).eps)
    np.testing.assert_allclose(F.rms_norm(X, (2, 3), np.full((2, 3), 2.0)), X / rms * 2, rtol=1e-10)


def test_gradients_to_second_order() -> None:
    x = X[:, :2, :, :2]
    w, b = W[:2], B[:2]
    tg.gradcheck(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), x, w, b)
    tg.gradcheck(lambda x, w, b: F.batch_norm(x, b, w * w, w, b), x, w, b)
    tg.gradcheck(lambda x, w, b: F.layer_norm(x[..., 0], (2, 2), tg.Tensor(np.ones((2, 2)))) * w[0] * b[0], x, w, b)
    tg.gradcheck(lambda x, w, b: F.layer_norm(x, 2, w, b), x, w, b)
    tg.gradcheck(lambda x, w, b: F.group_norm(x, 1, w, b), x, w, b)
    tg.gradcheck(lambda x, w: F.rms_norm(x, 2, w), x, w)
    tg.gradcheck(lambda x: F.local_response_norm(x, 3, alpha=0.5), x)


@pytest.mark.parametrize("batch_last", [False, True])
def test_the_order_in_memory_does_not_matter(batch_last: bool) -> None:
    x = np.ascontiguousarray(X.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2) if batch_last else X
    t = tg.Tensor(x, requires_grad=True)
    (F.batch_norm(t, None, None, W, B, True) * X).sum().backward()
    u = tg.Tensor(X, requires_grad=True)
    (F.batch_norm(u, None, None, W, B, True) * X).sum().backward()
    np.testing.assert_allclose(t.grad.data, u.grad.data, rtol=1e-9, atol=1e-12)


def test_one_element_and_equal_ones_become_0() -> None:
    np.testing.assert_array_equal(F.layer_norm(np.full((2, 1), 7.0), 1), 0)
    np.testing.assert_array_equal(F.layer_norm(np.full((2, 3), 7.0), 3), 0)
    assert F.layer_norm(np.zeros((0, 3)), 3).shape == (0, 3)
    assert F.layer_norm(X.astype(np.float32), 3).dtype == np.float32


def test_running_statistics_follow_and_an_old_graph_keeps_what_it_saw() -> None:
    mean, var = tg.Tensor(np.zeros(6)), tg.Tensor(np.ones(6))
    x = tg.Tensor(X, requires_grad=True)
    before = F.batch_norm(x, mean, var)
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.data, 0.25 * X.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(var.data, 0.75 + 0.25 * X.var((0, 2, 3), ddof=1), rtol=1e-12)
    before.sum().backward()
    np.testing.assert_allclose(x.grad.data, 1 / np.sqrt(1 + 1e-5))
    mean32 = np.zeros(6, np.float32)
    F.batch_norm(X, mean32, None, training=True, momentum=1.0)
    np.testing.assert_allclose(mean32, X.mean((0, 2, 3)), rtol=1e-5)


def test_local_response_norm_looks_at_neighbouring_channels() -> None:
    x = X[:, :5]
    for size in (1, 2, 3):
        padded = np.pad(x**2, [(0, 0), (size // 2, (size - 1) // 2), (0, 0), (0, 0)])
        window = np.stack([padded[:, c : c + size].sum(1) for c in range(5)], 1)
        np.testing.assert_allclose(F.local_response_norm(x, size, 0.3, 0.6, 2.0), x / (2 + 0.3 / size * window) ** 0.6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: F.layer_norm(X, 4),
            r"layer_norm: x has shape \(4, 6, 2, 3\): its last axes must be normalized_shape, \(4,\)",
        ),
        (
            lambda: F.layer_norm(X, 3, W),
            r"layer_norm: weight has shape \(6,\): it needs \(3,\), normalized_shape \(saw x: shape \(4, 6, 2, 3\)",
        ),
        (
            lambda: F.batch_norm(X, None, None, W[:2], None, True),
            r"batch_norm: weight has shape \(2,\): it needs \(6,\), one number a channel",
        ),
        (lambda: F.batch_norm(X, None, None), "batch_norm: running_mean and running_var are needed"),
        (
            lambda: F.batch_norm(X[:1, :, 0, 0], None, None, training=True),
            "batch_norm: a single value in each channel",
        ),
        (lambda: F.batch_norm(W, None, None, training=True), r"batch_norm: x has shape \(6,\): it needs \(N, C, …\)"),
        (lambda: F.instance_norm(X[:, :, :1, :1]), "instance_norm: a single value in each channel has variance 0"),
        (lambda: F.group_norm(X, 4), "group_norm: x has 6 channels, which cannot be divided into 4 groups"),
        (lambda: F.local_response_norm(X, 0), "local_response_norm: size must be positive, not 0"),
    ],
)
def test_refused_in_a_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("name", ["layer_norm", "group_norm", "instance_norm", "batch_norm"])
def test_an_eps_that_requires_a_gradient_is_refused_by_the_name_that_was_called(name: str) -> None:
    arguments: Any = {"layer_norm": ((3,),), "group_norm": (1,), "batch_norm": (None, None, None, None, True)}
    eps = tg.Tensor(1e-5, requires_grad=True)
    with pytest.raises(TypeError, match=f"^{name}: eps must be a number, got shape"):
        getattr(F, name)(np.ones((2, 4, 3)), *arguments.get(name, ()), eps=eps)


# ------------------------------------------------------------------------------------------------ at the edges


@pytest.mark.parametrize("shape", [(0, 2), (0, 2, 3), (4, 2, 0)])
def test_an_empty_batch_leaves_the_running_statistics_as_they_are(shape: tuple[int, ...]) -> None:
    mean, var = tg.Tensor(np.zeros(2)), np.ones(2)
    x = tg.Tensor(np.zeros(shape), requires_grad=True)
    F.batch_norm(x, mean, var, W[:2], B[:2], training=True).sum().backward()
    assert x.grad.shape == shape
    assert mean.data.tolist() == [0, 0] and var.tolist() == [1, 1]
    assert F.batch_norm(np.zeros((3, 0, 2)), np.zeros(0), np.ones(0), training=True).shape == (3, 0, 2)


def test_running_statistics_of_integers_are_refused_as_they_could_not_follow() -> None:
    whole = np.zeros(6, int)
    np.testing.assert_allclose(F.batch_norm(X, whole, whole + 1), X / np.sqrt(1 + 1e-5))
    pairs: list[Any] = [(whole, np.ones(6)), (tg.Tensor(whole), tg.Tensor(np.ones(6))), (None, whole)]
    for running_mean, running_var in pairs:
        with pytest.raises(TypeError, match=r"batch_norm: running_.* of dtype int64 cannot follow a mean"):
            F.batch_norm(X, running_mean, running_var, training=True)


def test_a_momentum_of_one_over_the_batches_so_far_makes_averages() -> None:
    mean, batches = np.zeros(6), np.random.default_rng(1).standard_normal((5, 4, 6))
    for i, batch in enumerate(batches, 1):
        F.batch_norm(batch, mean, None, training=True, momentum=1 / i)
    np.testing.assert_allclose(mean, batches.mean((0, 1)))
    momentum: Any = None
    with pytest.raises(TypeError, match="batch_norm: momentum must be a number"):
        F.batch_norm(X, mean, None, training=True, momentum=momentum)


@pytest.mark.parametrize("eps", [0, -1e-5])
def test_an_eps_that_is_not_positive_is_refused(eps: float) -> None:
    calls: list[Any] = [
        lambda: F.batch_norm(X, None, None, training=True, eps=eps),
        lambda: F.instance_norm(X, eps=eps),
    ]
    for f in calls:
        with pytest.raises(ValueError, match="_norm: eps must"):
            f()
    for g, argument in ((F.layer_norm, 3), (F.group_norm, 2), (F.rms_norm, 3)):
        with pytest.raises(ValueError, match="_norm: eps must not be negative"):
            g(X, argument, eps=-1e-5)
    np.testing.assert_allclose(F.layer_norm(X, 3, eps=0), standard(X, (3,), 0))


def test_float16_is_standardised_in_float32() -> None:
    x = (300 * np.random.default_rng(0).standard_normal((70_000, 2))).astype(np.float16)
    batch: Any = lambda x: F.batch_norm(x, None, None, training=True)
    layer: Any = lambda x: F.layer_norm(x.T, 70_000).T
    for f in (batch, layer):
        t = tg.Tensor(x, requires_grad=True)
        out = f(t)
        assert out.dtype == np.float16
        np.testing.assert_allclose(out.data, standard(x.astype(float), (0,)), atol=2e-3)
        (out * x).sum().backward()
        u = tg.Tensor(x.astype(np.float64), requires_grad=True)
        (f(u) * x).sum().backward()
        assert t.grad.dtype == np.float16
        np.testing.assert_allclose(t.grad.data, u.grad.data, atol=5e-3)
    w = tg.Tensor(np.ones(2, np.float16), requires_grad=True)
    (F.batch_norm(x, None, None, w, w, training=True) + 1).sum().backward()
    np.testing.assert_allclose(w.grad.data.astype(float), np.inf)  # 70,000 is above all float16
    rms = np.sqrt((x.astype(float) ** 2).mean(1, keepdims=True) + np.finfo(np.float16).eps)
    np.testing.assert_allclose(F.rms_norm(x, 2), x / rms, atol=2e-3)
