"""Zoom, pan, fit, search and one colour scale, in headless Chromium."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw

from .browser import ask, needs_chromium
from .examples import Transformer, convnet, residual, scalars, variable

pytestmark = needs_chromium

FIND = """
const $ = s => document.querySelector(s), all = s => [...document.querySelectorAll(s)];
const press = label => all(".tools button").find(b => b.textContent === label).click();
const svg = $("svg"), view = $(".view"), box = e => e.getBoundingClientRect(), width = () => box(svg).width;
const type = word => { const s = $("input[type=search]"); s.value = word; s.dispatchEvent(new Event("input")); };
const within = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1
  && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
"""


@pytest.mark.parametrize("make", [scalars, convnet, residual, lambda: Transformer(2)(np.zeros((1, 12), int))])
def test_nothing_is_cut_at_1280_by_720(make: Any, tmp_path: Path) -> None:
    script = """
    const first = [document.documentElement.scrollWidth <= innerWidth, view.scrollWidth <= view.clientWidth + 1];
    press("Fit");
    const window_ = {left: 0, top: 0, right: innerWidth, bottom: innerHeight};
    return [...first, within(box(svg), box(view)), within(box(svg), window_)];
    """
    found = ask(draw(make(), engine="layered").html(), FIND + script, tmp_path, size=(1280, 720))
    assert found == [True] * 4


def test_zoom_keeps_the_place_in_the_middle(tmp_path: Path) -> None:
    script = """
    press("1:1");
    const before = width(), card = all(".c")[8], middle = () => [view.clientWidth / 2, view.clientHeight / 2];
    view.scrollTo(0, 300);
    const seen = () => (view.scrollTop + view.clientHeight / 2) / width(), a = seen();
    press("+"); press("+");
    const larger = width() / before, b = seen();
    press("−"); press("−");
    view.dispatchEvent(new WheelEvent("wheel", {deltaY: -300, ctrlKey: true, cancelable: true}));
    return {larger, moved: Math.abs(a - b), wheel: width() / before};
    """
    found = ask(draw(residual(), engine="layered").html(), FIND + script, tmp_path, size=(1280, 720))
    assert found["larger"] == pytest.approx(1.25**2, rel=0.01)
    assert found["moved"] < 0.01
    assert found["wheel"] == pytest.approx(math.e, rel=0.02)


def test_search_dims_what_it_does_not_find_and_goes_to_what_it_finds(tmp_path: Path) -> None:
    script = """
    press("1:1");
    type("fc.weight");
    const lit = all(".c[data-n]").filter(c => c.style.opacity === ""), told = $(".tools").textContent;
    const there = within(box(lit[0]), box(view));
    type("");
    return [lit.length, there, told, all(".c").filter(c => c.style.opacity).length];
    """
    found = ask(draw(convnet(), engine="layered").html(), FIND + script, tmp_path, size=(700, 500))
    assert found[:2] == [1, True] and "1 of 1" in found[2] and found[3] == 0


def test_on_one_colour_scale_a_vanishing_gradient_is_seen_to_vanish(tmp_path: Path) -> None:
    x: Any = variable(np.linspace(-1, 1, 6), "x")
    for _ in range(5):
        x = x * 0.1
    script = """
    const seen = () => all("image.g").map(m => +getComputedStyle(m).opacity), before = seen();
    press("One colour scale");
    const one = seen();
    press("One colour scale");
    return [before, one, seen()];
    """
    before, one, after = ask(draw(x.sum(), engine="layered").html(), FIND + script, tmp_path)
    assert before == after == [1] * 6
    assert one == pytest.approx([10 ** (-0.8 * n) for n in range(5, -1, -1)], rel=0.02)
