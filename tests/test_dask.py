"""Rules force no array into NumPy: the same code runs on Dask arrays, on a cluster of two worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

WORKER_MEMORY = 300 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes, each with its own limit of memory."""
    with (
        dask.config.set({"distributed.worker.memory.spill": False, "distributed.worker.memory.target": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, memory_limit=WORKER_MEMORY, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def mlp(x: Any, one_hot: Any, parameters: list[Any]) -> Any:
    w1, b1, w2, b2 = parameters
    scores = F.relu(x @ w1 + b1) @ w2 + b2
    return -np.sum(F.log_softmax(scores, -1) * one_hot) / one_hot.shape[0]


def loss_and_gradients(x: Any, one_hot: Any, parameters: list[Any]) -> Any:
    tensors = [tg.Tensor(p, requires_grad=True) for p in parameters]
    loss = mlp(tg.Tensor(x), one_hot, tensors)
    loss.backward()
    return loss.data, [t.grad.data for t in tensors]


def weights(inputs: int) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal((inputs, 16)) / inputs**0.5, np.zeros(16), rng.standard_normal((16, 3)), np.zeros(3)]


def test_an_mlps_loss_and_gradients_equal_numpys(cluster: Any) -> None:
    rng = np.random.default_rng(0)
    x, one_hot = rng.standard_normal((120, 8)), np.eye(3)[rng.integers(0, 3, 120)]
    loss, gradients = loss_and_gradients(x, one_hot, weights(8))
    lazy = loss_and_gradients(da.from_array(x, chunks=(30, 8)), da.from_array(one_hot, chunks=(30, 3)), weights(8))
    assert isinstance(lazy[0], da.Array)
    assert all(isinstance(g, da.Array) for g in lazy[1])
    found_loss, found = dask.compute(*lazy)
    np.testing.assert_allclose(found_loss, loss, rtol=1e-11)
    for g, expected in zip(found, gradients):
        np.testing.assert_allclose(g, expected, rtol=1e-10, atol=1e-13)


def test_data_larger_than_a_workers_memory_streams_through(cluster: Any) -> None:
    rows, columns = 42_000, 1_000
    x = da.random.default_rng(0).standard_normal((rows, columns), chunks=(1_500, columns))
    assert x.nbytes > WORKER_MEMORY
    one_hot = da.from_array(np.eye(3)[np.arange(rows) % 3], chunks=(1_500, 3))
    loss, gradients = dask.compute(*loss_and_gradients(x, one_hot, weights(columns)))
    assert np.isfinite(loss)
    # the first bias' gradient along one direction, by central differences on the same data
    step, v = 1e-5, np.random.default_rng(2).standard_normal(16)
    w1, b1, w2, b2 = weights(columns)
    above, below = dask.compute(*(mlp(x, one_hot, [w1, b1 + s * step * v, w2, b2]) for s in (1, -1)))
    np.testing.assert_allclose(gradients[1] @ v, (above - below) / (2 * step), rtol=1e-4)


ONE = [
    np.negative, np.absolute, np.square, np.sqrt, np.exp, np.log, np.log1p, np.sin, np.cos, np.tanh, np.arctan,
    np.reciprocal,
    F.relu, F.sigmoid, F.softplus, F.silu, F.softmax, F.log_softmax, F.leaky_relu,
    np.sum, np.mean, np.max, np.transpose,
    lambda x: x + 1, lambda x: 2 - x, lambda x: x * x, lambda x: x / 3, lambda x: 1 / x, lambda x: x**3,
    lambda x: np.maximum(x, 0.4), lambda x: np.minimum(x, 0.4), lambda x: np.where(x > 0.4, x, 0),
    lambda x: np.sum(x, axis=0), lambda x: np.mean(x, axis=1, keepdims=True), lambda x: x @ x.T,
    lambda x: np.reshape(x, (2, 2, 3)), lambda x: np.expand_dims(x, 0), lambda x: np.broadcast_to(x, (2, 4, 3)),
    lambda x: x.swapaxes(0, 1), lambda x: np.concatenate([x, x]), lambda x: np.stack([x, x]),
    lambda x: np.clip(x, 0.2, 0.5),
]  # fmt: skip


@pytest.mark.parametrize("f", ONE, ids=lambda f: getattr(f, "__name__", "f"))
def test_an_op_on_a_dask_array_is_lazy_and_equal(f: Any) -> None:
    numbers = np.linspace(0.1, 0.9, 12).reshape(4, 3)
    plain = tg.Tensor(numbers, requires_grad=True)
    lazy = tg.Tensor(da.from_array(numbers, chunks=2), requires_grad=True)
    for t in (plain, lazy):
        out = f(t)
        out.backward(np.ones(out.shape))
    assert isinstance(f(lazy).data, da.Array)
    np.testing.assert_allclose(np.asarray(f(lazy).data), f(plain).data, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(lazy.grad.data), plain.grad.data, rtol=1e-12)
