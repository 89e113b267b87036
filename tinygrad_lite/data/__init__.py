"""Data to learn from: the bundled digits, a split into training and test examples, and batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import random

__all__ = ["batches", "digits", "split"]

Array = npt.NDArray[Any]


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
    """
    n = _length("split", arrays)
    held_out = round(n * test) if 0 < test < 1 else 0
    if not 0 < held_out < n:
        raise ValueError(f"split: test={test!r} of {n} examples leaves one part empty: take a share between 0 and 1")
    order = np.random.default_rng(seed).permutation(n)
    return tuple(a[order[held_out:]] for a in arrays), tuple(a[order[:held_out]] for a in arrays)


def batches(*arrays: Array, batch_size: int = 64, shuffle: bool = True) -> Iterator[tuple[Array, ...]]:
    """The arrays cut into batches along their first axis, in a new random order (`tg.manual_seed`) where `shuffle`.

    The last batch is smaller when `batch_size` does not divide the number of examples.

    Raises:
        ValueError: the arrays differ in length, or `batch_size` is not positive.
    """
    n = _length("batches", arrays)
    if batch_size < 1:
        raise ValueError(f"batches: batch_size must be at least 1, got {batch_size}")
    order = random.generator.permutation(n) if shuffle else np.arange(n)
    return (tuple(a[order[i : i + batch_size]] for a in arrays) for i in range(0, n, batch_size))


def _length(name: str, arrays: tuple[Array, ...]) -> int:
    lengths = {len(a) for a in arrays}
    if len(lengths) != 1:
        raise ValueError(f"{name}: needs arrays of one length, got {[len(a) for a in arrays]}")
    return lengths.pop()
