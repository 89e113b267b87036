"""Data to learn from: the bundled digits, a split into training and test examples, and batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import random
from ..values import Array

__all__ = ["batches", "digits", "split"]


def digits() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """1,797 handwritten digits of 13 people: (images, labels), bundled with the package.

    images: (1797, 1, 8, 8) float32, examples × channel × rows × columns, from 0 (paper) to 1 (ink). labels: (1797,)
    int64 from 0 to 9.

    Source: the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository (1998), https://doi.org/10.24432/C50P49, as scikit-learn's `load_digits` has it. Licence: CC BY 4.0.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as data:
        return data["images"][:, None].astype(np.float32) / 16, data["labels"].astype(np.int64)


def split(*arrays: Array, test: float = 0.2, seed: int = 0) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """(the arrays' training examples, their test examples): a random share `test` of the first axis is held out.

        (x, y), (x_test, y_test) = tg.data.split(*tg.data.digits(), seed=0)

    The same seed gives the same split, whatever else draws random numbers.

    Raises:
        ValueError: the arrays differ in length, or one of the two parts would be empty.
        TypeError: an argument is no array, `test` no number, or `seed` no integer.
    """
    n = _length("split", arrays)
    if not isinstance(test, (int, float, np.number)):
        raise TypeError(f"split: test must be a share between 0 and 1, got {test!r}")
    held_out = round(n * float(test)) if 0 < test < 1 else 0
    if not 0 < held_out < n:
        raise ValueError(f"split: test={test!r} of {n} examples leaves one part empty: take a share between 0 and 1")
    order = _generator("split", seed).permutation(n)
    return tuple(a[order[held_out:]] for a in arrays), tuple(a[order[:held_out]] for a in arrays)


class batches:
    """The arrays cut into batches along their first axis, each time anew: a loop over it is one epoch.

        loader = tg.data.batches(x, y, batch_size=64)
        for epoch in range(10):
            for x_batch, y_batch in loader:
                ...

    Its `len` is the number of batches.

    Args:
        arrays: NumPy arrays or tensors of one length; each batch is a tuple of as many.
        batch_size: how many examples a batch has; the last has fewer where it doesn't divide their number.
        shuffle: take the examples in a new random order each time.
        drop_last: leave a last batch out that has fewer.
        seed: an integer, or a NumPy Generator, for orders that nothing else influences; else `tg.manual_seed` counts.

    Raises:
        ValueError: the arrays differ in length, or `batch_size` is not positive.
        TypeError: an argument is no array, `batch_size` or `seed` no integer.
    """

    def __init__(
        self,
        *arrays: Array,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.examples = _length("batches", arrays)
        if not isinstance(batch_size, (int, np.integer)) or isinstance(batch_size, bool):
            raise TypeError(f"batches: batch_size must be an integer, got {batch_size!r}")
        if batch_size < 1:
            raise ValueError(f"batches: batch_size must be at least 1, got {batch_size}")
        self.arrays, self.batch_size, self.shuffle, self.drop_last = arrays, int(batch_size), shuffle, drop_last
        self.generator = None if seed is None else _generator("batches", seed)

    def __len__(self) -> int:
        return self.examples // self.batch_size if self.drop_last else -(-self.examples // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        generator = self.generator or random.generator
        order = generator.permutation(self.examples) if self.shuffle else np.arange(self.examples)
        parts = (order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(len(self)))
        return (tuple(a[part] for a in self.arrays) for part in parts)


def _length(name: str, arrays: tuple[Array, ...]) -> int:
    for i, a in enumerate(arrays):
        if not hasattr(a, "__array_function__") or not np.ndim(a):
            number = hasattr(a, "__array_function__") or isinstance(a, (int, float))
            what = "a number" if number else f"a {type(a).__name__}"
            raise TypeError(f"{name}: argument {i} is {what}, not an array of examples: give np.asarray of it")
    lengths = {np.shape(a)[0] for a in arrays}
    if len(lengths) != 1:
        raise ValueError(f"{name}: needs arrays of one length, got {[np.shape(a)[0] for a in arrays]}")
    return int(lengths.pop())


def _generator(name: str, seed: Any) -> np.random.Generator:
    if not isinstance(seed, (int, np.integer, np.random.Generator)) or isinstance(seed, int) and seed < 0:
        raise TypeError(f"{name}: seed must be an integer of at least 0, or a NumPy Generator, got {seed!r}")
    return np.random.default_rng(seed)
