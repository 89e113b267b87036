"""Heat maps, read back from their PNG."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz.render.heatmap import GRADIENT, HEIGHT, VALUE, WIDTH, heatmap, limit, pool


def pixels(a: Any, colours: Any = VALUE) -> Any:
    """RGBA of the picture, from 0 to 255."""
    imread = pytest.importorskip("matplotlib.image").imread
    picture = heatmap(np.asarray(a), colours)
    assert picture is not None
    rgba = np.asarray(imread(io.BytesIO(picture.png)))
    assert rgba.shape == (picture.height, picture.width, 4)
    return np.rint(rgba * 255).astype(int)


def cells(a: Any, size: int, colours: Any = VALUE) -> Any:
    """The RGBA at the centre of each cell of a matrix."""
    return pixels(a, colours)[size // 2 :: size, size // 2 :: size]


def test_sign_is_colour_and_size_is_opacity() -> None:
    ((negative, zero, half, one),) = cells([[-1.0, 0.0, 0.5, 1.0]], 13)
    assert tuple(negative) == (*VALUE[0], 255)
    assert tuple(one) == (*VALUE[1], 255)
    assert zero[3] == 0
    assert 90 < half[3] < 200
    ((g, _),) = cells([[-2.0, 1.0]], 13, GRADIENT)
    assert tuple(g[:3]) == GRADIENT[0]


def test_nan_and_infinities_are_magenta_and_leave_the_scale_alone() -> None:
    ((nan, inf, minus, one),) = cells([[np.nan, np.inf, -np.inf, 1.0]], 13)
    for colour in (nan, inf, minus):
        assert tuple(colour) == (255, 0, 220, 255)
    assert tuple(one) == (*VALUE[1], 255)
    assert (cells(np.full((2, 2), np.nan), 13)[..., :3] == (255, 0, 220)).all()


def test_one_outlier_does_not_turn_all_else_pale() -> None:
    a = np.ones(1000)
    a[3] = 1e9
    assert limit(a) == 1.0
    assert limit(np.zeros(5)) == 0.0
    assert limit(np.array([0.0] * 999 + [2.0])) == 2.0, "nearly all zero: what isn't sets the scale"


def test_pooling_keeps_the_largest_with_its_sign_and_every_nan() -> None:
    a = np.zeros((1, 1, 100, 3))
    a[0, 0, 7, 1], a[0, 0, 8, 1], a[0, 0, 50, 2] = -5.0, 3.0, np.nan
    small = pool(a, 40, 40)
    assert small.shape[2] <= 40
    assert small.min(initial=0, where=np.isfinite(small)) == -5.0
    assert np.isnan(small).sum() == 1


@pytest.mark.parametrize(
    "shape",
    [(), (1,), (7,), (1000,), (3, 4), (1, 300), (300, 1), (64, 400), (2, 1, 12, 12), (2, 4, 12, 12), (64, 32, 3, 3),
     (1, 3, 224, 224),
     (5, 1, 8, 8), (2, 16, 64), (2, 3, 4, 5, 6), (1, 1, 1, 1)],
)  # fmt: skip
def test_every_shape_fits(shape: tuple[int, ...]) -> None:
    picture = heatmap(np.random.default_rng(0).normal(size=shape), VALUE)
    assert picture is not None
    assert picture.width <= WIDTH
    assert picture.height <= HEIGHT
    assert min(picture.width, picture.height) >= 4
    assert struct.unpack(">II", picture.png[16:24]) == (picture.width, picture.height)


def test_images_stand_in_a_grid_one_row_for_each_example() -> None:
    a = np.zeros((2, 3, 8, 8))
    a[1, 2] = 1.0  # the last image of the second row
    opaque = pixels(a)[..., 3] == 255
    height, width = opaque.shape
    assert opaque[height // 2 + 2 :, width * 2 // 3 + 2 :].all()
    assert not opaque[: height // 2 - 2].any()


def test_what_is_left_out_is_said() -> None:
    picture, whole = heatmap(np.ones((64, 32, 12, 12)), VALUE), heatmap(np.ones((2, 4, 12, 12)), VALUE)
    assert picture is not None
    assert whole is not None
    assert picture.left_out == "the first 3×5 of 64×32"
    assert whole.left_out == ""


@pytest.mark.parametrize("a", [np.zeros((0, 3)), np.array([object()]), np.array(["a"])])
def test_what_has_no_numbers_has_no_picture(a: Any) -> None:
    assert heatmap(a, VALUE) is None


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8, np.float16, np.float32, complex])
def test_every_dtype(dtype: Any) -> None:
    assert heatmap(np.ones((3, 3), dtype), VALUE) is not None


def test_extremes_make_no_noise() -> None:
    with np.errstate(all="raise"):
        for a in ([1e308, -1e308], [5e-324, 1.0], [5e-324, 5e-324], [0.0, -0.0]):
            heatmap(np.array(a), VALUE)
