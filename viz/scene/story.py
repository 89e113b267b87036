"""One element's story: what it was computed from, what was computed from it, and the sums of its gradient.

In each other tensor one element is followed: of those that the chosen one went into, the one with the largest gradient;
of those that one was computed from, the one that gave it most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node

from .cards import Card, Scene
from .contributions import Contribution
from .formatting import number
from .labels import equations
from .reach import NoPattern, Runs, Span, box, inputs_of
from .substitution import bracketed, numbers, right, substitute

TERMS = 3  # of a sum that are written out
MOST = 400  # terms that are looked at
At = tuple[int, ...]


class Story:
    """`at` is the element of each card that is followed."""

    def __init__(self, scene: Scene, order: Sequence[Card], names: dict[Card, str], card: Card, at: At) -> None:
        self.scene, self.names = scene, names
        self.at: dict[Card, At] = {card: at}
        computed = [c for c in order if c.role == "op" and c.op is not None]
        for c in computed:
            for place, leaf, x in inputs_of(c, scene):
                if c not in self.at and x in self.at and len(hits := Runs(c, place, leaf).hits(self.at[x])):
                    sizes = np.abs(np.nan_to_num(c.gradient if c.gradient is not None else c.value))
                    self.at[c] = max(map(tuple, hits.tolist()), key=lambda h: float(sizes[h]))
        for c in reversed(computed):
            for place, leaf, x in inputs_of(c, scene) if c in self.at else ():
                if x not in self.at:
                    gave = np.abs(np.nan_to_num(Runs(c, place, leaf).back(self.at[c]) * x.value))
                    self.at[x] = tuple(map(int, np.unravel_index(np.argmax(gave), np.shape(gave))))

    def element(self, card: Card, at: Sequence[Any] | None = None) -> str:
        """The name of an element: w[2,7]."""
        index = self.at[card] if at is None else at
        return self.names[card] + (f"[{','.join(map(str, index))}]" if len(index) else "")

    def forward(self, card: Card) -> list[str]:
        """How the element that is followed was computed."""
        node, at = card.node, self.at[card]
        assert node is not None and node.op is not None
        out = np.asarray(node.value)[at]
        start, end = f"{self.element(card)} = ", number(out)
        inputs = [(x, Runs(card, place, leaf)) for place, leaf, x in inputs_of(card, self.scene)]
        if self.by_itself(node, [r for _, r in inputs], at) and (rule := equations(node.op)):
            put = substitute(right(rule[0].replace("-", "−")), numbers(node, at=at))
            return [start + (f"{put} = {end}" if put != end else end)]
        for x, runs in inputs:
            cells = [tuple(h) for h in np.argwhere(runs.backward(at))]
            if not cells:
                continue
            factors, given = [runs.back(at)[h] for h in cells], [np.asarray(runs.input)[h] for h in cells]
            rest = out - np.dot(factors, given)
            last = ""
            if abs(rest) > 1e-5 * max(abs(out), 1e-3):  # a bias, perhaps
                others = [(o, np.argwhere(r.backward(at))) for o, r in inputs if o is not x]
                single = [(o, tuple(h[0])) for o, h in others if len(h) == 1]
                bias = [(o, h) for o, h in single if np.isclose(np.asarray(o.value)[h], rest, 1e-4)]
                if not bias:
                    continue
                last = f" + {self.element(*bias[0])}"
            unnamed = f"∂{self.element(card)}/∂{self.names[x]}"
            named = self.factor(factors, [o for o, _ in inputs if o is not x], unnamed)
            said = f"{self.element(x, slices(cells, runs.start))}{named}{last}"
            written = terms(given, factors) + (f" + {bracketed(number(rest))}" if last else "")
            return told(start, said, written, end, cells)
        return [start + end]

    def backward(self, card: Card, c: Contribution, equation: str) -> list[str]:
        """What the element that is followed in `c.target` gets from this closure."""
        node, e = c.node, self.at[c.target]
        runs = Runs(card, c.place, c.target.node)
        cells = [tuple(h) for h in runs.hits(e)]
        start, end = f"∂L/∂{self.element(c.target)} = ", number(np.asarray(c.gradient)[e])
        if len(cells) == 1 and equation and self.by_itself(node, [runs], cells[0]):
            put = substitute(right(equation), numbers(node, card.gradient, cells[0]))
            return [start + (f"{put} = {end}" if put != end else end)]
        if not cells or len(cells) > MOST:
            return [start + end]
        factors, g = [runs.back(h)[e] for h in cells], [np.asarray(card.gradient)[h] for h in cells]
        if not np.isclose(np.dot(factors, g), np.asarray(c.gradient)[e], 1e-4, 1e-9):
            return [start + end]
        others = [x for _, _, x in inputs_of(card, self.scene) if x is not c.target]
        named = self.factor(factors, others, f"∂{self.names[card]}/∂{self.element(c.target)}")
        said = f"g{slices_text(cells, runs.goal)}{named},  g = ∂L/∂{self.names[card]}"
        return told(start, said, terms(g, factors), end, cells)

    def by_itself(self, node: Node, runs: list[Runs], at: At) -> bool:
        """Whether one element of each input gave this one, so that the formula holds for the numbers."""
        try:
            same = np.broadcast_shapes(*map(np.shape, node.values)) == np.shape(node.value)
        except ValueError:
            return False
        return same and all(len(np.argwhere(r.backward(at))) == 1 for r in runs)

    def factor(self, factors: list[Any], others: list[Card], unnamed: str) -> str:
        """The factors of a sum by their name, if they are elements of another input: · w[:,7]."""
        if np.allclose(factors, factors[0], 1e-6, 0):
            return "" if np.isclose(factors[0], 1) else f" · {bracketed(number(factors[0]))}"
        for x in others:
            known: dict[float, list[At]] = {}
            for at in np.ndindex(x.shape) if np.size(x.value) < 1e5 else ():
                known.setdefault(float(np.asarray(x.value)[at]), []).append(at)
            found = [known.get(float(f), []) for f in factors]
            if all(len(f) == 1 for f in found):
                return f" · {self.names[x]}{slices_text([f[0] for f in found], x.shape)}"
        return f" · {unnamed}"


def slices(cells: list[At], shape: At) -> list[str]:
    """Elements of an array as an index: 2,: or 0,1:4, backwards where they run so."""
    hit = np.zeros(shape, bool)
    hit[tuple(zip(*cells))] = True
    try:
        spans = box(hit)
    except NoPattern:
        return ["…"]
    return [one(span, n, a > b) for span, n, a, b in zip(spans, shape, cells[0], cells[-1]) if span]


def slices_text(cells: list[At], shape: At) -> str:
    return f"[{','.join(slices(cells, shape))}]" if shape else ""


def one(span: Span, n: int, back: bool) -> str:
    low, high, step = span
    if low == high:
        return str(low)
    if back:
        return f"{high}:{low - 1 if low else ''}:-{step}" if (low, high, step) != (0, n - 1, 1) else "::-1"
    return ":" if (low, high, step) == (0, n - 1, 1) else f"{low}:{high + 1}" + (f":{step}" if step > 1 else "")


def told(start: str, said: str, written: str, end: str, cells: list[At]) -> list[str]:
    """An equation in names, and below it the same in numbers."""
    sum = "Σ " if len(cells) > 1 else ""
    return [f"{start}{sum}{said}", " " * (len(start) - 2) + " = ".join(["", *dict.fromkeys((written, end))]).lstrip()]


def terms(a: list[Any], b: list[Any]) -> str:
    """A sum of products in numbers."""
    pairs = [(number(x), bracketed(number(y)), np.isclose(y, 1)) for x, y in zip(a[:TERMS], b)]
    said = [(x if i == 0 else bracketed(x)) + ("" if is_one else f" · {y}") for i, (x, y, is_one) in enumerate(pairs)]
    return " + ".join([*said, *([f"… ({len(a)} terms)"] if len(a) > TERMS else [])])
