"""Classifier and Regressor are estimators, by scikit-learn's own checks; and they learn."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn, optim

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tinygrad_lite.sklearn import Classifier, Regressor, mlp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
WAVE = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
SIGNS = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")


@parametrize_with_checks([Classifier(), Regressor()])  # type: ignore[untyped-decorator]
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def convnet(inputs: int, outputs: int, width: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(9 * width, outputs),
    )  # fmt: skip


def test_a_conv_net_reads_digits() -> None:
    images, labels = tg.data.digits()
    flat = images.reshape(len(images), -1)
    net = Classifier(convnet, max_iter=8, batch_size=64, random_state=0).fit(flat[:1345], labels[:1345])
    assert net.score(flat[1345:], labels[1345:]) > 0.9
    assert net.predict_proba(flat[:3]).dtype == np.float32
    assert np.array_equal(net.classes_, np.arange(10))


def test_a_search_in_two_processes() -> None:
    net = make_pipeline(StandardScaler(), Classifier(max_iter=20, random_state=0))
    shapes = {"classifier__module": [partial(mlp, hidden=(1,)), partial(mlp, hidden=(32, 32))]}
    search = GridSearchCV(net, shapes | {"classifier__lr": [1e-2]}, cv=3, n_jobs=2).fit(X, SIGNS)
    assert search.best_params_["classifier__module"].keywords == {"hidden": (32, 32)}
    alone = clone(search).set_params(n_jobs=None).fit(X, SIGNS)
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_a_regressor_in_a_transformed_target() -> None:
    net = TransformedTargetRegressor(Regressor(max_iter=60, random_state=0), transformer=StandardScaler())
    assert np.mean(cross_val_score(net, X, 1000 + 50 * WAVE, cv=3)) > 0.6


def test_several_outputs() -> None:
    both = np.stack([WAVE, X[:, 3]], 1)
    net = Regressor(max_iter=60, random_state=0).fit(X, both)
    assert net.predict(X).shape == both.shape and net.score(X, both) > 0.9
    assert Regressor(max_iter=1).fit(X, WAVE[:, None]).predict(X).shape == (200, 1)


@pytest.mark.parametrize("early", [False, True])
def test_a_seed_repeats_it_and_the_library_s_own_numbers_go_on(early: bool) -> None:
    def probabilities() -> Any:
        net = Classifier(convnet, max_iter=2, early_stopping=early, random_state=3)
        return net.fit(np.tile(X, (1, 13))[:, :64], SIGNS).predict_proba(np.tile(X, (1, 13))[:, :64])

    tg.manual_seed(0)
    first = tg.random.generator.random(2)
    tg.manual_seed(0)
    before = tg.random.generator.random()
    once = probabilities()
    assert [before, tg.random.generator.random()] == first.tolist()
    assert np.array_equal(once, probabilities())
    assert not np.array_equal(once, Classifier(max_iter=2, random_state=4).fit(X, SIGNS).predict_proba(X))


def test_early_stopping_keeps_the_best_epoch() -> None:
    noise = RNG.normal(size=(60, 30))
    net = Regressor(max_iter=200, early_stopping=True, validation_fraction=0.3, n_iter_no_change=5, random_state=0)
    y = noise[:, 0] + RNG.normal(size=60)
    net.fit(noise, y)
    losses = net.validation_losses_
    assert net.n_iter_ == len(losses) == len(net.loss_curve_) == 1 + np.argmin(losses) + 5 < 200
    short = clone(net).set_params(max_iter=1 + int(np.argmin(losses))).fit(noise, y)
    assert min(losses) < losses[-1] and short.validation_losses_ == losses[:-5]
    assert np.array_equal(short.predict(noise), net.predict(noise))


def test_early_stopping_holds_out_some_of_each_class() -> None:
    y = np.array(["rare"] * 10 + ["common"] * 190)
    seen = []

    def loss(out: Any, target: Any) -> Any:
        seen.append(np.bincount(target).tolist())
        return F.cross_entropy(out, target)

    Classifier(loss=loss, max_iter=1, early_stopping=True, validation_fraction=0.2, random_state=0).fit(X, y)
    assert seen[-1] == [38, 2]


def test_partial_fit_goes_on() -> None:
    net = Classifier(convnet, random_state=0)
    x = np.tile(X, (1, 13))[:, :64]
    net.partial_fit(x[:50], np.full(50, "other"), classes=["other", "same"])
    assert net.predict_proba(x).shape == (200, 2)
    dropped = net._drawn
    for _ in range(20):
        net.partial_fit(x, SIGNS)
    assert net.n_iter_ == 21 and net._drawn != dropped, "another epoch draws other numbers"
    assert net.score(x, SIGNS) > 0.8
    with pytest.raises(ValueError, match=r"^Classifier: y has a class 'none' that is not one of \['other', 'same'\]$"):
        net.partial_fit(x[:2], ["same", "none"])
    again = pickle.loads(pickle.dumps(net))
    for estimator in (net, again):
        estimator.partial_fit(x, SIGNS)
    assert np.array_equal(net.predict_proba(x), again.predict_proba(x)), "a pickle goes on as the original does"
    assert Regressor().partial_fit(X, WAVE).partial_fit(X, WAVE).n_iter_ == 2


def test_loss_optimizer_and_dtype() -> None:
    net = Regressor(loss=F.huber_loss, optimizer=partial(optim.SGD, momentum=0.9), lr=0.05, max_iter=30, random_state=0)
    net.fit(X.astype(np.float32), WAVE)
    assert net.score(X, WAVE) > 0.5
    assert {t.dtype for t in net.module_.parameters()} == {np.dtype(np.float32)} and net.predict(
        X.astype(np.float32)
    ).dtype == np.float32
    assert not net.module_.training


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite() -> None:
    with pytest.raises(
        ValueError, match=r"^Regressor: the loss is (nan|inf) in epoch \d+: scale X and y \(StandardScaler"
    ):
        Regressor(optimizer=optim.SGD, lr=1e3, random_state=0).fit(X * 1e9, WAVE * 1e9)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"batch_size": 0}, ValueError, "Regressor: batch_size must be a positive integer, got 0"),
        ({"max_iter": -1}, ValueError, "Regressor: max_iter must be a positive integer, got -1"),
        ({"module": lambda inputs, outputs: inputs}, TypeError, "Regressor: module must make a Module of two numbers"),
    ],
)
def test_settings_that_cannot_be(settings: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        Regressor(**settings).fit(X, WAVE)


def test_without_scikit_learn() -> None:
    code = "import sys; sys.modules['sklearn'] = None\ntry: import tinygrad_lite.sklearn\n"
    code += "except ModuleNotFoundError as e: print(e)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("tinygrad_lite.sklearn: needs scikit-learn, which is not installed: pip install")
