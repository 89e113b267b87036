"""The fast masks agree with np.where to the last bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels.mask import keep, where, won

G = np.random.default_rng(0).standard_normal((4, 6))
G[0, :3] = math.nan, math.inf, -0.0
M = np.random.default_rng(1).random((4, 6)) < 0.5


def same(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(a, b)
    assert a.dtype == b.dtype
    assert a.shape == b.shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int64])
def test_of_every_dtype(dtype: Any) -> None:
    g = (10 * np.nan_to_num(G, posinf=1)).astype(dtype) if dtype is np.int64 else G.astype(dtype)
    same(keep(g, M), keep.plain(g, M))


@pytest.mark.parametrize(
    ("g", "mask"),
    [
        (G, M),
        (G.T, M.T),
        (G.T, np.ascontiguousarray(M.T)),
        (G[::-1, ::2], M[:, 1::2]),
        (np.broadcast_to(1.0, (4, 6)), M),
        (G, M[:1]),
        (G[:, :1], M),
        (G, np.array(True)),
        (G[0, 0], M),
        (G, True),
        (np.float64(2), np.bool_(True)),
        (G[:0], M[:0]),
        (G, M.astype(int)),
        (G, M.tolist()),
    ],
    ids=[
        "equal", "transposed", "two orders", "strided", "broadcast", "mask row", "g column", "0-d mask", "scalar g",
        "bool", "scalars", "size 0", "ints", "list",
    ],
)  # fmt: skip
def test_of_every_shape_and_order(g: Any, mask: Any) -> None:
    same(keep(g, mask), keep.plain(g, mask))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int64])
def test_a_choice_of_two(dtype: Any) -> None:
    g = (10 * np.nan_to_num(G, posinf=1)).astype(dtype) if dtype is np.int64 else G.astype(dtype)
    h = g[::-1] * 3
    for x, y in (
        (g, h),
        (g, 0),
        (2, h),
        (2.5, -0.0),
        (g, np.float64(math.inf)),
        (g[:1], h),
        (g, h[:, :1]),
        (np.stack([g, h]), 0),
    ):
        same(where(M, x, y), where.plain(M, x, y))
    same(where(M.T, g.T, h.T), where.plain(M.T, g.T, h.T))
    same(where(M[::-1, ::2], g[:, 1::2], h[:, :3]), where.plain(M[::-1, ::2], g[:, 1::2], h[:, :3]))
    for mask in (M[:1], True, np.bool_(False), np.array(True), M.astype(int), M.tolist()):
        same(where(mask, g, h), where.plain(mask, g, h))
    same(where(M[:0], g[:0], 1), where.plain(M[:0], g[:0], 1))


def test_its_inputs_are_left_as_they_are() -> None:
    g, mask = G.copy(), M.copy()
    keep(g, mask)[...] = 7
    np.testing.assert_array_equal(g, G)
    np.testing.assert_array_equal(mask, M)


@pytest.mark.parametrize("ties", [False, True])
def test_ties_get_half(ties: bool) -> None:
    tied = np.roll(M, 1) & ~M & ties
    same(won(G, M, tied), won.plain(G, M, tied))
    same(won(np.float32(3), np.bool_(False), np.bool_(ties)), won.plain(np.float32(3), np.bool_(False), np.bool_(ties)))
