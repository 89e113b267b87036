"""Every kind of model that people draw, in a browser: nothing overlaps, no edge crosses a card, nothing is cut."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Drawing, draw

import tinygrad_lite as tg
from tinygrad_lite import Tensor, nn

from .browser import ask, needs_chromium
from .examples import Residual, Transformer, batch, chain, tangle, variable
from .faults import FAULTS
from .test_svg import whole


def neuron() -> Any:
    x1, x2 = Tensor(2.0, name="x1"), Tensor(0.5, name="x2")
    w1, w2, b = (variable(v, n) for v, n in ((-3.0, "w1"), (1.0, "w2"), (6.88, "b")))
    return np.tanh(x1 * w1 + x2 * w2 + b)


def mlp() -> Any:
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10))
    x, y = batch(8)
    return tg.cross_entropy(net(x.reshape(8, -1)), y)


def lenet() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    x = np.random.default_rng(0).random((4, 1, 28, 28), np.float32)
    return tg.cross_entropy(net(Tensor(x, name="images")), np.arange(4))


def resnet() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), *(Residual(4) for _ in range(8)), nn.Flatten(), nn.Linear(256, 10)
    )
    x, y = batch(3)
    return tg.cross_entropy(net(x), y)


def lstm_cell() -> Any:
    cell, read = nn.LSTMCell(3, 5), nn.Linear(5, 1)
    rng = np.random.default_rng(0)
    h, c = Tensor(np.zeros((2, 5))), Tensor(np.zeros((2, 5)))
    for x in rng.normal(size=(30, 2, 3)):
        h, c = cell(Tensor(x), (h, c))
    return np.mean(read(h) ** 2)


def lstm_by_hand() -> Any:
    rng = np.random.default_rng(0)
    w, u, b = (variable(rng.normal(size=shape) / 3, n) for shape, n in (((3, 20), "w"), ((5, 20), "u"), (20, "b")))
    h, c = Tensor(np.zeros((2, 5))), Tensor(np.zeros((2, 5)))
    for x in rng.normal(size=(30, 2, 3)):
        i, f, g, o = np.split(x @ w + h @ u + b, 4, axis=1)
        c = tg.sigmoid(f) * c + tg.sigmoid(i) * np.tanh(g)
        h = tg.sigmoid(o) * np.tanh(c)
    return np.sum(h**2)


def gpt() -> Any:
    tokens = np.random.default_rng(0).integers(0, 30, (1, 12))
    return tg.cross_entropy(Transformer(12)(tokens).reshape(12, 30), tokens[0])


class UNet(nn.Module):
    """Two levels down and two up, with skips."""

    def __init__(self) -> None:
        self.down = [nn.Conv2d(n, m, 3, padding=1) for n, m in ((1, 4), (4, 8), (8, 8))]
        self.up = [nn.ConvTranspose2d(8, n, 2, stride=2) for n in (8, 4)]
        self.join = [nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)]
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x: Any) -> Any:
        skips = []
        for i, conv in enumerate(self.down):
            x = tg.relu(conv(x))
            if i < 2:
                skips.append(x)
                x = tg.max_pool2d(x, 2)
        for up, join in zip(self.up, self.join):
            x = tg.relu(join(np.concatenate([up(x), skips.pop()], axis=1)))
        return self.last(x)


def unet() -> Any:
    x, _ = batch(2)
    return np.mean((UNet()(x) - x) ** 2)


def gradient_penalty() -> Any:
    rng = np.random.default_rng(0)
    w, v = variable(rng.normal(size=(4, 6)), "w"), variable(rng.normal(size=(6, 1)), "v")
    x = variable(rng.normal(size=(3, 4)), "x")
    out = np.sum(np.tanh(x @ w) @ v)
    out.backward(create_graph=True)
    assert x.grad is not None
    return out + np.sum((np.sqrt(np.sum(x.grad**2, axis=1)) - 1) ** 2)


def scalar_mlp() -> Any:
    """micrograd's MLP of scalars, on two samples."""
    rng = np.random.default_rng(0)
    total: Any = 0.0
    sizes = (16, 24, 24, 1)
    layers = [[[variable(float(rng.normal())) for _ in range(n + 1)] for _ in range(m)] for n, m in pairwise(sizes)]
    for _ in range(2):
        xs: Any = [Tensor(float(x)) for x in rng.normal(size=16)]
        for layer in layers:
            xs = [np.tanh(sum((w * x for w, x in zip(row, xs)), row[-1])) for row in layer]
        total = total + (xs[0] - 1) ** 2
    return total


MODELS: dict[str, Callable[[], Any]] = {
    f.__name__: f
    for f in (neuron, mlp, lenet, resnet, lstm_cell, lstm_by_hand, gpt, unet, gradient_penalty, scalar_mlp)
} | {"a hundred thousand": lambda: chain(100_000), "a tangle of 5,000": lambda: tangle(5000)}

CROSSING = """
const through = [], margin = 3;
const where = cards.map(c => [name(c), c.dataset.n, rect(c)]);
const docked = new Set();
svg.querySelectorAll(".e").forEach(e => {
  if (!seen(e)) return;
  const shaft = e.querySelector("path"), m = shaft.getScreenCTM(), long = shaft.getTotalLength();
  for (let l = 0; l <= long; l += 9) {
    const p = shaft.getPointAtLength(l).matrixTransform(m);
    where.forEach(([n, key, r]) => {
      if (key !== e.dataset.s && key !== e.dataset.t && p.x > r.left + margin && p.x < r.right - margin
        && p.y > r.top + margin && p.y < r.bottom - margin) docked.add("an edge crosses " + n);
    });
  }
});
[...svg.querySelectorAll(".ft")].filter(seen).forEach(t => where.forEach(([n, , r]) => {
  if (!apart(box(t), r)) docked.add(t.textContent + " is covered by " + n);
}));
return faults.concat([...docked]);
"""


@needs_chromium
@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_drawn_well(name: str, tmp_path: Path) -> None:
    drawing = draw(MODELS[name](), engine="layered")
    assert ask(whole(drawing), FAULTS.replace("return faults;", CROSSING), tmp_path, size=(1280, 807)) == []
    script = """
    const box = e => e.getBoundingClientRect(), svg = box(document.querySelector("svg"));
    [...document.querySelectorAll(".tools button")].find(b => b.textContent === "Fit").click();
    const view = box(document.querySelector(".view")), r = box(document.querySelector("svg"));
    return [r.right <= innerWidth + 1, r.bottom <= innerHeight + 1, document.documentElement.scrollWidth <= innerWidth];
    """
    assert ask(drawing.html(), script, tmp_path, size=(1280, 807)) == [True] * 3
    assert leaves_without_a_way(drawing) == []


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet", "lstm_cell", "lstm_by_hand", "gpt", "unet"])
def test_the_picture_alone_can_be_read(name: str) -> None:
    """What is saved as .svg, .png or .pdf, and seen where scripts don't run; the page itself opens every frame."""
    drawing = draw(MODELS[name](), engine="layered")
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing.svg())
    assert found
    width, height = float(found[1]), float(found[2])
    assert min(1280 / width, 720 / height) > 0.4, f"{width:.0f}×{height:.0f}"
    cards = drawing.legible.scene.cards()
    assert set(drawing.scene.roots) <= {card.node for card in cards if card.output}
    assert drawing.open_svg("").count('<g class="c ') >= drawing.svg().count('<g class="c ') >= len(cards) > 5


def test_levels_that_are_asked_for_stay_open_in_the_picture() -> None:
    asked = draw(gpt(), engine="layered", depth=3)
    assert asked.legible is asked
    assert "attention" in asked.svg() and "attention" not in draw(gpt(), engine="layered").svg()


def leaves_without_a_way(drawing: Drawing) -> list[str]:
    """The leaves from which no edges lead to an output."""
    scene = drawing.scene
    goes: dict[Any, list[Any]] = {}
    joined: list[Any] = [*scene.edges, *scene.loops]
    for edge in joined:
        goes.setdefault(edge.source, []).append(edge.target)
    for card in scene.cards():
        for dock in card.docks:
            goes.setdefault(dock, []).append(card)
            if dock.of is not None:
                goes.setdefault(dock.of, []).append(card)
    lost = []
    for card in scene.cards():
        stack, seen = [card], {card}
        while stack:
            following = [x for x in goes.get(stack.pop(), ()) if x not in seen]
            seen.update(following)
            stack.extend(following)
        if not any(x.output for x in seen):
            lost.append(card.name)
    return lost


@pytest.mark.parametrize("name", [name for name in MODELS if name[:2] != "a "])
def test_a_model_is_drawn_and_saved_in_half_a_second(name: str, tmp_path: Path) -> None:
    graph, took = MODELS[name](), []
    for _ in range(3):
        start = time.process_time()
        path = draw(graph, engine="layered").save(tmp_path / "x.html")
        took.append(time.process_time() - start)
    assert min(took) < 0.5, took
    assert path.stat().st_size < 500_000


def test_five_thousand_nodes_are_drawn_and_saved_in_two_seconds(tmp_path: Path) -> None:
    graph = tangle(5000)
    start = time.process_time()
    path = draw(graph, engine="layered").save(tmp_path / "x.html")
    assert time.process_time() - start < 2
    assert path.stat().st_size < 500_000


@needs_chromium
def test_the_check_sees_an_edge_through_a_card(tmp_path: Path) -> None:
    wrong = """
    const all = [...document.querySelectorAll(".c[data-n]")], shaft = document.querySelectorAll(".e path")[4];
    const p = shaft.getPointAtLength(shaft.getTotalLength() / 2), it = all.at(-1), b = it.getBBox();
    it.setAttribute("transform", `translate(${p.x - b.width / 2},${p.y - b.height / 2})`);
    """
    script = f"{{ {wrong} }} " + FAULTS.replace("return faults;", CROSSING)
    assert any("an edge crosses" in fault for fault in ask(whole(draw(mlp(), engine="layered")), script, tmp_path))
