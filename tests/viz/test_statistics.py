"""What a card says about its numbers: range, norm, and what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.render.face import Bar, TextLine
from tinygrad_lite.viz.scene.statistics import statistics

import tinygrad_lite as tg

from .examples import card, variable


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, bool])
@pytest.mark.parametrize("size", [7, 100_000])
def test_range_mean_and_norm(dtype: Any, size: int) -> None:
    a = (np.random.default_rng(0).normal(size=size) * 20).astype(dtype)
    known = statistics(a)
    wide = a.astype(float)
    assert known is not None
    assert (known.low, known.high) == (wide.min(), wide.max())
    assert known.mean == pytest.approx(wide.mean(), rel=1e-3, abs=1e-3)
    assert known.norm == pytest.approx(np.linalg.norm(wide), rel=1e-4)


@pytest.mark.parametrize("size", [10, 100_000])
def test_norms_far_from_one(size: int) -> None:
    for scale in (1e-30, 1e30):
        known = statistics(np.full(size, scale, np.float32))
        assert known is not None and known.norm == pytest.approx(scale * np.sqrt(size), rel=1e-4)


def test_minus_infinity_of_a_mask_is_no_alarm() -> None:
    q = variable(np.random.default_rng(0).normal(size=(4, 3)), "q")
    scores = np.where(np.tri(4) > 0, q @ np.ones((3, 4)), -np.inf)
    shifted = scores + 1.0
    drawing = draw(np.sum(tg.softmax(shifted, -1) @ q))
    assert "Inf" not in drawing.scene.subtitle
    masked = [c for c in drawing.scene.cards() if c.pill in ("where", "+ 1")]
    assert [c.statistics.masked for c in masked if c.statistics] == [6, 6]
    assert "6 masked (−∞)" in drawing.svg() and "NaN, Inf" not in drawing.svg()


def test_minus_infinity_that_an_op_made_is_one_however_far_it_goes() -> None:
    with np.errstate(all="ignore"):
        scene = draw((np.log(variable(np.array([1.0, 0.0]), "x")) * 2 + 1).sum()).scene
    assert "Inf in 4 tensors, first in log" in scene.subtitle


def test_bars_compare_the_gradients_of_cards() -> None:
    x = variable(np.full(4, 0.5), "x")
    y: Any = x
    for _ in range(6):
        y = y * 0.01
    drawing = draw(y.sum())
    bars = [item.part for c in drawing.scene.cards() for item in drawing.faces[c].items if isinstance(item, Bar)]
    assert len(bars) == 7 and np.allclose(np.diff(bars), 0.96 / 6), "two decades from card to card"
    texts = [item.text for item in drawing.faces[card(drawing.scene, "x")].items if isinstance(item, TextLine)]
    assert texts == ["x", "4", "0.5", "‖∂‖ 2e−12"]
