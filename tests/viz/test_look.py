"""A card shown large: which cells belong together is what one-hot gradients say, and the numbers are the tensor's."""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.render import look
from tinygrad_lite.viz.scene.reach import Reach, reaches, span_at

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.graph import backpropagate

from .browser import ask, needs_chromium
from .examples import ALL, variable


def var(*shape: int) -> Tensor:
    return variable(np.random.default_rng(0).normal(size=shape), "x")


CASES: dict[str, Any] = {
    "conv2d": lambda x: tg.conv2d(x, np.random.default_rng(1).normal(size=(3, 2, 3, 3)), padding=1),
    "conv2d strided": lambda x: tg.conv2d(x, np.random.default_rng(1).normal(size=(2, 2, 2, 3)), stride=(2, 1)),
    "conv2d dilated": lambda x: tg.conv2d(x, np.random.default_rng(1).normal(size=(2, 2, 2, 2)), dilation=2),
    "conv2d in groups": lambda x: tg.conv2d(x, np.random.default_rng(1).normal(size=(4, 1, 3, 3)), groups=2),
    "avg_pool2d": lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1),
    "matmul": lambda x: x @ np.random.default_rng(1).normal(size=(6, 4)),
    "matmul from the left": lambda x: np.random.default_rng(1).normal(size=(3, 5)) @ x,
    "broadcast": lambda x: x[0, 0] * np.random.default_rng(1).normal(size=(4, 1, 6)),
    "slice": lambda x: x[:, 1, ::2, 1:4],
    "reversed": lambda x: x[..., ::-1],
    "index": lambda x: x[0, 0][np.array([[3, 1], [1, 4]])],
    "reshape": lambda x: x.reshape(2, -1),
    "reshape to more axes": lambda x: x[0, 0, 0].reshape(2, 3),
    "transpose": lambda x: np.transpose(x, (2, 0, 3, 1)),
    "sum": lambda x: np.sum(x, axis=(1, 3)),
    "softmax": lambda x: tg.softmax(x, axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=2),
    "concatenate": lambda x: np.concatenate([x, x], axis=1),
    "tanh": np.tanh,
    "a long axis": lambda x: np.concatenate([x.ravel()] * 2)[10:90:2] * 2,
    "conv2d along a long axis": lambda x: tg.conv2d(x.reshape(1, 1, 2, 60), np.ones((1, 1, 1, 3)), padding=(0, 1)),
}  # fmt: skip


def pairs(reach: Reach) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every pair of an input's and an output's element that belong together."""
    one = reach.input if reach.forward else reach.output
    found = set()
    for at in np.ndindex(*one.shape):
        spans = [span_at(axis, at, one.shape) for axis in reach.axes]
        if None not in spans:
            for there in product(*(range(s[0], s[1] + 1, s[2]) for s in spans if s)):
                found.add((at, there) if reach.forward else (there, at))
    return found


@pytest.mark.parametrize("name", CASES)
def test_cells_that_belong_together_are_those_that_a_one_hot_gradient_reaches(name: str) -> None:
    x = var(2, 2, 5, 6)
    out = CASES[name](x)
    scene = draw(out).scene
    shown = {card: card.shape for card in scene.cards() if card.of is None}
    found = list(reaches(scene, shown))
    last = [r for r in found if r.output.node is out]
    assert last, "the pattern was found"
    before: Any = last[0].input.node
    together = set().union(*(pairs(r) for r in last))
    true = set()
    for at in np.ndindex(*out.shape):
        seed = np.zeros(out.shape)
        seed[at] = 1
        g = dict(backpropagate(out, seed))[before]
        true |= {(tuple(map(int, there)), at) for there in zip(*np.nonzero(g))}
    assert together == true


def test_a_maximum_was_computed_from_its_whole_window() -> None:
    out = tg.max_pool2d(var(2, 2, 4, 6), 2)
    scene = draw(out).scene
    (reach,) = reaches(scene, {card: card.shape for card in scene.cards()})
    window = {(1, 0, i, k) for i in (2, 3) for k in (4, 5)}
    assert {x for x, y in pairs(reach) if y == (1, 0, 1, 2)} == window
    largest = max(window, key=lambda at: float(out.args[0].data[at]))
    assert {at for at in window if reach.flows[at]} == {largest}, "its gradient goes to the largest alone"


def test_an_op_that_refuses_nan() -> None:
    x = variable(np.random.default_rng(0).normal(size=(2, 3, 4)), "x")
    scene = draw(np.linalg.svd(x, compute_uv=False)).scene
    shown = {card: card.shape for card in scene.cards()}
    (reach,) = [r for r in reaches(scene, shown) if r.input.node is x and r.output.pill == "svd"]
    assert pairs(reach) == {((n, *i), (n, j)) for n in range(2) for i in np.ndindex(3, 4) for j in range(24)}
    assert draw(np.sum(np.linalg.svd(x, compute_uv=False))).play(element=(x, (1, 2, 0))).script("")


def test_a_dead_relu_was_computed_from_its_input_all_the_same() -> None:
    out = tg.relu(Tensor([-1.0, 2.0], requires_grad=True))
    scene = draw(out).scene
    (reach,) = reaches(scene, {card: card.shape for card in scene.cards()})
    assert pairs(reach) == {((0,), (0,)), ((1,), (1,))}
    assert reach.flows.tolist() == [False, True], "but no gradient goes there"


@pytest.mark.parametrize(
    ("shape", "most", "sizes", "blocks"),
    [
        ((3, 4), 64, [3, 4], [1, 1]), ((), 64, [], []), ((1000,), 64, [63], [16]), ((8, 4, 4), 64, [4, 4, 4], [1] * 3),
        ((64, 6, 28, 28), 900, [1, 1, 28, 28], [1] * 4), ((4096, 4096), 64, [8, 8], [512, 512]),
        ((2, 1000), 64, [2, 32], [1, 32]), ((1000, 2), 64, [32, 2], [32, 1]),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_large_tensor(shape: Any, most: int, sizes: list[int], blocks: list[int]) -> None:
    assert look.cut(shape, most) == (sizes, blocks)
    a = np.arange(np.prod(shape), dtype=float).reshape(shape)
    part, scale = look.packed(a, sizes, blocks)
    assert part.size == np.prod(sizes)
    if max(blocks, default=1) == 1:
        assert part.ravel() * scale == pytest.approx(a[tuple(slice(n) for n in sizes)].ravel(), rel=1e-3)
    else:
        assert float(part.max()) * scale == pytest.approx(a.max(), rel=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_small_and_quickly_made(name: str, tmp_path: Path) -> None:
    graph = ALL[name]()
    took = []
    for _ in range(3):
        start = time.process_time()
        path = draw(graph).save(tmp_path / "x.html")
        took.append(time.process_time() - start)
    assert min(took) < 0.5
    assert path.stat().st_size < 500_000


@needs_chromium
def test_pointing_at_a_cell_of_a_product_lights_its_row_and_its_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, w = (variable(rng.normal(size=shape), name) for shape, name in (((3, 4), "x"), ((4, 2), "w")))
    y = x @ w
    y.name = "y"
    script = """
    const lit = [], all = () => [...document.querySelectorAll("canvas")];
    CanvasRenderingContext2D.prototype.strokeRect = function (x, y, w, h) {
      if (this.lineWidth === 2) lit.push([all().indexOf(this.canvas), Math.floor(y / h), Math.floor(x / w)]);
    };
    const card = [...document.querySelectorAll(".c")].find(c => c.textContent.startsWith("y"));
    card.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
    await new Promise(done => setTimeout(done, 600));
    const it = all()[2];
    it.onmousemove({offsetX: 0.7 * it.width, offsetY: 0.8 * it.height});
    return [all().length, lit, document.querySelector("[role=dialog]").textContent];
    """
    found = ask(draw(np.sum(y), engine="layered").html(), script, tmp_path)
    canvases, lit, told = found
    assert canvases == 4
    assert sorted(lit) == [[0, 2, 0], [0, 2, 1], [0, 2, 2], [0, 2, 3], [1, 0, 1], [1, 1, 1], [1, 2, 1], [1, 3, 1],
                           [2, 2, 1], [3, 0, 0]]  # fmt: skip
    assert f"y @[2,1] = {y.data[2, 1]:.3g}".replace("-", "−") in told
    assert "out = x @ w" in told and "computed from" in told and "goes into" in told


@needs_chromium
def test_where_cells_are_too_small_for_numbers_a_lens_shows_them(tmp_path: Path) -> None:
    x = variable(np.arange(900.0).reshape(30, 30), "x")
    script = """
    const told = [];
    CanvasRenderingContext2D.prototype.fillText = text => told.push(text);
    const card = [...document.querySelectorAll(".c")].find(c => c.textContent.startsWith("x"));
    card.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
    await new Promise(done => setTimeout(done, 600));
    const it = document.querySelector("canvas"), before = told.length;
    it.onmousemove({offsetX: it.width * 10.5 / 30, offsetY: it.height * 20.5 / 30});
    const shown = [...told];
    it.onmouseleave();
    return [before, shown, told.length - shown.length];
    """
    before, shown, after = ask(draw(np.sum(x * x), engine="layered").html(), script, tmp_path)
    assert before == after == 0
    assert [float(text) for text in shown] == [30 * r + k for r in range(18, 23) for k in range(8, 13)]
