"""The bundled digits, splits and batches."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import data


def test_the_digits_are_what_they_say() -> None:
    images, labels = data.digits()
    assert images.shape == (1797, 1, 8, 8) and images.dtype == np.float32
    assert labels.shape == (1797,) and labels.dtype == np.int64
    assert images.min() == 0 and images.max() == 1
    assert np.array_equal(images * 16, np.round(images * 16))
    assert np.array_equal(np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])  # UCI's own table
    assert np.array_equal(images[0, 0, 0] * 16, [0, 0, 5, 13, 9, 1, 0, 0])  # the first row of the first 0


def test_the_file_is_small_and_names_its_source_and_licence() -> None:
    folder = files("tinygrad_lite.data")
    assert len(folder.joinpath("digits.npz").read_bytes()) < 100_000
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    for text in (readme, data.digits.__doc__ or ""):
        assert "UCI Machine Learning" in text and "10.24432/C50P49" in text and "CC BY 4.0" in text


def test_scikit_learn_ships_the_same_array() -> None:
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = data.digits()
    assert np.array_equal(images[:, 0] * 16, theirs.images) and np.array_equal(labels, theirs.target)


def test_a_split_holds_out_a_share_and_loses_nothing() -> None:
    x, y = np.arange(100).reshape(50, 2), np.arange(50)
    (x_train, y_train), (x_test, y_test) = data.split(x, y, test=0.2, seed=3)
    assert (len(x_train), len(y_train), len(x_test), len(y_test)) == (40, 40, 10, 10)
    assert sorted([*y_train, *y_test]) == list(range(50))
    assert np.array_equal(x_train[:, 0], 2 * y_train) and np.array_equal(x_test[:, 0], 2 * y_test)


def test_a_split_depends_on_its_seed_alone() -> None:
    y = np.arange(50)
    tg.manual_seed(0)
    first = data.split(y, seed=1)
    tg.manual_seed(5)
    assert np.array_equal(first[1][0], data.split(y, seed=1)[1][0])
    assert not np.array_equal(first[1][0], data.split(y, seed=2)[1][0])


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_hold_every_example_once(shuffle: bool) -> None:
    x = np.arange(10)
    parts = list(data.batches(x, -x, batch_size=4, shuffle=shuffle))
    assert [len(a) for a, _ in parts] == [4, 4, 2]
    assert all(np.array_equal(a, -b) for a, b in parts)
    joined = np.concatenate([a for a, _ in parts])
    assert np.array_equal(np.sort(joined), x)
    assert np.array_equal(joined, x) != shuffle


def test_batches_come_in_a_new_order_each_time_and_repeat_with_the_seed() -> None:
    def order() -> list[Any]:
        return [int(i) for (a,) in data.batches(np.arange(30), batch_size=7) for i in a]

    tg.manual_seed(1)
    first, second = order(), order()
    tg.manual_seed(1)
    assert first != second and order() == first


def test_batches_can_be_gone_through_again_and_again_in_new_orders() -> None:
    loader = data.batches(np.arange(10), batch_size=4)
    epochs = [[int(i) for (a,) in loader for i in a] for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert len(loader) == len(list(loader)) == 3
    two = zip(loader, loader)  # two at once
    assert len(list(two)) == 3


def test_a_last_batch_that_is_too_small_may_be_dropped() -> None:
    for n, size, count in ((10, 4, 2), (8, 4, 2), (3, 4, 0)):
        loader = data.batches(np.arange(n), batch_size=size, drop_last=True)
        assert len(loader) == count and [len(a) for (a,) in loader] == [size] * count


@pytest.mark.parametrize("make", [int, np.random.default_rng])
def test_a_seed_of_its_own_repeats_all_epochs_whatever_else_is_drawn(make: Any) -> None:
    def orders() -> list[list[int]]:
        loader = data.batches(np.arange(20), batch_size=7, seed=make(3))
        return [[int(i) for (a,) in loader for i in a] for _ in range(3)]

    tg.manual_seed(0)
    first, before = orders(), tg.random.generator.bit_generator.state
    tg.manual_seed(0)
    assert tg.random.generator.bit_generator.state == before  # nothing was drawn from it
    tg.manual_seed(7)
    assert orders() == first and first[0] != first[1]


def test_tensors_are_cut_into_tensors() -> None:
    x = tg.Tensor(np.arange(4.0), requires_grad=True)
    sum(np.sum(a * a) for (a,) in data.batches(x, batch_size=3)).backward()
    assert x.grad is not None and np.array_equal(x.grad.data, [0, 2, 4, 6])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: data.batches([1, 2, 3]), "batches: argument 0 is a list, not an array of examples: give np.asarray"),
        (lambda: data.batches(np.ones(3), 64), "batches: argument 1 is a number, not an array of examples"),
        (lambda: data.batches(np.ones(3), batch_size=2.5), "batches: batch_size must be an integer, got 2.5"),  # type: ignore[arg-type]
        (lambda: data.batches(np.ones(3), seed="a"), "batches: seed must be an integer of at least 0"),  # type: ignore[arg-type]
        (lambda: data.split("abc"), "split: argument 0 is a str, not an array"),
        (lambda: data.split(np.ones(3), test=None), "split: test must be a share between 0 and 1, got None"),  # type: ignore[arg-type]
        (lambda: data.split(np.ones(3), seed=1.5), "split: seed must be an integer"),  # type: ignore[arg-type]
    ],
)
def test_what_is_of_another_kind_is_refused(call: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()


def test_no_examples_are_no_batches() -> None:
    assert list(data.batches(np.zeros((0, 3)))) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: data.split(np.ones(3), np.ones(4)), r"split: needs arrays of one length, got \[3, 4\]"),
        (lambda: data.split(), r"split: needs arrays of one length, got \[\]"),
        (lambda: data.split(np.ones(3), test=1.5), "split: test=1.5 of 3 examples leaves one part empty"),
        (lambda: data.split(np.ones(2), test=0.1), "leaves one part empty"),
        (lambda: data.batches(np.ones(3), batch_size=0), "batches: batch_size must be at least 1, got 0"),
        (lambda: data.batches(np.ones(3), np.ones(4)), "batches: needs arrays of one length"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_seed_is_an_integer_of_at_least_0(seed: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        tg.manual_seed(seed)
