"""Losses against their definitions, their reductions, and what they refuse."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 3))
Y = RNG.standard_normal((4, 3))
TARGET = np.array([0, 2, 1, 2])


def log_probabilities(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def gradient(f: Any, x: Any) -> Any:
    t = tg.Tensor(x, requires_grad=True)
    f(t).backward()
    assert t.grad is not None
    return t.grad.data


# ---------------------------------------------------------------------------------------------------- cross_entropy


def test_cross_entropy_is_minus_the_log_of_the_targets_probability() -> None:
    expected = -log_probabilities(X)[range(4), TARGET]
    np.testing.assert_allclose(F.cross_entropy(X, TARGET), expected.mean())
    np.testing.assert_allclose(F.cross_entropy(X, TARGET, reduction="sum"), expected.sum())
    np.testing.assert_allclose(F.cross_entropy(X, list(TARGET), reduction="none"), expected)
    np.testing.assert_allclose(F.cross_entropy(X, tg.Tensor(TARGET), reduction="none"), expected)
    np.testing.assert_allclose(F.nll_loss(log_probabilities(X), TARGET, reduction="none"), expected)
    np.testing.assert_allclose(F.cross_entropy(X[0], 0), expected[0])


def test_its_gradient_is_p_minus_y() -> None:
    p, y = np.exp(log_probabilities(X)), np.eye(3)[TARGET]
    np.testing.assert_allclose(gradient(lambda x: F.cross_entropy(x, TARGET), X), (p - y) / 4, rtol=1e-12)
    single = gradient(lambda x: F.cross_entropy(x, TARGET), X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, (p - y) / 4, rtol=1e-5)


def test_class_indices_are_one_hot_probabilities() -> None:
    w = np.array([0.5, 1.0, 3.0])
    for smoothing in (0.0, 0.3):
        for reduction in ("sum", "none"):
            a = F.cross_entropy(X, TARGET, w, reduction=reduction, label_smoothing=smoothing)
            b = F.cross_entropy(X, np.eye(3)[TARGET], w, reduction=reduction, label_smoothing=smoothing)
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_mean_is_weighted_and_leaves_out_what_is_ignored() -> None:
    w = np.array([0.5, 1.0, 3.0])
    each = -log_probabilities(X)[range(4), TARGET]
    np.testing.assert_allclose(F.cross_entropy(X, TARGET, w), (each * w[TARGET]).sum() / w[TARGET].sum())
    np.testing.assert_allclose(F.cross_entropy(X, TARGET, ignore_index=2), each[[0, 2]].mean())
    np.testing.assert_allclose(F.cross_entropy(X, TARGET, ignore_index=2, reduction="none"), each * [1, 0, 1, 0])
    np.testing.assert_array_equal(gradient(lambda x: F.cross_entropy(x, TARGET, ignore_index=2), X)[[1, 3]], 0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(F.cross_entropy(X, np.full(4, -100)))
    assert F.cross_entropy(X, np.full(4, -100), reduction="sum") == 0


def test_pixels_have_their_classes_along_axis_1() -> None:
    x = RNG.standard_normal((2, 3, 4, 5))
    target = RNG.integers(0, 3, (2, 4, 5))
    flat = F.cross_entropy(np.moveaxis(x, 1, -1).reshape(-1, 3), target.ravel(), reduction="none")
    np.testing.assert_allclose(F.cross_entropy(x, target, reduction="none").ravel(), flat)
    tg.gradcheck(lambda x: F.cross_entropy(x, target[:, :2, :2]), x[:, :, :2, :2])


def test_large_logits_overflow_nothing() -> None:
    x = np.array([[1e4, 0.0, -1e4], [-1e4, 0.0, 1e4]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(F.cross_entropy(x, [0, 0], reduction="none"), [0, 2e4])
        np.testing.assert_array_equal(gradient(lambda x: F.cross_entropy(x, [0, 0]), x)[1], [-0.5, 0, 0.5])


def test_logits_and_targets_that_dask_has_not_computed_yet() -> None:
    da = pytest.importorskip("dask.array")
    target = np.array([0, 2, -100, 1])
    for wrapped in (target, da.from_array(target, chunks=2)):
        x = tg.Tensor(da.from_array(X, chunks=(2, 3)), requires_grad=True)
        loss = F.cross_entropy(x, wrapped)
        loss.backward()
        assert isinstance(loss.data, da.Array)
        np.testing.assert_allclose(np.asarray(loss.data), F.cross_entropy(X, target))
        np.testing.assert_allclose(np.asarray(x.grad.data), gradient(lambda x: F.cross_entropy(x, target), X))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((X, [0, 1, 2, 3]), IndexError, "cross_entropy: target 3 is out of range: input has 3 classes, 0 to 2"),
        ((X, [0, 1, 2, -1]), IndexError, "cross_entropy: target -1 is out of range"),
        ((X, [0, 1, 2]), ValueError, r"cross_entropy: class indices need shape \(4,\), .* input: shape \(4, 3\)"),
        ((X, Y[:3]), ValueError, r"cross_entropy: targets must be .* target: shape \(3, 3\) float64"),
        ((X, TARGET, np.ones(4)), ValueError, r"cross_entropy: weight needs .* 3 classes .* weight: shape \(4,\)"),
        (
            (X, TARGET, None, -100, "avg"),
            ValueError,
            "cross_entropy: reduction must be 'mean', 'sum' or 'none', not 'avg'",
        ),
        (
            (X, TARGET, None, -100, "mean", 1.5),
            ValueError,
            r"cross_entropy: label_smoothing must lie in \[0, 1\], not 1.5",
        ),
        ((np.float64(1), 0), ValueError, "cross_entropy: input is a scalar; it needs an axis of classes"),
    ],
)
def test_cross_entropy_refuses_in_a_sentence(arguments: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        F.cross_entropy(*arguments)


# ----------------------------------------------------------------------------------------------------------- numbers


def test_definitions() -> None:
    d, s, p = X - Y, np.sign(Y), 1 / (1 + np.exp(-X))
    t = 1 / (1 + np.exp(-Y))
    each = {
        "mse_loss": ((X, Y), d**2),
        "l1_loss": ((X, Y), np.abs(d)),
        "huber_loss": ((X, Y), np.where(np.abs(d) < 1, d**2 / 2, np.abs(d) - 0.5)),
        "smooth_l1_loss": ((X, Y), np.where(np.abs(d) < 1, d**2 / 2, np.abs(d) - 0.5)),
        "binary_cross_entropy": ((p, t), -t * np.log(p) - (1 - t) * np.log(1 - p)),
        "binary_cross_entropy_with_logits": ((X, t), -t * np.log(p) - (1 - t) * np.log(1 - p)),
        "soft_margin_loss": ((X, s), np.log(1 + np.exp(-s * X))),
        "hinge_embedding_loss": ((X, s), np.where(s == 1, X, np.maximum(0, 1 - X))),
        "margin_ranking_loss": ((X, Y, s), np.maximum(0, -s * d)),
        "kl_div": ((np.log(p), t), t * (np.log(t) - np.log(p))),
        "poisson_nll_loss": ((X, t), np.exp(X) - t * X),
        "gaussian_nll_loss": ((X, Y, t), (np.log(t) + d**2 / t) / 2),
    }
    for name, (arguments, expected) in each.items():
        f = getattr(F, name)
        np.testing.assert_allclose(f(*arguments, reduction="none"), expected, rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(f(*arguments), expected.mean(), rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(f(*arguments, reduction="sum"), expected.sum(), rtol=1e-12, err_msg=name)
        with pytest.raises(ValueError, match=f"{name}: reduction must be 'mean', 'sum' or 'none', not 'max'"):
            f(*arguments, reduction="max")
        with pytest.raises(ValueError, match=rf"{name}: shapes \(4, 3\) and \(4, 1\) must be equal"):
            f(arguments[0], arguments[1][:, :1], *arguments[2:])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert np.isnan(f(*[a[:0] for a in arguments]))
        signs = [a for a in arguments if a is s]
        tg.gradcheck(lambda *xs, f=f, signs=signs: f(*xs, *signs), *[a for a in arguments if a is not s])


def test_binary_cross_entropy_stays_finite_at_certainty() -> None:
    p, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(F.binary_cross_entropy(p, y, reduction="none"), [0, 0, 100, 100])
        np.testing.assert_array_equal(gradient(lambda p: F.binary_cross_entropy(p, y), p), [0, 0, -2.5e11, 2.5e11])
    with pytest.raises(ValueError, match=r"binary_cross_entropy: input has elements outside \[0, 1\]"):
        F.binary_cross_entropy(np.array([1.5]), np.array([1.0]))


def test_binary_cross_entropy_with_logits_never_overflows() -> None:
    x = np.array([-1e4, 1e4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for extra in ({}, {"pos_weight": np.array(2.0)}):
            loss = F.binary_cross_entropy_with_logits(x, np.array([1.0, 0.0]), reduction="none", **extra)
            np.testing.assert_array_equal(loss, [2e4 if extra else 1e4, 1e4])


def test_kl_div_where_a_probability_is_0() -> None:
    t = tg.Tensor([0.0, 1.0], requires_grad=True)
    np.testing.assert_array_equal(F.kl_div(np.log([0.5, 0.5]), np.array([0.0, 1]), reduction="none"), [0, np.log(2)])
    F.kl_div(t, np.array([0.0, 1]), reduction="batchmean").backward()
    np.testing.assert_array_equal(t.grad.data, [0, -0.5])


def test_triplets_and_cosines() -> None:
    a, p, n = X, Y, -X
    near, far = np.sqrt(((a - p + 1e-6) ** 2).sum(1)), np.sqrt(((a - n + 1e-6) ** 2).sum(1))
    np.testing.assert_allclose(F.triplet_margin_loss(a, p, n, reduction="none"), np.maximum(0, near - far + 1))
    cosine = (X * Y).sum(1) / np.sqrt((X**2).sum(1) * (Y**2).sum(1))
    target = np.array([1, -1, 1, -1])
    expected = np.where(target == 1, 1 - cosine, np.maximum(0, cosine - 0.2))
    np.testing.assert_allclose(F.cosine_embedding_loss(X, Y, target, margin=0.2, reduction="none"), expected, rtol=1e-9)
    with pytest.raises(ValueError, match=r"cosine_embedding_loss: target has shape \(3,\): it needs one number"):
        F.cosine_embedding_loss(X, Y, target[:3])
    tg.gradcheck(lambda a, p, n: F.triplet_margin_loss(a, p, n, swap=True), a, p, n)
    tg.gradcheck(lambda x, y: F.cosine_embedding_loss(x, y, target), X, Y)


def test_a_vanishing_variance_is_held_at_eps_and_a_negative_one_refused() -> None:
    assert F.gaussian_nll_loss(np.zeros(1), np.zeros(1), np.zeros(1)) == 0.5 * np.log(1e-6)
    assert gradient(lambda v: F.gaussian_nll_loss(np.zeros(1), np.zeros(1), v), np.zeros(1)) == 0.5e6
    with pytest.raises(ValueError, match="gaussian_nll_loss: var has a negative element"):
        F.gaussian_nll_loss(X, Y, -np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"gaussian_nll_loss: var has shape \(3,\): it needs \(4, 3\)"):
        F.gaussian_nll_loss(X, Y, np.ones(3))


def test_other_values_that_are_refused() -> None:
    with pytest.raises(ValueError, match="huber_loss: delta must be positive, not 0"):
        F.huber_loss(X, Y, delta=0)
    with pytest.raises(ValueError, match="smooth_l1_loss: beta must not be negative, and is -1"):
        F.smooth_l1_loss(X, Y, beta=-1)


# ------------------------------------------------------------------------------------------ digits, and refusals


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_of_logits_keeps_its_digits(dtype: Any) -> None:
    mpmath = pytest.importorskip("mpmath")
    x = np.array([15, -15, 40, -40, 300, 0.5, -2, 15, -15], dtype)
    y = np.array([1, 0, 1, 0, 1, 0.25, 0.75, 0, 1], dtype)
    t = tg.Tensor(x, requires_grad=True)
    out = F.binary_cross_entropy_with_logits(t, y, reduction="none")
    out.backward(np.ones(9, dtype))
    with mpmath.workdps(200):
        for i in range(9):
            a, b = mpmath.mpf(float(x[i])), mpmath.mpf(float(y[i]))
            exact = b * mpmath.log(1 + mpmath.exp(-a)) + (1 - b) * mpmath.log(1 + mpmath.exp(a))
            slope = 1 / (1 + mpmath.exp(-a)) - b
            for got, right in ((out.data[i], exact), (t.grad.data[i], slope)):
                if right > 1e-36:
                    np.testing.assert_allclose(float(got), float(right), rtol=4 * np.finfo(dtype).eps)
    weighted = F.binary_cross_entropy_with_logits(x, y, reduction="none", pos_weight=np.ones(9, dtype))
    np.testing.assert_allclose(weighted, out.data, rtol=1e-5)


def test_the_loss_of_infinite_logits() -> None:
    x, y = np.array([np.inf, -np.inf, np.inf]), np.array([1.0, 0.0, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(F.binary_cross_entropy_with_logits(x, y, reduction="none"), [0, 0, np.inf])


@pytest.mark.parametrize("f", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits])
def test_weights_that_would_broadcast_the_loss_are_refused(f: Any) -> None:
    p, y = np.full((3, 1), 0.5), np.ones((3, 1))
    weight: Any
    for weight in (np.ones(3), np.ones((1, 3)), np.ones((3, 3)), np.ones((2, 3, 1)), np.ones(2)):
        with pytest.raises(ValueError, match=rf"^{f.__name__}: weight has shape .* broadcast to the input's, \(3, 1\)"):
            f(p, y, weight)
    for weight in (np.ones(1), np.ones((3, 1)), np.array(2.0), 2.0):
        assert np.shape(f(p, y, weight, reduction="none")) == (3, 1)
    with pytest.raises(ValueError, match="logits: pos_weight has shape"):
        F.binary_cross_entropy_with_logits(p, y, pos_weight=np.ones(3))


@pytest.mark.parametrize("f", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits])
@pytest.mark.parametrize("target", [-0.1, 1.5, 2, np.nan])
def test_targets_outside_0_and_1_are_refused(target: float, f: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{f.__name__}: target has elements outside \[0, 1\]"):
        f(np.array([0.5, 0.5]), np.array([1.0, target]))


def test_differences_of_unsigned_integers_have_a_sign() -> None:
    x, y = np.array([1, 200], np.uint8), np.array([3, 100], np.uint8)
    for f in (F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss):
        np.testing.assert_allclose(f(x, y), f(x.astype(float), y.astype(float)))


# ------------------------------------------------------------------------------------------------- margins of classes


def test_margins_of_classes_are_their_definitions() -> None:
    weight = np.array([1.0, 2.0, 0.5])
    for p in (1, 2):
        expected = [
            sum(weight[y] * max(0, 0.7 - x[y] + x[i]) ** p for i in range(3) if i != y) / 3 for x, y in zip(X, TARGET)
        ]
        found = F.multi_margin_loss(X, TARGET, p, 0.7, weight, reduction="none")
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(F.multi_margin_loss(X[0], TARGET[0], p, 0.7, weight), expected[0])
        tg.gradcheck(lambda x, p=p: F.multi_margin_loss(x, TARGET, p, 0.7, weight), X, order=2)
    labels = np.array([[0, 2, -1], [-1, 0, 0], [1, -1, 2], [2, 1, 0]])
    chosen = [[0, 2], [], [1], [2, 1, 0]]
    expected = [
        sum(max(0, 1 - x[j] + x[i]) for j in of for i in range(3) if i not in of) / 3 for x, of in zip(X, chosen)
    ]
    np.testing.assert_allclose(F.multilabel_margin_loss(X, labels, reduction="none"), expected)
    tg.gradcheck(lambda x: F.multilabel_margin_loss(x, labels), X, order=2)
    yes = np.array([[1.0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
    soft = F.binary_cross_entropy_with_logits(X, yes, weight, reduction="none").mean(axis=1)
    np.testing.assert_allclose(F.multilabel_soft_margin_loss(X, yes, weight, reduction="none"), soft)
    tg.gradcheck(lambda x: F.multilabel_soft_margin_loss(x, yes, weight), X, order=2)


def test_a_triplet_loss_with_a_distance_of_ones_own() -> None:
    far = X + 0.5
    expected = F.triplet_margin_loss(X, Y, far, 0.8, swap=True)
    np.testing.assert_allclose(F.triplet_margin_with_distance_loss(X, Y, far, margin=0.8, swap=True), expected)

    def distance(a: Any, b: Any) -> Any:
        return np.sum(np.abs(a - b), axis=-1)

    out = F.triplet_margin_with_distance_loss(X, Y, far, distance_function=distance, reduction="none")
    np.testing.assert_allclose(out, np.maximum(0, distance(X, Y) - distance(X, far) + 1))


@pytest.mark.parametrize(
    ("loss", "error", "said"),
    [
        (lambda: F.multi_margin_loss(X, TARGET, 3), ValueError, "multi_margin_loss: p must be 1 or 2 and input"),
        (lambda: F.multi_margin_loss(X, TARGET, weight=[1.0]), ValueError, r"weight must have shape \(3,\) "),
        (lambda: F.multi_margin_loss(X, TARGET + 1), IndexError, "multi_margin_loss: target 3 is out of range"),
        (lambda: F.multilabel_margin_loss(X, TARGET), ValueError, "multilabel_margin_loss: input and target must be"),
        (lambda: F.multilabel_margin_loss(X, X), ValueError, "the target class indices, then -1 .*float64"),
        (lambda: F.multilabel_margin_loss(X[0], [0, 3, -1]), IndexError, "a target is out of range: input has 3"),
        (lambda: F.multilabel_soft_margin_loss(X, Y, reduction="most"), ValueError, "multilabel_soft_margin_loss: re"),
    ],
)
def test_margins_that_are_refused(loss: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        loss()
