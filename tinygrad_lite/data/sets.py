"""Data sets: bundled, computed, or read from files. Nothing is downloaded."""

from __future__ import annotations

import gzip
import math
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..values import Array
from .loader import Dataset

__all__ = ["ImageFolder", "digits", "mnist", "moons", "read_idx", "spirals", "text"]

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Name = str | os.PathLike[str]

IDX = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"))


def digits() -> tuple[Images, Labels]:
    """1,797 handwritten digits of 13 people: (images, labels), bundled with the package.

    images: (1797, 1, 8, 8) float32, examples × channel × rows × columns, from 0 (paper) to 1 (ink). labels: (1797,)
    int64 from 0 to 9.

    Source: the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository (1998), https://doi.org/10.24432/C50P49, as scikit-learn's `load_digits` has it. Licence: CC BY 4.0.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as data:
        return data["images"][:, None].astype(np.float32) / 16, data["labels"].astype(np.int64)


def moons(n: int = 1000, noise: float = 0.1, seed: int = 0) -> tuple[Images, Labels]:
    """Two half circles, one inside the other's bow: (points (n, 2) float32, labels (n,) int64, 0 or 1).

    The upper one is (cos t, sin t), the lower one (1 - cos t, 1/2 - sin t) for t from 0 to π. `noise` is the standard
    deviation of what is added to each coordinate.
    """
    labels = np.arange(n) % 2
    t = np.linspace(0, math.pi, n)
    points = np.where(labels, (1 - np.cos(t), 0.5 - np.sin(t)), (np.cos(t), np.sin(t))).T
    return _noisy(points, labels, noise, seed)


def spirals(n: int = 1000, arms: int = 2, turns: float = 1.0, noise: float = 0.02, seed: int = 0) -> Any:
    """Spirals around the origin: (points (n, 2) float32 within the unit circle, labels (n,) int64, the arm).

    Arm k is r · (cos a, sin a) for r from 0 to 1, with a = 2π · (turns · r + k / arms). `noise` is as for `moons`.
    """
    labels = np.arange(n) % arms
    r = np.linspace(0, 1, n)
    a = 2 * math.pi * (turns * r + labels / arms)
    return _noisy(np.stack((r * np.cos(a), r * np.sin(a)), axis=1), labels, noise, seed)


def _noisy(points: Array, labels: Array, noise: float, seed: int) -> tuple[Images, Labels]:
    points = points + noise * np.random.default_rng(seed).standard_normal(points.shape)
    return points.astype(np.float32), labels.astype(np.int64)


def read_idx(path: Name) -> Array:
    """The array in an IDX file, the format of MNIST and its kin; gzip is unpacked.

    Source of the format: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits" (1998): two zero
    bytes, one for the dtype, one for the number of axes, the sizes as big-endian int32, then the numbers.

    Raises:
        ValueError: the file is damaged, or is no IDX file.
    """
    with open(path, "rb") as file:
        try:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            data: Any = gzip.GzipFile(fileobj=file) if packed else file
            zeros, (dtype, axes) = data.read(2), data.read(2)
            shape = np.frombuffer(data.read(4 * axes), ">u4").tolist()
            size = math.prod(shape) * np.dtype(IDX[dtype]).itemsize
            if zeros != b"\0\0" or len(shape) != axes or size > os.path.getsize(path) * (1032 if packed else 1):
                raise ValueError("a header that lies")  # gzip packs 1,032 bytes into one at most
            a = np.frombuffer(data.read(size), IDX[dtype]).reshape(shape)
            if data.read(1):
                raise ValueError("more numbers than its shape")
        except Exception as error:  # a damaged file can make gzip raise anything
            raise ValueError(f"read_idx: {os.fspath(path)!r} is damaged, or is no IDX file") from error
    return a.astype(a.dtype.newbyteorder("="))


def mnist(folder: Name) -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """((training images, labels), (test images, labels)) of MNIST, Fashion-MNIST or another set of four IDX files.

    The files are found by their names, as train-images-idx3-ubyte.gz or t10k-labels.idx1-ubyte. images: (N, 1, rows,
    columns) float32 from 0 to 1; labels: (N,) int64.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or images and labels differ in number.
    """

    def part(name: str) -> tuple[Images, Labels]:
        images, labels = (one(f"*{name}*{what}*idx{axes}*") for what, axes in (("images", 3), ("labels", 1)))
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(f"mnist: {folder} has images {images.shape} and labels {labels.shape} for {name}")
        return images[:, None].astype(np.float32) / np.float32(255), labels.astype(np.int64)

    def one(pattern: str) -> Array:
        found = sorted(Path(folder).glob(pattern))
        if not found:
            raise FileNotFoundError(f"mnist: {os.fspath(folder)!r} holds no file named {pattern}")
        return read_idx(found[0])

    return part("train"), part("t10k")


def text(path: Name | None = None) -> str:
    """The text in a file of UTF-8; by default Python's own reference manual, 465,000 characters that come with it."""
    if path is not None:
        return Path(path).read_text(encoding="utf-8")
    return "\n".join(import_module("pydoc_data.topics").topics.values())


class ImageFolder(Dataset):
    """Images from a folder, one folder inside it for each class: example i is (image, label). Needs Pillow.

    image: (channels, rows, columns) float32 from 0 to 1; label: an integer, the place of its folder in `classes`. A
    folder without folders is one class. Images are read when they are asked for: a DataLoader with `num_workers` reads
    them ahead.

    Args:
        folder: where they are.
        size: (rows, columns) that each is scaled to; by default as it is.
        mode: Pillow's: "RGB" for three channels, "L" for grey.

    Raises:
        FileNotFoundError: there are no images.
        ModuleNotFoundError: Pillow is missing.
        ValueError: an image, when it is read, is damaged.
    """

    def __init__(self, folder: Name, size: tuple[int, int] | None = None, mode: str = "RGB") -> None:
        try:
            from PIL import Image
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("ImageFolder: Pillow is missing: pip install pillow") from error
        self._open, self.size, self.mode = Image.open, size, mode
        folders = sorted(p for p in Path(folder).glob("*/")) or [Path(folder)]
        self.classes = [p.name for p in folders]
        found = ((p, i) for i, inner in enumerate(folders) for p in sorted(inner.rglob("*")))
        self.samples = [(p, i) for p, i in found if p.suffix.lower() in SUFFIXES]
        if not self.samples:
            raise FileNotFoundError(f"ImageFolder: {os.fspath(folder)!r} holds no images")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> tuple[Images, int]:
        path, label = self.samples[index]
        try:
            with self._open(path) as file:
                image = file.convert(self.mode)
                image = image.resize(self.size[::-1]) if self.size else image
                a = np.asarray(image, np.float32) / np.float32(255)
        except OSError as error:
            raise ValueError(f"ImageFolder: {os.fspath(path)!r} is damaged, or is no image: {error}") from error
        return np.moveaxis(np.atleast_3d(a), 2, 0), label
