"""Labels: pills, calls, indices and formulas of ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene.cards import Scene
from tinygrad_lite.viz.scene.labels import call_text

from tinygrad_lite import Tensor

from .examples import variable


def pills(scene: Scene) -> list[str]:
    return [c.pill for c in scene.cards() if c.role == "op"]


@pytest.mark.parametrize(
    ("f", "pill"),
    [
        (lambda x: x * 0.5, "· 0.5"),
        (lambda x: 0.5 * x, "· 0.5"),
        (lambda x: 1 - x, "1 −"),
        (lambda x: x - 1, "− 1"),
        (lambda x: x**2, "x²"),
        (lambda x: x**-0.5, "x⁻⁰·⁵"),
        (lambda x: 2**x, "2 ^"),
        (lambda x: x / 3, "÷ 3"),
        (lambda x: x + Tensor(2.5), "+ 2.5"),
        (lambda x: np.maximum(x, 0), "max 0"),
        (lambda x: x + np.array([7.0]), "+ 7"),
    ],
)
def test_constants_stand_in_the_pill(f: Any, pill: str) -> None:
    scene = draw(f(variable(1.5, "x"))).scene
    assert pills(scene) == [pill]
    assert len(scene.cards()) == 2


def test_a_scalar_with_a_name_or_a_gradient_has_a_card() -> None:
    x = variable(1.5, "x")
    assert [d.name for c in draw(x * Tensor(2.0, name="two")).scene.cards() for d in c.docks] == ["two"]
    assert [d.role for c in draw(x * variable(2.0)).scene.cards() for d in c.docks] == ["parameter"]


def test_a_call_with_a_dtype() -> None:
    (op,) = [card for card in draw(variable(np.ones(3)).astype(np.float16)).scene.cards() if card.role == "op"]
    assert op.node is not None and call_text(op.node) == "astype(x, dtype=float16)"


def test_a_call_with_an_index_of_arrays_of_several_shapes() -> None:
    x = variable(np.ones((2, 3, 4)))
    index = np.array([[0], [1]]), slice(None), np.array([0, 1, 2])
    (op,) = [card for card in draw(x[index]).scene.cards() if card.role == "op"]
    assert op.node is not None and call_text(op.node) == "getitem(x, index)"
