"""The built-in layout."""

from __future__ import annotations

from tinygrad_lite.viz import draw

from .examples import convnet, tangle
from .faults import overlaps


def test_a_thousand_cards_in_a_tangle_do_not_overlap() -> None:
    assert overlaps(draw(tangle(1000), max_nodes=2000, engine="layered")) == []


def test_the_layered_path_of_the_data_is_a_straight_line() -> None:
    drawing = draw(convnet(), engine="layered", direction="LR")
    assert len({round(y, 3) for path in drawing.layout.edges for _, y in path}) == 1
