"""What gets a slider: scalar leaves, and chosen elements of others; and what the end is when one has moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.replay import computed, replay

from .scene.cards import Scene
from .scene.steps import Narrator

Knob: TypeAlias = tuple[str, Node, tuple[int, ...]]  # its name, the leaf, the index of an element
MOST = 40


def knobs(scene: Scene, elements: Mapping[Any, Any]) -> list[Knob]:
    """The chosen elements, then the scalar leaves, those that require a gradient first.

    Raises:
        ValueError: there is none, or a chosen tensor is not in the graph, or holds no such element.
    """
    shown = {card.node: name for card, name in Narrator(scene, True).names.items()}
    given = (a for node in computed(list(scene.roots), {}) for a in node.args if isinstance(a, Node) and a.op is None)
    leaves = dict.fromkeys([*given, *(root for root in scene.roots if root.op is None)])  # some in folded cards
    names = {x: shown.get(x) or x.name or f"leaf {i}" for i, x in enumerate(leaves) if x in shown or x.requires_grad}
    found: list[Knob] = []
    for node, index in elements.items():
        index = tuple(np.atleast_1d(index).tolist())
        shape = np.shape(node)
        if node not in names or len(index) != len(shape) or not all(-n <= i < n for i, n in zip(index, shape)):
            known = ", ".join(names.values())
            raise ValueError(f"explore: {index} is no element of a leaf of this graph; its leaves are {known}")
        found.append((f"{names[node]}[{','.join(map(str, index))}]", node, index))
    scalars = [x for x in names if np.shape(x.value) == () and np.asarray(x.value).dtype.kind == "f"]
    found += [(names[x], x, ()) for x in sorted(scalars, key=lambda x: not x.requires_grad)]
    if not found:
        raise ValueError("explore: no leaf of this graph is a scalar: choose an element, explore({w: (0, 1)})")
    return found[:MOST]


def changed(knobs: list[Knob], now: list[float]) -> dict[Node, Any]:
    """Their leaves with these numbers in the elements."""
    values: dict[Node, Any] = {}
    for (_, node, index), x in zip(knobs, now):
        if node not in values:
            values[node] = np.array(node.value)
        values[node][index] = x
    return values


def difference(scene: Scene, knobs: list[Knob], now: list[float], place: int) -> float:
    """(L(x + h) - L(x - h)) / 2h for the knob at this place, where L is the sum of the scalar roots."""
    roots = [root for root in scene.roots if root.requires_grad and np.size(root.value) == 1]
    eps = 1e-5 if np.asarray(knobs[place][1].value).dtype == np.float64 else 3e-3
    h = eps * max(1.0, abs(now[place]))
    ends = []
    for x in (now[place] + h, now[place] - h):
        new = replay(roots, changed(knobs, [*now[:place], x, *now[place + 1 :]]))
        ends.append(sum(float(np.asarray(root.value).item()) for root in new))
    return (ends[0] - ends[1]) / (2 * h)
