"""Train a conv net on a cluster: two processes on this machine, or the cluster of a Dask scheduler at an address.

    python -m tinygrad_lite.examples.cluster --shards 8 --epochs 10
    dask scheduler & dask worker localhost:8786 --nthreads 1 &
    python -m tinygrad_lite.examples.cluster --address localhost:8786

Each epoch goes through the shards in steps of `--together`, and reports loss, accuracy and how long it took.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn, optim
from tinygrad_lite.distributed import DataParallel
from tinygrad_lite.examples.training import POSITIVE


def net() -> nn.Module:
    """(N, 1, 8, 8) images to (N, 10) scores."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(288, 10),
    )  # fmt: skip


def load(shard: int, of: int) -> tuple[Any, Any]:
    """Every `of`-th of the training digits: in a program of your own, read a file here."""
    (x, y), _ = tg.data.split(*tg.data.digits(), seed=0)
    return x[shard::of], y[shard::of]


def loss(model: nn.Module, x: Any, y: Any) -> Any:
    return tg.cross_entropy(model(tg.Tensor(x)), y)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, report; returns the accuracy on the test digits."""
    parser = argparse.ArgumentParser("python -m tinygrad_lite.examples.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="of a Dask scheduler; by default a cluster is started here")
    parser.add_argument("--workers", type=POSITIVE, default=2, help="processes of a cluster that is started here")
    parser.add_argument("--shards", type=POSITIVE, default=8, help="in so many parts the data lies on the workers")
    parser.add_argument("--together", type=POSITIVE, default=4, help="so many shards make a step")
    parser.add_argument("--epochs", type=POSITIVE, default=10)
    options = parser.parse_args(arguments)
    if find_spec("distributed") is None:
        parser.error("needs dask and distributed: pip install 'tinygrad-lite[dask]'")
    from dask import distributed

    here = {} if options.address else {"n_workers": options.workers, "threads_per_worker": 1}
    tg.manual_seed(0)
    model = net()
    optimizer = optim.Adam(model.parameters(), 1e-2)
    _, (x_test, y_test) = tg.data.split(*tg.data.digits(), seed=0)
    accuracy = 0.0
    connect: Any = distributed.Client
    with connect(options.address, **here) as client:
        shards = client.map(functools.partial(load, of=options.shards), range(options.shards))
        parallel = DataParallel(client, model, loss, shards)
        for epoch in range(options.epochs):
            start = time.perf_counter()
            order = np.random.default_rng(epoch).permutation(options.shards).tolist()
            losses = []
            for i in range(0, options.shards, options.together):
                losses.append(parallel.backward(order[i : i + options.together]))
                optimizer.step()
            with tg.no_grad():
                accuracy = float(np.mean(np.argmax(model(tg.Tensor(x_test)).data, axis=1) == y_test))
            seconds = time.perf_counter() - start
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, accuracy {accuracy:.3f}, {seconds:.2f} s")
    return accuracy


if __name__ == "__main__":
    main()
