"""Data sets, and how they are split and cut into batches. Names and arguments are PyTorch's."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .. import random
from ..errors import describe, named
from ..settings import Count, Positive, checked
from ..values import Array

__all__ = ["DataLoader", "Dataset", "Subset", "TensorDataset", "batches", "default_collate", "random_split", "split"]


class Dataset:
    """Examples by number. A subclass defines `__len__` and `__getitem__`; a DataLoader takes anything that has both."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__(self, index), which gives an example")

    def batch(self, indices: Array) -> Any:
        """The examples of these indices as one batch. Override it where that is faster than one by one."""
        return default_collate([self[int(i)] for i in indices])


class TensorDataset(Dataset):
    """Arrays (or tensors) of one length: example i is the tuple of their items i.

    Raises:
        ValueError: the arrays differ in length.
        TypeError: an argument is no array.
    """

    @named
    def __init__(self, *tensors: Array) -> None:
        self.examples = _length(tensors)
        self.tensors = tensors

    def __len__(self) -> int:
        return self.examples

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        return tuple(a[index] for a in self.tensors)

    def batch(self, indices: Array) -> tuple[Array, ...]:
        """The arrays' items of these indices."""
        return self[indices]


class Subset(Dataset):
    """The examples of `dataset` whose numbers `indices` holds, in that order."""

    def __init__(self, dataset: Any, indices: Any) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices, np.intp)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]

    def batch(self, indices: Array) -> Any:
        """The batch that `dataset` makes of them."""
        return _batch(self.dataset, self.indices[indices])


@named
def random_split(
    dataset: Any, lengths: Sequence[float], generator: int | np.random.Generator | None = None
) -> list[Subset]:
    """Share the examples of `dataset` out at random: subsets of these lengths.

        train, test = tg.data.random_split(dataset, [0.8, 0.2], generator=0)

    `lengths` are integers that add up to the number of examples, or shares that add up to 1; what rounding down leaves
    goes to the first subsets, one each. `generator` is as for DataLoader.

    Raises:
        ValueError: the lengths don't add up, or one is negative.
        TypeError: `generator` is no seed.
    """
    n, counts = len(dataset), np.asarray(lengths)
    if counts.dtype.kind == "f" and math.isclose(np.sum(counts), 1):
        counts = np.floor(counts * n).astype(int)
        counts[: n - np.sum(counts)] += 1
    if counts.dtype.kind not in "iu" or np.ndim(counts) != 1 or np.any(counts < 0) or np.sum(counts) != n:
        raise ValueError(f"lengths must add up to {n}, or to 1 as shares, got {lengths!r}")
    order = (_generator(generator) or random.generator).permutation(n)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(counts)[:-1])]


class DataLoader:
    """The examples of a data set in batches, each time anew: a loop over it is one epoch.

        loader = tg.data.DataLoader(tg.data.TensorDataset(x, y), batch_size=64, shuffle=True)
        for epoch in range(10):
            for x_batch, y_batch in loader:
                ...

    Its `len` is the number of batches.

    Args:
        dataset: a Dataset, or anything with `__len__` and `__getitem__` by number.
        batch_size: how many examples a batch has; the last has fewer where it doesn't divide their number.
        shuffle: take the examples in a new random order each time.
        num_workers: this many threads make the next batches, two each, while the loop works; with 0 the loop makes
            them itself.
        collate_fn: makes a batch of a list of examples; by default the data set's `batch`, or `default_collate`.
        drop_last: leave a last batch out that has fewer.
        generator: a seed, or a NumPy Generator, for orders that nothing else influences; else `tg.manual_seed` counts.

    Raises:
        ValueError: batch_size or num_workers is no integer, or below its least.
        TypeError: `dataset` has no length or items, or `generator` is no seed.
    """

    @named
    def __init__(
        self, dataset: Any, batch_size: Positive = 1, shuffle: bool = False, *, num_workers: Count = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None, drop_last: bool = False,
        generator: int | np.random.Generator | None = None,
    ) -> None:  # fmt: skip
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise TypeError(f"dataset must have a length and items by number, got {dataset!r}")
        self.dataset, self.shuffle, self.collate_fn, self.drop_last = dataset, shuffle, collate_fn, drop_last
        self.batch_size: int = checked("batch_size", batch_size, "Positive")
        self.num_workers: int = checked("num_workers", num_workers, "Count")
        self.generator = _generator(generator)

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = (self.generator or random.generator).permutation(n) if self.shuffle else np.arange(n)
        parts = (order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(len(self)))
        return self._ahead(parts) if self.num_workers else map(self._batch, parts)

    def _batch(self, indices: Array) -> Any:
        if self.collate_fn is None:
            return _batch(self.dataset, indices)
        return self.collate_fn([self.dataset[int(i)] for i in indices])

    def _ahead(self, parts: Iterator[Array]) -> Iterator[Any]:
        made: deque[Future[Any]] = deque()
        pool = ThreadPoolExecutor(self.num_workers, "DataLoader")
        try:
            for part in parts:
                made.append(pool.submit(self._batch, part))
                if len(made) > 2 * self.num_workers:
                    yield made.popleft().result()
            while made:
                yield made.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@named
def default_collate(examples: Sequence[Any]) -> Any:
    """A batch of examples of one structure: arrays and numbers stacked along a new first axis.

    In tuples, lists and dicts each place for itself; what is no number (a string) stays a list.

    Raises:
        ValueError: the examples differ in structure or shape.
    """
    first = examples[0]
    if isinstance(first, Mapping):
        return {key: default_collate([example[key] for example in examples]) for key in first}
    if isinstance(first, (tuple, list)):
        make = getattr(first, "_make", type(first))  # a named tuple's takes no iterable
        return make(map(default_collate, zip(*examples, strict=True)))
    if hasattr(first, "__array__") and not isinstance(first, np.str_):  # NumPy's, ours, or another library's
        return np.stack(examples)
    return np.asarray(examples) if isinstance(first, (bool, int, float)) else list(examples)


@named
def batches(
    *arrays: Array, batch_size: Positive = 64, shuffle: bool = True, drop_last: bool = False, seed: Any = None
) -> DataLoader:
    """A DataLoader of arrays or tensors, shuffled: `for x, y in tg.data.batches(images, labels)` is one epoch.

    Raises:
        ValueError, TypeError: as TensorDataset and DataLoader; `seed` is what is there called `generator`.
    """
    return DataLoader(TensorDataset(*arrays), batch_size, shuffle, drop_last=drop_last, generator=seed)


@named
def split(*arrays: Array, test: float = 0.2, seed: int = 0) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """(the arrays' training examples, their test examples): a random share `test` of the first axis is held out.

        (x, y), (x_test, y_test) = tg.data.split(*tg.data.digits(), seed=0)

    The same seed gives the same split, whatever else draws random numbers.

    Raises:
        ValueError: the arrays differ in length, or one of the two parts would be empty.
        TypeError: an argument is no array, `test` no number, or `seed` no integer.
    """
    n = _length(arrays)
    held_out = round(n * float(checked("test", test, "float")))
    if not 0 < held_out < n:
        raise ValueError(f"test={test!r} of {n} examples leaves one part empty: take a share between 0 and 1")
    order = (_generator(seed) or random.generator).permutation(n)
    return tuple(a[order[held_out:]] for a in arrays), tuple(a[order[:held_out]] for a in arrays)


def _batch(dataset: Any, indices: Array) -> Any:
    if hasattr(dataset, "batch"):
        return dataset.batch(indices)
    return default_collate([dataset[int(i)] for i in indices])


def _length(arrays: tuple[Array, ...]) -> int:
    for i, a in enumerate(arrays):
        if not np.ndim(a) or not hasattr(a, "__array_function__"):
            raise TypeError(f"argument {i} is not an array of examples, but {describe(a)}: give np.asarray of it")
    lengths = [np.shape(a)[0] for a in arrays]
    if len(set(lengths)) != 1:
        raise ValueError(f"needs arrays of one length, got {lengths}")
    return int(lengths[0])


def _generator(seed: Any) -> np.random.Generator | None:
    if seed is None:
        return None
    if not isinstance(seed, (int, np.integer, np.random.Generator)) or isinstance(seed, int) and seed < 0:
        raise TypeError(f"seed must be an integer of at least 0, or a NumPy Generator, got {seed!r}")
    return np.random.default_rng(seed)
