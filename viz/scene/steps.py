"""The steps of a drawn computation: forward op by op, then backward closure by closure, each with its numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.typography import SUBSCRIPT

from .cards import Card, Scene
from .contributions import Contribution, as_drawn, contributions
from .formatting import brief, drawable, norm, number, number_or_text, printable, shape_text, shortened, times_text
from .labels import arguments, equations, index_text, parameter_name
from .story import Story
from .substitution import POWERS, bare, bracketed, gradient_symbol, is_number, numbers, right, substitute

Row = tuple[str, ...]  # symbol, name, shape, norm (of a scalar: its value), slice
INFIX = {"add": "+", "subtract": "−", "multiply": "·", "divide": "/", "matmul": "@"}
ELEMENTS = 4  # how many elements of a tensor are shown
BEFORE = "′"  # marks a tensor of the turn before the one that is shown
TURN_BEFORE = f"{BEFORE} is the tensor of the turn before"
TURNS_BEFORE = "The same closures fire in the turns that are not shown."
LEAVES = 8  # how many gradients are listed at the end


@dataclass(frozen=True)
class Step:
    """What one step says, which card it rings, and what becomes visible with it."""

    phase: str  # "start", "forward", "backward", "end"
    title: str
    ring: Card | None = None
    edges: tuple[tuple[Card, Card, int], ...] = ()  # source, target, and which of the edges between these two
    appears: tuple[Card, ...] = ()  # cards whose value is now known
    arrives: tuple[tuple[Card, Any], ...] = ()  # cards that a gradient came to, with the sum so far
    rule: tuple[str, ...] = ()  # the equations of the op's docstring
    fires: int = -1  # which of them is used
    lines: tuple[str, ...] = ()  # that equation with numbers in it
    rows: tuple[Row, ...] = ()  # the tensors in it
    note: str = ""
    count: str = ""  # 3/10


def steps(scene: Scene, values: bool = True, element: tuple[Node, tuple[int, ...]] | None = None) -> list[Step]:
    """All steps of a scene: one per closure of an op that is drawn, one for all that a folded card does.

    With an `element`, a tensor and an index, they tell the story of that one.
    """
    narrator = Narrator(scene, values)
    if element is not None:
        card = next((c for c in narrator.names if c.node is element[0] and c.role != "module"), None)
        shape = () if card is None else card.shape
        if card is None or len(element[1]) != len(shape) or not all(0 <= i < n for i, n in zip(element[1], shape)):
            raise ValueError(f"play: element={element[1]} is no element of a tensor that has a card of its own")
        narrator.story = Story(scene, narrator.order, narrator.names, card, element[1])
    return narrator.steps()


def order(scene: Scene) -> list[Card]:
    """The cards in the order in which they were computed, leaves first. Backprop visits them in reverse."""
    cards, sources = scene.cards(), scene.sources()
    rank = {card: card.node.age if card.node is not None and card.op is not None else 0 for card in cards}
    for card in cards:  # a folded card stands for many ops: it comes after everything that it was made from
        rank[card] = max([rank[card], *(rank[x] for x in sources.get(card, ()))])
    return sorted(cards, key=rank.__getitem__)


class Narrator:
    """Tells the steps of one scene."""

    def __init__(self, scene: Scene, values: bool) -> None:
        self.scene = scene
        self.values = values
        self.order = order(scene)
        self.sources = scene.sources()
        self.names: dict[Card, str] = {}
        self.name_cards()
        self.arrived: dict[Card, Any] = {}  # the gradient of each card so far
        self.count = Counter[Card]()  # how many contributions it is the sum of
        self.expected = Counter[Card]()
        self.story: Story | None = None

    def steps(self) -> list[Step]:
        computed = [card for card in self.order if card.op is not None]
        leaves = tuple(card for card in self.order if card.op is None)
        forward = [self.forward(card) for card in computed]
        backward = list(self.backward(computed)) if self.scene.has_gradients else []
        plan = "Forward: every value, from the inputs on."
        plan += " Then backward: every gradient, from the end back to the inputs." if backward else ""
        told = [Step("start", "The inputs are given", appears=leaves, note=plan)]
        for part in (forward, backward):
            told += [replace(step, count=f"{i}/{len(part)}") for i, step in enumerate(part, 1)]
        return told + ([self.end(leaves)] if backward else [])

    def forward(self, card: Card) -> Step:
        """One op is computed, or everything folded into a card."""
        sources = list(dict.fromkeys(self.sources.get(card, ())))
        into = [edge for x in sources for edge in self.edges(x, card)]
        docks = [(dock, card, 0) for dock in card.docks]
        name, rule, node = self.names[card], rule_of(card), card.node
        assert node is not None and node.op is not None
        step = Step("forward", name, card, (*into, *docks), (card,), rule=rule, fires=0 if rule else -1)
        if any(loop.target is card for loop in self.scene.loops):
            step = replace(step, note=TURN_BEFORE)
        if card.role == "module":
            rows = [self.row("", self.names[x], x.value) for x in (*sources, card)]
            return replace(step, title=self.module_title(card), rows=self.shown(rows), note=card.note)
        expression = self.expression(card)
        op = node.op.name
        is_said = name in (expression, f"({expression})") or (expression.startswith(f"{op}(") and name.endswith(op))
        title = expression if is_said else f"{name} = {expression}"
        if is_scalar(node):
            put = substitute(right(rule[0]), numbers(node)) if rule else ""
            result = number_or_text(node.value)
            line = " = ".join([bare(name), *([put] if put not in ("", result) else []), result])
            return replace(step, title=title, lines=self.shown([line]))
        if self.story is not None and card in self.story.at:
            return replace(step, title=title, lines=self.shown(self.story.forward(card)))
        rows = self.inputs(node, rule[0] if rule else "") + [self.row("out", name, card.value)]
        return replace(step, title=title, rows=self.shown(rows))

    def backward(self, computed: list[Card]) -> Iterator[Step]:
        """The gradient of the end, then each closure in the order of the walk."""
        made = contributions(self.scene)
        roots = set(self.scene.roots)
        ends = [card for card in self.order if card.node in roots and card.gradient is not None]
        self.arrived = {card: np.ones(card.shape)[()] for card in ends if np.size(card.value) == 1}
        self.count = Counter(list(self.arrived))
        self.expected = Counter(c.target for of_card in made.values() for c in of_card if c.gradient is not None)
        self.expected.update(list(self.arrived))
        yield self.seed()
        for card in reversed(computed):
            of_card = made.get(card, [])
            own = [c for c in of_card if c.node is card.node and card.role == "op"]
            for c in own:
                yield self.closure(card, c)
            rest = [c for c in of_card if c not in own]
            if rest or card.role == "module" and card.gradient is not None:
                yield self.folded(card, rest)

    def seed(self) -> Step:
        """The walk begins: the gradient of the end is 1."""
        ends = tuple(self.arrived.items())
        names = [self.names[card] for card, _ in ends]
        return Step(
            "backward",
            "The end" if names == ["L"] else f"L = {' + '.join(names)}",
            ends[0][0] if len(ends) == 1 else None,
            arrives=ends,
            lines=self.shown([f"∂L/∂{name} = 1" for name in names]),
            note="Each closure takes g, the gradient of its op's output, and returns the gradient of one input.",
        )

    def closure(self, card: Card, c: Contribution) -> Step:
        """One closure fires, and what it returns is added to what arrived before."""
        step = self.equation(card, c)
        if c.gradient is None:
            return step
        before, name = self.arrived.get(c.target), f"∂L/∂{bracketed(self.names[c.target])}"
        self.add(c)
        total, n = self.arrived[c.target], self.expected[c.target]
        said = f"contribution {self.count[c.target]} of {n}" if n > 1 else ""
        lines: list[str] = []
        rows: list[Row] = []
        if before is not None:
            said += ", added"
            if (one := self.element(c.target)) is not None:
                terms = [number_or_text(np.asarray(x)[one[1]]) for x in (before, c.gradient, total)]
                lines = [f"∂L/∂{bracketed(one[0])} = {terms[0]} + {bracketed(terms[1])} = {terms[2]}"]
            else:
                rows = [self.row("+", "had arrived", before), self.row("=", f"{name}, the sum", total)]
        return replace(
            step,
            arrives=((c.target, total),),
            lines=step.lines + self.shown(lines),
            rows=step.rows + self.shown(rows),
            note="; ".join(filter(None, (step.note, said))),
        )

    def add(self, c: Contribution) -> None:
        """Add to the running sum of a card's gradient."""
        before = self.arrived.get(c.target)
        self.arrived[c.target] = c.gradient if before is None else before + c.gradient
        self.count[c.target] += 1

    def folded(self, card: Card, inside: list[Contribution]) -> Step:
        """All closures folded into a card fire."""
        for c in inside:
            if c.gradient is not None:
                self.add(c)
        targets = list(dict.fromkeys(c.target for c in inside))
        reached = tuple((x, self.arrived[x]) for x in targets if x in self.arrived)
        rows = [self.row("g", f"∂L/∂{self.names[card]}", card.gradient)] if card.gradient is not None else []
        rows += [self.row("", f"∂L/∂{self.names[x]}", g) for x, g in reached]
        names = shortened(", ".join(self.names[x] for x in targets), 60)
        return Step(
            "backward",
            " → ".join(filter(None, (card.pill if card.role == "op" else self.module_title(card), names))),
            card,
            tuple(edge for x in targets for edge in self.edges(x, card)),
            arrives=reached,
            rows=self.shown(rows),
            note=TURNS_BEFORE if card.role == "op" else "All closures inside fire, those of its parameters too.",
        )

    def equation(self, card: Card, c: Contribution) -> Step:
        """The docstring's equation for a closure, and the same with names and numbers in it."""
        node, name = c.node, f"∂L/∂{bracketed(self.names[c.target])}"
        rule, parameter = rule_of(card), parameter_name(node, c.place)
        fires = next((i for i, line in enumerate(rule) if line.startswith(f"∂L/∂{parameter} ")), -1)
        if fires < 0 and len(rule) == 2:
            fires = 1
        edge = self.edge(card, c)
        step = Step(
            "backward",
            f"{card.pill} → {self.named(node.args[c.place])}",
            card,
            (edge,),
            rule=rule,
            fires=fires,
            note=c.note if c.gradient is not None else TURN_BEFORE if c.target.role == "op" else "",
        )
        if c.gradient is None:
            return step
        if fires >= 0 and is_scalar(node):
            text = right(rule[fires])
            symbols = numbers(node)
            symbols |= {p: bracketed(self.named(a)) for p, a, _ in arguments(node) if self.source(a) is not None}
            symbols |= {gradient_symbol(node): f"∂L/∂{bracketed(self.names[card])}", "out": self.names[card]}
            put, result = substitute(text, numbers(node, card.gradient)), number_or_text(c.gradient)
            lines = [f"{name} = {substitute(text, symbols)}"]
            lines.append(" " * len(name) + " = " + (f"{put} = {result}" if put != result else result))
            return replace(step, lines=self.shown(lines))
        if self.story is not None and {card, c.target} <= self.story.at.keys():
            return replace(step, lines=self.shown(self.story.backward(card, c, rule[fires] if fires >= 0 else "")))
        rows = [self.row(gradient_symbol(node), f"∂L/∂{self.names[card]}", card.gradient)]
        rows += self.inputs(node, rule[fires] if fires >= 0 else "")
        return replace(step, rows=self.shown([*rows, self.row("=", name, c.gradient)]))

    def end(self, leaves: tuple[Card, ...]) -> Step:
        reached = [card for card in leaves if card.gradient is not None]
        rows = []
        for card in reached[:LEAVES]:
            name, at = self.element(card) or (self.names[card], ())
            rows.append(self.row("", f"∂L/∂{name}", np.asarray(card.gradient)[at]))
        if len(reached) > LEAVES:
            rows.append(("", f"… and {len(reached) - LEAVES} more"))
        note = "What arrived at the leaves is what .backward() adds to their .grad."
        whole = tuple((card, card.gradient) for card in self.order if card.gradient is not None)
        return Step("end", "Every gradient is there", arrives=whole, rows=self.shown(rows), note=note)

    # ---------------------------------------------------------------------------------------------- what it says

    def shown(self, said: list[Any]) -> tuple[Any, ...]:
        """Numbers, if the drawing shows numbers."""
        return tuple(said) if self.values else ()

    def inputs(self, node: Node, equation: str) -> list[Row]:
        """A row for each input that occurs in an equation."""
        used = set(re.findall(r"(?<![A-Za-z∂])[A-Za-z_]+", right(equation)))
        rows = []
        for parameter, a, value in arguments(node):
            card = self.source(a)
            if parameter in used and (card is not None or isinstance(a, np.ndarray) and a.size > 1):
                rows.append(self.row(parameter, "" if card is None else self.named(a), value))
        return rows

    def row(self, symbol: str, name: str, a: Any) -> Row:
        """A tensor: shape, norm, and the elements around the largest."""
        if np.shape(a) == ():
            return symbol, name, "scalar", number_or_text(a)
        elements = drawable(a)
        if elements is None or not elements.size:
            return symbol, name, shape_text(np.shape(a))
        return symbol, name, shape_text(elements.shape), f"‖·‖ {number(norm(elements))}", around_largest(elements)

    def edges(self, source: Card, target: Card) -> list[tuple[Card, Card, int]]:
        """The edges that are drawn from one card, or from references to it, to another."""
        docks = [(dock, target, 0) for dock in target.docks if source in (dock, dock.of)]
        count = self.sources.get(target, []).count(source)
        count += sum(loop.source is source and loop.target is target for loop in self.scene.loops)
        return docks or [(source, target, i) for i in range(count)]

    def element(self, card: Card) -> tuple[str, tuple[int, ...]] | None:
        """The name and the place of the element of a card that is followed; a scalar has but one."""
        if self.story is not None and card in self.story.at:
            return self.story.element(card), self.story.at[card]
        return (self.names[card], ()) if card.is_scalar else None

    def edge(self, card: Card, c: Contribution) -> tuple[Card, Card, int]:
        """The edge along which a contribution goes back."""
        same = [place for place, a in enumerate(c.node.args) if self.source(a) is c.target]
        return self.edges(c.target, card)[same.index(c.place)]

    def source(self, a: Any) -> Card | None:
        """The card of an op's argument."""
        node = as_drawn(a, self.scene) if isinstance(a, Node) else None
        return None if node is None else self.scene.find(node)

    def named(self, a: Any) -> str:
        """The name of an op's argument, marked if its card shows the same tensor of another turn."""
        card = self.source(a)
        assert card is not None
        node = as_drawn(a, self.scene)
        return self.names[card] + (BEFORE if card.role == "op" and card.node is not node else "")

    def module_title(self, card: Card) -> str:
        name = self.names[card]
        return " ".join(filter(None, (name, card.kind if card.kind != name else "", times_text(card.times))))

    def name_cards(self) -> None:
        """Name each card by its own name, else by a short expression, else by its op; number those that repeat."""
        count = Counter[str]()
        around = {card: frame.name for frame in self.scene.frame.frames() for card in frame.cards()}
        for card in self.order:
            if card.of is not None:
                continue
            name = shortened(printable(card.path), 28)
            if not name and card.role == "op" and card.op is not None:
                name = self.expression(card)
                if len(name) > 9 or "(" in name or any(c in name for c in "₂₃₄₅₆₇₈₉…"):
                    name = ".".join(filter(None, (around.get(card, ""), card.op.name)))
                elif " " in name:
                    name = f"({name})"
            name = name or card.name or card.kind or card.role
            count[name] += 1
            self.names[card] = name + (str(count[name]).translate(SUBSCRIPT) if count[name] > 1 else "")

    def expression(self, card: Card) -> str:
        """What an op computed, as one writes it: a · b, xᵀ, conv2d(images, weight, padding=1)."""
        node = card.node
        assert node is not None and node.op is not None
        op = node.op.name
        said = []
        for place, (parameter, a, value) in enumerate(arguments(node)):
            source = self.source(a)
            if source is not None:
                said.append(self.named(a) if source in self.names else "…")
            elif isinstance(a, np.ndarray) and a.size > 1:
                said.append(parameter)
            else:
                said.append(f"{parameter}={brief(value)}" if place >= len(node.closures) else brief(value))
        if op in INFIX and len(said) == 2:
            return f"{said[0]} {INFIX[op]} {bracketed(said[1])}"
        if op == "negative":
            return f"−{said[0]}"
        if op == "power" and self.source(node.args[1]) is None and np.size(node.values[1]) == 1:
            return said[0] + said[1].translate(POWERS)
        if op == "getitem" and len(node.values) > 1:
            return f"{said[0]}[{index_text(node.values[1])}]"
        usual = {name: parameter.default for name, parameter in node.op.parameters.items()}
        keywords = [f"{name}={brief(v)}" for name, v in node.kwargs.items() if not is_same(v, usual.get(name))]
        return shortened(f"{op}({', '.join(bare(text) for text in [*said, *keywords])})", 90)


def rule_of(card: Card) -> tuple[str, ...]:
    """The equations of a card's op, with real minus signs."""
    return tuple(line.replace("-", "−") for line in equations(card.op)) if card.role == "op" and card.op else ()


def is_scalar(node: Node) -> bool:
    return np.shape(node.value) == () and all(np.shape(v) == () for v in node.values)


def is_same(a: Any, b: Any) -> bool:
    return a is b or (is_number(a) or isinstance(a, (bool, str))) and a == b


def around_largest(a: np.ndarray[Any, Any]) -> str:
    """A few neighbouring elements of an array, the largest of all among them, with their index."""
    largest = np.argmax(np.where(np.isnan(a), np.inf, np.abs(a)))
    *index, last = np.unravel_index(largest, a.shape)
    start = int(max(0, min(last - 1, a.shape[-1] - ELEMENTS)))
    stop = min(start + ELEMENTS, a.shape[-1])
    elements = ", ".join(number(float(f"{x:.3g}") + 0.0) for x in a[tuple(index)][start:stop])
    return f"[{','.join([*map(str, index), f'{start}:{stop}'])}] = {elements}"
