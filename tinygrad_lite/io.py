"""States in files: weights and whole checkpoints, as NumPy's .npz, as .safetensors, or as PyTorch's .pt."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .tensor import Tensor
from .values import Array, on_host

Name = str | os.PathLike[str]
Arrays = dict[str, Array]

UNPACKED, RATIO = 2**30, 100  # a file that unpacks to more bytes than this, and to this many times its size, is refused
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1", "C64": "<c8",
}  # fmt: skip
TREE = "__metadata__.json"  # in an .npz: how its arrays are nested, and what else than arrays the state holds


def save(state: Mapping[str, Any], path: Name) -> None:
    """Write a state to `path`; its suffix says how: .npz, .safetensors, or PyTorch's .pt and .pth.

        tg.save(model.state_dict(), "weights.npz")
        tg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, "checkpoint.npz")

    A state is a dict of arrays, tensors, numbers, strings, None, and of dicts, lists and tuples of these. `load` gives
    it back as it was, to the last bit. Other readers (`np.load`, the safetensors package) find each array under its
    dotted name, as `model.0.weight`. No format stores code: .npz and .safetensors hold arrays and JSON, and .pt what
    `torch.load(path, weights_only=True)` reads. .safetensors and .pt keep values, not memory order.

    The file is complete or not there: it is written under a name of its own beside `path` and then takes that name, so
    of several writers the last one wins.

    Raises:
        TypeError: `state` is no mapping, or a name in it is neither a string nor an integer.
        ValueError: the suffix is another, or something is none of the above.
        FileNotFoundError: the folder is missing.
        ModuleNotFoundError: the package safetensors, or for .pt torch, is missing.
    """
    kind = _kind("save", path)
    if not isinstance(state, Mapping):
        raise TypeError(f"save: needs arrays by name, not a {type(state).__name__}; as in model.state_dict()")
    arrays: Arrays = {}
    tree = _tree(state, "", arrays, kind)
    flat = tree == {"dict": [[name, {"array": name}] for name in arrays]}
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {str(path.parent)!r}: make it first")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with open(unfinished, "xb") as file:
            if kind == ".npz":
                _write_npz(file, arrays, "" if flat else json.dumps(tree))
            elif kind == ".safetensors":
                contiguous = {name: np.asarray(a, order="C") for name, a in arrays.items()}
                file.write(_library("safetensors.numpy").save(contiguous, None if flat else {TREE: json.dumps(tree)}))
            else:
                torch = _library("torch")
                torch.save(_state(tree, {name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}), file)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing in it
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Name) -> dict[str, Any]:
    """The state that `save` or another writer of these formats wrote to `path`; runs no code from it.

    bfloat16, which NumPy lacks, is read as float32.

    Raises:
        ValueError: the suffix is another, or the file is damaged, holds something else than a state, or unpacks to
            more than 1 GB and a hundred times its size.
        ModuleNotFoundError: the package safetensors, or for .pt torch, is missing.
    """
    kind = _kind("load", path)
    read = {".npz": _read_npz, ".safetensors": _read_safetensors}.get(kind, _read_torch)
    with open(path, "rb") as file:
        try:
            state = read(file)
            if not isinstance(state, dict):
                raise ValueError("no dict")
            return state
        except (ModuleNotFoundError, _Bomb):
            raise
        except Exception as error:  # a hostile file can make its readers raise anything
            said = f"load: {os.fspath(path)!r} is damaged, or is no {kind} file of arrays of numbers"
            raise ValueError(said) from error


def _tree(value: Any, name: str, arrays: Arrays, kind: str) -> Any:
    """A state as JSON writes it; its arrays go to `arrays`, and their names stand in their places."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (list, tuple)):
        items = [_tree(item, f"{name}.{i}", arrays, kind) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) not in (str, int):
                raise TypeError(f"save: a name must be a string or an integer, got {key!r}")
        dotted = {key: f"{name}.{key}" if name else str(key) for key in value}
        return {"dict": [[key, _tree(item, dotted[key], arrays, kind)] for key, item in value.items()]}
    while name in arrays:  # {"a": {"b": x}, "a.b": y}
        name += "_"
    arrays[name] = _numbers(name, value, kind)
    return {"array": name}


def _state(tree: Any, arrays: Mapping[str, Any]) -> Any:
    """What `_tree` was made from."""
    if isinstance(tree, list):
        return [_state(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, inner),) = tree.items()
    if kind == "array":
        return arrays[inner]
    return tuple(_state(inner, arrays)) if kind == "tuple" else {key: _state(item, arrays) for key, item in inner}


def _numbers(name: str, value: Any, kind: str) -> Array:
    """An array as it may be written."""
    if not name or name == "__metadata__" or not all(c.isprintable() for c in name):
        raise ValueError(f"save: an array can't have the name {name!r}")
    try:
        a = on_host(value.data if isinstance(value, Tensor) else value)
    except ValueError:
        a = np.empty((), object)
    if a.dtype.kind not in "biufc":
        what = "it holds objects" if a.dtype == object else f"it has dtype {a.dtype}"
        wanted = "numbers, strings, arrays of numbers, or dicts, lists and tuples of these"
        raise ValueError(f"save: {name!r} must be {wanted}, got a {type(value).__name__}: {what}")
    if kind != ".npz" and a.dtype != bool and a.dtype.newbyteorder("<") not in map(np.dtype, DTYPES.values()):
        raise ValueError(f"save: {name!r} has dtype {a.dtype}, which {kind} has no place for: use .npz")
    return a


class _Bomb(ValueError):
    """What is said of a file that is not unpacked."""


def _write_npz(file: BinaryIO, arrays: Arrays, tree: str) -> None:
    """What `np.savez` writes, but under any name ("file" and "allow_pickle" too), and the same bytes on any day."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, a in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, a, allow_pickle=False)
        if tree:
            archive.writestr(zipfile.ZipInfo(TREE), tree)


def _read_npz(file: BinaryIO) -> Any:
    """What `np.load` reads, but of arrays of numbers alone, and nothing is allocated for what isn't there."""
    arrays: Arrays = {}
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > max(UNPACKED, RATIO * size):
            said = "as zip bombs do: nothing was read. If you trust it, use np.load"
            raise _Bomb(f"load: {file.name!r} has {size:,} bytes and unpacks to {unpacked:,}, {said}")
        names = archive.namelist()
        for name in names:
            if name.removesuffix(".npy") in arrays:
                raise ValueError(f"two arrays have the name {name}")
            if name != TREE:
                arrays[name.removesuffix(".npy")] = _npy(archive.read(name))  # whole: its checksum is seen first
        return _nested(archive.read(TREE) if TREE in names else None, arrays)


def _nested(tree: str | bytes | None, arrays: Arrays) -> Any:
    return arrays if tree is None else _state(json.loads(tree), arrays)


def _npy(data: bytes) -> Array:
    """The array in the bytes of an .npy file. Its shape must fit them."""
    file = BytesIO(data)
    formats = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = formats[np.lib.format.read_magic(file)](file)
    if dtype.kind not in "biufc":
        raise ValueError(f"dtype {dtype}")
    flat = np.frombuffer(data, dtype, offset=file.tell())
    if flat.size != math.prod(shape):
        raise ValueError(f"{flat.size} numbers for shape {shape}")
    return (flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)).copy(order="K")


def _read_safetensors(file: BinaryIO) -> Any:
    data = file.read()
    arrays = {}
    for name, part in _library("safetensors").deserialize(data):
        a = np.frombuffer(part["data"], DTYPES[part["dtype"]]).reshape(part["shape"])
        if part["dtype"] == "BF16":  # the upper half of a float32
            a = (a.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = a != 0 if part["dtype"] == "BOOL" else a
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return _nested(header.get("__metadata__", {}).get(TREE), arrays)


def _read_torch(file: BinaryIO) -> Any:
    torch = _library("torch")

    def state(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        if isinstance(value, (list, tuple)):
            return type(value)(map(state, value))
        return {key: state(item) for key, item in value.items()} if isinstance(value, Mapping) else value

    return state(torch.load(file, map_location="cpu", weights_only=True))


def _kind(name: str, path: Name) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name}: needs the path of a file, as 'weights.npz', got {path!r}")
    suffix = Path(path).suffix
    if suffix not in (".npz", ".safetensors", ".pt", ".pth"):
        raise ValueError(f"{name}: {os.fspath(path)!r} must end in .npz, .safetensors, .pt or .pth, its format")
    return suffix


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = "torch" if name == "torch" else "'tinygrad-lite[safetensors]'"
        said = f"{name.split('.')[0]} is missing: pip install {package}, or use .npz"
        raise ModuleNotFoundError(said) from error
