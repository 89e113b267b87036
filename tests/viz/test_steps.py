"""Steps say and show the engine's own numbers, in the order of its walk."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.scene.steps import Step, around_largest, order

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.graph import backpropagate

from .examples import ALL, ConvNet, batch, chain, convnet, scalars, tangle


def steps(_what: Any, *inputs: Any, **how: Any) -> list[Step]:
    return draw(_what, *inputs, **how).play().steps


def of(phase: str, told: list[Step]) -> list[Step]:
    return [step for step in told if step.phase == phase]


def leaf(x: float, name: str) -> Tensor:
    return Tensor(x, requires_grad=True, name=name)


def test_a_product() -> None:
    told = steps(leaf(2.0, "a") * leaf(-3.0, "b"))
    assert [step.phase for step in told] == ["start", "forward", "backward", "backward", "backward", "end"]
    assert told[1].title == "a · b"
    assert told[1].lines == ("a · b = 2 · (−3) = −6",)
    assert told[1].rule == ("out = x · y", "∂L/∂x = g · y", "∂L/∂y = g · x")
    assert (told[3].title, told[3].rule[told[3].fires]) == ("· → a", "∂L/∂x = g · y")
    assert told[3].lines == ("∂L/∂a = ∂L/∂(a · b) · b", "      = 1 · (−3) = −3")
    assert told[4].lines == ("∂L/∂b = ∂L/∂(a · b) · a", "      = 1 · 2 = 2")


def test_a_tensor_used_twice_shows_the_first_contribution_then_the_second_added() -> None:
    x = leaf(3.0, "x")
    y = x * x + x
    y.name = "y"
    told = [step for step in of("backward", steps(y)) if step.arrives[0][0].name == "x"]
    assert [float(step.arrives[0][1]) for step in told] == [1.0, 4.0, 7.0]
    assert [step.lines[2:] for step in told] == [(), ("∂L/∂x = 1 + 3 = 4",), ("∂L/∂x = 4 + 3 = 7",)]
    assert [step.note for step in told] == [
        "contribution 1 of 3",
        "contribution 2 of 3, added",
        "contribution 3 of 3, added",
    ]
    assert [step.edges[0][2] for step in told] == [0, 0, 1], "x · x has two edges, and each closure its own"


def test_sums_of_tensors_are_shown_as_rows() -> None:
    w = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="w")
    told = of("backward", steps((w * np.tanh(w)).sum()))[-1]
    assert [row[0] for row in told.rows] == ["g", "x", "=", "+", "="]
    whole = (w.data * (1 - np.tanh(w.data) ** 2) + np.tanh(w.data)).ravel()
    assert told.rows[-1][1:4] == ("∂L/∂w, the sum", "2×3", f"‖·‖ {np.linalg.norm(whole):.4g}")


@pytest.mark.parametrize("name", ["scalars", "convnet", "residual", "nan"])
def test_what_arrives_is_the_gradient_of_the_engine(name: str) -> None:
    loss = ALL[name]()
    drawing = draw(loss)
    arrived = {card: g for step in of("backward", drawing.play().steps) for card, g in step.arrives}
    gradient = dict(backpropagate(loss, np.ones_like(loss.data)[()]))
    reached = [card for card in drawing.scene.cards() if card.gradient is not None]
    assert len(reached) > 3
    for card in reached:
        assert card.node is not None
        np.testing.assert_allclose(arrived[card], gradient[card.node], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", list(ALL))
def test_values_and_closures_come_in_the_order_of_the_computation(name: str) -> None:
    drawing = draw(ALL[name]())
    places = {card: i for i, card in enumerate(order(drawing.scene))}
    for edge in drawing.scene.edges:
        assert places[edge.source] < places[edge.target]
    told = drawing.play().steps
    there = set(told[0].appears)
    for step in of("forward", told):
        assert {source for source, _, _ in step.edges} <= there, "an op is computed after its inputs"
        there |= set(step.appears)
    assert there == set(drawing.scene.cards())
    rings = [step.ring for step in of("backward", told) if step.ring is not None]
    assert [places[ring] for ring in rings] == sorted((places[ring] for ring in rings), reverse=True)


def test_the_order_is_that_of_the_walk() -> None:
    loss = scalars()
    fired = [step.ring.node for step in of("backward", steps(loss))[1:] if step.ring is not None]
    walk = [node for node, _ in backpropagate(loss, 1.0) if node.op is not None]
    assert list(dict.fromkeys(fired)) == walk


def test_each_closure_is_a_step() -> None:
    loss = convnet()
    closures = sum(1 for node, _ in backpropagate(loss, 1.0) for closure in node.closures if closure is not None)
    views = 1  # weightᵀ of the linear layer is drawn as the weight, and is not a step of its own
    assert len(of("backward", steps(loss))) == 1 + closures - views


def test_the_numbers_put_in_give_the_result() -> None:
    """In micrograd's expression (+, −, ·, ÷, powers, relu) the arithmetic in each closure's line is right."""
    checked = 0
    for step in of("backward", steps(scalars()))[1:]:
        said, _, result = step.lines[1].strip(" =").rpartition(" = ")
        if said:
            said = re.sub(
                r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"**({m[0].translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789'))})", said
            )
            said = said.replace("·", "*").replace("−", "-").replace("[", "(").replace("]", ")")
            assert eval(said) == pytest.approx(float(result.replace("−", "-")), rel=2e-3), step.lines
            checked += 1
    assert checked > 8


def test_the_slice_holds_the_largest_element() -> None:
    a = np.zeros((2, 3, 10))
    a[1, 2, 8] = -7
    assert around_largest(a) == "[1,2,6:10] = 0, 0, −7, 0"
    assert around_largest(np.array([1.0, np.nan])) == "[0:2] = 1, NaN"


def test_broadcasting_and_views_are_said() -> None:
    notes = {step.title: step.note for step in of("backward", steps(convnet()))}
    assert notes["+ → fc.bias"] == "summed over what was broadcast: 4×10 → 10"
    assert notes["@ → fc.weight"] == "and back through xᵀ"


@pytest.mark.parametrize("how", [{"depth": 0}, {"depth": 1}, {"depth": "conv2"}, {"max_nodes": 6}, {"max_nodes": 1}])
def test_a_folded_module_is_one_step(how: dict[str, Any]) -> None:
    drawing = draw(convnet(), **how)
    told = drawing.play().steps
    folded = [card for card in drawing.scene.cards() if card.role == "module"]
    for fired in (of("forward", told), of("backward", told)[1:]):
        rings = [step.ring for step in fired]
        assert all(rings.count(card) == 1 for card in folded)
    assert folded or how["depth"] == 1


@pytest.mark.parametrize(
    "make", [lambda: chain(3000), lambda: tangle(2500), ALL["transformer"]], ids=["chain", "tangle", "blocks"]
)
def test_large_graphs_are_stepped_over_as_they_are_drawn(make: Any) -> None:
    drawing = draw(make())
    told = drawing.play().steps
    assert 3 < len(told) < 400
    assert {card for step in told for card, _ in step.arrives} == {
        c for c in drawing.scene.cards() if c.gradient is not None
    }


def test_without_gradients_the_steps_end_with_the_values() -> None:
    for told in (steps(convnet(), grads=False), steps(ConvNet(), batch()[0])):
        assert {step.phase for step in told} == {"start", "forward"}


def test_without_values_no_number_is_said() -> None:
    for step in steps(scalars(), values=False):
        assert not step.lines
        assert not step.rows


def test_several_outputs_are_one_sum() -> None:
    a = leaf(2.0, "a")
    p, q = a * a, a * 5.0
    p.name, q.name = "p", "q"
    told = of("backward", steps([p, q]))
    assert told[0].title == "L = p + q"
    assert float(told[-1].arrives[0][1]) == 9.0


def test_a_leaf_alone() -> None:
    assert [step.phase for step in steps(leaf(2.0, "a"))] == ["start", "backward", "end"]
    assert [step.phase for step in steps(Tensor([1.0, 2.0]))] == ["start"]


def test_names_are_told_apart() -> None:
    a = leaf(1.0, "x")
    b = leaf(2.0, "x")
    titles = [step.title for step in steps(np.exp(a) + np.exp(b))]
    assert "+ → exp" in titles and "+ → exp₂" in titles


def test_on_symbols() -> None:
    pytest.importorskip("sympy")
    s = tg.symbols("s", ())
    lines = [line for step in steps(s * s) for line in step.lines]
    assert any("s" in line for line in lines)


def test_in_a_terminal() -> None:
    text = str(draw(leaf(2.0, "a") * 3.0).play())
    assert "forward 1/1" in text and "∂L/∂x = g · y" in text and "= 1 · 3 = 3" in text
