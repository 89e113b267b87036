"""Another number of pixels: interpolate, pixel_shuffle and its inverse. All composed of other ops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import check_size
from ..values import Array
from .pool import adaptive_avg_pool_nd, along

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}  # and the spatial axes that each is for
MODES = ("nearest", "nearest-exact", "area", "bicubic", *LINEAR)


def interpolate(
    x: Array, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Array:
    """x at another size: (N, C, W), (N, C, H, W) or (N, C, D, H, W).

    Args:
        size: the new spatial size, an integer or one for each axis; or
        scale_factor: what to multiply it by, a number or one for each axis: the new size is ⌊size · scale_factor⌋.
        mode: 'nearest' (pixel ⌊i · old / new⌋), 'nearest-exact' (pixel ⌊(i + ½) · old / new⌋), 'linear', 'bilinear',
            'trilinear' (one name for each number of axes), 'bicubic' (Keys' kernel with a = -¾; two axes), or 'area'
            (`adaptive_avg_pool2d`).
        align_corners: whether the centres of the corner pixels stay where they are (linear and cubic modes), or the
            corners of the image (the default).

    The linear and cubic modes multiply by a matrix along each axis, so an infinite or NaN pixel spreads along its row
    and column. ∂L/∂x is the same with the transposed matrices.

    Raises:
        ValueError: the mode isn't known or isn't for so many axes, or not exactly one of size and scale_factor is
            given.
    """
    n = np.ndim(x) - 2
    if n not in (1, 2, 3):
        raise ValueError("x must be (N, C, W), (N, C, H, W) or (N, C, D, H, W)")
    if mode not in MODES or LINEAR.get(mode, n) != n or (mode == "bicubic" and n != 2):
        raise ValueError(f"mode {mode!r} is not for {n} spatial axes; there are {', '.join(MODES)}")
    if (size is None) == (scale_factor is None):
        raise ValueError("give one of size and scale_factor")
    if align_corners is not None and mode not in LINEAR and mode != "bicubic":
        raise ValueError(f"align_corners is for the linear and cubic modes, not for {mode!r}")
    old = np.shape(x)[2:]
    given = scale_factor if size is None else size
    given = tuple(given) if isinstance(given, (tuple, list)) else (given,) * n
    if len(given) != n:
        raise ValueError(f"size or scale_factor must have {n} entries, one for each spatial axis")
    new = given if size is not None else tuple(math.floor(s * f) for s, f in zip(old, given))
    if any(s < 1 for s in new):
        raise ValueError(f"the new size must be at least 1 along each axis; it is {new}")
    check_size((*np.shape(x)[:2], *new), x)
    if mode == "area":
        return adaptive_avg_pool_nd(n, x, new)
    for axis, (a, b, factor) in enumerate(zip(old, new, given), -n):
        step = a / b if size is not None else 1 / factor  # in old pixels, from one new pixel to the next
        if mode == "nearest" and b in (a, 2 * a):
            step = a / b  # as torch does: the fraction of a pixel that ⌊size · scale_factor⌋ left out is not used
        if mode.startswith("nearest"):
            i = np.arange(b) + (0.5 if mode == "nearest-exact" else 0.0)
            x = np.take(x, np.minimum(np.floor(i * step).astype(int), a - 1), axis=axis)
        else:
            x = along(x, axis, taps(a, b, step, mode == "bicubic", bool(align_corners)))
    return x


def taps(old: int, new: int, step: float, cubic: bool, align_corners: bool) -> Array:
    """The matrix (new, old) of interpolation along one axis: which pixels each new one is made of."""
    if align_corners:
        at = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)
    else:
        at = (np.arange(new) + 0.5) * step - 0.5
        at = at if cubic else np.maximum(at, 0)
    first = np.floor(at).astype(int)
    t = at - first
    weights = {-1: keys(1 + t), 0: keys(t), 1: keys(1 - t), 2: keys(2 - t)} if cubic else {0: 1 - t, 1: t}
    matrix = np.zeros((new, old))
    for offset, weight in weights.items():
        np.add.at(matrix, (np.arange(new), np.clip(first + offset, 0, old - 1)), weight)
    return matrix


def keys(d: Array, a: float = -0.75) -> Array:
    """The weight of a pixel at distance d in cubic convolution (R. Keys, 1981)."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def pixel_shuffle(x: Array, upscale_factor: int) -> Array:
    """(*, C · r², H, W) to (*, C, H · r, W · r): r² channels become the pixels of a square of r × r.

    Raises:
        ValueError: the channels are not a multiple of r².
    """
    r, (*batch, channels, height, width) = upscale_factor, np.shape(x)
    if channels % (r * r):
        raise ValueError(f"x has {channels} channels, which must be a multiple of {r}² = {r * r}")
    x = np.reshape(x, (*batch, channels // (r * r), r, r, height, width))
    x = last_axes(x, (0, 3, 1, 4, 2))  # C, r, r, H, W to C, H, r, W, r
    return np.reshape(x, (*batch, channels // (r * r), height * r, width * r))


def pixel_unshuffle(x: Array, downscale_factor: int) -> Array:
    """(*, C, H · r, W · r) to (*, C · r², H, W): the inverse of `pixel_shuffle`.

    Raises:
        ValueError: height or width is not a multiple of r.
    """
    r, (*batch, channels, height, width) = downscale_factor, np.shape(x)
    if height % r or width % r:
        raise ValueError(f"x has size {(height, width)}, which must be a multiple of {r}")
    x = np.reshape(x, (*batch, channels, height // r, r, width // r, r))
    x = last_axes(x, (0, 2, 4, 1, 3))  # C, H, r, W, r to C, r, r, H, W
    return np.reshape(x, (*batch, channels * r * r, height // r, width // r))


def last_axes(x: Array, order: tuple[int, ...]) -> Array:
    """The last axes of x in another order, those before them as they are."""
    first = np.ndim(x) - len(order)
    return np.transpose(x, (*range(first), *(first + i for i in order)))
