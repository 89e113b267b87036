"""Scenes: gradients, outputs, titles."""

from __future__ import annotations

import numpy as np
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene.cards import Frame

from tinygrad_lite import Tensor

from .examples import card, convnet, scalars, variable


def test_micrograd_s_expression_has_micrograd_s_numbers() -> None:
    """g, ∂g/∂a and ∂g/∂b as micrograd's README prints them."""
    scene = draw(scalars()).scene
    assert f"{card(scene, 'g').value:.4f}" == "24.7041"
    assert [f"{card(scene, name).gradient:.4f}" for name in "ab"] == ["138.8338", "645.5773"]


def test_gradients_are_shown_before_and_after_backward_and_no_grad_is_touched() -> None:
    x, w = variable(3.0, "x"), variable(2.0, "w")
    loss = x * w
    before = draw(loss).scene
    assert (x.grad, w.grad) == (None, None)
    assert (card(before, "x").gradient, card(before, "w").gradient) == (2.0, 3.0)
    loss.backward()
    draw(loss)
    assert (x.grad.item(), w.grad.item()) == (2.0, 3.0)


def test_no_gradient_is_no_zero() -> None:
    x, w = Tensor(np.ones((2, 3)), name="x"), variable(np.ones((3, 2)), "w")
    scene = draw((x @ w).sum()).scene
    assert card(scene, "x").gradient is None, "x needs none"
    assert card(scene, "w").gradient is not None
    assert all(c.gradient is None for c in draw(x @ w).scene.cards()), "a matrix has no gradient by itself"
    assert all(c.gradient is None for c in draw((x @ w).sum(), grads=False).scene.cards())
    assert not draw(x).scene.has_gradients


def test_several_scalars_give_the_gradient_of_their_sum() -> None:
    x = variable(3.0, "x")
    scene = draw([x * 2, x * 5]).scene
    assert card(scene, "x").gradient == 7.0
    assert sum(c.output for c in scene.cards()) == 2


def test_several_outputs_and_containers() -> None:
    x = variable(np.ones(3), "x")
    assert sum(c.output for c in draw({"a": x * 2, "b": [x + 1]}).scene.cards()) == 2


def test_a_leaf_alone() -> None:
    scene = draw(variable(3.0, "x")).scene
    assert [(c.path, c.output) for c in scene.cards()] == [("x", True)]
    assert "x" in draw(variable(3.0, "x")).svg()


def test_nan_is_counted_in_the_heading() -> None:
    with np.errstate(all="ignore"):
        scene = draw((np.log(variable(np.array([1.0, -1.0, 0.0]), "x")) * 2).sum()).scene
    assert "NaN in 3 tensors, first in log" in scene.subtitle
    assert "Inf in 2 tensors" in scene.subtitle


def test_frames_hold_their_own_cards() -> None:
    scene = draw(convnet()).scene

    def walk(frame: Frame) -> None:
        for box in frame.boxes:
            if isinstance(box, Frame):
                assert box.boxes
                walk(box)

    walk(scene.frame)
    assert len({c.key for c in scene.cards()}) == len(scene.cards())
