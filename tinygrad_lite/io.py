"""Weights in files: NumPy's .npz, or .safetensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .tensor import Tensor
from .values import Array

Name = str | os.PathLike[str]


def save(state: Mapping[str, Any], path: Name) -> None:
    """Write named arrays, e.g. `model.state_dict()`, to `path`; its suffix says how, .npz or .safetensors.

    The file is complete or not there: it is written beside `path` first and then takes its name. An .npz is read by
    `np.load`. Safetensors needs the extra: `pip install 'tinygrad-lite[safetensors]'`.

    Raises:
        TypeError: `state` is no mapping.
        ValueError: the suffix is another.
        ModuleNotFoundError: the safetensors package is missing.
    """
    kind = _kind("save", path)
    if not isinstance(state, Mapping):
        raise TypeError(f"save: needs arrays by name, not a {type(state).__name__}; as in model.state_dict()")
    arrays = {name: np.asarray(a.data if isinstance(a, Tensor) else a) for name, a in state.items()}
    unfinished = Path(path).with_name(Path(path).name + ".part")
    try:
        with open(unfinished, "wb") as file:
            if kind == ".npz":
                _write_npz(file, arrays)
            else:
                file.write(_safetensors().save({name: np.asarray(a, order="C") for name, a in arrays.items()}))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Name) -> dict[str, Array]:
    """The named arrays that `save` (or any other writer of .npz or .safetensors) wrote to `path`; runs no code from it.

    Raises:
        ValueError: the suffix is another, or an .npz file is damaged or holds something else than arrays.
        ModuleNotFoundError: the safetensors package is missing.
    """
    if _kind("load", path) == ".npz":
        return _read_npz(path)
    return dict(_safetensors().load(Path(path).read_bytes()))


def _write_npz(file: BinaryIO, arrays: dict[str, Array]) -> None:
    """What `np.savez` writes, but under any name ("file" and "allow_pickle" too), and the same bytes on any day."""
    import zipfile  # only here: it takes a tenth as long to import as this whole library

    with zipfile.ZipFile(file, "w") as archive:
        for name, a in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, a, allow_pickle=False)


def _read_npz(path: Name) -> dict[str, Array]:
    """What `np.load` reads, and whatever is no array by name refused without a word on pickles."""
    import zipfile
    import zlib

    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                entry = BytesIO(archive.read(name))  # whole, so that its checksum is seen first
                arrays[name.removesuffix(".npy")] = np.lib.format.read_array(entry, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, ValueError) as error:
        raise ValueError(f"load: {os.fspath(path)!r} is damaged, or is no .npz file of arrays of numbers") from error
    return arrays


def _kind(name: str, path: Name) -> str:
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
    return safetensors.numpy
