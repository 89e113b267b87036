"""Convolution and its adjoints by oneDNN against the plain functions: shapes, memory orders, NaN, locality."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels.onednn import conv as versions
from tinygrad_lite.ops.windows import slide

from ..cases import rand
from .onednn import ORDERS, as_plain, in_order, same_where_not_finite, small_arrays_too  # noqa: F401
from .test_conv import SHAPES

FULL = [shape for shape in SHAPES if 0 not in (shape[0], shape[1], shape[3])]


def arrays(n: int, c: int, size: Any, o: int, kernel: Any, windows: Any, groups: int, order: str = "C") -> Any:
    x = in_order(rand(n, c, *size).astype(np.float32), order)
    g = in_order(rand(n, o, *windows.places, seed=1).astype(np.float32), order)
    return x, g, rand(o, c // groups, *kernel, seed=2).astype(np.float32)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("n", "c", "size", "o", "kernel", "stride", "padding", "dilation", "groups"), FULL)
def test_convolutions_are_as_the_plain_ones(
    n: int, c: int, size: Any, o: int, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int, order: str
) -> None:
    windows = slide(size, kernel, stride, padding, dilation)
    x, g, w = arrays(n, c, size, o, kernel, windows, groups, order)
    b, bx = rand(o).astype(np.float32), rand(c).astype(np.float32)
    as_plain(versions.conv, x, w, None, windows, groups)
    as_plain(versions.conv, x, w, b, windows, groups)
    as_plain(versions.conv_input, g, w, None, windows, groups)
    as_plain(versions.conv_input, g, w, bx, windows, groups)
    as_plain(versions.conv_weight, x, g, windows, groups, terms=n * math.prod(windows.places))
    as_plain(versions.conv, x[0], in_order(w, "backwards"), None, windows, groups)
    as_plain(versions.conv_weight, x[0], g[0], windows, groups)


@pytest.mark.parametrize(("n", "c", "size", "o", "kernel", "stride", "padding", "dilation", "groups"), FULL)
def test_a_nan_far_away_stays_far_away(
    n: int, c: int, size: Any, o: int, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    windows = slide(size, kernel, stride, padding, dilation)
    x, g, w = arrays(n, c, size, o, kernel, windows, groups)
    rng = np.random.default_rng(0)
    for value in (np.nan, np.inf):
        some_x, some_g, some_w = x.copy(), g.copy(), w.copy()
        for a in (some_x, some_g, some_w):
            a.flat[rng.integers(a.size)] = value
        same_where_not_finite(versions.conv, some_x, w, None, windows, groups)
        same_where_not_finite(versions.conv, x, some_w, None, windows, groups, fewer=True)
        same_where_not_finite(versions.conv_input, some_g, w, None, windows, groups)
        same_where_not_finite(versions.conv_input, g, some_w, None, windows, groups)
        same_where_not_finite(versions.conv_weight, some_x, g, windows, groups)
        same_where_not_finite(versions.conv_weight, x, some_g, windows, groups, fewer=True)


FOLLOWED = [((4, 8, 9, 7), "C"), ((4, 8, 9, 7), "channels last"), ((4, 1, 9, 7), "C")]


@pytest.mark.parametrize(("shape", "order"), FOLLOWED)
def test_a_result_follows_the_order_of_its_input(shape: Any, order: str) -> None:
    x, w = in_order(rand(*shape).astype(np.float32), order), rand(6, shape[1], 3, 3).astype(np.float32)
    windows = slide((9, 7), (3, 3), 1, 1, 1)
    y = versions.conv(x, w, None, windows, 1)
    gx = versions.conv_input(y, w, None, windows, 1)
    for a in (y, gx):
        assert (np.moveaxis(a, 1, -1) if order == "channels last" else a).flags.c_contiguous


EMPTY = [((0, 3, 5, 5), (4, 3, 3, 3)), ((2, 0, 5, 5), (4, 0, 3, 3)), ((2, 3, 5, 5), (0, 3, 3, 3))]


@pytest.mark.parametrize("shapes", EMPTY)
def test_empty_arrays_pass_on(shapes: Any) -> None:
    x, w = (np.zeros(shape, np.float32) for shape in shapes)
    windows = slide((5, 5), (3, 3), 1, 0, 1)
    assert versions.conv(x, w, None, windows, 1) is NotImplemented
    assert versions.conv(x.astype(float), w, None, windows, 1) is NotImplemented
    assert tg.conv2d(x, w).shape == (len(x), len(w), 3, 3)


def test_gradients_of_gradients_go_through_it() -> None:
    x = tg.Tensor(rand(3, 4, 6, 6).astype(np.float32), requires_grad=True)
    w = tg.Tensor(rand(5, 4, 3, 3).astype(np.float32), requires_grad=True)

    def squared(x: Any, w: Any) -> Any:
        return np.sum(tg.conv2d(x, w, padding=1) ** 2)

    exact = tg.hvp(squared, (x.data.astype(float), w.data.astype(float)), (x.data.astype(float), w.data.astype(float)))
    for got, wanted in zip(tg.hvp(squared, (x, w), (x, w)), exact):
        np.testing.assert_allclose(got.data, getattr(wanted, "data", wanted), rtol=1e-4, atol=1e-3)
