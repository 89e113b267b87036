"""Pooling by oneDNN against the plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels.onednn import pool as versions
from tinygrad_lite.ops.windows import slide

from ..cases import rand
from .onednn import ORDERS, as_plain, in_order, same_where_not_finite, small_arrays_too  # noqa: F401

# N, C, size, kernel, stride, padding, dilation, ceil_mode
SHAPES = [
    (2, 3, (8, 8), (2, 2), 2, 0, 1, False),
    (2, 3, (9, 7), (3, 2), (2, 1), (1, 0), 1, False),
    (2, 3, (9, 7), (3, 3), 2, 1, 1, True),
    (4, 16, (6, 6), (3, 3), 1, 1, 1, False),
    (2, 5, (9, 9), (2, 2), 2, 0, 2, False),
    (1, 1, (4, 4), (4, 4), 4, 0, 1, False),
    (3, 17, (11,), (3,), 2, 1, 1, False),
    (2, 3, (5, 6, 4), (2, 3, 2), 2, 1, 1, False),
    (2, 3, (20, 20), (17, 17), 1, 0, 1, False),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("n", "c", "size", "kernel", "stride", "padding", "dilation", "ceil"), SHAPES)
def test_pools_are_as_the_plain_ones(
    n: int, c: int, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, order: str
) -> None:
    windows = slide(size, kernel, stride, padding, dilation, ceil)
    x = in_order(np.round(2 * rand(n, c, *size)).astype(np.float32), order)  # with many ties
    g = in_order(rand(n, c, *windows.places, seed=1).astype(np.float32), order)
    if max(windows.dilation) > 1:
        assert versions.max_pool(x, windows) is NotImplemented  # oneDNN has but reference code for it
        return
    y = as_plain(versions.max_pool, x, windows)
    place = versions.first_max.point.plain(x, y, windows)
    if np.prod(kernel) <= 256:
        np.testing.assert_array_equal(versions.first_max(x, y, windows), place)
        as_plain(versions.put, g, in_order(place.astype(np.uint8), order), windows)
    else:
        assert versions.first_max(x, y, windows) is NotImplemented
    assert versions.put(g, place, windows) is NotImplemented  # of another dtype
    as_plain(versions.window_sum, rand(n, c, *size).astype(np.float32), windows)
    as_plain(versions.window_spread, g, windows)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("n", "c", "size", "kernel", "stride", "padding", "dilation", "ceil"), SHAPES)
def test_a_nan_far_away_stays_far_away(
    n: int, c: int, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, value: float
) -> None:
    windows = slide(size, kernel, stride, padding, dilation, ceil)
    x, g = rand(n, c, *size).astype(np.float32), rand(n, c, *windows.places, seed=1).astype(np.float32)
    x.flat[x.size // 2] = g.flat[g.size // 2] = value
    same_where_not_finite(versions.max_pool, x, windows)
    same_where_not_finite(versions.window_sum, x, windows)
    same_where_not_finite(versions.window_spread, g, windows)
    with np.errstate(all="ignore"):
        y = versions.max_pool.point.plain(x, windows)
        place = versions.first_max.point.plain(x, y, windows)
    np.testing.assert_array_equal(versions.first_max.point(x, y, windows), place)
    if np.prod(kernel) <= 256:
        same_where_not_finite(versions.put, g, place.astype(np.uint8), windows)
    x[0, 0] = -np.inf  # whole windows of it
    np.testing.assert_array_equal(versions.max_pool.point(x, windows), versions.max_pool.point.plain(x, windows))


@pytest.mark.parametrize("order", ["C", "channels last"])
def test_a_result_follows_the_order_of_its_input(order: str) -> None:
    x = tg.Tensor(in_order(rand(4, 8, 6, 6).astype(np.float32), order), requires_grad=True)
    for pool in (tg.max_pool2d, tg.avg_pool2d):
        y = pool(x, 2)
        x.grad = None
        (y * y).sum().backward()
        for a in (y.data, x.grad.data):
            assert (np.moveaxis(a, 1, -1) if order == "channels last" else a).flags.c_contiguous
