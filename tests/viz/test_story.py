"""The story of one element: every sum that is written is true, in names and in numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Player, draw
from tinygrad_lite.viz.scene.formatting import number
from tinygrad_lite.viz.scene.steps import Narrator
from tinygrad_lite.viz.scene.story import Story

import tinygrad_lite as tg
from tinygrad_lite import Tensor

from .examples import convnet, transformer, variable


def layer() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    x, w, b = (variable(rng.normal(size=shape), name) for shape, name in (((4, 6), "x"), ((6, 5), "w"), (5, "b")))
    y = x @ w
    y.name = "y"
    z = y + b
    z.name = "z"
    return x, w, b, np.sum(np.tanh(z) ** 2)


def arrays(player: Player) -> dict[str, tuple[Any, Any]]:
    """The value and the gradient of each card by its name."""
    scene = player.drawing.scene
    return {name: (np.asarray(c.value), c.gradient) for c, name in Narrator(scene, True).names.items()}


def true_sums(player: Player) -> int:
    """Work out every sum of slices that a step writes; how many there were."""
    known, checked = arrays(player), 0
    for step in player.steps:
        for line in step.lines:
            if " = " not in line or not re.search(r"\w\[[-\d:,]+\]", line):
                continue
            said = line.partition(" = ")[2].partition(",  g = ∂L/∂")
            if re.search(r"[−∂…]|tanh|max\(", said[0]) or not re.search(r"[a-z]", said[0]):
                continue
            names = {f"v{i}": name for i, name in enumerate(sorted(known, key=len, reverse=True))}
            text = said[0]
            for key, name in names.items():
                text = text.replace(f"{name}[", f"{key}[")
            of = {key: known[name][0] for key, name in names.items()}
            if said[2]:
                of["g"] = known[said[2]][1]
            text = re.sub(r"^Σ (.*?)( \+ .*)?$", r"np.sum(\1)\2", text).replace(" · ", " * ")
            ends = step.lines[step.lines.index(line) + 1 :] or [line]
            right = float(ends[0].rpartition(" = ")[2].replace("−", "-"))
            assert float(eval(text, {"np": np}, of)) == pytest.approx(right, rel=2e-3, abs=1e-6), line
            checked += 1
    return checked


def test_each_step_writes_the_elements_own_sum() -> None:
    x, w, b, loss = layer()
    said = str(draw(loss, engine="layered").play(element=(x, (2, 3))))
    for line in (
        "y[2,1] = Σ x[2,:] · w[:,1]", "∂L/∂x[2,3] = Σ g[2,:] · w[3,:],  g = ∂L/∂y", "∂L/∂b[1] = Σ g[:,1],  g = ∂L/∂z",
        "∂L/∂w[3,1] = Σ g[:,1] · x[:,3],  g = ∂L/∂y",
    ):  # fmt: skip
        assert line in said
    loss.backward()
    assert x.grad is not None and w.grad is not None and b.grad is not None
    for name, g in (("x[2,3]", x.grad.data[2, 3]), ("w[3,1]", w.grad.data[3, 1]), ("b[1]", b.grad.data[1])):
        assert f"∂L/∂{name}  scalar  {number(g)}" in said


def test_the_followed_element_is_the_one_with_the_largest_gradient() -> None:
    x, _, _, loss = layer()
    narrator = Narrator(draw(loss).scene, True)
    at = {narrator.names[c]: index for c, index in story(narrator, x, (2, 3)).at.items()}
    (y,) = [c for c, name in narrator.names.items() if name == "y"]
    assert at["y"] == (2, int(np.argmax(np.abs(y.gradient[2]))))
    assert at["w"] == (3, at["y"][1]) or at["w"][1] == at["y"][1]
    assert len(at) == len(narrator.names)


def story(narrator: Narrator, x: Tensor, at: tuple[int, ...]) -> Story:
    (card,) = [c for c in narrator.names if c.node is x]
    return Story(narrator.scene, narrator.order, narrator.names, card, at)


@pytest.mark.parametrize("name", ["conv2d", "max_pool2d", "relu", "avg_pool2d", "@"])
def test_sums_of_slices_are_true(name: str) -> None:
    drawing = draw(convnet(), engine="layered")
    card: Any = next(c for c in drawing.scene.cards() if c.pill == name)
    at = tuple(n // 2 for n in card.shape)
    player = drawing.play(element=(card.node, at))
    assert true_sums(player) > 9
    assert all(not step.rows for step in player.steps[1:-1]), "all numbers are those of one element"


def test_sums_in_a_transformer() -> None:
    drawing = draw(transformer(1), engine="layered")
    card: Any = next(c for c in drawing.scene.cards() if c.pill == "softmax")
    assert true_sums(drawing.play(element=(card.node, (1, 2, 5, 3)))) > 40


def test_a_folded_loop_tells_its_last_turn() -> None:
    rng = np.random.default_rng(0)
    w, h = variable(rng.normal(size=(3, 3)), "w"), Tensor(rng.normal(size=(2, 3)))
    for _ in range(90):
        h = np.tanh(h @ w)
    drawing = draw(np.sum(h), engine="layered", max_nodes=20)
    said = str(drawing.play(element=(w, (0, 1))))
    assert re.search(r"∂L/∂w\[0,1\] = Σ g\[:,1\] · \S+\[:,0\]", said)


def test_what_is_no_element_is_refused() -> None:
    x, _, _, loss = layer()
    for element in ((x, (4, 0)), (x, 1), (variable(1.0), ())):
        with pytest.raises(ValueError, match=r"play: element=\(.*\) is no element of a tensor"):
            draw(loss).play(element=element)


def test_an_element_of_a_gradient_that_comes_in_two_parts() -> None:
    x = variable(np.arange(1.0, 4), "x")
    y = tg.relu(x)
    y.name = "y"
    said = str(draw(np.sum(x * y), engine="layered").play(element=(x, 1)))
    assert "∂L/∂x[1] = 2 + 2 = 4" in said
