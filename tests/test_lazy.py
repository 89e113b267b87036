"""The table of ops, losses and training on lazy arrays: nothing is computed before it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn, optim

from .cases import Case, all_cases
from .test_ops_readme import HEAD

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

CASES = all_cases()
# What Dask lacks, or has of matrices alone (tril, triu); each says so.
LACKING = {"convolve", "cross", "setitem", "slogdet", "tril", "triu", "unwrap"}
pytestmark = pytest.mark.filterwarnings("ignore:a convolution of a Dask array")


class Computed(Exception):
    """Something was computed while the graph was built."""


@contextmanager
def nothing_computed() -> Iterator[None]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise Computed

    with dask.config.set(scheduler=refuse):
        yield


def lazily(a: Any) -> Any:
    return da.from_array(np.asarray(a), chunks=2)


def value_and_gradients(case: Case, put: Any) -> list[Any]:
    xs = [tg.Tensor(put(np.asarray(x, np.float64)), requires_grad=True) for x in case.inputs]
    out = case.f(*xs)
    np.sum(np.tanh(out)).backward()
    return [out.data, *(x.grad.data for x in xs if x.grad is not None)]


@pytest.mark.parametrize("name", sorted(CASES.keys() - LACKING))
def test_an_op_waits_and_is_numpys(name: str) -> None:
    for case in CASES[name][:3]:
        expected = value_and_gradients(case, np.array)
        if any(np.size(a) == 0 for a in expected):
            continue  # Dask itself has few functions of arrays of size 0
        with nothing_computed(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = value_and_gradients(case, lazily)
        assert len(found) == len(expected)
        assert all(isinstance(a, da.Array) for a in found)
        for a, b in zip(dask.compute(*found, scheduler="sync"), expected):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-11)


def test_the_page_says_how_many_ops_do() -> None:
    assert CASES.keys() > LACKING
    said = f"{len(CASES) - len(LACKING)} of the {len(CASES)} ops"
    assert any(said in part for part in HEAD.split("\n- ") if part.startswith("**Dask's**"))


@pytest.mark.parametrize("name", sorted(LACKING))
def test_what_dask_lacks_is_said(name: str) -> None:
    with pytest.raises((TypeError, ValueError, IndexError), match=rf"^{name}: "), nothing_computed():
        for case in CASES[name]:
            value_and_gradients(case, lazily)


def test_a_convolution_points_to_data_parallel() -> None:
    with pytest.warns(UserWarning, match="DataParallel"):
        F.conv2d(tg.Tensor(lazily(np.ones((2, 1, 4, 4)))), np.ones((1, 1, 2, 2)))


# -------------------------------------------------------------------------------------------------- labels and losses

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(6, 3)), np.array([0, 2, -100, 1, 1, 0])


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_labels_are_not_computed_before_the_loss(loss: Any, reduction: str) -> None:
    with nothing_computed():
        x = tg.Tensor(lazily(SCORES), requires_grad=True)
        found = loss(x, lazily(LABELS), reduction=reduction)
        found.backward(np.ones(found.shape))
    np.testing.assert_allclose(found.numpy(), loss(SCORES, LABELS, reduction=reduction))
    plain = tg.Tensor(SCORES, requires_grad=True)
    loss(plain, LABELS, reduction=reduction).backward(np.ones(found.shape))
    np.testing.assert_allclose(x.grad.numpy(), plain.grad.data)


def test_a_label_out_of_range_is_found_when_it_is_computed() -> None:
    with nothing_computed():
        loss = F.cross_entropy(tg.Tensor(lazily(SCORES), requires_grad=True), lazily([0, 1, 2, 3, 0, 0]))
    with pytest.raises(IndexError, match="a loss over classes: target 3 is out of range: input has 3 classes, 0 to 2"):
        loss.item()


def test_item_tolist_and_numpy_compute() -> None:
    t = tg.Tensor(lazily([1.0, 2.0, 3.0]))
    assert np.sum(t).item() == 6.0
    assert t.item(2) == 3.0
    assert t.tolist() == [1.0, 2.0, 3.0]
    assert isinstance(t.numpy(), np.ndarray)


# ----------------------------------------------------------------------------------------------------------- training


def trained(put: Any, optimizer: Any, steps: int = 4) -> tuple[nn.Module, Any, list[float]]:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).to(np.float64)
    step, losses = optimizer(model.parameters()), []
    x, y = put(SCORES), put(np.abs(LABELS) % 3)
    for _ in range(steps):
        loss = F.cross_entropy(model(tg.Tensor(x)), y)
        step.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        step.step()
        losses.append(loss.item())
    return model, step, losses


@pytest.mark.parametrize("optimizer", [lambda p: optim.SGD(p, 0.1, momentum=0.9), optim.AdamW, optim.RMSprop])
def test_training_is_numpys_and_nothing_lazy_is_left(optimizer: Any) -> None:
    model, step, losses = trained(lazily, optimizer)
    plain, _, expected = trained(np.asarray, optimizer)
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    for name, a in model.state_dict().items():
        assert isinstance(a, (np.ndarray, np.generic)), name
        np.testing.assert_allclose(np.asarray(a), plain.state_dict()[name], rtol=1e-7, atol=1e-9)
    assert not any(hasattr(a, "__dask_graph__") for slot in step.state.values() for a in slot.values())


def test_a_step_goes_through_the_data_once() -> None:
    seen = []

    def load(block: Any) -> Any:
        seen.append(len(block))
        return block

    x = da.from_array(SCORES, chunks=(3, 3)).map_blocks(load, dtype=float, meta=np.empty((0, 0)))
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).to(np.float64)
    step = optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        seen.clear()
        np.mean(model(tg.Tensor(x)) ** 2).backward()
        with dask.config.set(scheduler="sync"):
            step.step()
        assert sorted(seen) == [3, 3]
