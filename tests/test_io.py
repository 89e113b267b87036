"""Weights in files."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
import time
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


# ------------------------------------------------------------------------------------------- writers and hostile files


def suffixes() -> list[str]:
    return [".npz", ".safetensors"] if importlib.util.find_spec("safetensors") else [".npz"]


@pytest.mark.parametrize("suffix", suffixes())
def test_of_several_writers_the_last_one_wins_and_every_file_read_is_whole(tmp_path: Path, suffix: str) -> None:
    path, done = tmp_path / f"w{suffix}", threading.Event()

    def write(value: int) -> None:
        while not done.is_set():
            tg.save({"x": np.full(5000, value), "y": np.full(3, value)}, path)

    write_once = {"x": np.zeros(5000, int), "y": np.zeros(3, int)}
    tg.save(write_once, path)
    writers = [threading.Thread(target=write, args=(value,)) for value in range(1, 4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(300):
            read = tg.load(path)
            assert np.all(read["x"] == read["x"][0]) and np.all(read["y"] == read["x"][0])
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_writer_that_is_killed_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    tg.save({"x": np.zeros(3)}, path)
    code = "import sys, numpy as np, tinygrad_lite as tg\nprint('go', flush=True)\n"
    code += "while True: tg.save({'x': np.ones(200_000)}, sys.argv[1])"
    for pause in np.random.default_rng(0).uniform(0, 0.02, 5):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline()
        time.sleep(pause)
        writer.kill()
        writer.communicate()
        x = tg.load(path)["x"]
        assert np.all(x == 0) or (np.all(x == 1) and x.shape == (200_000,))


@pytest.mark.parametrize("suffix", suffixes())
def test_a_mutated_file_is_read_or_named(tmp_path: Path, suffix: str) -> None:
    path, rng = tmp_path / f"w{suffix}", np.random.default_rng(0)
    tg.save({"weight": np.arange(6.0).reshape(2, 3), "bias": np.ones(3, np.float32), "n": np.int64(3)}, path)
    good, refused = path.read_bytes(), 0
    for i in range(1000):
        mutated = bytearray(good)
        if i % 3 == 0:
            del mutated[rng.integers(len(good)) :]
        for _ in range(rng.integers(1, 4) if mutated else 0):
            at = rng.integers(len(mutated))
            mutated[at] = rng.integers(256)
            if i % 3 == 1:
                mutated[at:at] = bytes(rng.integers(0, 256, rng.integers(0, 9)).tolist())
        path.write_bytes(mutated)
        try:
            read = tg.load(path)
        except ValueError as error:
            refused += 1
            said = f"load: '.*' (is damaged, or is no {suffix} file of arrays of numbers|has .* bytes and unpacks to)"
            assert re.match(said, str(error))
        else:
            assert all(a.dtype.kind in "biufc" for a in read.values())
    assert refused > 300


def npy(shape: str, descr: str = "'<f8'", data: bytes = bytes(8)) -> bytes:
    """An .npy file with this header."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    "content",
    [
        npy("(10000000000000,)"), npy("(-1,)"), npy("(2,)"), npy("(1.0,)"), npy("('x',)"), npy("(1,)", "'|O'"),
        npy("(1,)", "'<U2'"), npy("(1,)", "'|V8'"), npy("(1,)", "[('a', '<f8')]"), npy("(1,)", "'<f80'"),
        npy("(" * 4000), b"\x93NUMPY\x03\x00", b"\x93NUMPY\x09\x09", b"",
    ],
    ids=range(14),
)  # fmt: skip
def test_a_header_that_lies_is_refused_before_anything_is_allocated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(ValueError, match=r"^load: '.*w.npz' is damaged"):
        tg.load(path)


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("x.npy", npy("(1,)"))
        archive.writestr("x", npy("(1,)"))
    with pytest.raises(ValueError, match="is damaged"):
        tg.load(tmp_path / "w.npz")


def test_a_zip_bomb_is_named_and_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.npz"
    np.savez_compressed(path, x=np.zeros(200_000))
    assert np.array_equal(tg.load(path)["x"], np.zeros(200_000))  # small: no harm in it
    monkeypatch.setattr(io, "UNPACKED", 1_000_000)
    with pytest.raises(ValueError, match=r"w.npz' has [\d,]+ bytes and unpacks to 1,600,128, as zip bombs do: not"):
        tg.load(path)
    np.savez(path, x=np.zeros(200_000))
    assert np.array_equal(tg.load(path)["x"], np.zeros(200_000))


def test_bfloat16_and_flags_are_read(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    numbers = np.array([1.0, -2.5, 3.140625], np.float32)
    upper = (numbers.view(np.uint32) >> 16).astype("<u2")
    header = '{"a":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},'
    header += '"b":{"dtype":"BOOL","shape":[2],"data_offsets":[6,8]}}'
    content = len(header).to_bytes(8, "little") + header.encode() + upper.tobytes() + b"\x02\x00"
    assert safetensors.deserialize(content)
    (tmp_path / "w.safetensors").write_bytes(content)
    read = tg.load(tmp_path / "w.safetensors")
    assert read["a"].dtype == np.float32 and np.array_equal(read["a"], numbers)
    assert read["b"].tolist() == [True, False] and read["b"].dtype == bool


def test_what_is_loaded_may_be_written_to_and_keeps_fortran_order(tmp_path: Path) -> None:
    tg.save(STATE, tmp_path / "w.npz")
    read = tg.load(tmp_path / "w.npz")
    assert read["turned"].flags.f_contiguous and all(a.flags.writeable for a in read.values())


@pytest.mark.parametrize(
    ("state", "path", "error", "said"),
    [
        ({"model": {"w": np.ones(2)}}, "w.npz", ValueError, "save: 'model' is a dict, and a nested state can't be"),
        ({"x": "text"}, "w.npz", ValueError, "save: 'x' must be an array of numbers, got a str: it has dtype <U4"),
        ({"x": None}, "w.npz", ValueError, "'x' must be an array of numbers, got a NoneType: Object arrays cannot be"),
        ({"x": [[1], [1, 2]]}, "w.npz", ValueError, "'x' must be an array of numbers, got a list"),
        ({"x": np.zeros(2, "M8[s]")}, "w.npz", ValueError, "'x' must be an array of numbers, got a ndarray"),
        ({"x": np.zeros(2, "c16")}, "w.safetensors", ValueError, "'x' has dtype complex128, which .safetensors has no"),
        ({3: np.ones(2)}, "w.npz", TypeError, "save: a name must be a string, got 3"),
        ({"": np.ones(2)}, "w.npz", ValueError, "save: an array can't have the name ''"),
        ({"a\0b": np.ones(2)}, "w.npz", ValueError, "save: an array can't have the name"),
        ({"__metadata__": np.ones(2)}, "w.npz", ValueError, "save: an array can't have the name"),
        ({"x": np.ones(2)}, "nowhere/w.npz", FileNotFoundError, "save: there is no folder '.*nowhere': make it first"),
        ({"x": np.ones(2)}, None, TypeError, "save: needs the path of a file, as 'weights.npz', got None"),
    ],
)
def test_what_cannot_be_saved_is_named(tmp_path: Path, state: Any, path: Any, error: Any, said: str) -> None:
    where: Any = path if path is None else tmp_path / path
    with pytest.raises(error, match=said):
        tg.save(state, where)
    assert not list(tmp_path.iterdir())
