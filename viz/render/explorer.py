"""What turns a drawing into an explorer: a script with sliders, which computes the graph again in the page itself."""

from __future__ import annotations

from tinygrad_lite.graph import Node

from ..scene.cards import Scene
from ..scene.contributions import contributions
from ..scene.scalars import Program
from ..scene.steps import Narrator
from . import stepper
from .html import squeezed, style

PANEL, SCRIPT, STYLE = squeezed("panel.js"), squeezed("explorer.js"), stepper.STYLE + style("explorer.css")


def script(scene: Scene, program: Program, knobs: list[tuple[str, Node, tuple[int, ...]]], uid: str, wide: bool) -> str:
    """The script that makes an explorer of the drawing `uid`. A `wide` drawing is below the panel."""
    narrator, slots, first = Narrator(scene, True), program.slots, len(program.leaves)
    shown = [card for card in scene.cards() if card.node in slots]
    edges = []
    for card, made in contributions(scene).items():
        for c in made:
            if card.role == "op" and c.node is card.node and c.gradient is not None:
                place = sum(isinstance(a, Node) for a in c.node.args[: c.place])  # among the inputs that have a slot
                source, target, nth = narrator.edge(card, c)
                edges.append((source.key, target.key, nth, slots[c.node] - first, place))
    told = {
        "leaves": program.leaves,
        "ops": program.ops,
        "roots": [slots[root] for root in scene.roots if root.requires_grad],
        "cards": [(slots[card.node], card.key) for card in shown if card.node is not None],
        "edges": edges,
        "sliders": [(name, program.leaves[slots[x]], slots[x]) for name, x, _ in knobs],
        "name": " + ".join(narrator.names[c] for c in shown if c.output),
    }
    here, css, is_wide, data = map(stepper.as_json, (f"{uid}-at", STYLE, wide, told))
    return f"{SCRIPT}({here},{PANEL},{css},{is_wide},[{','.join(program.formulas)}],{data})"
