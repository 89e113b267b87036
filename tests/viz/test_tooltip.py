"""What tooltips say."""

from __future__ import annotations

import numpy as np
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.render.tooltip import facts

import tinygrad_lite as tg

from .examples import card, convnet, nan, transformer, variable


def test_an_op_says_its_call_its_rule_and_its_numbers() -> None:
    y = variable(np.array([1.0, 2.0]), "x") * 3.0
    y.name = "y"
    assert facts(card(draw(y).scene, "y")) == [
        "multiply(x, y=3)", "out = x · y", "∂L/∂x = g · y", "∂L/∂y = g · x",
        "shape 2   float64", "min 3   mean 4.5   max 6",
    ]  # fmt: skip


def test_a_leaf_says_its_shape_its_numbers_and_its_gradient() -> None:
    loss = (variable(np.array([3.0, 4.0]), "w") ** 2).sum()
    assert facts(card(draw(loss).scene, "w")) == ["shape 2   float64", "min 3   mean 3.5   max 4", "‖gradient‖ 10"]


def test_nan_is_counted() -> None:
    said = "\n".join(facts(card(draw(nan()).scene, "log h")))
    assert "value: " in said and " NaN of 30" in said


def test_what_stands_for_many_says_so() -> None:
    scene = draw(transformer(12), depth=0).scene
    folded = next(c for c in scene.cards() if c.times > 1)
    assert "12 times; the last one is shown" in facts(folded)[0]
    once = next(c for c in draw(convnet(), depth=0).scene.cards() if c.name == "fc")
    assert facts(once)[0] == "2 ops · 1,290 parameters"


def test_symbols_have_no_minimum() -> None:
    x = tg.symbols("x", (2,))
    assert facts(draw(x * 2.0).scene.cards()[0])[0] == "shape 2   object"
