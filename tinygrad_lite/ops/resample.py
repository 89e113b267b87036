"""Other pixels: interpolate, grid_sample, pixel_shuffle and its inverse. All composed of other ops."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..errors import check_size
from ..values import Array
from .indexing import detached
from .pool import adaptive_avg_pool_nd, along

__all__ = ["affine_grid", "channel_shuffle", "grid_sample", "interpolate", "pixel_shuffle", "pixel_unshuffle"]

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
    weights = four(t) if cubic else {0: 1 - t, 1: t}
    matrix = np.zeros((new, old))
    for offset, weight in weights.items():
        np.add.at(matrix, (np.arange(new), np.clip(first + offset, 0, old - 1)), weight)
    return matrix


def four(t: Array) -> dict[int, Array]:
    """The weights of the four pixels around a point at t from the second to the third."""
    return {-1: keys(1 + t), 0: keys(t), 1: keys(1 - t), 2: keys(2 - t)}


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


def channel_shuffle(x: Array, groups: int) -> Array:
    """(N, C, …) to the same, with the channels of all groups in turns: the first of each, the second of each, …

    Raises:
        ValueError: groups doesn't divide the channels.
    """
    shape = np.shape(x)
    if len(shape) < 3 or not isinstance(groups, (int, np.integer)) or groups < 1 or shape[1] % groups:
        raise ValueError(f"channel_shuffle: x has shape {shape}: groups={groups} must divide its axis 1 of several")
    x = np.reshape(x, (shape[0], groups, shape[1] // groups, *shape[2:]))
    return np.reshape(np.swapaxes(x, 1, 2), shape)


def last_axes(x: Array, order: tuple[int, ...]) -> Array:
    """The last axes of x in another order, those before them as they are."""
    first = np.ndim(x) - len(order)
    return np.transpose(x, (*range(first), *(first + i for i in order)))


# ------------------------------------------------------------------------------------------------------ at any point


def affine_grid(theta: Array, size: Any, align_corners: bool = False) -> Array:
    """The points that `grid_sample` needs to turn, scale and move an image: θ @ (x, y, 1)ᵀ for each pixel.

    Args:
        theta: of shape (N, 2, 3), or (N, 3, 4) for volumes.
        size: of the result, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the corner pixels, or (the default) the image's edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3): the last axis holds x, y(, z).

    Raises:
        ValueError: theta's shape does not fit size.
    """
    size, n = tuple(size), len(size) - 2
    if n not in (2, 3) or np.shape(theta) != (size[0], n, n + 1):
        said = f"size {size} needs theta ({size[0]}, {n}, {n + 1}), it has shape {np.shape(theta)}"
        raise ValueError(f"affine_grid: {said}")
    check_size((size[0], *size[2:], n), theta)
    axes = [np.linspace(-1, 1, m) * (1 if align_corners else (m - 1) / m) if m > 1 else np.zeros(1) for m in size[2:]]
    points = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(size[2:])], axis=-1)
    points = points.reshape(-1, n + 1).astype(theta.dtype if theta.dtype.kind == "f" else points.dtype)
    return np.reshape(points @ np.swapaxes(theta, 1, 2), (size[0], *size[2:], n))


PADDING_MODES = ("zeros", "border", "reflection")


def grid_sample(
    x: Array, grid: Array, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = False
) -> Array:
    """x at points of its own that `grid` names: Jaderberg et al., "Spatial transformer networks" (2015).

    Args:
        x: (N, C, H, W), or (N, C, D, H, W).
        grid: (N, H', W', 2), or (N, D', H', W', 3): x, y(, z) of each point, from -1 to 1 across the image.
        mode: "bilinear" (of volumes too), "nearest", or "bicubic" (Keys' kernel with a = -¾; images alone).
        padding_mode: what lies outside: "zeros"; "border", the nearest pixel; "reflection", the image in mirrors.
        align_corners: whether -1 and 1 are the centres of the corner pixels, or (the default) the image's edges.

    Returns:
        (N, C, H', W') or (N, C, D', H', W'). Gradients flow to x and, but for "nearest", to the grid.

    Raises:
        ValueError: shapes that do not fit, or an unknown mode.
    """
    n = np.ndim(x) - 2
    if n not in (2, 3) or np.ndim(grid) != n + 2 or np.shape(grid)[0] != np.shape(x)[0] or np.shape(grid)[-1] != n:
        raise ValueError(
            f"grid_sample: x has shape {np.shape(x)} and grid {np.shape(grid)}: they need (N, C, H, W) and "
            "(N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3)"
        )
    if mode not in ("bilinear", "nearest", "bicubic") or mode == "bicubic" and n == 3:
        raise ValueError(f"grid_sample: mode {mode!r} is not for {n} spatial axes; use bilinear, nearest or bicubic")
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"grid_sample: padding_mode must be one of {', '.join(PADDING_MODES)}, not {padding_mode!r}")
    size = np.shape(x)[2:]
    if not all(size):
        raise ValueError(f"grid_sample: x has shape {np.shape(x)}: there is nothing to sample from")
    each = []  # for each axis: pairs of pixels and their weights
    for i, s in enumerate(size):
        at = (grid[..., n - 1 - i] + 1) / 2 * (s - 1) if align_corners else ((grid[..., n - 1 - i] + 1) * s - 1) / 2
        at = _inside(at, s, padding_mode, align_corners) if mode != "bicubic" else at
        plain = np.clip(np.nan_to_num(detached(at), nan=-1), -1e9, 1e9)
        if mode == "nearest":
            each.append([(np.rint(plain).astype(int), np.ones_like(plain))])
            continue
        first = np.floor(plain).astype(int)
        t = at - first.astype(plain.dtype)
        weights = four(t) if mode == "bicubic" else {0: 1 - t, 1: t}
        each.append([(first + offset, weight) for offset, weight in weights.items()])
    examples = np.arange(np.shape(x)[0]).reshape(-1, *(1,) * n)
    pixels = np.moveaxis(x, 1, -1)
    total: Any = 0
    for corner in itertools.product(*each):
        weight: Any = 1
        index = []
        for (i, w), s in zip(corner, size):
            if mode == "bicubic" and padding_mode != "zeros":
                i = np.rint(_inside(i.astype(float), s, padding_mode, align_corners)).astype(int)
            weight = weight * (w if padding_mode != "zeros" else np.where((i >= 0) & (i < s), w, 0))
            index.append(np.clip(i, 0, s - 1))
        taken = pixels[(examples, *index)]
        total = total + taken * (np.expand_dims(weight, -1) if np.ndim(weight) else weight)
    return np.moveaxis(total, -1, 1)


def _inside(at: Array, size: int, padding_mode: str, align_corners: bool) -> Array:
    """Coordinates in pixels, brought into the image where the padding mode does so."""
    if padding_mode == "zeros":
        return at
    if padding_mode == "reflection":
        low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
        if not span:
            return at * 0
        far = np.absolute(at - low)
        turns = np.floor(detached(far) / span)
        rest = far - turns * span
        at = np.where(turns % 2 == 0, rest, span - rest) + low
    return np.clip(at, 0, size - 1)
