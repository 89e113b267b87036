"""Cards, frames and scenes."""

from __future__ import annotations

import numpy as np
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene.cards import Card, Frame

from .examples import card, convnet, variable


def test_a_card_knows_its_op_its_shape_and_what_is_wrong_in_it() -> None:
    scene = draw(np.exp(variable(np.ones((2, 3)), "x"))).scene
    leaf, result = scene.cards()
    assert leaf.op is None and result.op is not None and result.op.name == "exp"
    assert leaf.shape == (2, 3) and not leaf.is_scalar
    known = Card(1, "input", "a", "a", np.array([np.nan, np.inf, 1.0])).statistics
    assert known is not None and (known.nan, known.inf) == (1, 1)


def test_a_frame_s_title_says_name_class_and_how_many() -> None:
    assert Frame(1, "blocks.0…11", "Block", 12, []).title == "blocks.0…11  Block  ×12"
    assert Frame(1, "", "Linear", 1, []).title == "Linear"


def test_sources_are_the_starts_of_a_card_s_edges() -> None:
    scene = draw(convnet()).scene
    assert [c.pill for c in scene.sources()[card(scene, "logits")]] == ["@"]
    x = variable(3.0, "x")
    twice = draw(x + x).scene
    assert [c.path for sources in twice.sources().values() for c in sources] == ["x", "x"]
