"""Convolution where each channel has a kernel of its own: a band matrix over the rows of the image.

A product of matrices as in conv.py would have a single row for each channel. So only the columns of the kernel are
unfolded: then the rows that a window sees follow each other in memory, and ROWS rows of the output are one product

    out[y : y + ROWS] = band @ unfolded[y · stride : ...]

with the kernel repeated along the diagonal of `band`. Shapes as in conv.py, weight (C · multiplier, 1, *kernel).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..graph import Array
from .layout import batch_first, batch_last
from .threads import each, split
from .windows import Windows, seen_through

ROWS = 2  # rows of the output at a time: more of them is fewer products, but more zeros in the band
BLOCK = 1 << 19  # elements of the buffer: 2 MB of float32


class Rows:
    """The image, the kernel's columns unfolded: (C, rows · kernel's columns, columns · N), some channels at a time."""

    def __init__(self, x: Array, windows: Windows, dtype: Any) -> None:
        n = len(windows.size)
        flat = dataclasses.replace(
            windows,
            kernel=(1, *windows.kernel[1:]),
            stride=(1, *windows.stride[1:]),
            places=(windows.padded[0], *windows.places[1:]),
        )
        self.seen = np.moveaxis(seen_through(x, flat, dtype)[:, 0], n, 1)  # (C, rows, *kernel[1:], *places[1:], N)
        self.width = math.prod(windows.kernel[1:])
        self.columns = math.prod(self.seen.shape[n + 1 :])
        self.stride, self.span = windows.stride[0], windows.span[0]
        step = max(1, BLOCK // max(1, self.seen.shape[1] * self.width * self.columns))
        self.channels = [slice(c, c + step) for c in range(0, len(self.seen), step)]
        self.step = step

    def buffer(self) -> Array:
        return np.empty((self.step, self.seen.shape[1] * self.width, self.columns + 16), self.seen.dtype)

    def unfold(self, channels: slice, buffer: Array) -> Array:
        part = self.seen[channels]
        rows = buffer[: len(part), :, : self.columns]
        rows.reshape(part.shape)[...] = part
        return rows

    def bands(self, rows: Array, places: int, height: int) -> Iterator[tuple[slice, Array]]:
        """The places along the first axis, `height` at a time and then the rest, with the rows that they see, as
        overlapping views (channels, bands, rows seen · width, columns)."""
        whole = places // height
        for first, count, high in ((0, whole, height), (whole * height, 1, places - whole * height)):
            if count and high:
                start = rows[:, first * self.stride * self.width :]
                shape = (len(rows), count, self.seen_rows(high) * self.width, self.columns)
                step = rows.strides[1] * self.width * self.stride * high
                yield (
                    slice(first, first + count * high),
                    as_strided(start, shape, (rows.strides[0], step, *rows.strides[1:])),
                )

    def seen_rows(self, height: int) -> int:
        return (height - 1) * self.stride + self.span


def diagonal(band: Array, height: int, windows: Windows) -> Iterator[tuple[int, Array]]:
    """Where the kernel's rows stand in a band (..., height, rows seen, width): row k, for each row of the output."""
    for i in range(height):
        for k in range(windows.kernel[0]):
            yield k, band[..., i, i * windows.stride[0] + k * windows.dilation[0], :]


def conv(x: Array, weight: Array, bias: Array | None, windows: Windows) -> Array:
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    image, places = Rows(x, windows, dtype), windows.places[0]
    height = min(ROWS, places)
    band = np.zeros((len(weight), height, image.seen_rows(height), image.width), dtype)
    w = weight.reshape(len(weight), windows.kernel[0], image.width)
    for k, entry in diagonal(band, height, windows):
        entry[...] = w[:, k]
    band = band.reshape(x.shape[1], len(weight) // x.shape[1], height, image.seen_rows(height) * image.width)
    out = np.empty((*band.shape[:2], places, image.columns), dtype)
    if bias is not None:
        bias = bias.reshape(*band.shape[:2], 1, 1)

    def fill(channels: list[slice]) -> None:
        buffer = image.buffer()
        for c in channels:
            rows = image.unfold(c, buffer)
            for at, seen in image.bands(rows, places, height):
                for j in range(band.shape[1]):
                    y = out[c, j, at].reshape(*seen.shape[:2], -1, image.columns)
                    np.matmul(band[c, None, j, : y.shape[2], : seen.shape[2]], seen, out=y)
            if bias is not None:
                out[c] += bias[c]

    each(fill, [image.channels[part] for part in split(len(image.channels))])
    return batch_first(out.reshape(len(weight), *windows.places, len(x)))


def conv_weight(x: Array, g: Array, windows: Windows) -> Array:
    dtype = np.result_type(x, g)
    image, places = Rows(x, windows, dtype), windows.places[0]
    gs = batch_last(g).reshape(x.shape[1], g.shape[1] // x.shape[1], places, image.columns)
    height = min(ROWS, places)
    w = np.zeros((*gs.shape[:2], windows.kernel[0], image.width), dtype)

    def fill(channels: list[slice]) -> None:
        buffer = image.buffer()
        for c in channels:
            rows = image.unfold(c, buffer)
            for at, seen in image.bands(rows, places, height):
                for j in range(gs.shape[1]):
                    part = gs[c, j, at].reshape(*seen.shape[:2], -1, image.columns)
                    band = np.matmul(part, seen.swapaxes(2, 3)).sum(axis=1)
                    high = part.shape[2]
                    for k, entry in diagonal(band.reshape(len(band), high, -1, image.width), high, windows):
                        w[c, j, k] += entry

    each(fill, [image.channels[part] for part in split(len(image.channels))])
    return w.reshape(g.shape[1], 1, *windows.kernel)


def conv_input(g: Array, weight: Array, bias: Array | None, windows: Windows, channels: int) -> Array:
    """For any stride and number of outputs: g · weight is added where the windows saw it, an element at a time."""
    dtype = np.result_type(g, weight) if bias is None else np.result_type(g, weight, bias)
    gs = batch_last(g).reshape(channels, -1, *windows.places, len(g))
    ws = np.asarray(weight, dtype).reshape(*gs.shape[:2], math.prod(windows.kernel))
    out: Array = np.zeros((channels, *windows.size, len(g)), dtype)

    def add(c: int) -> None:
        if bias is not None:
            out[c] = bias[c]
        for k, inputs, places in windows.elements():
            for j in range(gs.shape[1]):
                out[c, *inputs] += gs[c, j, *places] * ws[c, j, k]

    each(add, range(channels))
    return batch_first(out)
