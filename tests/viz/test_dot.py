"""The DOT source."""

from __future__ import annotations

import shutil
import subprocess

import graphviz
import pytest
from tinygrad_lite.viz import Drawing, draw

from .examples import ALL, convnet


@pytest.fixture(scope="module")
def net() -> Drawing:
    return draw(convnet(), engine="layered")


def test_dot_is_graphviz_s_own(net: Drawing) -> None:
    assert isinstance(net.digraph, graphviz.Digraph)
    assert net.source == net.digraph.source
    for name in ("conv1", "weight", "logits", "8×8"):
        assert name in net.source


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", list(ALL))
def test_dot_is_valid(name: str) -> None:
    source = draw(ALL[name](), engine="layered").source
    done = subprocess.run(["dot", "-Tplain"], input=source.encode(), capture_output=True, check=False)
    assert done.returncode == 0
    assert b"syntax error" not in done.stderr
