"""The quiz: a gradient is hidden until it has been typed, or asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.render.stepper import question

from tinygrad_lite import Tensor

from .browser import ask, needs_chromium
from .examples import convnet, scalars
from .test_player import FIND


@needs_chromium
def test_predict_then_reveal(tmp_path: Path) -> None:
    a, b = (Tensor(x, requires_grad=True, name=name) for x, name in ((2.0, "a"), (-3.0, "b")))
    player = draw(a * b, engine="layered").play(quiz=True)
    script = """
    const enter = text => {
      const i = $(".ask input");
      i.value = text;
      i.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
    };
    const shown = () => [!!$(".ask"), say.innerText.includes("−3"), state().gradients.length];
    slide(3); const asked = shown();
    enter("5"); const wrong = [...shown(), say.innerText.includes("✗")];
    enter("−3"); const right = [...shown(), say.innerText.includes("✓")];
    slide(4); const next = shown();
    $(".ask button").click(); const told = shown();
    slide(3); const again = shown();
    return {asked, wrong, right, next, told: [told[0], told[2]], again};
    """
    found = ask(player.html(), FIND + script, tmp_path)
    assert found["asked"] == [True, False, 1], "only the gradient of the end is shown"
    assert found["wrong"] == [True, False, 1, True]
    assert found["right"] == [False, True, 2, True]
    assert found["next"][0] and found["next"][2] == 2
    assert found["told"] == [False, 3]
    assert found["again"] == [False, True, 2], "what was answered stays open"


def test_only_scalars_are_asked_for_and_only_in_a_quiz() -> None:
    steps = [*draw(convnet(), engine="layered").play().steps, *draw(scalars(), engine="layered").play().steps]
    asked = [step for step in steps if question(step)]
    assert len(asked) > 20
    assert all(np.size(total) == 1 for step in asked for _, total in step.arrives)
    assert '"q":' not in draw(scalars(), engine="layered").play().script("x")
