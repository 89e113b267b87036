"""Data-parallel steps on a cluster of two worker processes are, bit for bit, those of a loop over the same shards."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn, optim
from tinygrad_lite.distributed import DataParallel, sums
from tinygrad_lite.examples import cluster

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def net() -> Any:
    tg.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(36, 10),
    )  # fmt: skip


def classified(model: nn.Module, x: Any, y: Any) -> Any:
    return F.cross_entropy(model(tg.Tensor(x)), y)


def slowly(model: nn.Module, x: Any, y: Any) -> Any:
    time.sleep(0.05)
    return classified(model, x, y)


def load(i: int, n: int = 20) -> tuple[Any, Any]:
    images, classes = tg.data.digits()
    return images[i * n : (i + 1) * n], classes[i * n : (i + 1) * n]


def stepped(client: Any, shards: Any, loss: Any = classified, steps: int = 2) -> tuple[list[Any], list[float]]:
    """State and losses after some steps."""
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    parallel = DataParallel(client, model, loss, shards, fan=3)
    losses = []
    for _ in range(steps):
        losses.append(parallel.backward())
        optimizer.step()
    return list(model.state_dict().values()), losses


def assert_equal(found: Any, expected: Any) -> None:
    assert found[1] == expected[1]
    for a, b in zip(found[0], expected[0]):
        np.testing.assert_array_equal(a, b)


SHARDS = [functools.partial(load, i, 20 - i) for i in range(10)]  # of unequal lengths


def test_a_cluster_gives_what_a_loop_gives_to_the_last_bit(client: Any) -> None:
    assert_equal(stepped(client, SHARDS), stepped(None, SHARDS))


def test_arrays_files_functions_and_futures_are_the_same_shards(client: Any, tmp_path: Path) -> None:
    expected = stepped(None, SHARDS)
    arrays = [shard() for shard in SHARDS]
    for i, (x, y) in enumerate(arrays):
        tg.save({"x": x, "y": y}, tmp_path / f"{i}.npz")
    files = [tmp_path / f"{i}.npz" for i in range(10)]
    futures = client.map(load, range(10), range(20, 10, -1))
    for shards in (arrays, files, futures):
        assert_equal(stepped(client, shards), expected)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is Unix's")
@pytest.mark.parametrize("kind", ["functions", "arrays"])
def test_a_worker_killed_in_mid_step_changes_no_bit(client: Any, kind: str) -> None:
    shards = SHARDS if kind == "functions" else [shard() for shard in SHARDS]
    victim = next(iter(client.run(os.getpid).values()))
    threading.Timer(0.4, os.kill, (victim, signal.SIGKILL)).start()
    assert_equal(stepped(client, shards, slowly, steps=4), stepped(None, shards, steps=4))
    assert victim not in client.run(os.getpid).values()
    client.wait_for_workers(2)


def test_the_gradient_is_that_of_the_mean_over_all_examples() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(np.float64)
    arrays = [shard() for shard in SHARDS]
    value = DataParallel(None, model, classified, arrays).backward()
    found = [p.grad.data for p in model.parameters()]
    model.zero_grad()
    loss = classified(model, *(np.concatenate(parts) for parts in zip(*arrays)))
    loss.backward()
    assert value == pytest.approx(loss.item())
    for a, p in zip(found, model.parameters()):
        np.testing.assert_allclose(a, p.grad.data, rtol=1e-5, atol=1e-8)


def test_a_shard_goes_through_in_as_many_parts_as_memory_asks_for() -> None:
    sizes: list[int] = []

    def loss(model: Any, x: Any, y: Any) -> Any:
        sizes.append(len(x))
        return classified(model, x, y)

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(np.float64)
    whole = sums((model, loss), model.state_dict(), load(0, 100), (0, 0, 0), 1 << 30)
    assert sizes == [4, 100]  # four to see how much memory they take
    parts = sums((model, loss), model.state_dict(), load(0, 100), (0, 0, 0), 10_000)
    assert sum(sizes[3:]) == 100 and len(sizes[3:]) > 3
    assert max(sizes[3:]) - min(sizes[3:]) <= 1
    assert parts.loss == pytest.approx(whole.loss)
    for name, g in parts.gradients.items():
        np.testing.assert_allclose(g, whole.gradients[name], rtol=1e-6, atol=1e-9)


def test_random_numbers_depend_on_step_and_shard_alone() -> None:
    drawn: list[Any] = []

    def loss(model: Any, x: Any, y: Any) -> Any:
        drawn.append(tg.random.generator.random())
        return classified(model, x, y)

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    parallel = DataParallel(None, model, loss, SHARDS[:3], seed=5)
    parallel.backward()
    parallel.backward([1, 2])
    first, second = drawn[1:6:2], drawn[7::2]
    assert len({*first, *second}) == 5
    drawn.clear()
    again = DataParallel(None, model, loss, SHARDS[:3], seed=5)
    again.backward([2])
    assert drawn[1] == first[2]


def test_running_statistics_are_averaged_by_examples() -> None:
    model: Any = nn.BatchNorm1d(1)
    shards = [(np.full((6, 1), 1.0, np.float32) + np.arange(6)[:, None],), (np.full((2, 1), 8.0, np.float32),)]
    DataParallel(None, model, lambda model, x: np.mean(model(tg.Tensor(x.astype(np.float32)))), shards).backward()
    np.testing.assert_allclose(model.running_mean.data, 0.1 * (6 * 3.5 + 2 * 8) / 8, rtol=1e-6)
    assert model.num_batches_tracked.item() == 1


def test_frozen_weights_and_unused_ones() -> None:
    model = net()
    model[0].requires_grad_(False)
    before = model[0].weight.data
    DataParallel(None, model, classified, SHARDS[:3]).backward()
    assert model[0].weight.grad is None and model[0].weight.data is before
    assert model[6].weight.grad is not None


def test_what_is_set_between_two_steps_arrives(client: Any) -> None:
    x, y = load(0)
    model = net()
    *_, last = model.parameters()
    model.requires_grad_(False)
    last.requires_grad_()
    parallel = DataParallel(client, model, classified, [(x, y)])
    parallel.backward()
    assert [p for p in model.parameters() if p.grad is not None] == [last]
    model.requires_grad_()
    parallel.backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    assert parallel.backward() == pytest.approx(classified(model, x, y).item())
    before = model.state_dict()
    model.double()
    value = parallel.backward()
    assert value == pytest.approx(classified(model, x, y).item(), rel=1e-12)
    assert all(np.array_equal(a, model.state_dict()[name]) for name, a in before.items())


def test_reduce_adds_over_processes() -> None:
    expected, found = net(), net()
    value = DataParallel(None, expected, classified, SHARDS[:2]).backward()
    doubled = DataParallel(None, found, classified, SHARDS[:2], reduce=lambda a: a + a)  # as if another had the same
    assert doubled.backward() == value
    for p, q in zip(found.parameters(), expected.parameters()):
        np.testing.assert_array_equal(p.grad.data, q.grad.data)


def test_what_is_wrong_is_said(client: Any) -> None:
    model = net()
    with pytest.raises(ValueError, match="DataParallel: needs one shard at least"):
        DataParallel(client, model, classified, [])
    with pytest.raises(ValueError, match="DataParallel: a step needs one shard at least"):
        DataParallel(client, model, classified, SHARDS).backward([])
    with pytest.raises(ValueError, match=f"DataParallel: there are shards 0 to {len(SHARDS) - 1}, got 99"):
        DataParallel(client, model, classified, SHARDS).backward([0, 99])
    with pytest.raises(ValueError, match="DataParallel: shard 1 has no examples"):
        DataParallel(client, model, classified, [load(0), load(0, 0)]).backward()
    with pytest.raises(ValueError, match="conv2d: x must have 4 axes"):
        DataParallel(client, model, classified, [(np.ones((3, 5)), np.zeros(3, int))]).backward()


def test_a_bar_shows_the_shards(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    DataParallel(client, net(), classified, SHARDS, progress=True).backward()
    assert "shards" in capsys.readouterr().err


def test_the_example_learns_on_a_cluster_at_an_address(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    accuracy = cluster.main(["--address", client.scheduler.address, "--epochs", "3", "--together", "2"])
    assert accuracy > 0.7
    assert capsys.readouterr().out.count("epoch") == 3


@pytest.mark.skipif(sys.platform != "linux", reason="gloo is built for Linux")
def test_an_all_reduce_of_pytorch_is_a_reduce(tmp_path: Path) -> None:
    """Two processes without a scheduler, each with its own shards: the gradients of a loop over both's."""
    pytest.importorskip("torch")
    (tmp_path / "rank.py").write_text(ALL_REDUCE, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "STORE": str(tmp_path / "store")}
    command = [sys.executable, str(tmp_path / "rank.py")]
    ranks = [subprocess.Popen(command, env=environment | {"RANK": str(i)}) for i in range(2)]
    assert [rank.wait(100) for rank in ranks] == [0, 0]
    model = net().eval()
    value = DataParallel(None, model, classified, SHARDS[:4]).backward()
    for i in range(2):
        found = tg.load(tmp_path / f"store.{i}.npz")
        np.testing.assert_allclose(found.pop("value"), value, rtol=1e-6)
        for name, p in model.named_parameters():
            assert p.grad is not None
            np.testing.assert_allclose(found[name], p.grad.data, rtol=1e-4, atol=1e-6)


def test_the_pages_table_is_what_its_formulas_give() -> None:
    page = (Path(tg.__file__).parent / "distributed.md").read_text(encoding="utf-8")
    formulas: dict[str, Any] = {}
    exec(re.findall(r"```python\n(from math.*?)```", page, re.DOTALL)[0], formulas)
    rows = re.findall(r"^\| ([\w-]+), (tree|ring) \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) == 6
    for name, kind, numbers in rows:
        for workers, said in zip((1, 4, 16, 64, 256, 1024), numbers.split(" | "), strict=True):
            seconds = formulas[kind](workers, *formulas["MODELS"][name])
            assert float(said.replace(",", "")) == pytest.approx(seconds, rel=6e-3)


ALL_REDUCE = """
import os
import torch, torch.distributed
import tinygrad_lite as tg
from tests.test_distributed import SHARDS, DataParallel, classified, net

rank, store = int(os.environ["RANK"]), os.environ["STORE"]
torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)

def reduce(array):
    t = torch.from_numpy(array.copy())
    torch.distributed.all_reduce(t)
    return t.numpy()

model = net().eval()  # without dropout, which depends on the number of the shard in its process
parallel = DataParallel(None, model, classified, SHARDS[2 * rank : 2 * rank + 2], reduce=reduce)
value = parallel.backward()
tg.save({"value": value, **{name: p.grad.data for name, p in model.named_parameters()}}, f"{store}.{rank}.npz")
torch.distributed.destroy_process_group()
"""
