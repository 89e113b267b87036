"""Training on a cluster: each shard's gradients are computed where the shard lies, and added in a tree.

    client = distributed.Client(distributed.LocalCluster())
    parallel = DataParallel(client, model, loss, [functools.partial(load, i) for i in range(64)])
    for step in range(100):
        value = parallel.backward()  # in place of loss.backward(): sets p.grad
        optimizer.step()

Needs the extra `dask`: `pip install 'tinygrad-lite[dask]'`. distributed.md beside this file says what a step costs.
"""

from __future__ import annotations

import copy
import itertools
import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .io import load
from .nn.module import Module
from .random import manual_seed
from .tensor import Tensor, wrap
from .values import Array, wide

__all__ = ["DataParallel"]

Shard = Any  # a tuple of arrays, the path of a file of them, a function that gives them, or a future of one of these
_ONE_AT_A_TIME = threading.Lock()  # the threads of a worker share one source of random numbers


class Sums(NamedTuple):
    """What several examples add up to. `gradients` and `statistics` hold arrays by name."""

    examples: int
    loss: float
    gradients: dict[str, Array]
    statistics: dict[str, Array]


class DataParallel:
    """A model's gradients over shards of the data, as one call of `.backward()` on the mean loss would give them.

    State, model, loss and shards travel as tasks, so that what a lost worker held is computed again. Sums are taken in
    a tree whose shape depends on the number of shards alone: how many workers there are, and which of them is lost,
    changes no bit of the result.

    Args:
        client: a `dask.distributed.Client`, or None to compute here, shard after shard.
        model: the module to train. Each task has a copy of its own. It is taken anew when parameters were frozen or
            unfrozen, `train` or `eval` was called, or a dtype changed; hooks that are set later don't arrive.
        loss: loss(model, *arrays), a Tensor without axes: the mean over the examples, along the arrays' first axis.
        shards: each a tuple of arrays; the path of a file that `tg.save` wrote; a function without arguments that
            gives a tuple (`functools.partial(load, i)`); or a future of one. Files and functions are read anew at each
            step, so that the data may be larger than all memories together; futures (`client.map(load, range(64))`)
            stay on their workers.
        memory: how many bytes a task's graph may take; a larger shard goes through in micro-batches.
        fan: how many sums are added by one task.
        seed: random numbers depend on it, the step and the shard alone.
        reduce: adds up an array over several processes that each have a DataParallel of their own shards, as an
            all-reduce does: `reduce(array)` gives the sum. Give each process a seed of its own.
        progress: show a bar of the shards that are done (needs tqdm).

    A running statistic (of a batch norm) becomes the mean of what it is after each shard, weighted by examples, and is
    not what one large batch would give. Buffers of integers, as its count of batches, become those of the first shard.
    """

    def __init__(
        self,
        client: Any,
        model: Module,
        loss: Callable[..., Any],
        shards: Sequence[Shard],
        *,
        memory: int = 1 << 28,
        fan: int = 8,
        seed: int = 0,
        reduce: Callable[[Array], Array] | None = None,
        progress: bool = False,
    ) -> None:
        self.shards = list(shards)
        if not self.shards or fan < 2:
            raise ValueError(f"DataParallel: needs one shard at least and a fan of 2 or more, got fan={fan}")
        self.client, self.model, self.loss, self.memory, self.fan = client, model, loss, memory, fan
        self.seed, self.reduce, self.progress = seed, reduce, progress
        self.steps = 0
        self._form: Any = None
        self._held = [self._task(same, s) if isinstance(s, tuple) else s for s in self.shards]

    def _planned(self) -> Any:
        """The task that holds model and loss."""
        tensors = [(t.requires_grad, t.dtype) for _, t in self.model.named_tensors()]
        form = [m.training for m in self.model.modules()], tensors
        if form != self._form:
            blank = copy.deepcopy(self.model)
            blank.zero_grad()
            self._form, self._plan = form, self._task(same, (blank, self.loss))
        return self._plan

    def _task(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args) if self.client is None else self.client.submit(function, *args, pure=False)

    def backward(self, shards: Iterable[int] | None = None) -> float:
        """Set `.grad` of every parameter to that of the mean loss over all examples; returns the mean loss.

        Args:
            shards: the numbers of the shards that take part in this step; by default all.

        Raises:
            ValueError: no shards, a number that no shard has, or a shard without examples.
            Whatever a task raises.
        """
        numbers = range(len(self.shards)) if shards is None else list(shards)
        if not len(numbers):
            raise ValueError("DataParallel: a step needs one shard at least")
        if wrong := [i for i in numbers if not 0 <= i < len(self.shards)]:
            raise ValueError(f"DataParallel: there are shards 0 to {len(self.shards) - 1}, got {wrong[0]}")
        plan, state = self._planned(), self._task(same, self.model.state_dict())
        keys = [(self.seed, self.steps, i) for i in numbers]
        parts = [self._task(sums, plan, state, self._held[i], key, self.memory) for i, key in zip(numbers, keys)]
        if self.progress and self.client is not None:
            _show(parts)
        while len(parts) > 1:
            parts = [self._task(added, *parts[i : i + self.fan]) for i in range(0, len(parts), self.fan)]
        total = parts[0] if self.client is None else parts[0].result()
        self.steps += 1
        return self._take(total if self.reduce is None else self._over_processes(total, self.reduce))

    def _over_processes(self, total: Sums, reduce: Callable[[Array], Array]) -> Sums:
        counts = reduce(np.array([total.examples, total.loss]))
        gradients = {
            name: reduce(total.gradients.get(name, np.zeros(p.shape, p.dtype)))
            for name, p in sorted(self.model.named_parameters())
        }
        statistics = {name: reduce(a) if a.dtype.kind == "f" else a for name, a in sorted(total.statistics.items())}
        return Sums(int(counts[0]), float(counts[1]), gradients, statistics)

    def _take(self, total: Sums) -> float:
        n = total.examples
        for name, t in list(self.model.named_tensors()):
            if t.requires_grad:
                g = total.gradients.get(name)
                t.grad = None if g is None else wrap((g / n).astype(t.dtype))
            elif name in total.statistics:
                a = total.statistics[name]
                t.data = a / n if t.dtype.kind == "f" else a
        return total.loss / n


def same(x: Any) -> Any:
    """A task that holds x: unlike what is scattered, it can be computed again."""
    return x


def sums(plan: Any, state: dict[str, Array], shard: Shard, key: tuple[int, int, int], memory: int) -> Sums:
    """On a worker: a shard's loss, gradients and statistics, each times its number of examples."""
    arrays = shard() if callable(shard) else shard
    if isinstance(arrays, (str, os.PathLike)):
        arrays = tuple(load(Path(arrays)).values())
    n = len(arrays[0])
    if not n:
        raise ValueError(f"DataParallel: shard {key[-1]} has no examples")
    with _ONE_AT_A_TIME:
        model, loss = copy.deepcopy(plan)
        probe = min(n, 4)
        one = graph_bytes(loss(model, *[a[:probe] for a in arrays])) / probe
        manual_seed(np.random.SeedSequence(key))
        model.load_state_dict(state)  # after the probe, which moved the running statistics
        before = {name: t.data for name, t in model.named_tensors()}
        value, ends = 0.0, np.linspace(0, n, math.ceil(n * one / memory) + 1).astype(int)
        for start, end in itertools.pairwise(ends.tolist()):
            mean = loss(model, *[a[start:end] for a in arrays])
            value += mean.item() * (end - start)
            (mean * (end - start)).backward()
        gradients = {name: wide(p.grad.data) for name, p in model.named_parameters() if p.grad is not None}
        buffers = {name: t.data for name, t in model.named_tensors() if not t.requires_grad}
        moved = {name: a for name, a in buffers.items() if a is not before[name]}
    return Sums(n, value, gradients, {name: wide(a) * n if a.dtype.kind == "f" else a for name, a in moved.items()})


def graph_bytes(out: Tensor) -> int:
    """How many bytes a graph takes with the way back: twice its results."""
    stack: list[Any] = [out]
    seen: set[Any] = set()
    size = 1
    while stack:
        node = stack.pop()
        if node not in seen and node.op is not None:
            seen.add(node)
            size += 2 * node.nbytes
            stack.extend(node.parents())
    return size


def added(*parts: Sums) -> Sums:
    """Their sum, from left to right."""
    examples, loss, gradients, statistics = parts[0]
    for part in parts[1:]:
        examples, loss = examples + part.examples, loss + part.loss
        more = {name: gradients[name] + g if name in gradients else g for name, g in part.gradients.items()}
        gradients = gradients | more
        statistics = {
            name: a + part.statistics[name] if a.dtype.kind == "f" else a for name, a in statistics.items()
        }
    return Sums(examples, loss, gradients, statistics)


def _show(parts: Sequence[Any]) -> None:
    import distributed
    import tqdm

    done: Any = distributed.as_completed
    for _ in tqdm.tqdm(done(parts), total=len(parts), desc="shards", leave=False):
        pass
