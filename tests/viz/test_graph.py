"""The graph as it is drawn: names, docked leaves, modules, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, nn
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene import Card, Frame, Scene

from .examples import ConvNet, Transformer, batch, chain, convnet, scalars


def card(scene: Scene, path: str) -> Card:
    return next(c for c in scene.cards() if c.path == path)


def pills(scene: Scene) -> list[str]:
    return [c.pill for c in scene.cards() if c.role == "op"]


def variable(value: Any, name: str | None = None) -> Tensor:
    return Tensor(value, requires_grad=True, name=name)


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
    """One edge into every op: all else is docked."""
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


def test_micrograd_s_expression_has_micrograd_s_numbers() -> None:
    """g, ∂g/∂a and ∂g/∂b as micrograd's README prints them."""
    scene = draw(scalars()).scene
    assert f"{card(scene, 'g').value:.4f}" == "24.7041"
    assert [f"{card(scene, name).gradient:.4f}" for name in "ab"] == ["138.8338", "645.5773"]


def test_x_plus_x_has_two_edges() -> None:
    x = variable(3.0, "x")
    scene = draw(x + x).scene
    assert [(e.source.path, e.target.pill, e.place) for e in scene.edges] == [("x", "+", 0), ("x", "+", 1)]
    assert card(scene, "x").gradient == 2.0


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


def test_arrays_given_to_an_op_are_inputs_named_after_its_parameter() -> None:
    scene = draw(variable(np.ones(3), "x") * np.array([1.0, 2.0, 3.0])).scene
    assert [(c.role, c.name) for c in scene.cards() if c.role == "input"] == [("input", "y")]


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


def test_a_leaf_is_drawn_as_the_op_saw_it() -> None:
    w = variable(2.0, "w")
    loss = w * 3.0
    w.data = w.data - 1.0
    assert card(draw(loss).scene, "w").value == 2.0


def test_draw_a_module_with_its_inputs() -> None:
    net = ConvNet()
    x, _ = batch(2)
    drawing = draw(net, x.data)
    assert drawing.scene.title == "ConvNet"
    assert card(drawing.scene, "x").role == "input"
    assert net.training


def test_drawing_a_module_changes_nothing_in_it() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            self.weight = variable(np.ones(3))
            self.calls = 0

        def forward(self, x: Any) -> Any:
            if self.training:
                self.calls += 1
            return x * self.weight

    net = Noisy()
    draw(net, np.ones(3))
    assert (net.calls, net.training) == (0, True)


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


def test_several_outputs_and_containers() -> None:
    x = variable(np.ones(3), "x")
    assert sum(c.output for c in draw({"a": x * 2, "b": [x + 1]}).scene.cards()) == 2


def test_a_leaf_alone() -> None:
    scene = draw(variable(3.0, "x")).scene
    assert [(c.path, c.output) for c in scene.cards()] == [("x", True)]
    assert "x" in draw(variable(3.0, "x")).svg()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a Tensor"):
        draw([1, 2])
    with pytest.raises(TypeError, match="example inputs are for a module"):
        draw(variable(1.0), variable(2.0))
    options: tuple[Any, ...] = ({"direction": "up"}, {"theme": "pink"}, {"engine": "neato"}, {"max_nodes": 0})
    for option in options:
        with pytest.raises(ValueError, match="draw: "):
            draw(variable(1.0), **option)
    with pytest.raises(ValueError, match=r"no module of this graph; its modules are .*'conv1'"):
        draw(convnet(), depth="conv9")


def test_nan_is_counted_in_the_heading() -> None:
    with np.errstate(all="ignore"):
        scene = draw((np.log(variable(np.array([1.0, -1.0, 0.0]), "x")) * 2).sum()).scene
    assert "NaN in 3 tensors, first in log" in scene.subtitle
    assert "Inf in 2 tensors" in scene.subtitle


# ---------------------------------------------------------------------------------------------------------- folding


def test_a_small_graph_is_not_folded() -> None:
    scene = draw(scalars()).scene
    assert scene.note == ""
    assert all(c.times == 1 for c in scene.cards())


def test_the_blocks_of_a_transformer_are_one_block_twelve_times() -> None:
    tg.manual_seed(0)
    scene = draw(Transformer(12), np.zeros((1, 12), int)).scene
    blocks = [b for b in scene.frame.frames() if b.kind == "Block"]
    assert [(b.title, b.times) for b in blocks] == [("blocks.0…11  Block  ×12", 12)]
    inner = [b.name for b in blocks[0].frames()]
    assert inner.count("query") == inner.count("key") == inner.count("value") == 1, (
        "side by side is not one after the other"
    )
    assert len(scene.cards()) <= 150
    assert "folded" in scene.note
    before, after = (
        (e for e in scene.edges if (e.source in blocks[0].cards()) != (e.target in blocks[0].cards())),
        blocks[0].cards(),
    )
    assert {e.target in after for e in before} == {True, False}, "one way in, one way out"


def test_depth_closes_modules_and_opens_one_by_name() -> None:
    tg.manual_seed(0)
    net, x = Transformer(3), np.zeros((1, 12), int)
    closed = draw(net, x, depth=0).scene
    assert [(c.name, c.kind, c.times) for c in closed.cards() if c.role == "module"] == [
        ("blocks.0…2", "Block", 3),
        ("head", "Linear", 1),
    ]
    one = draw(net, x, depth=1).scene
    assert {c.name for c in one.cards() if c.role == "module"} >= {"attention", "norm1"}
    named = draw(net, x, depth="blocks.1.attention").scene
    assert [b.name for b in named.frame.frames()][:2] == ["blocks.1", "attention"]
    assert {c.name for c in named.cards() if c.role == "module"} >= {"blocks.0", "blocks.2", "norm1"}


def test_a_folded_module_shows_what_came_out_of_it() -> None:
    loss = convnet()
    scene = draw(loss, depth=0).scene
    conv = next(c for c in scene.cards() if c.name == "conv1")
    assert conv.shape == (4, 16, 8, 8)
    assert conv.gradient.shape == conv.shape
    assert conv.note == "1 op · 160 parameters"


def test_max_nodes_is_kept() -> None:
    loss = convnet()
    for most in (150, 12, 6, 3, 1):
        assert len(draw(loss, max_nodes=most).scene.cards()) <= max(most, 2)


def test_heads_that_go_to_one_place_are_one() -> None:
    x = variable(np.ones((4, 4)), "x")
    heads = [np.tanh((x * 2.0) @ variable(np.ones((4, 2)))) for _ in range(60)]
    scene = draw(np.concatenate(heads, axis=1).sum()).scene
    assert len(scene.cards()) < 20
    assert 60 in [b.times for b in scene.frame.frames()]


def test_a_chain_of_100_000_is_drawn_folded() -> None:
    scene = draw(chain(100_000)).scene
    assert [(c.path or c.pill, c.times) for c in scene.cards()] == [("x", 1), ("tanh", 100_000)]


def test_a_repeated_pattern_of_ops() -> None:
    x: Any = variable(np.ones(4), "x")
    w = variable(np.ones(4), "w")
    for _ in range(500):
        x = np.tanh(x * w) + 1
    scene = draw(x.sum()).scene
    (frame,) = scene.frame.frames()
    assert frame.times >= 498
    assert sorted(c.pill for c in frame.cards()) == ["+ 1", "tanh", "·"]
    within = [e for e in scene.edges if e.source in frame.cards() and e.target in frame.cards()]
    assert len(within) == 2, "no edge goes back from one turn to the next"


def test_a_graph_without_modules_or_repeats_is_told_by_depth() -> None:
    rng = np.random.default_rng(0)
    x: list[Any] = [Tensor(v) for v in rng.normal(size=12)]
    for _ in range(3):
        weights = [[variable(v) for v in rng.normal(size=12)] for _ in range(12)]
        x = [np.tanh(sum((w * v for w, v in zip(row, x)), variable(0.0))) for row in weights]
    scene = draw(sum(x)).scene
    assert len(scene.cards()) <= 150
    counted = sum(
        int(c.name.split()[0].replace(",", "")) * c.times for c in scene.cards() if c.role == "module" and not c.kind
    )
    assert counted > 800
    assert "max_nodes" in scene.note


def test_frames_hold_their_own_cards() -> None:
    scene = draw(convnet()).scene

    def walk(frame: Frame) -> None:
        for box in frame.boxes:
            if isinstance(box, Frame):
                assert box.boxes
                walk(box)

    walk(scene.frame)
    assert len({c.key for c in scene.cards()}) == len(scene.cards())
