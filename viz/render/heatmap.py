"""Heat maps: an array as a small PNG with a palette, written with zlib and struct alone.

Opacity is |value|, so zero is transparent and one picture works on light and dark pages. The scale is symmetric about
0, up to the 99.5th percentile of |value|. NaN and infinities are magenta, −∞ in a mask is grey.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

Colour = tuple[int, int, int]

VALUE: tuple[Colour, Colour] = ((0, 90, 190), (222, 96, 0))  # negative blue, positive orange
GRADIENT: tuple[Colour, Colour] = ((112, 48, 168), (0, 130, 84))  # negative purple, positive green
MAGENTA: Colour = (255, 0, 220)
LEVELS = 16  # shades of each sign: more can't be told apart in a cell, and compress worse
BAD, LINE = 2 * LEVELS + 1, 2 * LEVELS + 2  # palette entries after -LEVELS … 0 … +LEVELS
MOST = 40  # cells along one side of a picture; more are pooled
CELL, TILE = 13, 16  # px: the largest cell, and the smallest image of a grid
WIDTH, HEIGHT = 144, 84  # px for a picture
SAMPLE = 100_000  # elements that stand for a larger array
GAP = 2  # px between the images of a grid


@dataclass(frozen=True)
class HeatMap:
    """A picture of `width` × `height` pixels. `left_out` says which part of the array it shows, "" if all."""

    width: int
    height: int
    png: bytes
    left_out: str
    limit: float  # the |value| in full colour

    @property
    def uri(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def heatmap(
    a: Any, colours: tuple[Colour, Colour], width: int = WIDTH, height: int = HEIGHT, has_mask: bool = False
) -> HeatMap | None:
    """The picture of `a`, in at most `width` × `height` pixels. With `has_mask`, −∞ stands for what is left out.

    A vector becomes a strip, a matrix a matrix, and (N, C, H, W) a grid of images with one row per n; so do kernels.
    None if the array holds no elements, or no numbers.
    """
    a = np.abs(a) if np.iscomplexobj(a) else np.asarray(a)
    if a.dtype.kind not in "fiub" or not a.size:
        return None
    largest = limit(a)
    tiles, left_out = as_tiles(a if a.dtype.kind == "f" else a.astype(np.float64), width, height)
    rows, columns, high, wide = tiles.shape
    gap = GAP if rows * columns > 1 else 0
    factor = min(CELL, ((width + gap) // columns - gap) // wide, ((height + gap) // rows - gap) // high)
    down, across = factor, factor
    if not gap:  # make a long strip thick enough to see
        down, across = max(factor, -(-CELL // high)), max(factor, -(-CELL // wide))
        down, across = (down, factor) if high <= wide else (factor, across)
    cells = shades(tiles, largest, has_mask).repeat(down, 2).repeat(across, 3)
    if factor >= 6:  # a line between large cells
        cells[:, :, down - 1 : -1 : down] = cells[:, :, :, across - 1 : -1 : across] = LEVELS
    if gap:
        cells = np.pad(cells, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=LINE)
    picture = cells.transpose(0, 2, 1, 3).reshape(rows * cells.shape[2], columns * cells.shape[3])
    picture = picture[: picture.shape[0] - gap, : picture.shape[1] - gap]
    return HeatMap(picture.shape[1], picture.shape[0], png(picture, colours), left_out, largest)


def as_tiles(a: np.ndarray[Any, Any], width: int, height: int) -> tuple[np.ndarray[Any, Any], str]:
    """As many images as are large enough to see, as (rows, columns, height, width), and a note if there are more."""
    if a.ndim <= 2:
        image = a.reshape(1, 1, *(a.shape if a.ndim == 2 else (1, -1)))
        return pool(image, min(MOST, height), min(2 * MOST, width)), ""
    many = pool(a.reshape(-1, *a.shape[-3:]), MOST, MOST)
    high, wide = many.shape[2:]
    least = max(1, -(-TILE // max(high, wide)))  # px for a cell
    most_rows = max(1, (height + GAP) // (high * least + GAP))
    most_columns = max(1, (width + GAP) // (wide * least + GAP))
    if 1 in many.shape[:2]:  # a list of images: wrap it to be about twice as wide as high
        images = many.reshape(-1, high, wide)
        ideal = np.sqrt(2 * len(images) * high / wide)
        columns = min(range(1, most_columns + 1), key=lambda n: unfit(n, len(images), most_rows, ideal))
        rows = min(most_rows, -(-len(images) // columns))
        shown = images[: rows * columns]
        grid = np.zeros((rows * columns, high, wide))
        grid[: len(shown)] = shown
        left_out = f"the first {len(shown)} of {len(images)}" if len(shown) < len(images) else ""
        return grid.reshape(rows, columns, high, wide), left_out
    shown = many[:most_rows, :most_columns]
    if shown.shape == many.shape:
        return shown, ""
    return shown, f"the first {shown.shape[0]}×{shown.shape[1]} of {many.shape[0]}×{many.shape[1]}"


def unfit(columns: int, images: int, most_rows: int, ideal: float) -> tuple[int, float]:
    """How badly a grid with this many columns fits: images left out, then empty places and an odd aspect ratio."""
    rows = min(most_rows, -(-images // columns))
    empty = max(0, rows * columns - images)
    return max(0, images - rows * columns), empty / columns + abs(float(np.log(columns / ideal)))


def pool(tiles: np.ndarray[Any, Any], high: int, wide: int) -> np.ndarray[Any, Any]:
    """Reduce each image to at most high × wide cells; a cell keeps its element of largest |value|, or a NaN."""
    low = top = tiles
    for axis, most in ((2, high), (3, wide)):  # whole rows first: NumPy takes them at once
        n = tiles.shape[axis]
        if n > most:
            block = -(-n // most)
            parts = [(slice(None),) * axis + (slice(i, i + block),) for i in range(0, n, block)]
            low = np.stack([low[part].min(axis) for part in parts], axis)
            top = np.stack([top[part].max(axis) for part in parts], axis)
    return tiles if low is tiles else np.where(top >= -low, top, low)


def limit(a: np.ndarray[Any, Any]) -> float:
    """The |value| drawn in full colour: the 99.5th percentile of the finite ones, or the largest if that is 0.

    Of a large array, a sample stands for the whole.
    """
    flat = a.reshape(-1)
    some = flat[:: -(-flat.size // SAMPLE) | 1]
    sizes = np.abs(some[np.isfinite(some)].astype(np.float64))
    percentile = float(np.percentile(sizes, 99.5, method="lower")) if sizes.size else 0.0
    if percentile:
        return percentile
    sizes = np.abs(flat[np.isfinite(flat)].astype(np.float64))
    return float(sizes.max()) if sizes.size else 0.0


def shades(a: np.ndarray[Any, Any], largest: float, has_mask: bool = False) -> np.ndarray[Any, Any]:
    """The palette index of each element."""
    finite = np.isfinite(a)
    parts = np.clip(np.where(finite, a, 0), -largest, largest) / (largest or 1.0) * LEVELS
    odd = np.where(np.isneginf(a), LINE, BAD) if has_mask else BAD
    # Rounded away from zero, so that small values are still visible.
    return np.where(finite, LEVELS + np.sign(parts) * np.ceil(np.abs(parts)), odd).astype(np.uint8)


def png(picture: np.ndarray[Any, Any], colours: tuple[Colour, Colour]) -> bytes:
    """The PNG of palette indices. Rows that repeat the one above take almost no space (filter 2)."""
    negative, positive = colours
    palette = bytes(np.array([negative] * LEVELS + [positive] * (LEVELS + 1) + [MAGENTA, (128, 138, 154)], np.uint8))
    alpha = [round(255 * (abs(i) / LEVELS) ** 0.8) for i in range(-LEVELS, LEVELS + 1)]
    height, width = picture.shape
    above = np.zeros_like(picture)
    above[1:] = picture[:-1]
    repeats = (picture == above).all(axis=1)
    lines = np.concatenate(
        [np.where(repeats, 2, 0).astype(np.uint8)[:, None], np.where(repeats[:, None], 0, picture)], axis=1
    )
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
