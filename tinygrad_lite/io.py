"""Weights in files: NumPy's .npz, or .safetensors."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .tensor import Tensor
from .values import Array, on_host

Name = str | os.PathLike[str]

UNPACKED, RATIO = 2**30, 100  # a file that unpacks to more bytes than this, and to this many times its size, is refused
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1", "C64": "<c8",
}  # fmt: skip


def save(state: Mapping[str, Any], path: Name) -> None:
    """Write named arrays, e.g. `model.state_dict()`, to `path`; its suffix says how, .npz or .safetensors.

    The file is complete or not there: it is written under a name of its own beside `path` and then takes that name, so
    of several writers the last one wins. An .npz is read by `np.load`. Safetensors keeps values, not memory order, and
    needs the extra: `pip install 'tinygrad-lite[safetensors]'`.

    Raises:
        TypeError: `state` is no mapping, or a name is no string.
        ValueError: the suffix is another, or something is no array of numbers.
        FileNotFoundError: the folder is missing.
        ModuleNotFoundError: the safetensors package is missing.
    """
    kind = _kind("save", path)
    if not isinstance(state, Mapping):
        raise TypeError(f"save: needs arrays by name, not a {type(state).__name__}; as in model.state_dict()")
    arrays = {_name(name): _numbers(name, a, kind) for name, a in state.items()}
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {str(path.parent)!r}: make it first")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with open(unfinished, "xb") as file:
            if kind == ".npz":
                _write_npz(file, arrays)
            else:
                contiguous = {name: np.asarray(a, order="C") for name, a in arrays.items()}
                file.write(_safetensors().numpy.save(contiguous))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Name) -> dict[str, Array]:
    """The named arrays that `save` (or any other writer of .npz or .safetensors) wrote to `path`; runs no code from it.

    bfloat16, which NumPy lacks, is read as float32.

    Raises:
        ValueError: the suffix is another, or the file is damaged, holds something else than arrays of numbers, or
            unpacks to more than 1 GB and a hundred times its size.
        ModuleNotFoundError: the safetensors package is missing.
    """
    read = _read_npz if _kind("load", path) == ".npz" else _read_safetensors
    with open(path, "rb") as file:
        return read(os.fspath(path), file)


def _numbers(name: str, value: Any, kind: str) -> Array:
    """An array as it may be written."""
    if isinstance(value, Mapping):
        raise ValueError(
            f"save: {name!r} is a {type(value).__name__}, and a nested state can't be saved: give each array a name "
            f"of its own, as {name}.weight"
        )
    try:
        a = on_host(value.data if isinstance(value, Tensor) else value)
    except ValueError:
        a = np.empty((), object)
    if a.dtype.kind not in "biufc":
        what = "Object arrays cannot be saved" if a.dtype == object else f"it has dtype {a.dtype}"
        raise ValueError(f"save: {name!r} must be an array of numbers, got a {type(value).__name__}: {what}")
    if kind == ".safetensors" and a.dtype != bool and a.dtype.newbyteorder("<") not in map(np.dtype, DTYPES.values()):
        raise ValueError(f"save: {name!r} has dtype {a.dtype}, which .safetensors has no place for: use .npz")
    return a


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"save: a name must be a string, got {name!r}")
    if not name or name == "__metadata__" or not all(c.isprintable() for c in name):
        raise ValueError(f"save: an array can't have the name {name!r}")
    return name


def _damaged(path: str) -> ValueError:
    kind = Path(path).suffix
    return ValueError(f"load: {path!r} is damaged, or is no {kind} file of arrays of numbers")


def _write_npz(file: BinaryIO, arrays: dict[str, Array]) -> None:
    """What `np.savez` writes, but under any name ("file" and "allow_pickle" too), and the same bytes on any day."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, a in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, a, allow_pickle=False)


def _read_npz(path: str, file: BinaryIO) -> dict[str, Array]:
    """What `np.load` reads, but of arrays of numbers alone, and nothing is allocated for what isn't there."""
    arrays: dict[str, Array] = {}
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            for name in archive.namelist() if unpacked <= max(UNPACKED, RATIO * size) else ():
                if name.removesuffix(".npy") in arrays:
                    raise ValueError(f"two arrays have the name {name}")
                arrays[name.removesuffix(".npy")] = _npy(archive.read(name))  # whole: its checksum is seen first
    except Exception as error:  # a hostile file can make its readers raise anything
        raise _damaged(path) from error
    if unpacked > max(UNPACKED, RATIO * size):
        raise ValueError(
            f"load: {path!r} has {size:,} bytes and unpacks to {unpacked:,}, as zip bombs do: nothing was read. "
            "If you trust it, use np.load"
        )
    return arrays


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


def _read_safetensors(path: str, file: BinaryIO) -> dict[str, Array]:
    library = _safetensors()
    arrays = {}
    try:
        for name, part in library.deserialize(file.read()):
            a = np.frombuffer(part["data"], DTYPES[part["dtype"]]).reshape(part["shape"])
            if part["dtype"] == "BF16":  # the upper half of a float32
                a = (a.astype(np.uint32) << 16).view(np.float32)
            arrays[name] = a != 0 if part["dtype"] == "BOOL" else a
    except Exception as error:
        raise _damaged(path) from error
    return arrays


def _kind(name: str, path: Name) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name}: needs the path of a file, as 'weights.npz', got {path!r}")
    suffix = Path(path).suffix
    if suffix not in (".npz", ".safetensors"):
        raise ValueError(f"{name}: {os.fspath(path)!r} must end in .npz or .safetensors, which says how it is written")
    return suffix


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        message = "safetensors is missing: pip install 'tinygrad-lite[safetensors]', or use .npz"
        raise ModuleNotFoundError(message) from error
    return safetensors
