"""Drawings as HTML in headless Chromium: tooltips, notebooks, without scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tinygrad_lite.viz import draw

from tinygrad_lite import Tensor

from .browser import ask, needs_chromium, screenshot
from .examples import drawing
from .faults import FAULTS

pytestmark = [needs_chromium]


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


def test_with_scripts_off_the_static_picture_is_the_same(tmp_path: Path) -> None:
    page = drawing("nan", "layered").save(tmp_path / "graph.html")
    without_tools = "<style>.tools { display: none !important }</style></head>"
    page.write_text(page.read_text(encoding="utf-8").replace("</head>", without_tools, 1), encoding="utf-8")
    on, off = screenshot(page, size=(800, 480)), screenshot(page, scripts=False, size=(800, 480))
    assert abs(on - off).mean() < 0.004
    assert off.std() > 0.1


def test_a_notebook_through_nbconvert(tmp_path: Path) -> None:
    """Run a notebook and export it to HTML: two drawings on one page both work."""
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
    """JupyterLab marks on the page's body whether its theme is light."""
    html = drawing("scalars", "layered").html().replace("<body>", f'<body data-jp-theme-light="{theme}">')
    script = "return getComputedStyle(document.querySelector('svg .bg')).fill;"
    expected = "rgb(255, 255, 255)" if theme == "true" else "rgb(13, 17, 23)"
    assert ask(html, script, tmp_path, dark=theme == "true") == expected


def test_no_name_becomes_markup_or_script(tmp_path: Path) -> None:

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
