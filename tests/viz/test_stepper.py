"""What a player's script is given."""

from __future__ import annotations

import json

import numpy as np
from tinygrad_lite.viz import draw
from tinygrad_lite.viz.render.stepper import SCRIPT, as_json, as_seen, as_text, script

from .examples import card, scalars, variable


def test_nothing_in_its_data_can_end_the_script() -> None:
    said = as_json(["</script>", "<!--", "a & b", "\u2028"])
    assert not set("<>&\u2028") & set(said)
    assert json.loads(said) == ["</script>", "<!--", "a & b", "\u2028"]


def test_the_script_is_a_call_with_every_step() -> None:
    steps = draw(scalars()).play().steps
    made = script(steps, "one", True, False, {})
    assert made.startswith(f'{SCRIPT}("one-at",')
    *_, told, cells, said, stories = json.loads("[" + made.removeprefix(f"{SCRIPT}(").removesuffix(")") + "]")
    assert [step["t"] for step in told] == [step.title for step in steps]
    assert not cells and not said and not stories, "none was chosen"


def test_only_a_partial_gradient_is_sent() -> None:
    x = variable(3.0, "x")
    shown = card(draw(x * x).scene, "x")
    assert as_seen(shown, 6.0) == ""
    assert as_seen(shown, 3.0) == "∂ 3"
    tensor = card(draw((variable(np.ones(2), "w") * 2.0).sum()).scene, "w")
    assert as_seen(tensor, np.ones(2)).startswith("data:image/png;base64,")


def test_a_step_for_a_terminal_says_its_rule() -> None:
    lines = as_text(draw(variable(2.0, "a") * 3.0).play().steps[-2])
    assert lines[0] == "backward 2/2    · 3 → a    ∂L/∂x = g · y"
