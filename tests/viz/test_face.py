"""The faces of cards: everything on one fits."""

from __future__ import annotations

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.layout.geometry import text_width
from tinygrad_lite.viz.render.face import Picture, TextLine, face

from .examples import ALL, card, variable


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("values", [True, False])
def test_everything_is_inside(name: str, values: bool) -> None:
    for shown in draw(ALL[name]()).scene.cards():
        made = face(shown, values)
        for item in made.items:
            if isinstance(item, TextLine):
                width = text_width(item.text, 10)
                left = item.x - width / 2
            else:
                width, left = item.map.width if isinstance(item, Picture) else item.width, item.x
            assert left >= 0 and left + width <= made.width
            assert 0 <= item.y <= made.height
        assert made.pill_width <= made.width


def test_a_scalar_shows_its_number_and_its_gradient() -> None:
    x = variable(-1.5, "x")
    texts = [i.text for i in face(card(draw(x * x).scene, "x"), True).items if isinstance(i, TextLine)]
    assert texts == ["x", "−1.5", "∂ −3"]


def test_a_tensor_shows_heat_maps_and_its_shape() -> None:
    scene = draw(np.tanh(variable(np.ones((2, 3)), "w")).sum()).scene
    items = face(card(scene, "w"), True).items
    assert [i.look for i in items] == ["name", "v", "g", "shape", "range", "d"]
    assert [i.look for i in face(card(scene, "w"), False).items] == ["name", "shape"]
