"""Tensors have the names of the user's own variables, where one can be found."""

from __future__ import annotations

from typing import Any

import numpy as np
from tinygrad_lite.viz import draw

from tinygrad_lite import Tensor, nn

from .examples import variable

everywhere = Tensor(np.ones(3), requires_grad=True)



def test_variables_of_the_caller_and_of_its_file() -> None:
    weights = [variable(np.ones((2, 3))), variable(np.ones((2, 3)))]
    pixels = np.full((4, 2), 2.0)
    hidden = np.tanh(pixels @ weights[0] + everywhere)
    loss = np.sum(hidden @ weights[1].T)
    assert {c.path for c in draw(loss).scene.cards()} == {
        "weights[0]", "weights[1]", "pixels", "hidden", "loss", "everywhere", "",
    }  # fmt: skip


def test_a_name_that_was_given_comes_first_then_a_key_then_a_variable() -> None:
    mine = Tensor(2.0, requires_grad=True, name="given")
    product = mine * 3
    assert {c.path for c in draw({"key": product}).scene.cards()} == {"given", "key"}
    assert {c.path for c in draw(product).scene.cards()} == {"given", "product"}


def test_what_a_module_keeps() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            self.before = self.layer(x)
            return np.tanh(self.before)

    net = Keeps()
    total = net(np.ones((3, 2))).sum()
    assert {c.path for c in draw(total).scene.cards()} >= {"net.before", "total", "layer.weight", "layer.bias"}


def test_steps_use_them() -> None:
    a, b = variable(2.0), variable(-3.0)
    product = a * b
    assert draw(product).play().steps[1].lines == ("product = a · b = 2 · (−3) = −6",) or (
        draw(product).play().steps[1].title == "product = a · b"
    )
