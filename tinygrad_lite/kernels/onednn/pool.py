"""Maxima and sums over windows, and the way back: 1, 2 and 3 spatial axes.

A result follows the order of its input: channels innermost or not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ...ops import pool as rules
from ...ops.windows import Windows
from ...values import Array
from ..thresholds import POOL_ELEMENTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Object, Shape, Unsupported, call, version
from .conv import as_it_lies, channels_last, empty, geometry_of, image

MAXIMUM, AVERAGE = 0x1FF, 0x2FF
LOWEST = np.finfo(np.float32).min  # oneDNN's maximum of nothing, and of -∞


@version(rules.max_pool_forward, POOL_ELEMENTS_FOR_ONEDNN)
def max_pool(x: Array, windows: Windows) -> Any:
    """NaN passes on, and so does -∞: oneDNN sees neither."""
    x = batch(x, windows)
    if np.isnan(x.max()):
        return NotImplemented
    y = forward(MAXIMUM, x, windows)
    return y if y.min() > LOWEST else NotImplemented


@version(rules.first_max, POOL_ELEMENTS_FOR_ONEDNN)
def first_max(x: Array, y: Array, windows: Windows) -> Any:
    """oneDNN's maximum for training keeps the place in a workspace of bytes."""
    x = batch(x, windows)
    if math.prod(windows.kernel) > 256 or np.isnan(x.max()) or not y.min() > LOWEST:
        return NotImplemented
    last = channels_last(x)
    shape = (*x.shape[:2], *windows.places)
    y, place = empty(shape, last), empty(shape, last, np.uint8)
    call(_forward, MAXIMUM, dnn.TRAINING, x.shape, windows, last)(x, y, place)
    return place


@version(rules.put_forward, POOL_ELEMENTS_FOR_ONEDNN)
def put(g: Array, place: Array, windows: Windows) -> Any:
    if place.__class__ is not ndarray or place.dtype != np.uint8 or place.shape != g.shape:
        return NotImplemented
    g = batch(g, windows)
    last = channels_last(place)
    g, x = in_order(g, last), empty((*g.shape[:2], *windows.size), last)
    call(_backward, MAXIMUM, x.shape, windows, last)(g, x, in_order(place, last))
    return x


@version(rules.window_sum_forward, POOL_ELEMENTS_FOR_ONEDNN)
def window_sum(x: Array, windows: Windows) -> Any:
    y = forward(AVERAGE, batch(x, windows), windows)
    y *= math.prod(windows.kernel)
    return y


@version(rules.window_spread_forward, POOL_ELEMENTS_FOR_ONEDNN)
def window_spread(g: Array, windows: Windows) -> Any:
    g = batch(g, windows)
    last = channels_last(g)
    g, x = in_order(g, last), empty((*g.shape[:2], *windows.size), last)
    call(_backward, AVERAGE, x.shape, windows, last)(g, x)
    x *= math.prod(windows.kernel)
    return x


def forward(algorithm: int, x: ndarray, windows: Windows) -> ndarray:
    last = channels_last(x)
    y = empty((*x.shape[:2], *windows.places), last)
    call(_forward, algorithm, dnn.INFERENCE, x.shape, windows, last)(x, y)
    return y


def batch(x: ndarray, windows: Windows) -> ndarray:
    """x, which is a batch, in C order or with the channels innermost."""
    if x.ndim != len(windows.size) + 2 or not math.prod(windows.places):
        raise Unsupported
    return x if channels_last(x) else np.ascontiguousarray(x)


def in_order(a: ndarray, last: bool) -> ndarray:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) if last else np.ascontiguousarray(a)


def _forward(algorithm: int, purpose: int, x: Shape, windows: Windows, last: bool) -> Call:
    y = (*x[:2], *windows.places)
    what = _description(algorithm, purpose, x, windows, last)
    given = [(dnn.SRC, image(x, last)), (dnn.DST, image(y, last))]
    if purpose == dnn.INFERENCE:
        return Call(what, given, [dnn.DST])
    return Call(what, [*given, (dnn.WORKSPACE, image(y, last, dnn.UINT8))], [dnn.DST, dnn.WORKSPACE])


def _backward(algorithm: int, x: Shape, windows: Windows, last: bool) -> Call:
    y = (*x[:2], *windows.places)
    source, result = image(x, last), image(y, last)
    hint = _description(algorithm, dnn.TRAINING, x, windows, last)
    what = dnn.description("pooling_backward", algorithm, source, result, *_geometry(windows), hint, None)
    given = [(dnn.DIFF_DST, result), (dnn.DIFF_SRC, source)]
    if algorithm == MAXIMUM:
        given.append((dnn.WORKSPACE, image(y, last, dnn.UINT8)))
    return Call(what, given, [dnn.DIFF_SRC])


def _description(algorithm: int, purpose: int, x: Shape, windows: Windows, last: bool) -> Object:
    source, result = image(x, last), image((*x[:2], *windows.places), last)
    return dnn.description("pooling_forward", purpose, algorithm, source, result, *_geometry(windows), None)


def _geometry(windows: Windows) -> list[Any]:
    stride, holes, before, after = geometry_of(windows)
    return [dnn.integers(v) for v in (stride, windows.kernel, holes, before, after)]


for name in ("max_pool1d", "max_pool2d", "max_pool3d"):
    as_it_lies(name, POOL_ELEMENTS_FOR_ONEDNN)
