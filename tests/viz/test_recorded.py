"""The recorded graph as it is drawn: names, docked leaves, modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Drawing, draw
from tinygrad_lite.viz.scene.cards import Card

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import Tensor, nn

from .examples import card, convnet, variable


def test_parameters_have_their_path_and_stand_beside_their_op_in_the_box_of_their_module() -> None:
    scene = draw(convnet()).scene
    box = next(b for b in scene.frame.frames() if b.name == "conv1")
    assert (box.kind, box.title) == ("Conv2d", "conv1  Conv2d")
    conv = box.boxes[0]
    assert isinstance(conv, Card)
    assert [(d.path, d.name, d.role) for d in conv.docks] == [
        ("conv1.weight", "weight", "parameter"),
        ("conv1.bias", "bias", "parameter"),
    ]
    assert scene.title == "ConvNet"


def test_the_path_of_the_data_runs_straight_through() -> None:
    """One edge goes into every op; everything else is docked."""
    scene = draw(convnet()).scene
    arriving: dict[Card, int] = {}
    for edge in scene.edges:
        arriving[edge.target] = arriving.get(edge.target, 0) + 1
    assert set(arriving.values()) == {1}


def test_a_weight_is_seen_through_its_transpose() -> None:
    x, w = Tensor(np.ones((2, 3)), name="x"), variable(np.ones((4, 3)), "w")
    scene = draw((x @ w.T).sum()).scene
    (dock,) = next(c for c in scene.cards() if c.pill == "@").docks
    assert (dock.path, dock.shape, dock.pill) == ("w", (4, 3), "xᵀ")
    assert dock.gradient.shape == (4, 3)


def test_x_plus_x_has_two_edges() -> None:
    x = variable(3.0, "x")
    scene = draw(x + x).scene
    assert [(e.source.path, e.target.pill, e.place) for e in scene.edges] == [("x", "+", 0), ("x", "+", 1)]
    assert card(scene, "x").gradient == 2.0


def test_arrays_given_to_an_op_are_inputs_named_after_its_parameter() -> None:
    scene = draw(variable(np.ones(3), "x") * np.array([1.0, 2.0, 3.0])).scene
    assert [(c.role, c.name) for c in scene.cards() if c.role == "input"] == [("input", "y")]


def test_a_leaf_is_drawn_as_the_op_saw_it() -> None:
    w = variable(2.0, "w")
    loss = w * 3.0
    w.data = w.data - 1.0
    assert card(draw(loss).scene, "w").value == 2.0


def test_a_module_called_twice_has_two_boxes() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            self.step = nn.Linear(3, 3)
            self.last = nn.Linear(3, 1)

        def forward(self, x: Any) -> Any:
            return self.last(self.step(self.step(x)))

    scene = draw(Twice(), np.ones((2, 3))).scene
    assert [b.name for b in scene.frame.frames()] == ["step", "step", "last"]
    shared = card(scene, "step.weight")
    assert sum(e.source is shared for e in scene.edges) >= 1, "a shared weight has a card of its own"


# ------------------------------------------------------------------------ results of ops that record no gradient


class Scaled(nn.Module):
    def __init__(self) -> None:
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.linear(x / 255)


class Scaling(nn.Module):
    def forward(self, x: Any) -> Any:
        return x / 255


def pixels() -> Tensor:
    return Tensor(np.arange(12.0).reshape(4, 3), name="pixels")


def frozen_layer() -> Any:
    layer = nn.Linear(3, 3)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    return layer(pixels())


def unrecorded() -> Any:
    with tg.no_grad():
        return nn.Linear(3, 3)(pixels())


WITHOUT_GRADIENT = {
    "a scaled input": lambda: pixels() / 255,
    "dropout on data": lambda: F.dropout(pixels(), 0.5),
    "a frozen layer": frozen_layer,
    "made under no_grad": unrecorded,
    "a scalar": lambda: (pixels() * 2).sum(),
}


def drawn_in_every_way(what: Any, *inputs: Any) -> Drawing:
    drawing = draw(what, *inputs, engine="layered")
    assert drawing.svg().startswith("<svg") and drawing.source.startswith("digraph")
    assert drawing.html().startswith("<!DOCTYPE html>") and drawing.play().html().startswith("<!DOCTYPE html>")
    assert str(drawing) and str(drawing.play())
    return drawing


@pytest.mark.parametrize("make", WITHOUT_GRADIENT.values(), ids=list(WITHOUT_GRADIENT))
def test_a_result_without_a_gradient_is_an_input_and_a_root(make: Any) -> None:
    result = make()
    (only,) = drawn_in_every_way(result).scene.cards()
    assert (only.role, only.output, only.gradient) == ("input", True, None)
    np.testing.assert_array_equal(only.value, result.data)


@pytest.mark.parametrize("make", list(WITHOUT_GRADIENT.values())[:-1], ids=list(WITHOUT_GRADIENT)[:-1])
def test_a_result_without_a_gradient_feeds_a_graph(make: Any) -> None:
    result, w = make(), variable(np.ones((3, 2)), "w")
    scene = drawn_in_every_way((result @ w).sum()).scene
    source = next(c for c in scene.cards() if c.node is result)
    assert next((e.source, e.target.pill) for e in scene.edges) == (source, "@")
    assert source.gradient is None
    assert card(scene, "w").gradient.shape == (3, 2)


def test_a_module_that_scales_its_input() -> None:
    for net in (Scaled(), nn.Sequential(Scaling(), nn.Linear(3, 2))):
        for drawing in (drawn_in_every_way(net, pixels().data), drawn_in_every_way(net(pixels()).sum())):
            assert sum(c.role == "parameter" for c in drawing.scene.cards()) == 2
            assert next(c for c in drawing.scene.cards() if c.role == "input").value.max() == pytest.approx(11 / 255)


def test_batch_norm_and_dropout_in_training_and_in_eval_mode() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
    net(pixels())
    for training in (True, False):
        net.train(training)
        scene = drawn_in_every_way(net(pixels()).sum()).scene
        assert {"0.weight", "0.bias", "4.weight", "4.bias"} <= {c.path for c in scene.cards()}
        assert {c.path for c in scene.cards()} & {"1.weight", "1.bias"}
    drawn_in_every_way(net, pixels().data)


def test_frozen_layers_before_and_behind_trained_ones() -> None:
    for which in (0, 1):
        first, last = nn.Linear(3, 4), nn.Linear(4, 2)
        for parameter in (first, last)[which].parameters():
            parameter.requires_grad_(False)
        scene = drawn_in_every_way(last(first(pixels())).sum()).scene
        parameters = [c for c in scene.cards() if c.role == "parameter"]
        assert len(parameters) == 2 and all(c.gradient is not None for c in parameters)
