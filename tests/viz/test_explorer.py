"""Sliders: what the page computes is what the engine computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.render import explorer, html, stepper
from tinygrad_lite.viz.scene.scalars import program

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.graph import Node, backpropagate

from .browser import ask, needs_chromium
from .examples import scalars, variable

UNARY = (
    np.exp, np.tanh, np.sin, np.cos, np.arctan, np.square, np.absolute, np.negative, np.expm1, np.arcsinh, np.cosh,
    tg.relu, tg.sigmoid, tg.softplus, tg.silu, tg.elu, tg.hardtanh, tg.mish, tg.nn.functional.leaky_relu,
    lambda x: np.log(x * x + 1), lambda x: np.sqrt(x * x + 0.5), lambda x: 1 / (x * x + 2), lambda x: x**3,
    lambda x: 2.0 ** np.tanh(x), lambda x: np.clip(x, -1, 1), lambda x: x - 0.3, lambda x: np.log1p(np.exp(x)),
)  # fmt: skip
BINARY = (
    np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.hypot, np.arctan2, lambda x, y: x / (y * y + 1),
    lambda x, y: (x * x + 0.1) ** np.tanh(y), lambda x, y: np.where(x.data > y.data, x, 0.5 * y),
)  # fmt: skip


def random_graph(seed: int, values: list[float] | None = None) -> tuple[list[Tensor], Tensor]:
    """A graph of 3 leaves and 12 ops or more; the same ops for the same seed, whatever the values."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-1.5, 1.5, 3).round(3)
    leaves = [variable(float(x), f"x{i}") for i, x in enumerate(start if values is None else values)]
    made: list[Any] = [*leaves]
    for _ in range(12):
        pick = [made[max(0, len(made) - 1 - int(rng.integers(0, 5)))] for _ in range(2)]
        if rng.random() < 0.5:
            made.append(np.tanh(UNARY[rng.integers(len(UNARY))](pick[0])))
        else:
            made.append(BINARY[rng.integers(len(BINARY) - (values is not None))](*pick))
    return leaves, made[-1] + made[0] * made[1] + made[2]


def known(root: Tensor) -> dict[Node, Any]:
    return dict(backpropagate(root, np.ones(())[()]))


def as_number(text: str) -> float:
    return float(text.removeprefix("∂ ").replace("−", "-").replace("∞", "inf"))


@needs_chromium
def test_values_and_gradients_are_the_engines_for_200_random_graphs(tmp_path: Path) -> None:
    """Every card of every graph, at first and after all three leaves were moved."""
    rng = np.random.default_rng(0)
    page, moved, graphs = [], [], []
    for seed in range(200):
        leaves, root = random_graph(seed)
        made = draw(root, engine="layered", max_nodes=10_000).explore()
        page.append(html.fragment(*made.parts()))
        moved.append([float(x) for x in rng.uniform(-1.5, 1.5, 3).round(3)])
        graphs.append((made, leaves, root))
    script = (
        f"const moved = {json.dumps(moved)}, pages = {stepper.as_json(page)}, box = document.createElement('div');"
        """
        const texts = (e, s) => Object.fromEntries([...e.querySelectorAll(".c[data-n]")].map(
          c => [c.dataset.n, c.querySelector(s)?.textContent ?? null]));
        document.body.append(box);
        return pages.map((page, i) => { // one at a time: each has a style sheet for the whole document
          box.innerHTML = page;
          const script = document.createElement("script"), old = box.querySelector("script");
          script.textContent = old.textContent;
          old.replaceWith(script);
          const names = [...box.querySelectorAll(".knobs input[type=number]")];
          const seen = () => [texts(box, ".number"), texts(box, ".d"),
            [...box.querySelectorAll(".knobs .came")].map(e => [e.textContent, e.nextSibling.textContent])];
          const first = seen();
          names.forEach(n => { n.value = moved[i][+n.ariaLabel.slice(1)]; n.dispatchEvent(new Event("change")); });
          return [first, seen()];
        });
        """
    )
    found = ask("", script, tmp_path)
    checked = 0
    for (made, leaves, root), values, states in zip(graphs, moved, found):
        again = tg.replay([root, *(c.node for c in made.drawing.scene.cards())], dict(zip(leaves, values)))
        news = dict(zip((c.node for c in made.drawing.scene.cards()), again[1:]))
        for state, end, of in ((states[0], root, {c: c for c in news}), (states[1], again[0], news)):
            gradients = known(end)
            for card in made.drawing.scene.cards():
                node: Any = of[card.node]
                assert as_number(state[0][str(card.key)]) == pytest.approx(float(node.data), rel=6e-4, abs=1e-12)
                if node in gradients:
                    g = float(gradients[node])
                    assert as_number(state[1][str(card.key)]) == pytest.approx(g, rel=6e-4, abs=1e-12), card.pill
                    checked += 1
            for came, difference in state[2]:
                if came != "—":
                    assert as_number(difference) == pytest.approx(as_number(came), rel=2e-3, abs=2e-5)
    assert checked > 5000


@needs_chromium
def test_each_edge_shows_its_local_derivative(tmp_path: Path) -> None:
    a, b = variable(2.0, "a"), variable(-3.0, "b")
    script = """
    const $ = s => document.querySelector(s), slide = $(".knobs input");
    const seen = () => [...document.querySelectorAll(".dv")].map(t => t.textContent).sort();
    const before = seen();
    slide.value = 5; slide.dispatchEvent(new Event("input"));
    const after = seen();
    $(".bar button").click();
    return [before, after, seen(), $(".head").textContent];
    """
    found = ask(draw(a * b + a * a, engine="layered").explore().html(), script, tmp_path)
    assert found[0] == sorted(["−3", "2", "2", "2", "1", "1"])
    assert found[1] == sorted(["−3", "5", "5", "5", "1", "1"])
    assert found[2] == found[0] and found[3].endswith("= −2")


def test_the_formulas_come_from_the_rules() -> None:
    x = variable(0.5, "x")
    made = program([np.tanh(x) + np.tanh(x * 2)])
    assert made.formulas[0] == "(a)=>[Math.tanh(a),(1.0-(Math.tanh(a)*Math.tanh(a)))]"
    assert len(made.formulas) == 3 and len(made.ops) == 4


def test_what_the_page_cannot_compute_is_refused_with_its_name(tmp_path: Path) -> None:
    _, _, loss = layer()
    with pytest.raises(ValueError, match=r"by itself can't compute a tensor of shape \(4, 2\); show it in a notebook"):
        draw(loss).explore().save(tmp_path / "x.html")
    with pytest.raises(ValueError, match="lgamma can't be computed in a browser"):
        draw(tg.nn.functional.lgamma(variable(2.5))).explore().html()
    with pytest.raises(ValueError, match=r"cannot write this explorer as \.svg; endings are \.html"):
        draw(scalars()).explore().save(tmp_path / "x.svg")


def test_the_code_is_under_25_kb() -> None:
    code = (html.SCRIPT, html.ROOM, html.FRAMES, explorer.PANEL, explorer.SCRIPT, explorer.STYLE)
    assert sum(len(part.encode()) for part in code) < 25_000


# ---------------------------------------------------------------------------------------------- with a kernel


def layer() -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    w, b = variable(rng.normal(size=(3, 2)), "w"), variable(0.5, "b")
    x = Tensor(rng.normal(size=(4, 3)), name="x")
    return w, b, np.sum(np.tanh(x @ w) * b)


def test_in_a_notebook_the_kernel_moves_a_chosen_element_of_a_tensor() -> None:
    pytest.importorskip("anywidget")
    w, b, loss = layer()
    made = draw(loss, engine="layered").explore({w: (2, 1)})
    assert [name for name, _, _ in made.knobs] == ["w[2,1]", "b"]
    told = made.answer([0.25, -2.0])
    w.data = np.where(np.arange(6).reshape(3, 2) == 5, 0.25, w.data)
    b.data = -2.0
    (x,) = [c.value for c in made.drawing.scene.cards() if c.name == "x"]
    end = np.sum(np.tanh(x @ w) * b)
    end.backward()
    assert w.grad is not None and b.grad is not None
    assert as_number(told["line"].removeprefix("L = ")) == pytest.approx(end.item(), rel=1e-3)
    for (came, by_difference), g in zip(told["found"], (w.grad.data[2, 1], b.grad.data)):
        assert as_number(came) == pytest.approx(float(g), rel=1e-3)
        assert as_number(by_difference) == pytest.approx(float(g), rel=1e-3)
    shown = made._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "image/svg+xml", "text/plain"} <= set(shown)


def test_leaves_in_folded_cards_have_sliders_too() -> None:
    x: Any = variable(0.5)
    weights = [variable(0.1 * i) for i in range(300)]
    for w in weights:
        x = np.tanh(x * w + 0.3)
    made = draw(x, engine="layered", max_nodes=10).explore()
    assert len(made.knobs) == 40 and made.knobs[1][0] == "leaf 1"
    assert len(made.html()) < 100_000
    told = made.answer([float(np.asarray(node.value)) for _, node, _ in made.knobs])
    assert as_number(told["line"].removeprefix("L = ")) == pytest.approx(x.item(), rel=1e-3)


def test_what_can_have_no_slider_is_refused() -> None:
    w, _, loss = layer()
    for elements in ({w: (3, 0)}, {w: 1}, {variable(np.ones(2)): 0}):
        with pytest.raises(ValueError, match="is no element of a leaf of this graph; its leaves are x, w, b"):
            draw(loss).explore(elements)
    with pytest.raises(ValueError, match="no leaf of this graph is a scalar"):
        draw(np.sum(w * w)).explore()


@needs_chromium
def test_the_widget_asks_once_at_a_time_and_shows_what_comes(tmp_path: Path) -> None:
    widget = pytest.importorskip("tinygrad_lite.viz.render.widget")
    w, _, loss = layer()
    made = draw(loss, engine="layered").explore({w: (0, 0)})
    shown = [made.answer(now) for now in ([1.0, 0.5], [1.5, 0.5])]
    module = widget.Sliders._esm.replace("export default", "window.widget=")
    script = f"<script>{module}</script>"
    act = (
        f"const state = {{style: {stepper.as_json(stepper.STYLE)}, sliders: [['w[0,0]', 1], ['b', .5]],"
        f" shown: {stepper.as_json(shown[0])}}}, asked = [];"
        """
        let heard;
        const model = {get: k => state[k], set: (k, v) => { state[k] = v; }, save_changes: () => asked.push(state.now),
                       on: (k, f) => { heard = f; }};
        const el = document.body.appendChild(document.createElement("div"));
        widget.render({model, el});
        const slide = el.querySelector("input[type=range]"), head = () => el.querySelector(".head").textContent;
        const to = x => { slide.value = x; slide.dispatchEvent(new Event("input")); };
        const first = head();
        to(1.5); to(1.6); to(1.7);
        const before = asked.length;
        """
        f"state.shown = {stepper.as_json(shown[1])}; heard();"
        "return [first, before, asked, head(), el.querySelectorAll('svg').length];"
    )
    first, before, asked, head, pictures = ask(script, act, tmp_path)
    assert [first, head] == [said["line"] for said in shown]
    assert before == 1 and asked == [[1.5, 0.5], [pytest.approx(1.7, abs=0.02), 0.5]] and pictures == 1
