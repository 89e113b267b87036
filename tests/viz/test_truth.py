"""A picture says the same as the graph: what is reachable in one is reachable in the other, however it is folded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene.builder import build
from tinygrad_lite.viz.scene.cards import Card, Scene
from tinygrad_lite.viz.scene.recorded import RecordedGraph

import tinygrad_lite as tg
from tinygrad_lite import Tensor, nn

from .examples import ALL, card, chain, tangle, variable

FOLDS: list[dict[str, Any]] = [{"max_nodes": n} for n in (1, 2, 5, 12, 40, 150, 2000)]
FOLDS += [{"depth": n} for n in range(3)]


def loop(turns: int, data: bool = False) -> Tensor:
    """A recurrent net by hand: two weights, used in every turn."""
    rng = np.random.default_rng(0)
    u, w = variable(rng.normal(size=(3, 5)) / 3, "U"), variable(rng.normal(size=(5, 5)) / 3, "W")
    x = Tensor(rng.normal(size=(turns, 1, 3)), requires_grad=data, name="x")
    h: Any = Tensor(np.zeros((1, 5)))
    for t in range(turns):
        h = np.tanh(x[t] @ u + h @ w)
    out: Tensor = np.sum(h**2)
    return out


class Cell(nn.Module):
    def __init__(self) -> None:
        self.u, self.w = nn.Linear(3, 5), nn.Linear(5, 5)

    def forward(self, x: Any, h: Any) -> Any:
        return np.tanh(self.u(x) + self.w(h))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        self.cell, self.out = Cell(), nn.Linear(5, 2)

    def forward(self, x: Any) -> Any:
        h = np.zeros((1, 5))
        for part in x:
            h = self.cell(part, h)
        return self.out(h)


def recurrent(turns: int) -> Tensor:
    tg.manual_seed(0)
    out: Tensor = Recurrent()(np.ones((turns, 1, 3))).sum()
    return out


def random_graph(seed: int) -> Tensor:
    """A program of random ops, loops, modules and shared leaves."""
    rng = np.random.default_rng(seed)
    tg.manual_seed(seed)
    leaves = [variable(rng.normal(size=(3, 3)), f"w{i}") for i in range(int(rng.integers(1, 5)))]
    layers = [nn.Linear(3, 3) for _ in range(2)]
    made: list[Any] = [*leaves, Tensor(rng.normal(size=(3, 3)), name="data")]

    def some() -> Any:
        return made[int(rng.integers(0, len(made)))]

    for _ in range(int(rng.integers(2, 9))):
        kind = int(rng.integers(0, 5))
        if kind == 0:  # a loop
            h, w, others = some(), some(), some()
            outs = []
            for _ in range(int(rng.integers(2, 12))):
                h = np.tanh(h @ w + others) if rng.random() < 0.95 else h * w
                outs.append(h)
            made.append(h)
            if rng.random() < 0.5:
                made.append(sum(outs[1:], outs[0]))
        elif kind == 1:
            made.append(layers[int(rng.integers(0, 2))](some()))
        elif kind == 2:
            made.extend(np.tanh(some() * 2.0) for _ in range(int(rng.integers(1, 8))))
        elif kind == 3:
            made.append(np.concatenate([some() for _ in range(3)])[:3])
        else:
            made.append(some() + some() * some())
    out: Tensor = sum((np.sum(x) for x in made[-4:]), made[-1].sum())
    return out


def quotient(scene: Scene, graph: RecordedGraph) -> set[tuple[Card, Card]]:
    """The edges of the graph as edges between the cards that show their ends."""
    found = set()
    for vertex in graph.vertices.values():
        for x in vertex.inputs:
            source, target = (scene.find(v.node) if v.node is not None else None for v in (x, vertex))
            if x.node is not None:
                assert source is not None, f"{x.name} is nowhere in the picture"
                assert target is not None
                if source is not target:
                    found.add((source, target))
    return found


def drawn(scene: Scene) -> set[tuple[Card, Card]]:
    """The edges of the picture. A bare array has no node, so its card cannot be found: it is left out."""
    joins = [(e.source, e.target) for e in scene.edges] + [(e.source, e.target) for e in scene.loops]
    joins += [(dock.of or dock, card) for card in scene.cards() for dock in card.docks]
    return {(a, b) for a, b in joins if a is not b and a.node is not None}


def closure(edges: set[tuple[Card, Card]]) -> set[tuple[Card, Card]]:
    after: dict[Card, set[Card]] = {}
    for a, b in edges:
        after.setdefault(a, set()).add(b)
    found = set()
    for start in after:
        stack, seen = [start], set[Card]()
        while stack:
            for b in after.get(stack.pop(), ()):
                if b not in seen:
                    seen.add(b)
                    stack.append(b)
        found |= {(start, b) for b in seen}
    return found


def check(root: Tensor, **fold: Any) -> None:
    scene = build([root], {}, "", False, False, fold.get("depth"), fold.get("max_nodes", 150))
    graph = RecordedGraph([root], {})
    right, shown = quotient(scene, graph), drawn(scene)
    assert not {(a.key, b.key) for a, b in shown - right}, "an edge of the picture is none of the graph"
    assert not {(a.key, b.key) for a, b in closure(shown) ^ closure(right)}
    cards = set(scene.cards())
    assert all(join in shown for join in right if join[0].op is None), "every use of a leaf is shown"
    assert {scene.find(v.node) for v in graph.vertices.values() if v.node is not None} <= cards


@pytest.mark.parametrize("seed", range(40))
def test_reachable_in_the_picture_is_reachable_in_the_graph(seed: int) -> None:
    root = random_graph(seed)
    for fold in FOLDS:
        check(root, **fold)


@pytest.mark.parametrize("fold", FOLDS, ids=str)
@pytest.mark.parametrize("make", [*ALL.values(), lambda: loop(30), lambda: loop(30, True), lambda: recurrent(6),
                                  lambda: chain(3000), lambda: tangle(300)])  # fmt: skip
def test_so_it_is_in_the_examples(make: Any, fold: dict[str, Any]) -> None:
    check(make(), **fold)


def test_a_recurrent_net_is_folded_with_an_arrow_back_and_keeps_its_weights() -> None:
    scene = draw(loop(30)).scene
    (frame,) = scene.frame.frames()
    assert frame.times == 29, "the first turn differs: it starts from zeros"
    ((source, target),) = [(arrow.source, arrow.target) for arrow in scene.loops]
    assert (source.pill, target.pill) == ("tanh", "@")
    assert scene.loops[0].around is frame
    assert {e.target.pill for e in scene.edges if e.source.role == "parameter" and e.target in frame.cards()} == {"@"}
    assert card(scene, "W").gradient is not None
    assert "↺ tanh → @" in str(draw(loop(30)))


def test_a_weight_used_often_is_drawn_once_and_referred_to_elsewhere() -> None:
    scene = draw(loop(8)).scene
    for name in "UW":
        whole = [c for c in scene.cards() if c.path == name and c.role == "parameter"]
        again = [c for c in scene.cards() if c.path == name and c.role == "reference"]
        assert len(whole) == 1 and len(again) == 7
        assert all(chip.of is whole[0] for chip in again)
    assert not any(e.source.path in ("U", "W") for e in scene.edges)


def test_calls_of_a_module_are_counted_and_numbered() -> None:
    tg.manual_seed(0)
    scene = draw(Recurrent(), np.ones((5, 1, 3))).scene
    assert [f.title for f in scene.frame.frames() if f.kind == "Cell"] == [f"cell  Cell  {i}/5" for i in range(1, 6)]
    assert "62 parameters" in scene.subtitle, "each parameter counts once"
    folded = draw(Recurrent(), np.ones((5, 1, 3)), depth=0).scene
    (cell,) = [c for c in folded.cards() if c.times == 4]
    assert cell.note == "24 ops · 50 parameters"


def test_counts_are_of_the_graph_not_of_cards() -> None:
    x = variable(np.array([1.0, np.nan]), "x")
    y: Any = x
    for _ in range(300):
        y = np.tanh(y) * 2.0
    scene = draw(y.sum(), max_nodes=20).scene
    assert len(scene.cards()) <= 20
    assert "NaN in 602 tensors" in scene.subtitle
    assert "NaN or Inf in 599 gradients" in scene.subtitle, "all but the last three"


def test_what_a_backward_pass_made_is_in_a_frame_of_its_own() -> None:
    x = variable(np.array([0.5, 1.0]), "x")
    loss = np.sum(np.tanh(x) ** 2)
    loss.backward(create_graph=True)
    scene = draw(np.sum(x.grad**2)).scene
    (frame,) = [f for f in scene.frame.frames() if f.name == "backward"]
    outside = [c.pill for c in scene.frame.boxes if isinstance(c, Card)]
    assert outside == ["", "tanh", "^ 2" if "^ 2" in outside else "x²", "Σ"]
    assert len(frame.cards()) > 4
    x.grad = None


def test_keys_and_places_name_outputs_and_inputs() -> None:
    x = variable(np.ones(3), "x")
    scene = draw({"loss": (x * 2).sum(), "parts": [x + 1, x + 2]}).scene
    assert {c.path for c in scene.cards() if c.output} == {"loss", "parts[0]", "parts[1]"}

    class Two(nn.Module):
        def forward(self, batch: Any, scale: Any) -> Any:
            return {"sum": batch["left"] * scale[0] + batch["right"], "left": batch["left"] * 2}

    given = {"left": variable(np.ones(3)), "right": np.ones(3)}
    scene = draw(Two(), given, [variable(np.full(3, 2.0))]).scene
    assert {c.path for c in scene.cards()} == {"batch.left", "batch.right", "scale[0]", "sum", "left"} | (
        {""} if any(not c.path for c in scene.cards()) else set()
    )
