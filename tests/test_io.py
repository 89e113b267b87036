"""Weights in files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import io

STATE: dict[str, Any] = {
    "0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "scalar": np.float64(3),
    "empty": np.zeros((0, 4), np.float32),
    "count": np.int64(7),
    "file": np.ones(1),
    "allow_pickle": np.ones(2),
}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"weights{suffix}"
    tg.save(STATE, path)
    loaded = tg.load(str(path))
    assert loaded.keys() == STATE.keys()
    for name, a in STATE.items():
        assert loaded[name].dtype == a.dtype and np.array_equal(loaded[name], a) and loaded[name].shape == a.shape
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    a, b = tg.nn.Linear(3, 2), tg.nn.Linear(3, 2)
    tg.save(a.state_dict(), tmp_path / "w.npz")
    b.load_state_dict(tg.load(tmp_path / "w.npz"))
    assert np.array_equal(a.weight.data, b.weight.data)
    tg.save(dict(a.named_parameters()), tmp_path / "w.npz")  # tensors will do
    assert np.array_equal(tg.load(tmp_path / "w.npz")["weight"], a.weight.data)


def test_numpy_reads_it_and_equal_weights_are_equal_files(tmp_path: Path) -> None:
    tg.save(STATE, tmp_path / "a.npz")
    tg.save(STATE, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["0.weight"], STATE["0.weight"])
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.testzip() is None


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save: '.*w.pkl' must end in .npz or .safetensors"):
        tg.save(STATE, tmp_path / "w.pkl")
    with pytest.raises(ValueError, match="load: 'w' must end in"):
        tg.load("w")


def test_objects_are_neither_written_nor_read_and_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    tg.save({"x": np.ones(3)}, path)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        tg.save({"x": np.array([object()])}, path)
    assert np.array_equal(tg.load(path)["x"], np.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]


def test_a_file_that_is_damaged_or_holds_no_arrays_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez_compressed(path, x=np.arange(1000.0))
    good = path.read_bytes()
    np.savez(path, x=np.array([{}]))
    objects = path.read_bytes()
    flipped = bytearray(good)
    flipped[200] ^= 255
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no array")
    for content in (b"", b"hello", good[:-40], bytes(flipped), objects, path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^load: '.*w.npz' is damaged, or is no .npz file of arrays of numbers$"):
            tg.load(path)
    path.write_bytes(good)
    assert np.array_equal(tg.load(path)["x"], np.arange(1000))
    with pytest.raises(FileNotFoundError, match=r"other\.npz"):
        tg.load(tmp_path / "other.npz")


def test_what_has_no_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"save: needs arrays by name, not a Linear; as in model.state_dict\(\)"):
        tg.save(tg.nn.Linear(1, 1), tmp_path / "w.npz")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_missing_safetensors_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinygrad-lite\[safetensors\]'"):
        io.save(STATE, tmp_path / "w.safetensors")
