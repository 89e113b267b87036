"""The text tree for a terminal."""

from __future__ import annotations

import re

import pytest
from tinygrad_lite.viz import Drawing, draw

from .examples import convnet


@pytest.fixture(scope="module")
def net() -> Drawing:
    return draw(convnet(), engine="layered")


def test_text_is_a_tree_for_a_terminal(net: Drawing) -> None:
    text = str(net)
    assert text.startswith("ConvNet  19 tensors · 6,090 parameters\n")
    assert "├─ conv1  Conv2d\n" in text
    assert re.search(r"│     ├╴ weight +16×1×3×3 +−0\.\d+ … 0\.\d+ +‖∂‖ ", text)
    assert re.search(r"└─ mean = loss +scalar +\d\.\d+ +∂ 1", text)
    assert max(map(len, text.splitlines())) < 110
    assert repr(net).startswith("<Drawing ConvNet: 19 tensors")
