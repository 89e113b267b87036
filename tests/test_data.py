"""Data sets, splits and batches."""

from __future__ import annotations

import gzip
import re
import threading
import time
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import data
from tinygrad_lite.data import DataLoader, TensorDataset, random_split


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
        (lambda: data.batches([1, 2, 3]), r"batches: .*argument 0 is not an array of examples, but \[1, 2, 3\]: give"),
        (lambda: data.batches(np.ones(3), 64), "batches: .*argument 1 is not an array of examples, but 64"),
        (lambda: data.batches(np.ones(3), seed="a"), "batches: .*seed must be an integer of at least 0"),
        (lambda: data.split("abc"), "split: arrays must be an array or Tensor of real numbers, got 'abc'"),
        (lambda: data.split(np.ones(3), test=None), "split: test must be a number, got None"),  # type: ignore[arg-type]
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
        (lambda: data.batches(np.ones(3), batch_size=0), "batches: .*batch_size must be a positive integer, got 0"),
        (lambda: data.batches(np.ones(3), batch_size=2.5), "batches: .*batch_size must be a positive integer, got 2.5"),  # type: ignore[arg-type]
        (lambda: data.batches(np.ones(3), np.ones(4)), "batches: .*needs arrays of one length"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_seed_is_an_integer_of_at_least_0(seed: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        tg.manual_seed(seed)


# ------------------------------------------------------------------------------------------------------------- loaders


class Squares(data.Dataset):
    """i, i² and a name, one by one."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: Any) -> Any:
        return {"i": index, "pair": (np.array([index, index**2], np.float32), str(index))}


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_loader_makes_batches_of_examples_of_any_structure(workers: int) -> None:
    first, second, third = DataLoader(Squares(), 4, num_workers=workers)
    assert first["i"].tolist() == [0, 1, 2, 3] and third["i"].tolist() == [8, 9]
    squares, names = second["pair"]
    assert squares.dtype == np.float32 and squares.tolist() == [[4, 16], [5, 25], [6, 36], [7, 49]]
    assert names == ["4", "5", "6", "7"]
    assert [a.tolist() for a in DataLoader([5, 6, 7], 2, num_workers=workers)] == [[5, 6], [7]]  # a list is a set, too
    sums = DataLoader([5, 6, 7], 2, collate_fn=sum, num_workers=workers)
    assert list(sums) == [11, 7]


def test_numbers_of_numpys_and_arrays_of_other_libraries_become_arrays() -> None:
    labels = data.default_collate([np.int64(3), np.int64(4)])
    assert isinstance(labels, np.ndarray) and labels.dtype == np.int64
    assert data.default_collate([np.str_("a"), np.str_("b")]) == ["a", "b"]
    torch = pytest.importorskip("torch")
    x, y = next(iter(DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2), torch.arange(4)), 3)))
    assert isinstance(x, np.ndarray) and x.shape == (3, 2) and y.tolist() == [0, 1, 2]


def test_examples_that_fit_no_batch_are_named() -> None:
    class Pair(NamedTuple):
        x: int
        name: str

    assert data.default_collate([Pair(1, "a"), Pair(2, "b")]).name == ["a", "b"]
    assert np.sum(data.default_collate([tg.Tensor(1.0, requires_grad=True)] * 2)).requires_grad
    with pytest.raises(ValueError, match=r"^default_collate: all input arrays must have the same shape"):
        data.default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(ValueError, match=r"^default_collate: argument 2 is shorter"):
        data.default_collate([(1, 2), (1,)])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_s_order_is_its_own_generator_s(workers: int) -> None:
    def epochs(**settings: Any) -> list[list[int]]:
        loader = DataLoader(range(20), 6, shuffle=True, num_workers=workers, **settings)
        return [[int(i) for batch in loader for i in batch] for _ in range(2)]

    first = epochs(generator=3)
    assert first == epochs(generator=np.random.default_rng(3)) and first[0] != first[1]
    assert sorted(first[0]) == list(range(20))
    tg.manual_seed(1)
    second = epochs()
    tg.manual_seed(1)
    assert second == epochs() != first


def test_threads_read_ahead_no_further_than_asked_and_end_with_the_loop() -> None:
    class Slow(data.Dataset):
        read: ClassVar[list[int]] = []

        def __len__(self) -> int:
            return 100

        def __getitem__(self, index: Any) -> Any:
            self.read.append(index)
            time.sleep(0.001)
            return index

    before = threading.active_count()
    loader = iter(DataLoader(Slow(), 1, num_workers=2))
    assert next(loader).tolist() == [0]
    time.sleep(0.1)
    assert sorted(Slow.read) == list(range(5))  # this one and four more
    del loader  # as break does
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_data_set_raises_reaches_the_loop(workers: int) -> None:
    def fail(examples: list[Any]) -> Any:
        raise ArithmeticError(f"{examples}")

    before = threading.active_count()
    with pytest.raises(ArithmeticError, match=r"\[0, 1\]"):
        list(DataLoader(range(4), 2, collate_fn=fail, num_workers=workers))
    assert threading.active_count() == before


def test_subsets_give_the_examples_of_their_indices() -> None:
    part = data.Subset(TensorDataset(np.arange(10), -np.arange(10)), [7, 2, 5])
    assert len(part) == 3 and [int(a) for a in part[1]] == [2, -2]
    assert [a.tolist() for a in part[:]] == [[7, 2, 5], [-7, -2, -5]]
    assert [a.tolist() for a in next(iter(DataLoader(part, 2)))] == [[7, 2], [-7, -2]]
    assert data.Subset(Squares(), [3])[0]["i"] == 3
    inner = data.Subset(data.Subset(range(100), np.arange(50, 60)), [9, 0])
    assert next(iter(DataLoader(inner, 2))).tolist() == [59, 50]


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [([7, 3], [7, 3]), ([0.5, 0.5], [5, 5]), ([0.33, 0.33, 0.34], [4, 3, 3]), ([10, 0], [10, 0]), ([1.0], [10])],
)
def test_a_random_split_shares_all_out(lengths: Any, sizes: list[int]) -> None:
    parts = random_split(range(10), lengths, generator=0)
    assert [len(part) for part in parts] == sizes
    assert sorted(int(i) for part in parts for i in part.indices) == list(range(10))
    again = random_split(range(10), lengths, generator=0)
    assert all(np.array_equal(a.indices, b.indices) for a, b in zip(parts, again))


def test_random_split_and_torch_s_agree_on_sizes() -> None:
    torch = pytest.importorskip("torch")
    for n, lengths in ((10, [0.33, 0.33, 0.34]), (1, [1.0]), (3, [0.5, 0.5]), (25, [0.1] * 10), (5, [2, 3])):
        theirs = torch.utils.data.random_split(range(n), lengths)
        assert [len(part) for part in random_split(range(n), lengths)] == [len(part) for part in theirs]


@pytest.mark.parametrize("lengths", [[5, 6], [0.5, 0.6], [-1, 11], [5.0, 5.0], 10, [[5], [5]], "abc", None, [np.nan]])
def test_lengths_that_do_not_add_up_are_refused(lengths: Any) -> None:
    with pytest.raises(ValueError, match=r"random_split: lengths must add up to 10, or to 1 as shares, got "):
        random_split(range(10), lengths)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: DataLoader(3), TypeError, "DataLoader: dataset must have a length and items by number, got 3"),
        (lambda: DataLoader(iter([])), TypeError, "DataLoader: dataset must have a length and items"),
        (lambda: DataLoader([1], 1, False, None), TypeError, "positional arguments but 5"),  # type: ignore
        (lambda: DataLoader([1], 0), ValueError, "DataLoader: batch_size must be a positive integer, got 0"),
        (lambda: DataLoader([1], True), ValueError, "DataLoader: batch_size must be a positive integer, got True"),
        (lambda: DataLoader([1], num_workers=-1), ValueError, "num_workers must be an integer of at least 0, got -1"),
        (lambda: DataLoader([1], generator="a"), TypeError, "DataLoader: seed must be an integer of at least 0"),  # type: ignore[arg-type]
        (lambda: random_split([1], [1], generator=-1), TypeError, "random_split: seed must be an integer of at least"),
        (lambda: TensorDataset(np.ones(3), np.ones(4)), ValueError, "TensorDataset: needs arrays of one length"),
        (lambda: TensorDataset([1]), TypeError, r"TensorDataset: argument 0 is not an array of examples, but \[1\]"),
        (lambda: data.Dataset()[0], NotImplementedError, "Dataset: define __getitem__"),
        (lambda: DataLoader(data.Dataset()), TypeError, "DataLoader: dataset must have a length and items by"),
    ],
)
def test_what_makes_no_loader_is_refused(call: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        call()


# ---------------------------------------------------------------------------------------------------------------- sets


def test_moons_and_spirals_lie_on_their_curves() -> None:
    points, labels = data.moons(100, noise=0)
    assert points.dtype == np.float32 and labels.dtype == np.int64 and np.bincount(labels).tolist() == [50, 50]
    centre = np.where(labels[:, None], [1, 0.5], [0, 0])
    assert np.allclose(np.sum((points - centre) ** 2, axis=1), 1, atol=1e-6)
    assert np.all((points - centre)[:, 1] * np.where(labels, -1, 1) >= -1e-6)
    points, labels = data.spirals(99, arms=3, turns=0.5, noise=0)
    r, a = np.hypot(*points.T), np.arctan2(*points.T[::-1])
    assert np.bincount(labels).tolist() == [33] * 3 and r.max() <= 1
    assert np.allclose(np.exp(1j * a)[1:], np.exp(2j * np.pi * (0.5 * r + labels / 3))[1:], atol=1e-5)


@pytest.mark.parametrize("make", [data.moons, data.spirals])
def test_computed_sets_depend_on_their_seed_alone(make: Any) -> None:
    first, again, other = make(50, seed=1), make(50, seed=1), make(50, seed=2)
    assert np.array_equal(first[0], again[0]) and not np.array_equal(first[0], other[0])
    assert 0.05 < np.std(make(1000, noise=0.1)[0] - make(1000, noise=0)[0]) < 0.15


def idx(a: Any, code: int = 8) -> bytes:
    numbers: bytes = a.astype(data.sets.IDX[code]).tobytes()
    return bytes([0, 0, code, a.ndim]) + np.array(a.shape, ">i4").tobytes() + numbers


@pytest.mark.parametrize("code", [8, 9, 11, 12, 13, 14])
@pytest.mark.parametrize("shape", [(3, 4, 5), (7,), (0, 2), ()])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_idx_file_is_read(tmp_path: Path, code: int, shape: tuple[int, ...], pack: Any) -> None:
    a = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    (tmp_path / "a").write_bytes(pack(idx(a, code)))
    read = data.read_idx(tmp_path / "a")
    assert np.array_equal(read, a) and read.dtype.isnative and read.dtype.itemsize == int(data.sets.IDX[code][2])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_mutated_idx_file_is_read_or_named(tmp_path: Path, pack: Any) -> None:
    path, rng = tmp_path / "a", np.random.default_rng(0)
    good, refused = pack(idx(np.arange(24).reshape(2, 3, 4))), 0
    for i in range(2000):
        mutated = bytearray(good)
        if i % 3 == 0:
            del mutated[rng.integers(len(good)) :]
        for _ in range(rng.integers(1, 4) if mutated else 0):
            at = rng.integers(min(len(mutated), 20) if i % 2 else len(mutated))  # half of them in the header
            mutated[at] = rng.integers(256)
            if i % 3 == 1:
                mutated[at:at] = bytes(rng.integers(0, 256, rng.integers(0, 9)).tolist())
        path.write_bytes(mutated)
        try:
            data.read_idx(path)
        except ValueError as error:
            refused += 1
            assert re.fullmatch(r"read_idx: '.*a' is damaged, or is no IDX file", str(error))
    assert refused > 1000


def test_a_header_that_promises_too_much_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    huge = bytes([0, 0, 14, 4]) + b"\xff" * 16
    for content in (huge, gzip.compress(huge), idx(np.arange(3)) + b"1", gzip.compress(idx(np.arange(3)) + b"1")):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ValueError, match="is damaged, or is no IDX file"):
            data.read_idx(tmp_path / "a")


@pytest.mark.parametrize(
    ("suffix", "pack"), [("-idx{}-ubyte", bytes), (".idx{}-ubyte", bytes), ("-idx{}-ubyte.gz", gzip.compress)]
)
def test_a_folder_of_idx_files_is_read(tmp_path: Path, suffix: str, pack: Any) -> None:
    images = np.arange(2 * 28 * 28).reshape(2, 28, 28) % 256
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images{suffix.format(3)}").write_bytes(pack(idx(images)))
        (tmp_path / f"{part}-labels{suffix.format(1)}").write_bytes(pack(idx(np.array([7, 1]))))
    (x, y), (x_test, _) = data.mnist(tmp_path)
    assert x.shape == x_test.shape == (2, 1, 28, 28) and x.dtype == np.float32 and x.max() == 1
    assert np.array_equal(np.round(x[:, 0] * 255), images) and y.tolist() == [7, 1] and y.dtype == np.int64
    (tmp_path / f"t10k-labels{suffix.format(1)}").write_bytes(pack(idx(np.array([7]))))
    with pytest.raises(ValueError, match=r"mnist: .* has images \(2, 28, 28\) and labels \(1,\) for t10k"):
        data.mnist(str(tmp_path))
    (tmp_path / f"t10k-images{suffix.format(3)}").unlink()
    with pytest.raises(FileNotFoundError, match=r"mnist: '.*' holds no file named \*t10k\*images\*idx3\*"):
        data.mnist(tmp_path)
    with pytest.raises(FileNotFoundError):
        data.read_idx(tmp_path / "none")


def test_the_text_is_python_s_manual_or_any_file(tmp_path: Path) -> None:
    manual = data.text()
    assert len(manual) > 300_000 and "try" in manual
    (tmp_path / "a.txt").write_text("ä€", encoding="utf-8")
    assert data.text(tmp_path / "a.txt") == "ä€"


def test_images_in_folders_are_arrays_with_their_folder_s_number(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    for name in ("cat/a.png", "cat/deep/b.png", "dog/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    images = data.ImageFolder(tmp_path)
    assert images.classes == ["cat", "dog"] and len(images) == 3
    x, y = next(iter(DataLoader(images, 3, num_workers=1)))
    assert x.shape == (3, 3, 2, 4) and x.dtype == np.float32 and y.tolist() == [0, 0, 1]
    assert np.array_equal(x[0], np.moveaxis(pixels, 2, 0) / np.float32(255))
    grey = data.ImageFolder(tmp_path / "dog", size=(5, 6), mode="L")
    assert grey.classes == ["dog"] and grey[0][0].shape == (1, 5, 6) and 0 <= grey[0][0].min() <= grey[0][0].max() <= 1
    (tmp_path / "dog" / "c.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"ImageFolder: '.*c.png' is damaged, or is no image"):
        images[2]
    with pytest.raises(FileNotFoundError, match=r"ImageFolder: '.*none' holds no images"):
        data.ImageFolder(tmp_path / "none")


def test_a_missing_pillow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match="ImageFolder: Pillow is missing: pip install pillow"):
        data.ImageFolder(tmp_path)
