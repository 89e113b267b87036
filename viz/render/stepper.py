"""What turns a drawing into a player: a script with a slider, and above the picture what each step computes."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np

from ..scene.cards import Card
from ..scene.formatting import number_or_text
from ..scene.steps import Row, Step
from .heatmap import GRADIENT, heatmap
from .html import squeezed, style

Stories: TypeAlias = dict[tuple[Card, tuple[int, ...]], list[Step]]
SCRIPT, STYLE = squeezed("player.js"), style("player.css")


def script(steps: list[Step], uid: str, wide: bool, quiz: bool, stories: Stories) -> str:
    """The script that makes a player of the drawing `uid`. All texts are data: none becomes markup or code.

    A `wide` drawing is below the panel instead of beside it. A `quiz` asks for the gradients of scalars. `stories` are
    the steps of each element that a click on its cell chooses.
    """
    rules = {rule: i for i, rule in enumerate(dict.fromkeys(step.rule for step in steps))}
    tensors = {t: i for i, t in enumerate(dict.fromkeys(row[1:] for step in steps for row in step.rows))}
    told = [as_read(step, rules, tensors) | (question(step) if quiz else {}) for step in steps]
    said: dict[tuple[str, ...], int] = {}  # what a story says in a step instead: most say much the same
    heard: dict[str, dict[int, int]] = {}
    for (card, at), story in stories.items():
        own = {i: said.setdefault(s.lines, len(said)) for i, s in enumerate(story) if s.lines != steps[i].lines}
        heard[f"{card.key} {np.ravel_multi_index(at, card.shape)}"] = own
    cells = {card.key: (1, 1, *card.shape)[-2:] for card, _ in stories}  # rows and columns
    parts = f"{uid}-at", STYLE, wide, list(rules), list(tensors), told, cells, list(said), heard
    return f"{SCRIPT}({','.join(map(as_json, parts))})"


def as_read(step: Step, rules: dict[tuple[str, ...], int], tensors: dict[Row, int]) -> dict[str, Any]:
    """A step as player.js reads it."""
    said = {
        "p": step.phase,
        "c": step.count,
        "t": step.title,
        "k": step.ring.key if step.ring is not None else 0,
        "e": [(source.key, target.key, i) for source, target, i in step.edges],
        "v": [card.key for card in step.appears],
        "g": [(card.key, as_seen(card, sum)) for card, sum in step.arrives],
        "r": rules[step.rule],
        "f": step.fires,
        "l": step.lines,
        "w": [(row[0], tensors[row[1:]]) for row in step.rows],
        "n": step.note,
    }
    return {key: value for key, value in said.items() if value not in (0, "", [], ())}


def question(step: Step) -> dict[str, Any]:
    """The name and the gradient that a quiz asks for in this step; {} if it asks nothing."""
    if step.phase != "backward" or len(step.arrives) != 1 or step.edges == () or not step.lines:
        return {}
    _, total = step.arrives[0]
    return {"q": [step.lines[0].partition(" = ")[0], float(np.reshape(total, ()))]} if np.size(total) == 1 else {}


def as_seen(card: Card, gradient: Any) -> str:
    """A partial gradient as the card shows it; "" for a complete one, which the drawing has already."""
    if gradient is card.gradient or np.array_equal(gradient, card.gradient):
        return ""
    if card.is_scalar:
        return f"∂ {number_or_text(gradient)}"
    map = heatmap(gradient, GRADIENT)
    return map.uri if map is not None else ""


def as_json(x: Any) -> str:
    """JSON that can be in a script on any page: it holds no "<" that could end the script."""
    text = json.dumps(x, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"\\u{ord(c):04x}" if c in "<>&\u2028\u2029" else c for c in text)


def as_text(step: Step) -> list[str]:
    """A step's lines for a terminal."""
    rule = f"    {step.rule[step.fires]}" if step.fires >= 0 else ""
    said = [*step.lines, *("  ".join(filter(None, row)) for row in step.rows), *filter(None, [step.note])]
    return [f"{step.phase} {step.count}".ljust(16) + step.title + rule, *(f"{'':16}{line}" for line in said)]
