"""Modules as scikit-learn's estimators: Classifier and Regressor, for its pipelines, searches and scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import nn, random
from .data import batches
from .mode import no_grad
from .nn import functional as F
from .optim import Adam
from .settings import checked
from .tensor import Tensor
from .values import Array

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tinygrad_lite.sklearn: needs scikit-learn, which is not installed: pip install 'tinygrad-lite[sklearn]'"
    ) from error

__all__ = ["Classifier", "Estimator", "Regressor", "mlp"]

FLOATING = [np.float64, np.float32]  # the dtypes of X that stay as they are; another becomes the first


def mlp(inputs: int, outputs: int, hidden: tuple[int, ...] = (64,)) -> nn.Module:
    """Linear layers of these widths, with relu between them."""
    widths = (inputs, *hidden)
    layers = [layer for sizes in zip(widths, hidden) for layer in (nn.Linear(*sizes), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What Classifier and Regressor have in common.

    Training takes batches, in a new order each epoch, in X's dtype: float32, or else float64. A search over shapes is
    one over factories: `{"module": [partial(mlp, hidden=(32,)), partial(mlp, hidden=(64, 64))]}`. With `n_jobs` they
    are pickled, so a factory is defined in a file.

    Args:
        module: makes the module: a function of (number of features, number of outputs).
        loss: a function of (output, target) to a scalar; by default cross_entropy or mse_loss.
        optimizer: a class of `tinygrad_lite.optim`, called with the parameters and lr.
        lr: the learning rate.
        batch_size: how many examples make a step.
        max_iter: how many epochs at most.
        early_stopping: hold some examples out, stop once their loss hasn't fallen for `n_iter_no_change` epochs, and
            keep the parameters of the best epoch.
        validation_fraction: how many are held out, as a part of all.
        n_iter_no_change: how many epochs to wait.
        random_state: an integer makes `fit` repeatable to the last bit. What `tg.manual_seed` seeds is left alone.

    Attributes:
        module_: the trained module, in eval mode.
        loss_curve_, validation_losses_: the mean loss of each epoch, and with early stopping of what was held out.
        n_iter_: how many epochs there were.
    """

    def __init__(
        self,
        module: Callable[[int, int], nn.Module] = mlp,
        *,
        loss: Callable[[Any, Any], Any] | None = None,
        optimizer: Callable[..., Any] = Adam,
        lr: float = 1e-2,
        batch_size: int = 32,
        max_iter: int = 100,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = None,
    ) -> None:
        self.module, self.loss, self.optimizer, self.lr, self.batch_size = module, loss, optimizer, lr, batch_size
        self.max_iter, self.early_stopping, self.validation_fraction = max_iter, early_stopping, validation_fraction
        self.n_iter_no_change, self.random_state = n_iter_no_change, random_state

    def fit(self, X: Any, y: Any) -> Any:
        """Train a new module on X (examples, features) and y; returns the estimator.

        Raises:
            ValueError: the loss isn't finite; X or y are not what scikit-learn takes; a setting is out of its range.
            TypeError: `module` makes no Module.
        """
        X, target = self._validated(X, y, anew=True)
        with self._drawing(anew=True):
            self._start(X.shape[1], X.dtype)
            if self.early_stopping:
                self._stop_early(X, target)
            else:
                for _ in range(self.max_iter):
                    self._epoch(X, target)
        return self

    def _partial_fit(self, X: Any, y: Any, **classes: Any) -> Any:
        anew = not hasattr(self, "module_")
        X, target = self._validated(X, y, anew, **classes)
        with self._drawing(anew):
            if anew:
                self._start(X.shape[1], X.dtype)
            self._epoch(X, target)
        return self

    def _start(self, features: int, dtype: Any) -> None:
        for setting in ("batch_size", "max_iter", "n_iter_no_change"):
            checked(f"{type(self).__name__}: {setting}", getattr(self, setting), "Positive")
        module = self.module(features, self._outputs())
        if not isinstance(module, nn.Module):
            kind = type(module).__name__
            raise TypeError(f"{type(self).__name__}: module must make a Module of two numbers, but made a {kind}")
        self.module_ = module.to(dtype)
        self._steps = self.optimizer(self.module_.parameters(), lr=self.lr)
        self.n_iter_ = 0
        self.loss_curve_: list[float] = []
        self.validation_losses_: list[float] = []

    def _stop_early(self, X: Array, target: Array) -> None:
        X, held, target, held_target = train_test_split(
            X,
            target,
            test_size=self.validation_fraction,
            random_state=int(random.generator.integers(2**31)),
            stratify=target if isinstance(self, ClassifierMixin) else None,
        )
        best, state = 0, self.module_.state_dict()
        while self.n_iter_ < self.max_iter and self.n_iter_ - best < self.n_iter_no_change:
            self._epoch(X, target)
            with no_grad():
                self.validation_losses_.append(self._loss(held, held_target).item())
            if self.validation_losses_.index(min(self.validation_losses_)) == self.n_iter_ - 1:  # lower than all before
                best, state = self.n_iter_, self.module_.state_dict()
        self.module_.load_state_dict(state)

    def _epoch(self, X: Array, target: Array) -> None:
        self.module_.train()
        total, alone = 0.0, len(X) % self.batch_size == 1 < len(X)  # batch norm can't take one example alone
        for x, t in batches(X, target, batch_size=self.batch_size, drop_last=alone):
            loss = self._loss(x, t)
            self._steps.zero_grad()
            loss.backward()
            self._steps.step()
            total += loss.item() * len(x)
        self.module_.eval()
        self.n_iter_ += 1
        self.loss_curve_.append(total / (len(X) - alone))
        if not math.isfinite(total):
            raise ValueError(
                f"{type(self).__name__}: the loss is {total} in epoch {self.n_iter_}: scale X and y (StandardScaler), "
                f"or take a smaller lr than {self.lr}"
            )

    @contextmanager
    def _drawing(self, anew: bool) -> Iterator[None]:
        """Random numbers of its own: from random_state, or from where its last epoch left them."""
        outer: Any = random.generator.bit_generator.state
        if anew:
            random.manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))
        else:
            random.generator.bit_generator.state = self._drawn
        try:
            yield
        finally:
            self._drawn: Any = random.generator.bit_generator.state
            random.generator.bit_generator.state = outer

    def _loss(self, X: Array, target: Array) -> Any:
        return (self.loss or self._usual_loss)(self.module_(Tensor(X)), target)

    def _output(self, X: Any) -> Array:
        """What the module gives for each example."""
        check_is_fitted(self, "module_")
        X = validate_data(self, X, dtype=FLOATING, reset=False)
        with no_grad():
            return np.concatenate([self.module_(Tensor(X[i : i + 1024])).data for i in range(0, len(X), 1024)])


class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A module that tells classes apart: it gives a score for each, and softmax makes them probabilities.

        net = make_pipeline(StandardScaler(), Classifier(random_state=0))
        GridSearchCV(net, {"classifier__lr": [1e-3, 1e-2]}, n_jobs=2).fit(X, y)

    Settings and attributes as in `Estimator`, and `classes_`. The target of `loss` is the classes' numbers from 0.
    """

    _usual_loss = staticmethod(F.cross_entropy)

    def _validated(self, X: Any, y: Any, anew: bool, classes: Any = None) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, dtype=FLOATING, reset=anew)
        check_classification_targets(y)
        if anew:
            self.classes_ = np.unique(y if classes is None else classes)
        if unknown := set(y.tolist()) - set(self.classes_.tolist()):
            raise ValueError(f"Classifier: y has a class {unknown.pop()!r} that is not one of {self.classes_.tolist()}")
        return X, np.searchsorted(self.classes_, y)

    def _outputs(self) -> int:
        return len(self.classes_)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Any:
        """One epoch more, of a new module at the first call, which is told all `classes`; returns the estimator."""
        return self._partial_fit(X, y, classes=classes)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each of `classes_`, (examples, classes)."""
        return F.softmax(self._output(X), -1)

    def predict(self, X: Any) -> Array:
        """The likeliest class of each example."""
        best = np.argmax(self._output(X), axis=1)
        return self.classes_[best]


class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A module that predicts numbers: y is (examples,), or (examples, outputs) for several at a time.

    Settings and attributes as in `Estimator`. Scale a y that is far from 0 and 1: `TransformedTargetRegressor` does.
    """

    _usual_loss = staticmethod(F.mse_loss)

    def _validated(self, X: Any, y: Any, anew: bool) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, dtype=FLOATING, y_numeric=True, multi_output=True, reset=anew)
        if anew:
            self._shape = y.shape[1:]
        return X, y.reshape(len(y), -1).astype(X.dtype)

    def _outputs(self) -> int:
        return math.prod(self._shape)

    def partial_fit(self, X: Any, y: Any) -> Any:
        """One epoch more, of a new module at the first call; returns the estimator."""
        return self._partial_fit(X, y)

    def predict(self, X: Any) -> Array:
        """The output for each example, in y's form."""
        return self._output(X).reshape(-1, *self._shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
