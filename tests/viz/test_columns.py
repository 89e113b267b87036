"""Long drawings are wrapped into columns that fill a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.layout import columns

from .browser import ask, needs_chromium
from .examples import convnet, residual, scalars
from .faults import FAULTS, overlaps
from .test_truth import loop, recurrent

WRAPPED: dict[str, Any] = {
    "convnet": convnet, "residual": residual, "loop": lambda: loop(8), "calls": lambda: recurrent(5),
    "scalars": scalars, "folded loop": lambda: loop(30),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_it_fills_the_page_better_and_nothing_overlaps(name: str) -> None:
    root = WRAPPED[name]()
    wrapped = draw(root, engine="layered")
    plain = [draw(root, engine="layered", direction=direction).layout for direction in ("LR", "TB")]
    assert overlaps(wrapped) == []
    best = min(columns.cost(layout.width, layout.height) for layout in plain)
    assert columns.cost(wrapped.layout.width, wrapped.layout.height) <= best * 1.05


def test_a_conv_net_goes_into_two_columns() -> None:
    layout = draw(convnet(), engine="layered").layout
    plain = draw(convnet(), engine="layered", direction="TB").layout
    assert layout.height < 0.6 * plain.height
    assert layout.width < 1500


def test_a_direction_that_is_asked_for_is_kept() -> None:
    layout = draw(convnet(), engine="layered", direction="TB").layout
    assert layout.width < 700 < layout.height


@needs_chromium
@pytest.mark.parametrize("name", WRAPPED)
def test_edges_start_and_end_at_their_cards(name: str, tmp_path: Path) -> None:
    assert ask(draw(WRAPPED[name](), engine="layered").html(), FAULTS, tmp_path) == []


def test_pieces_of_a_path_meet_where_it_is_cut() -> None:
    path = [(0.0, 0.0), (0.0, 50.0), (80.0, 50.0), (80.0, 100.0), (80.0, 120.0), (80.0, 180.0), (80.0, 200.0)]
    pieces = columns.cut_path(path, [60.0, 150.0])
    assert len(pieces) == 3 and pieces[0][0] == path[0] and pieces[-1][-1] == path[-1]
    for before, after, y in zip(pieces, pieces[1:], (60.0, 150.0)):
        assert before[-1] == after[0] and before[-1][1] == pytest.approx(y, abs=1e-3)
