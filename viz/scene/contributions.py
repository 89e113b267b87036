"""What each closure passes on to each input, between the cards of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node, fit

from .cards import Card, Scene
from .formatting import shape_text
from .labels import symbol
from .recorded import walk_back


@dataclass(eq=False)
class Contribution:
    """What a closure passed on to one input."""

    node: Node
    place: int
    target: Card
    gradient: Any  # None if it went to a tensor inside `target` that has no card of its own
    note: str


def contributions(scene: Scene) -> dict[Card, list[Contribution]]:
    """For each card, what its closures (and those folded into it) pass on to other cards."""
    shown = {card.node for card in scene.cards()}
    found: dict[Card, dict[tuple[Node, int], Contribution]] = {}
    for node, g in walk_back(scene.roots):
        if node not in shown and not any(x in shown for x in node.parents()):
            continue  # inside a folded group
        source = scene.find(node)
        for place, (x, closure) in enumerate(zip(node.args, node.closures)):
            leaf = as_drawn(x, scene) if closure is not None else None
            target = scene.find(leaf) if leaf is not None else None
            if source is None or target is None or target is source:
                continue
            gx, note = passed_on(node, place, g, leaf) if leaf is target.node else (None, "")
            of_source = found.setdefault(source, {})
            if (known := of_source.get((node, place))) is None:
                of_source[node, place] = Contribution(node, place, target, gx, note)
            elif gx is not None:  # from another root: closures are linear, so the sum is right
                known.gradient = known.gradient + gx
    return {card: list(of_card.values()) for card, of_card in found.items()}


def as_drawn(x: Node, scene: Scene) -> Node | None:
    """The node that is drawn for `x`: itself, or its leaf if it is a view such as weightᵀ."""
    return x if scene.find(x) is not None else next(x.parents(), None)


def passed_on(node: Node, place: int, g: Any, leaf: Any) -> tuple[Any, str]:
    """What the closure at this place gives to `leaf` for g, and a note on what the engine does besides."""
    x, closure = node.args[place], node.closures[place]
    assert closure is not None
    gx = closure(g)
    note = ""
    if np.shape(gx) != np.shape(x.value):
        note = f"summed over what was broadcast: {shape_text(np.shape(gx))} → {shape_text(np.shape(x.value))}"
    gx = fit(gx, x.value)
    if x is not leaf:
        gx = fit(next(filter(None, x.closures))(gx), leaf.value)
        note = f"and back through {symbol(x.op)}"
    return gx, note
