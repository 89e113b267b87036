"""Drawings as SVG in headless Chromium: nothing overlaps, colours, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Drawing, draw
from tinygrad_lite.viz.render import html

from .browser import ask, needs_chromium, screenshot
from .examples import ALL, chain, convnet, drawing, nan, residual, scalars
from .faults import FAULTS
from .test_truth import loop, recurrent

pytestmark = [needs_chromium]


def whole(drawing: Drawing) -> str:
    """The drawing as a page with all frames open, however small it is then."""
    uid = html.unique()
    picture = drawing.open_svg(uid)
    return html.page(picture, picture, uid, "", whole=True)


@pytest.mark.parametrize("engine", ["auto", "layered"])
@pytest.mark.parametrize("name", list(ALL))
def test_nothing_overlaps_juts_out_or_ends_nowhere(name: str, engine: str, tmp_path: Path) -> None:
    assert ask(whole(drawing(name, engine)), FAULTS, tmp_path) == []


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("cards[0].setAttribute('transform', cards[1].getAttribute('transform'))", "overlaps"),
        ("cards[0].querySelector('text').textContent += ' and very much more'", "juts out"),
        ("cards[0].querySelector('text').setAttribute('y', -9)", "juts out"),
        ("document.querySelector('.e').setAttribute('transform', 'translate(30,30)')", "does not"),
        ("document.querySelector('rect.f').setAttribute('height', 540)", "frames overlap"),
        ("document.querySelector('rect.f').setAttribute('height', 60)", "border of a frame"),
    ],
)
def test_the_check_sees_what_is_wrong(what: str, seen: str, tmp_path: Path) -> None:
    script = f"{{ const cards = [...document.querySelectorAll('.c[data-n]')]; {what}; }} {FAULTS}"
    found = ask(whole(draw(residual(), engine="layered", direction="TB")), script, tmp_path)
    assert any(seen in fault for fault in found), found


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("name", ["convnet", "residual"])
def test_in_both_directions(name: str, direction: str, tmp_path: Path) -> None:
    picture = draw(ALL[name](), engine="layered", direction=direction)
    assert ask(whole(picture), FAULTS, tmp_path, size=(3000, 900)) == []


def test_the_svg_file_as_it_is(tmp_path: Path) -> None:
    text = drawing("convnet", "layered").save(tmp_path / "graph.svg").read_text()
    assert ask(f"<!DOCTYPE html><body>{text}", FAULTS, tmp_path) == []


def test_dark_differs_from_light_and_both_can_be_read(tmp_path: Path) -> None:
    page = drawing("nan", "layered").save(tmp_path / "graph.html")
    light, dark = screenshot(page, size=(800, 480)), screenshot(page, dark=True, size=(800, 480))
    assert light.mean() > 0.85
    assert dark.mean() < 0.25
    for picture, text in ((light, 0.15), (dark, 0.85)):  # the title's letters stand out from the ground
        heading = picture[28:50, 25:120].mean(axis=-1)
        assert abs(heading - text).min() < 0.12


def test_a_theme_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    page = draw(scalars(), engine="layered", theme="dark").save(tmp_path / "graph.svg")
    assert screenshot(page, dark=False, size=(500, 400)).mean() < 0.3


def test_magenta_is_in_the_picture_of_nan_and_of_nothing_else(tmp_path: Path) -> None:
    def magenta(name: str) -> int:
        pixels = screenshot(drawing(name, "layered").save(tmp_path / f"{name}.svg"), size=(900, 1500))
        return int((abs(pixels - np.array([1.0, 0.0, 220 / 255])).max(axis=-1) < 0.02).sum())

    assert magenta("nan") > 500
    assert magenta("scalars") == 0


def test_the_examples_are_what_they_claim() -> None:
    assert draw(convnet()).scene.has_gradients
    assert any(card.statistics.bad for card in draw(nan()).scene.cards() if card.statistics)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize(
    ("make", "fold"),
    [(loop, {}), (recurrent, {"depth": 2}), (recurrent, {}), (chain, {})],
    ids=["loop", "folded calls", "calls", "chain"],
)
def test_so_it_is_with_arrows_back_and_references(
    make: Any, fold: dict[str, Any], direction: str, tmp_path: Path
) -> None:
    turns = {loop: 30, recurrent: 5, chain: 300}[make]
    assert ask(whole(draw(make(turns), direction=direction, engine="layered", **fold)), FAULTS, tmp_path) == []
