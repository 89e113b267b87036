"""What a notebook stores is alive where scripts run, a picture where they are stripped, and follows a training run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .browser import ask, needs_chromium

nbclient = pytest.importorskip("nbclient", reason="pip install 'tinygrad_lite[notebook]'")
nbconvert = pytest.importorskip("nbconvert")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

CELLS = """
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite import nn, viz

tg.manual_seed(0)
a, b = (tg.Tensor(x, requires_grad=True, name=name) for x, name in ((2.0, "a"), (-3.0, "b")))
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
x = np.random.default_rng(0).normal(size=(8, 3))
%%
viz.draw(np.mean(net(tg.Tensor(x, name="x")) ** 2), engine="layered")
%%
viz.draw(a * b + a, engine="layered").play()
%%
viz.draw(a * b + a, engine="layered").explore()
%%
viz.draw(np.mean(net(tg.Tensor(x)) ** 2), engine="layered").explore({net.get_parameter("0.weight"): (0, 1)})
%%
watch = viz.Watch(net, every=2, engine="layered")
watch
%%
for step in range(9):
    loss = np.mean((net(tg.Tensor(x)) - x[:, :1]) ** 2)
    net.zero_grad()
    loss.backward()
    watch(loss)
%%
for step in range(6):
    watch(loss)
"""
KINDS = ("drawing", "player", "explorer", "explorer with a kernel", "watch")


@pytest.fixture(scope="module")
def book() -> Any:
    cells = [nbformat.v4.new_code_cell(code.strip()) for code in CELLS.split("%%")]
    made = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(made, timeout=300, kernel_name="python3").execute()
    return made


def shown(book: Any) -> list[Any]:
    """What each of KINDS has stored, by its MIME type."""
    return [cell.outputs[0].data for cell in book.cells[1:6]]


def page(book: Any) -> str:
    """The notebook as a page. Of the sliders that need a kernel it holds the widget alone, which isn't on the page."""
    html, _ = nbconvert.HTMLExporter(embed_images=True).from_notebook_node(book)
    return re.sub(r"<script[^>]*src=[^>]*></script>", "", html)  # MathJax and require.js, from elsewhere


def test_each_has_a_picture_and_a_text(book: Any) -> None:
    for kind, data in zip(KINDS, shown(book), strict=True):
        assert {"text/html", "image/svg+xml", "text/plain"} <= set(data), kind
        assert sum(len(part) for part in data.values()) < 500_000, kind


def test_watch_shows_the_last_step_although_its_cell_ran_before_the_training(book: Any) -> None:
    assert shown(book)[4]["text/plain"].startswith("15 steps: loss ")
    assert book.cells[6].outputs == book.cells[7].outputs == [], "nothing is added where the training runs"


@needs_chromium
def test_where_scripts_run_each_is_alive(book: Any, tmp_path: Path) -> None:
    script = """
    const parts = [...document.querySelectorAll(".tinygrad-lite")], [drawing, player, explorer, watch] = parts;
    const fire = (e, type) => e.dispatchEvent(new MouseEvent(type, {bubbles: true}));
    const found = [parts.length, parts.filter(p => p.querySelector("svg")).length];
    const card = [...drawing.querySelectorAll(".c")].find(c => c.querySelector("image"));
    fire(card, "pointerdown"); fire(card, "click");
    await new Promise(r => setTimeout(r, 300));
    found.push(drawing.querySelectorAll("canvas").length > 1);
    player.querySelector("input[type=range]").value = 2;
    player.querySelector("input[type=range]").dispatchEvent(new Event("input"));
    found.push(player.querySelector(".head").textContent);
    const slide = explorer.querySelector(".knobs input");
    slide.value = 5; slide.dispatchEvent(new Event("input"));
    found.push(explorer.querySelector(".head").textContent);
    const steps = watch.querySelector("input[type=range]"), bold = () => [...watch.querySelectorAll("b")];
    const now = () => bold().map(b => b.textContent).find(t => t.startsWith("step"));
    found.push(now());
    steps.value = 1; steps.dispatchEvent(new Event("input"));
    await new Promise(r => setTimeout(r, 300));
    found.push(now(), watch.textContent.includes("0 Linear"));
    return found;
    """
    found = ask(page(book), script, tmp_path)
    assert found[:3] == [4, 4, True]
    assert found[3].startswith("forward 2/2") and found[4].endswith("= −10")
    assert found[5:] == ["step 14", "step 2", True]


@needs_chromium
def test_where_scripts_are_stripped_each_is_a_picture(book: Any, tmp_path: Path) -> None:
    """As on GitHub and in an untrusted JupyterLab."""
    text = re.sub(r"<script.*?</script>", "", "".join(data["text/html"] for data in shown(book)), flags=re.S)
    assert not re.search(r"<(?!/?(div|img)\b)|\son\w+=", text), "nothing that a sanitiser would have to take out"
    script = """
    const images = [...document.querySelectorAll("img")];
    await Promise.all(images.map(i => i.decode()));
    return images.map(i => [i.naturalWidth > 100, i.naturalHeight > 100, i.clientWidth <= innerWidth]);
    """
    assert ask(text, script, tmp_path) == [[True, True, True]] * 5
    assert "@keyframes" in shown(book)[1]["image/svg+xml"], "the player plays by itself"


def test_sliders_that_need_a_kernel_keep_their_last_picture(book: Any) -> None:
    """What nbconvert shows of them is the state that the notebook stores. Anywhere else it is the drawing."""
    pytest.importorskip("anywidget")
    view = shown(book)[3]["application/vnd.jupyter.widget-view+json"]
    state = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"][view["model_id"]]["state"]
    assert state["shown"]["svg"].startswith("<svg") and state["sliders"][0][0] == "0.weight[0,1]"
