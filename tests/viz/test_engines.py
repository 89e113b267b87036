"""No engine makes cards overlap, and a drawing survives one that is missing, slow or broken."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.layout import engines

from tinygrad_lite import Tensor

from .examples import ALL, convnet, scalars, tangle
from .faults import overlaps

HAS_DOT = shutil.which("dot") is not None


WITH = [pytest.param("dot", marks=pytest.mark.skipif(not HAS_DOT, reason="Graphviz is not installed")), "layered"]


@pytest.mark.parametrize("engine", WITH)
@pytest.mark.parametrize("name", list(ALL))
def test_no_cards_overlap(name: str, engine: str) -> None:
    drawing = draw(ALL[name](), engine=engine)
    assert drawing.layout.engine == ("layered" if drawing.scene.loops else engine)
    assert overlaps(drawing) == []


@pytest.mark.parametrize("engine", WITH)
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_edges_go_along_the_flow(direction: str, engine: str) -> None:
    drawing = draw(convnet(), engine=engine, direction=direction)
    flow = 0 if direction == "LR" else 1
    for edge, path in zip(drawing.scene.edges, drawing.layout.edges):
        assert len(path) % 3 == 1, "cubic curves"
        start, end = drawing.layout.cards[edge.source.key], drawing.layout.cards[edge.target.key]
        face = drawing.faces[edge.source]
        assert path[0][flow] == pytest.approx(start[flow] + (face.width, face.height)[flow], abs=2)
        assert path[-1][flow] == pytest.approx(
            end[flow] - (0 if flow == 0 else drawing.faces[edge.target].above), abs=2
        )


def test_left_to_right_while_it_is_narrow_enough() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    assert draw(np.tanh(x).sum(), engine="layered").layout.direction == "LR"
    assert draw(scalars(), engine="layered").layout.direction == "TB"
    for engine in ("layered", "dot"):
        wide = draw(np.tanh(x).sum(), engine=engine).layout
        assert wide.width <= engines.WIDEST


def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)


def test_without_any_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    no_graphviz(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = draw(convnet())
        assert drawing.layout.engine == "layered"
    assert "<svg" in drawing.svg()


def test_an_engine_that_was_asked_for_and_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    no_graphviz(monkeypatch)
    for engine, how in (("dot", "install Graphviz"), ("graphviz-pure", "pip install graphviz-pure")):
        with pytest.warns(UserWarning, match=how):
            assert draw(scalars(), engine=engine).layout.engine == "layered"


@pytest.fixture
def fake_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a script called `dot` on the PATH."""

    def make(body: str) -> None:
        path = tmp_path / "dot"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")

    return make


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense", "echo '{}'", "kill -9 $$"])
def test_a_broken_engine_gives_way(fake_dot: Any, body: str) -> None:
    fake_dot(body)
    assert draw(scalars()).layout.engine == "layered"


def test_a_slow_engine_gives_way(fake_dot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot("exec sleep 60")
    monkeypatch.setattr(engines, "TIMEOUT", 0.3)
    assert draw(scalars()).layout.engine == "layered"


def test_the_engine_from_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(importlib.metadata.distributions(name="graphviz-pure")):
        pytest.skip("graphviz-pure is not installed")
    drawing = draw(convnet(), engine="graphviz-pure")
    assert drawing.layout.engine == "graphviz-pure"
    assert overlaps(drawing) == []


def test_large_graphs_ask_no_engine(fake_dot: Any, tmp_path: Path) -> None:
    fake_dot(f"touch {tmp_path}/asked; exit 1")
    draw(tangle(700), max_nodes=2000).svg()
    assert not (tmp_path / "asked").exists()


def test_two_edges_between_two_cards_are_apart() -> None:
    x = Tensor(3.0, requires_grad=True, name="x")
    for engine in ("layered", "dot"):
        one, two = draw(x + x, engine=engine).layout.edges
        assert abs(one[-1][1] - two[-1][1]) > 8
