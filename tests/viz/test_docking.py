"""A card and what is docked to it."""

from __future__ import annotations

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.layout.docking import bundles

import tinygrad_lite as tg

from .examples import variable


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_docked_cards_are_in_their_bundle_and_apart(direction: str) -> None:
    x, w, b = variable(np.ones((1, 1, 4, 4)), "x"), variable(np.ones((2, 1, 3, 3)), "w"), variable(np.ones(2), "b")
    drawing = draw(tg.conv2d(x * 2.0, w, b).sum())
    found = bundles(drawing.scene, drawing.faces, direction)
    (bundle,) = [bundle for bundle in found.values() if len(bundle.docks) == 2]
    boxes = []
    for card, (left, top) in bundle.at.items():
        face = drawing.faces[card]
        assert left >= 0 and left + face.width <= bundle.width
        assert top - face.above >= 0 and top + face.height <= bundle.height
        boxes.append((left, top, left + face.width, top + face.height))
    for i, a in enumerate(boxes):
        for c in boxes[i + 1 :]:
            assert a[2] <= c[0] or c[2] <= a[0] or a[3] <= c[1] or c[3] <= a[1]


def test_every_card_is_in_one_bundle() -> None:
    drawing = draw((variable(np.ones((2, 3)), "x") @ variable(np.ones((3, 1)), "w")).sum())
    found = bundles(drawing.scene, drawing.faces, "LR")
    inside = [card for bundle in found.values() for card in bundle.at]
    assert sorted(c.key for c in inside) == sorted(c.key for c in drawing.scene.cards())
