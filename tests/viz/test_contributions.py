"""What closures pass on between cards."""

from __future__ import annotations

import numpy as np
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene.contributions import contributions

from .examples import ALL, card, convnet, variable


def test_each_closure_of_an_op_gives_one_to_each_use() -> None:
    x = variable(3.0, "x")
    scene = draw(x * x + x).scene
    found = [c for of_card in contributions(scene).values() for c in of_card if c.target is card(scene, "x")]
    assert sorted((c.place, float(c.gradient)) for c in found) == [(0, 3.0), (1, 1.0), (1, 3.0)]


def test_they_add_up_to_the_gradient_of_each_card() -> None:
    for make in ALL.values():
        scene = draw(make(), max_nodes=10_000).scene
        sums = {c.target: 0.0 for of_card in contributions(scene).values() for c in of_card}
        for of_card in contributions(scene).values():
            for c in of_card:
                sums[c.target] = sums[c.target] + c.gradient
        assert len(sums) > 2
        for target, total in sums.items():
            np.testing.assert_allclose(total, target.gradient, rtol=1e-5, atol=1e-7)


def test_a_folded_card_passes_on_what_its_closures_do() -> None:
    scene = draw(convnet(), depth=0).scene
    conv2 = next(c for c in scene.cards() if c.name == "conv2")
    assert [c.target.pill for c in contributions(scene)[conv2] if c.target.role == "op"] == ["max_pool2d"]
