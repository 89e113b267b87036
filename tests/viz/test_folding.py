"""Folding: large graphs become small ones, and what they say stays true."""

from __future__ import annotations

from typing import Any

import numpy as np
from tinygrad_lite.viz import draw

import tinygrad_lite as tg
from tinygrad_lite import Tensor

from .examples import Transformer, chain, convnet, scalars, variable


def test_a_small_graph_is_not_folded() -> None:
    scene = draw(scalars()).scene
    assert scene.note == ""
    assert all(c.times == 1 for c in scene.cards())


def test_the_blocks_of_a_transformer_are_one_block_twelve_times() -> None:
    tg.manual_seed(0)
    scene = draw(Transformer(12), np.zeros((1, 12), int)).scene
    blocks = [b for b in scene.frame.frames() if b.kind == "Block"]
    assert [(b.title, b.times) for b in blocks] == [("blocks.0…11  Block  ×12", 12)]
    inner = [b.name for b in blocks[0].frames()]
    assert inner.count("query") == inner.count("key") == inner.count("value") == 1, (
        "side by side is not one after the other"
    )
    assert len(scene.cards()) <= 150
    assert "folded" in scene.note
    before, after = (
        (e for e in scene.edges if (e.source in blocks[0].cards()) != (e.target in blocks[0].cards())),
        blocks[0].cards(),
    )
    assert {e.target in after for e in before} == {True, False}, "one way in, one way out"


def test_depth_closes_modules_and_opens_one_by_name() -> None:
    tg.manual_seed(0)
    net, x = Transformer(3), np.zeros((1, 12), int)
    closed = draw(net, x, depth=0).scene
    assert [(c.name, c.kind, c.times) for c in closed.cards() if c.role == "module"] == [
        ("blocks.0…2", "Block", 3),
        ("head", "Linear", 1),
    ]
    one = draw(net, x, depth=1).scene
    assert {c.name for c in one.cards() if c.role == "module"} >= {"attention", "norm1"}
    named = draw(net, x, depth="blocks.1.attention").scene
    assert [b.name for b in named.frame.frames()][:2] == ["blocks.1", "attention"]
    assert {c.name for c in named.cards() if c.role == "module"} >= {"blocks.0", "blocks.2", "norm1"}


def test_a_folded_module_shows_what_came_out_of_it() -> None:
    loss = convnet()
    scene = draw(loss, depth=0).scene
    conv = next(c for c in scene.cards() if c.name == "conv1")
    assert conv.shape == (4, 16, 8, 8)
    assert conv.gradient.shape == conv.shape
    assert conv.note == "1 op · 160 parameters"


def test_max_nodes_is_kept() -> None:
    loss = convnet()
    for most in (150, 12, 6, 3, 1):
        assert len(draw(loss, max_nodes=most).scene.cards()) <= max(most, 2)


def test_heads_that_go_to_one_place_are_one() -> None:
    x = variable(np.ones((4, 4)), "x")
    heads = [np.tanh((x * 2.0) @ variable(np.ones((4, 2)))) for _ in range(60)]
    scene = draw(np.concatenate(heads, axis=1).sum()).scene
    assert len(scene.cards()) < 20
    assert 60 in [b.times for b in scene.frame.frames()]


def test_a_chain_of_100_000_is_drawn_folded() -> None:
    scene = draw(chain(100_000)).scene
    assert [(c.path or c.pill, c.times) for c in scene.cards()] == [("x", 1), ("tanh", 100_000)]


def test_a_repeated_pattern_of_ops() -> None:
    x: Any = variable(np.ones(4), "x")
    w = variable(np.ones(4), "w")
    for _ in range(500):
        x = np.tanh(x * w) + 1
    scene = draw(x.sum()).scene
    (frame,) = scene.frame.frames()
    assert frame.times >= 498
    assert sorted(c.pill for c in frame.cards()) == ["+ 1", "tanh", "·"]
    within = [e for e in scene.edges if e.source in frame.cards() and e.target in frame.cards()]
    assert len(within) == 2, "no edge goes back from one turn to the next"


def test_a_graph_without_modules_or_repeats_is_told_by_depth() -> None:
    rng = np.random.default_rng(0)
    x: list[Any] = [Tensor(v) for v in rng.normal(size=12)]
    for _ in range(3):
        weights = [[variable(v) for v in rng.normal(size=12)] for _ in range(12)]
        x = [np.tanh(sum((w * v for w, v in zip(row, x)), variable(0.0))) for row in weights]
    scene = draw(sum(x)).scene
    assert len(scene.cards()) <= 150
    counted = sum(
        int(c.name.split()[0].replace(",", "")) * c.times for c in scene.cards() if c.role == "module" and not c.kind
    )
    assert counted > 800
    assert "max_nodes" in scene.note
