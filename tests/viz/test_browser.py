"""Drawings as a person sees them, in headless Chromium: from the HTML file, from the SVG file and from a notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.viz import Drawing, draw

from .browser import ask, needs_chromium, screenshot
from .examples import ALL, convnet, nan, scalars

pytestmark = [needs_chromium]

FAULTS = Path(__file__).with_name("faults.js").read_text(encoding="utf-8")
DRAWINGS: dict[tuple[str, str], Drawing] = {}


def drawing(name: str, engine: str) -> Drawing:
    if (name, engine) not in DRAWINGS:
        DRAWINGS[name, engine] = draw(ALL[name](), engine=engine)
    return DRAWINGS[name, engine]


@pytest.mark.parametrize("engine", ["auto", "layered"])
@pytest.mark.parametrize("name", list(ALL))
def test_nothing_overlaps_juts_out_or_ends_nowhere(name: str, engine: str, tmp_path: Path) -> None:
    assert ask(drawing(name, engine).html(), FAULTS, tmp_path) == []


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("cards[0].setAttribute('transform', cards[1].getAttribute('transform'))", "overlaps"),
        ("cards[0].querySelector('text').textContent += ' and very much more'", "juts out"),
        ("cards[0].querySelector('text').setAttribute('y', -9)", "juts out"),
        ("document.querySelector('.e').setAttribute('transform', 'translate(30,30)')", "does not"),
        ("document.querySelector('rect.f').setAttribute('height', 390)", "frames overlap"),
        ("document.querySelector('rect.f').setAttribute('height', 60)", "border of a frame"),
    ],
)
def test_the_check_sees_what_is_wrong(what: str, seen: str, tmp_path: Path) -> None:
    script = f"{{ const cards = [...document.querySelectorAll('.c[data-n]')]; {what}; }} {FAULTS}"
    found = ask(drawing("residual", "layered").html(), script, tmp_path)
    assert any(seen in fault for fault in found), found


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("name", ["convnet", "residual"])
def test_in_both_directions(name: str, direction: str, tmp_path: Path) -> None:
    picture = draw(ALL[name](), engine="layered", direction=direction)
    assert ask(picture.html(), FAULTS, tmp_path, size=(3000, 900)) == []


def test_the_svg_file_as_it_is(tmp_path: Path) -> None:
    text = drawing("convnet", "layered").save(tmp_path / "graph.svg").read_text()
    assert ask(f"<!DOCTYPE html><body>{text}", FAULTS, tmp_path) == []


def test_tooltips_open_by_mouse_and_by_keyboard(tmp_path: Path) -> None:
    script = """
    const tip = document.querySelector("[role=tooltip]"), cards = [...document.querySelectorAll(".c[data-n]")];
    const card = cards.find(c => c.tip.startsWith("conv1.weight")), at = card.getBoundingClientRect();
    const before = tip.style.display, edges = [...document.querySelectorAll(".e")];
    card.dispatchEvent(new MouseEvent("mousemove", {clientX: at.left + 4, clientY: at.top + 4, bubbles: true}));
    const shown = tip.textContent, open = tip.style.display, box = tip.getBoundingClientRect();
    const dimmed = edges.filter(e => e.style.opacity).length;
    card.dispatchEvent(new MouseEvent("mouseleave"));
    const closed = tip.style.display, conv = cards.find(c => c.tip.includes("conv2d("));
    conv.focus();
    const byKey = tip.textContent;
    dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
    return {before, shown, open, closed, dimmed, byKey, after: tip.style.display, edges: edges.length,
            titles: document.querySelectorAll("svg title").length,
            seen: box.left >= 0 && box.right <= innerWidth && box.width > 50};
    """
    found = ask(drawing("convnet", "layered").html(), script, tmp_path)
    assert (found["before"], found["open"], found["closed"], found["after"]) == ("none", "block", "none", "none")
    assert found["seen"]
    assert re.match(
        r"conv1\.weight\nshape 16×1×3×3   float32\nmin −\S+   mean \S+   max \S+\n‖gradient‖ ", found["shown"]
    )
    assert "∂L/∂weight = " in found["byKey"]
    assert "stride" in found["byKey"] or "padding" in found["byKey"] or "windows" in found["byKey"]
    assert found["dimmed"] == found["edges"] - 1, "all edges but the card's own step back"
    assert found["titles"] == 0, "no second tooltip of the browser's own"


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


def test_with_scripts_off_the_static_picture_is_the_same(tmp_path: Path) -> None:
    page = drawing("nan", "layered").save(tmp_path / "graph.html")
    on, off = screenshot(page, size=(800, 480)), screenshot(page, scripts=False, size=(800, 480))
    assert abs(on - off).mean() < 0.004
    assert off.std() > 0.1


def test_a_notebook_through_nbconvert(tmp_path: Path) -> None:
    """Executed, exported to HTML: two drawings on one page, both alive."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    nbconvert = pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    code = "import tinygrad_lite as tg\na = tg.Tensor(2.0, requires_grad=True, name='a')\nd = tg.viz.draw(a * a + 1)\nd"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("d")])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    assert set(book.cells[0].outputs[0].data) == {"text/html", "image/svg+xml", "text/plain"}
    html, _ = nbconvert.HTMLExporter(embed_images=True).from_notebook_node(book)
    html = re.sub(r"<script[^>]*src=[^>]*></script>", "", html)  # MathJax and require.js, from elsewhere
    both = """
    return [...document.querySelectorAll(".tinygrad-lite")].map(
      e => [!!e.querySelector("svg .c[data-n]"), !!e.querySelector("[role=tooltip]"), e.querySelector("svg").id]);
    """
    found: Any = ask(html, both, tmp_path)
    assert [entry[:2] for entry in found] == [[True, True], [True, True]]
    assert found[0][2] != found[1][2]
    assert ask(html, FAULTS, tmp_path) == []


@pytest.mark.parametrize("theme", ["true", "false"])
def test_a_notebook_s_own_theme_goes_before_the_system_s(theme: str, tmp_path: Path) -> None:
    """JupyterLab says on the body whether its theme is light."""
    html = drawing("scalars", "layered").html().replace("<body>", f'<body data-jp-theme-light="{theme}">')
    script = "return getComputedStyle(document.querySelector('svg .bg')).fill;"
    expected = "rgb(255, 255, 255)" if theme == "true" else "rgb(13, 17, 23)"
    assert ask(html, script, tmp_path, dark=theme == "true") == expected


def test_no_name_becomes_markup_or_script(tmp_path: Path) -> None:
    from tinygrad_lite import Tensor

    evil = "</title></text><script>window.hit=1</script><img src=x onerror=window.hit=1>\"'&]]>--><style>*{}</style>"
    x = Tensor(2.0, requires_grad=True, name=evil)
    y = x * Tensor(3.0, name=evil)
    y.name = evil
    script = """
    const over = new MouseEvent("mousemove", {clientX: 5, clientY: 5});
    const count = s => document.querySelectorAll(s).length;
    document.querySelectorAll(".c[data-n]").forEach(c => c.dispatchEvent(over));
    return [window.hit || 0, count("img"), count("svg script, svg foreignObject"),
            document.querySelector("[role=tooltip]").textContent.includes("<scr" + "ipt>window.hit=1</scr" + "ipt>")];
    """
    assert ask(draw(y).html(), script, tmp_path) == [0, 0, 0, True]


def test_the_examples_are_what_they_claim() -> None:
    assert draw(convnet()).scene.has_gradients
    assert any(any(card.bad) for card in draw(nan()).scene.cards())
