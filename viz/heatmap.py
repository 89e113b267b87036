"""Heat maps: an array as a small picture, written as a palette PNG with nothing but zlib and struct.

Opacity is |value|, so zero is transparent and one picture serves a light and a dark page. The scale is symmetric about 0,
up to the 99.5th percentile of |value|. NaN and infinities are magenta.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
Colour = tuple[int, int, int]

VALUE: tuple[Colour, Colour] = ((0, 90, 190), (222, 96, 0))  # negative blue, positive orange
GRADIENT: tuple[Colour, Colour] = ((112, 48, 168), (0, 130, 84))  # negative purple, positive green
MAGENTA: Colour = (255, 0, 220)
LEVELS = 24  # shades of each sign: as many as an eye tells apart in a cell, and few enough to compress well
BAD, GAP = 2 * LEVELS + 1, 2 * LEVELS + 2  # palette entries after -LEVELS … 0 … +LEVELS
MOST = 40  # cells along one side; beyond, cells are pooled
GRID = (4, 8)  # rows and columns of small images shown of a batch


@dataclass(frozen=True)
class HeatMap:
    """A picture of `width` × `height` pixels, and what of the array it leaves out ("" when it shows all of it)."""

    width: int
    height: int
    png: bytes
    left_out: str

    @property
    def uri(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def drawable(a: Array) -> np.ndarray[Any, Any] | None:
    """`a` as real numbers that can be drawn, or None (symbols, for one, cannot)."""
    if np.iscomplexobj(a):
        a = np.abs(a)
    a = np.asarray(a)
    return a.astype(np.float64) if a.dtype.kind in "fiub" else None


def heatmap(a: Array, colours: tuple[Colour, Colour], width: int = 104, height: int = 66) -> HeatMap | None:
    """The picture of `a`, within `width` × `height` pixels unless one pixel a cell needs more.

    Vectors become a strip, matrices a matrix, (N, C, H, W) a grid of images, one row for each n; kernels likewise.
    None for an array without elements, or without numbers.
    """
    numbers = drawable(a)
    if numbers is None or not numbers.size:
        return None
    tiles, left_out = as_tiles(numbers)
    rows, columns = tiles.shape[:2]
    most_high, most_wide = max(1, min(MOST, height) // rows), max(1, min(2 * MOST, width) // columns)
    pooled = pool(tiles, most_high, most_wide)
    high, wide = pooled.shape[2:]
    gap = 2 if rows * columns > 1 else 0
    scale = (min((width + gap) // columns - gap, (width - gap * (columns - 1)) // columns) // wide,
             (height - gap * (rows - 1)) // rows // high)  # fmt: skip
    factor = max(1, min(*scale, 13))
    sideways, upwards = factor, factor
    if rows * columns == 1 and min(high, wide) * factor < 10:  # a long strip is drawn thick enough to be seen
        sideways, upwards = (max(factor, 10 // wide), factor) if wide < high else (factor, max(factor, 10 // high))
    cells = shades(pooled, limit(numbers)).repeat(upwards, 2).repeat(sideways, 3)
    if gap:
        cells = np.pad(cells, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=GAP)
    picture = cells.transpose(0, 2, 1, 3).reshape(rows * cells.shape[2], columns * cells.shape[3])
    if gap:
        picture = picture[:-gap, :-gap]
    return HeatMap(picture.shape[1], picture.shape[0], png(picture, colours), left_out)


def as_tiles(a: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], str]:
    """`a` as a grid of images, (rows, columns, height, width), and what was left out of the grid."""
    if a.ndim <= 2:
        return a.reshape(1, 1, *a.reshape(1, -1).shape if a.ndim < 2 else a.shape), ""
    rows = int(np.prod(a.shape[:-3])) if a.ndim > 3 else 1
    tiles = a.reshape(rows, *a.shape[-3:])
    if rows == 1 or tiles.shape[1] == 1:  # one list of images: in lines, about twice as wide as high
        tiles = tiles.reshape(-1, *a.shape[-2:])
        shown = min(len(tiles), GRID[0] * GRID[1])
        high, wide = a.shape[-2:]
        columns = int(min(GRID[1], shown, max(1, np.ceil(np.sqrt(1.6 * shown * high / wide)))))
        lines = -(-shown // columns)
        grid = np.zeros((lines * columns, *a.shape[-2:]))
        grid[:shown] = tiles[:shown]
        total = f"the first {shown} of {len(tiles)}" if shown < len(tiles) else ""
        return grid.reshape(lines, columns, *a.shape[-2:]), total
    grid = tiles[: GRID[0], : GRID[1]]
    if grid.shape == tiles.shape:
        return grid, ""
    return grid, f"the first {grid.shape[0]}×{grid.shape[1]} of {tiles.shape[0]}×{tiles.shape[1]}"


def pool(tiles: np.ndarray[Any, Any], high: int, wide: int) -> np.ndarray[Any, Any]:
    """Each image shrunk to at most high × wide cells: a cell keeps the element that is largest in size, with its sign."""
    for axis, most in ((2, high), (3, wide)):
        n = tiles.shape[axis]
        if n > most:
            block = -(-n // most)
            pad = [(0, 0)] * 4
            pad[axis] = (0, -n % block)
            blocks = np.moveaxis(np.pad(tiles, pad), axis, -1)
            blocks = blocks.reshape(*blocks.shape[:-1], -1, block)
            largest = np.argmax(np.where(np.isfinite(blocks), np.abs(blocks), np.inf), axis=-1)
            tiles = np.moveaxis(np.take_along_axis(blocks, largest[..., None], -1)[..., 0], -1, axis)
    return tiles


def limit(a: np.ndarray[Any, Any]) -> float:
    """The |value| that is drawn in full colour: the 99.5th percentile of what is finite, or the largest if that is 0."""
    sizes = np.abs(a[np.isfinite(a)])
    return float(np.percentile(sizes, 99.5, method="lower") or sizes.max()) if sizes.size else 0.0


def shades(a: np.ndarray[Any, Any], largest: float) -> np.ndarray[Any, Any]:
    """The palette entry of each element."""
    finite = np.isfinite(a)
    parts = np.clip(np.where(finite, a, 0) / (largest or 1.0), -1, 1) * LEVELS
    # Away from zero: what is small but not 0 is still seen.
    return np.where(finite, LEVELS + np.sign(parts) * np.ceil(np.abs(parts)), BAD).astype(np.uint8)


def png(picture: np.ndarray[Any, Any], colours: tuple[Colour, Colour]) -> bytes:
    """The PNG of palette entries; rows that repeat the one above cost nothing (filter 2)."""
    negative, positive = colours
    palette = bytes(np.array([negative] * LEVELS + [positive] * (LEVELS + 1) + [MAGENTA, (128, 138, 154)], np.uint8))
    alpha = [round(255 * (abs(i) / LEVELS) ** 0.8) for i in range(-LEVELS, LEVELS + 1)]
    height, width = picture.shape
    above = np.zeros_like(picture)
    above[1:] = picture[:-1]
    repeats = (picture == above).all(axis=1)
    lines = np.concatenate([np.where(repeats, 2, 0).astype(np.uint8)[:, None], np.where(repeats[:, None], 0, picture)], axis=1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", palette),
            (b"tRNS", bytes([*alpha, 255, 70])),
            (b"IDAT", zlib.compress(lines.astype(np.uint8).tobytes(), 9)),
            (b"IEND", b""),
        )
    )
