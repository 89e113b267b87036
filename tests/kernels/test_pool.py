"""The kernels of pooling against the plain functions they are registered for, over shapes of all kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels import pool as kernels
from tinygrad_lite.kernels import threads, thresholds
from tinygrad_lite.ops.pool import lowest
from tinygrad_lite.ops.windows import slide

from ..cases import rand
from .test_conv import in_order

# shape, kernel, stride, padding, dilation, ceil_mode
SHAPES = [
    ((2, 3, 8, 8), (2, 2), 2, 0, 1, False),
    ((64, 3, 8, 8), (2, 2), 2, 0, 1, False),
    ((1, 1, 1, 1), (1, 1), 1, 0, 1, False),
    ((1, 2, 9, 6), (3, 2), (3, 2), 0, 1, False),
    ((2, 6, 6), (2, 2), 1, 0, 2, False),
    ((1, 2, 40, 20), (20, 20), 20, 0, 1, False),
    ((2, 3, 9, 8), (2, 2), 2, 0, 1, False),
    ((2, 3, 9, 8), (2, 2), 2, 0, 1, True),
    ((2, 3, 9, 8), (3, 3), 2, 1, 1, False),
    ((2, 3, 9, 8), (3, 2), (1, 3), (1, 0), 1, True),
    ((2, 3, 9, 8), (2, 3), 1, (0, 1), (4, 3), False),
    ((2, 3, 9, 8), (1, 1), 3, 0, 1, False),
    ((2, 3, 1, 2), (2, 2), 1, 1, 2, False),
    ((2, 2, 20, 20), (17, 17), 1, 8, 1, False),
    ((2, 11), (3,), 2, 1, 1, True),
    ((2, 3, 4, 5, 6), (2, 3, 2), (1, 2, 2), (1, 1, 0), 1, False),
    ((0, 3, 4, 4), (2, 2), 2, 0, 1, False),
    ((2, 3, 4, 4), (4, 4), 4, 1, 1, False),  # as long as the input, but beginning before it
    ((2, 3, 2, 2), (2, 2), 3, 1, 2, False),
    ((2, 3, 4, 5), (4, 5), 1, 0, 1, False),  # one window, all of the input
    ((20, 3, 4, 5), (4, 5), 4, 0, 1, False),
    ((0, 3, 4, 5), (4, 5), 4, 0, 1, False),
    ((2, 7), (7,), 7, 0, 1, False),
]  # fmt: skip


@pytest.mark.parametrize("few", [0, thresholds.ELEMENTS_TO_POOL_AT_ONCE])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F", "batch last"])
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"), SHAPES)
def test_the_kernels_of_pooling_agree_with_the_plain_ones(
    shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, order: str, dtype: Any,
    few: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kernels, "ELEMENTS_TO_POOL_AT_ONCE", few)
    windows = slide(shape[-len(kernel) :], kernel, stride, padding, dilation, ceil_mode)
    results = (*shape[: -len(kernel)], *windows.places)
    x = in_order(np.round(rand(*shape) * 3).astype(dtype), order)  # many ties
    g = in_order(rand(*results, seed=1).astype(dtype), order)
    y = kernels.max_pool.plain(x, windows)
    place = kernels.first_max.plain(x, y, windows)
    assert np.all(kernels.pick(x, place, windows) == np.where(np.isinf(y), 0, y))
    cases: list[tuple[Any, Any]] = [
        (kernels.max_pool, (x, windows)),
        (kernels.pick, (x, place, windows)),
        (kernels.put, (g, place, windows)),
        (kernels.window_sum, (x, windows)),
        (kernels.window_spread, (g, windows)),
    ]
    for fast, arguments in cases:
        got, wanted = fast(*arguments), fast.plain(*arguments)
        assert got.dtype == dtype
        np.testing.assert_allclose(
            got, wanted, rtol=1e-12 if dtype == np.float64 else 1e-5, atol=1e-5 if dtype == np.float32 else 1e-12
        )
    seen = np.isfinite(y)  # a window that lies on padding alone has no maximum on the input
    np.testing.assert_array_equal(kernels.first_max(x, y, windows)[seen], place[seen])


@pytest.mark.parametrize("few", [0, thresholds.ELEMENTS_TO_POOL_AT_ONCE])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"), SHAPES)
def test_nan_infinity_dtypes_and_mixed_orders_are_as_in_the_plain_ones(
    shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, dtype: Any, few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kernels, "ELEMENTS_TO_POOL_AT_ONCE", few)
    windows = slide(shape[-len(kernel) :], kernel, stride, padding, dilation, ceil_mode)
    results = (*shape[: -len(kernel)], *windows.places)
    x, g = np.round(rand(*shape) * 9).astype(dtype), np.round(rand(*results, seed=1) * 9).astype(dtype)
    if dtype != np.int64 and x.size and g.size:
        for a in (x, g):
            np.put(a, np.arange(3) * 37 % a.size, [np.inf, -np.inf, np.nan])
    x, g = in_order(x, "batch last"), in_order(g, "C")
    y = kernels.max_pool.plain(x, windows)
    place = kernels.first_max.plain(x, y, windows)
    cases: list[tuple[Any, Any]] = [
        (kernels.max_pool, (x, windows)),
        (kernels.first_max, (x, y, windows)),
        (kernels.pick, (x, place, windows)),
        (kernels.put, (g, place, windows)),
        (kernels.window_sum, (x, windows)),
        (kernels.window_spread, (g, windows)),
    ]
    for fast, arguments in cases:
        with np.errstate(all="ignore"):
            got, wanted = fast(*arguments), fast.plain(*arguments)
        assert fast is kernels.first_max or got.dtype == wanted.dtype == dtype
        if fast is kernels.first_max:
            got, wanted = (np.where(y == lowest(x.dtype), 0, a) for a in (got, wanted))  # some lie on padding alone
        np.testing.assert_allclose(got, wanted, rtol=1e-2 if dtype == np.float16 else 1e-12, atol=1e-12)


@pytest.mark.parametrize("order", ["C", "batch last"])
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"), SHAPES)
def test_several_threads_give_the_same(
    shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, order: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kernels, "ELEMENTS_FOR_A_POOLING_THREAD", 1)
    monkeypatch.setattr(kernels, "ELEMENTS_TO_POOL_AT_ONCE", 0)
    windows = slide(shape[-len(kernel) :], kernel, stride, padding, dilation, ceil_mode)
    x = in_order(np.round(rand(*shape) * 3), order)
    one = (
        (y := kernels.max_pool(x, windows)),
        (place := kernels.first_max(x, y, windows)),
        kernels.put(y, place, windows),
    )
    before = threads.get_num_threads()
    threads.set_num_threads(3)
    try:
        three = (kernels.max_pool(x, windows), kernels.first_max(x, y, windows), kernels.put(y, place, windows))
        for a, b in zip(one, three):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(kernels.window_sum(x, windows), kernels.window_sum.plain(x, windows), atol=1e-12)
        np.testing.assert_allclose(
            kernels.window_spread(y, windows), kernels.window_spread.plain(y, windows), atol=1e-12
        )
    finally:
        threads.set_num_threads(before)


def test_the_result_keeps_the_memory_order() -> None:
    x = in_order(rand(8, 3, 6, 6), "batch last")
    windows = slide((6, 6), (2, 2), 2, 0, 1)
    y = kernels.max_pool(x, windows)
    for a in (y, kernels.window_sum(x, windows), kernels.put(np.array(y), kernels.first_max(x, y, windows), windows)):
        assert np.moveaxis(a, 0, -1).flags.c_contiguous
