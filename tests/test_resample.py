"""interpolate and pixel_shuffle against their definitions, pixel by pixel."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.nn.functional import (
    affine_grid,
    channel_shuffle,
    grid_sample,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
)

from .cases import rand


@pytest.mark.parametrize(("old", "new"), [(4, 8), (5, 7), (7, 3), (3, 3), (1, 4), (6, 1)])
def test_one_axis_is_its_definition(old: int, new: int) -> None:
    x = rand(2, 3, old)

    def between(at: float) -> Any:
        """The line through the two pixels next to `at`, the outermost pixels going on beyond the ends."""
        at = min(max(at, 0), old - 1)
        i = min(math.floor(at), max(old - 2, 0))
        return x[..., i] if old == 1 else x[..., i] * (1 - at + i) + x[..., i + 1] * (at - i)

    cases: list[tuple[str, Any, Any]] = [
        ("nearest", None, lambda i: x[..., i * old // new]),
        ("nearest-exact", None, lambda i: x[..., (2 * i + 1) * old // (2 * new)]),
        ("linear", False, lambda i: between((i + 0.5) * old / new - 0.5)),
        ("linear", True, lambda i: between(i * (old - 1) / (new - 1) if new > 1 else 0)),
        ("area", None, lambda i: x[..., i * old // new : -(-(i + 1) * old // new)].mean(axis=-1)),
    ]
    for mode, corners, pixel in cases:
        out = interpolate(x, new, mode=mode, align_corners=corners)
        assert out.shape == (2, 3, new)
        for i in range(new):
            np.testing.assert_allclose(out[..., i], pixel(i), rtol=1e-12, atol=1e-14, err_msg=mode)
        tg.gradcheck(lambda x, mode=mode, corners=corners: interpolate(x, new, mode=mode, align_corners=corners), x)


@pytest.mark.parametrize("align_corners", [False, True])
def test_bicubic_is_its_definition(align_corners: bool) -> None:
    """Sixteen pixels around each new one, those beyond the border being the ones at the border."""

    def weight(d: float) -> float:
        d = abs(d)
        return 1.25 * d**3 - 2.25 * d**2 + 1 if d <= 1 else -0.75 * d**3 + 3.75 * d**2 - 6 * d + 3 if d < 2 else 0.0

    x = rand(5, 6)
    for rows, columns in ((10, 3), (7, 6), (1, 13)):
        expected = np.zeros((rows, columns))
        for i, j in itertools.product(range(rows), range(columns)):
            if align_corners:
                y, z = (k * (old - 1) / max(new - 1, 1) for k, old, new in ((i, 5, rows), (j, 6, columns)))
            else:
                y, z = (i + 0.5) * 5 / rows - 0.5, (j + 0.5) * 6 / columns - 0.5
            for a, b in itertools.product(range(-1, 3), repeat=2):
                row, column = math.floor(y) + a, math.floor(z) + b
                pixel = x[min(max(row, 0), 4), min(max(column, 0), 5)]
                expected[i, j] += weight(y - row) * weight(z - column) * pixel
        out = interpolate(x[None, None], (rows, columns), mode="bicubic", align_corners=align_corners)
        np.testing.assert_allclose(out[0, 0], expected, rtol=0, atol=1e-14)


def test_two_and_three_axes_are_one_after_another() -> None:
    x = rand(2, 3, 4, 5)
    rows = (
        interpolate(x.transpose(0, 1, 3, 2).reshape(2, 15, 4), 7, mode="linear")
        .reshape(2, 3, 5, 7)
        .transpose(0, 1, 3, 2)
    )
    both = interpolate(rows.reshape(2, 21, 5), 3, mode="linear").reshape(2, 3, 7, 3)
    np.testing.assert_allclose(interpolate(x, (7, 3), mode="bilinear"), both, rtol=1e-12)
    np.testing.assert_allclose(interpolate(x[:, :, None], (2, 7, 3), mode="trilinear")[:, :, 1], both, rtol=1e-12)
    np.testing.assert_array_equal(interpolate(x, scale_factor=2), np.repeat(np.repeat(x, 2, axis=2), 2, axis=3))
    assert interpolate(x, scale_factor=(0.5, 1.5), mode="bicubic").shape == (2, 3, 2, 7)
    tg.gradcheck(lambda x: interpolate(x, scale_factor=1.7, mode="bicubic"), x)
    assert interpolate(x.astype(np.float32), 8, mode="bilinear").dtype == np.float32


def test_pixel_shuffle_makes_channels_the_pixels_of_a_square() -> None:
    x = rand(2, 12, 3, 4)
    out = pixel_shuffle(x, 2)
    assert out.shape == (2, 3, 6, 8)
    for c, i, j, h, w in itertools.product(range(3), range(2), range(2), range(3), range(4)):
        np.testing.assert_array_equal(out[:, c, 2 * h + i, 2 * w + j], x[:, 4 * c + 2 * i + j, h, w])
    np.testing.assert_array_equal(pixel_unshuffle(out, 2), x)
    np.testing.assert_array_equal(pixel_shuffle(x[0], 2), out[0])
    tg.gradcheck(lambda x: pixel_unshuffle(pixel_shuffle(x, 2)[..., :6] ** 2, 3), x)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: interpolate(rand(4, 4), 2), "interpolate: x must be"),
        (
            lambda: interpolate(rand(1, 1, 4, 4), 2, mode="linear"),
            "interpolate: mode 'linear' is not for 2 spatial axes",
        ),
        (lambda: interpolate(rand(1, 1, 4, 4), 2, mode="cubic"), "interpolate: mode 'cubic' is not for"),
        (lambda: interpolate(rand(1, 1, 4, 4)), "interpolate: give one of size and scale_factor"),
        (lambda: interpolate(rand(1, 1, 4, 4), 2, 2), "interpolate: give one of size and scale_factor"),
        (lambda: interpolate(rand(1, 1, 4, 4), (2, 2, 2)), "interpolate: size or scale_factor must have 2 entries"),
        (lambda: interpolate(rand(1, 1, 4, 4), scale_factor=0.1), "interpolate: the new size must be at least 1"),
        (lambda: interpolate(rand(1, 1, 4, 4), 2, align_corners=True), "interpolate: align_corners is for"),
        (lambda: pixel_shuffle(rand(6, 3, 3), 2), "pixel_shuffle: x has 6 channels"),
        (lambda: pixel_unshuffle(rand(6, 3, 4), 2), r"pixel_unshuffle: x has size \(3, 4\)"),
    ],
)
def test_a_wrong_call_is_refused_in_a_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_channel_shuffle_takes_the_groups_in_turns() -> None:
    x = np.arange(6.0).reshape(1, 6, 1)
    assert channel_shuffle(x, 3).ravel().tolist() == [0, 2, 4, 1, 3, 5]
    with pytest.raises(ValueError, match=r"channel_shuffle: x has shape \(1, 6, 1\): groups=4 must divide its axis 1"):
        channel_shuffle(x, 4)


# ----------------------------------------------------------------------------------------------------- grid_sample


@pytest.mark.parametrize("corners", [False, True])
def test_the_grid_of_the_identity_gives_the_image_itself(corners: bool) -> None:
    for x, theta in ((rand(2, 3, 4, 5), np.eye(2, 3)), (rand(2, 3, 4, 2, 3), np.eye(3, 4))):
        grid = affine_grid(np.stack([theta, theta]), x.shape, corners)
        assert grid.shape == (2, *x.shape[2:], x.ndim - 2)
        for mode in ("bilinear", "nearest", "bicubic")[: 5 - len(x.shape) + 2]:
            np.testing.assert_allclose(grid_sample(x, grid, mode, align_corners=corners), x, atol=1e-12)
    flipped = affine_grid(np.array([[[-1.0, 0, 0], [0, 1, 0]]]), (1, 1, 4, 5), corners)
    x = rand(1, 1, 4, 5)
    np.testing.assert_allclose(grid_sample(x, flipped, align_corners=corners), x[..., ::-1], atol=1e-12)


def test_what_lies_outside() -> None:
    x, far = np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[-5.0, 0.0], [9.0, 0.0], [np.nan, 0.0]]]])
    assert grid_sample(x, far[:, :, :2]).tolist() == [[[[0, 0]]]]
    assert grid_sample(x, far[:, :, :2], padding_mode="border").tolist() == [[[[1, 4]]]]
    mirrored = grid_sample(x, np.array([[[[-1 - 2 / 3, 0.0], [1 + 2 / 3, 0.0]]]]), padding_mode="reflection")
    np.testing.assert_allclose(mirrored, [[[[1.5, 3.0]]]])  # a pixel beyond each edge: a pixel within


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_gradients_of_image_and_grid_to_second_order(padding_mode: str) -> None:
    x, grid = rand(1, 2, 3, 4), np.random.default_rng(0).uniform(-1.4, 1.4, (1, 2, 3, 2))
    for mode in ("bilinear", "bicubic"):
        tg.gradcheck(lambda x, g, mode=mode: grid_sample(x, g, mode, padding_mode) ** 2, x, grid, order=2)
    tg.gradcheck(lambda x: grid_sample(x, grid, "nearest", padding_mode) ** 2, x, order=2)
    tg.gradcheck(lambda theta: affine_grid(theta, (1, 1, 2, 3)) ** 2, rand(1, 2, 3), order=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.ones((1, 2, 3, 3)), np.ones((1, 2, 3, 3))), r"grid_sample: x has shape \(1, 2, 3, 3\) and grid \(1"),
        ((np.ones((1, 2, 3)), np.ones((1, 2, 1))), "they need"),
        ((np.ones((1, 1, 2, 2, 2)), np.ones((1, 1, 1, 1, 3)), "bicubic"), "mode 'bicubic' is not for 3 spatial axes"),
        ((np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 2)), "bilinear", "mirror"), "padding_mode must be one of zeros"),
        ((np.ones((1, 1, 0, 2)), np.ones((1, 1, 1, 2))), "there is nothing to sample from"),
    ],
)
def test_grids_that_are_refused(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        grid_sample(*arguments)
    with pytest.raises(ValueError, match=r"affine_grid: size \(1, 1, 2, 2\) needs theta \(1, 2, 3\), it has"):
        affine_grid(np.eye(2, 3), (1, 1, 2, 2))
