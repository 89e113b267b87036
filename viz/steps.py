"""The steps of a computation that is drawn: forward op by op, then backward closure by closure, with their numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node, backpropagate, fit
from tinygrad_lite.typography import SUBSCRIPT, SUPERSCRIPT

from .graph import parameter_name
from .heatmap import drawable
from .labels import (
    SYMBOLS,
    brief,
    index_text,
    number,
    number_or_text,
    printable,
    shape_text,
    shortened,
)
from .scene import Card, Scene
from .tooltip import formula

Row = tuple[str, ...]  # symbol, name, shape, norm (of a scalar: its value), slice
INFIX = {"add": "+", "subtract": "−", "multiply": "·", "divide": "/", "matmul": "@"}
AS_WRITTEN = {"alpha": "α", "beta": "β", "negative_slope": "slope"}  # a parameter's name in its op's formula
RAISED = {"x": "ˣ", "y": "ʸ", "p": "ᵖ", "out": "ᵒᵘᵗ"}
POWERS = SUPERSCRIPT | str.maketrans("e", "ᵉ")
ELEMENTS = 4  # so many of a tensor's are shown
LEAVES = 8  # so many gradients are listed at the end


@dataclass(frozen=True)
class Step:
    """One step: what it says, which card it rings, and what can be seen from here on."""

    phase: str  # "start", "forward", "backward", "end"
    title: str
    ring: Card | None = None
    edges: tuple[tuple[Card, Card, int], ...] = ()  # source, target, and which of the edges between these two
    appears: tuple[Card, ...] = ()  # cards whose value is there now
    arrives: tuple[tuple[Card, Any], ...] = ()  # cards that a gradient came to, and the sum so far
    rule: tuple[str, ...] = ()  # the equations of the op's docstring
    fires: int = -1  # which of them is used here
    lines: tuple[str, ...] = ()  # that equation with numbers put in
    rows: tuple[Row, ...] = ()  # the tensors in it
    note: str = ""
    count: str = ""  # 3/10


@dataclass(eq=False)
class Contribution:
    """What a closure passed on to one input."""

    node: Node
    place: int
    target: Card
    gradient: Any  # None where it went to a tensor inside `target` that is not seen
    note: str


def steps(scene: Scene, values: bool = True) -> list[Step]:
    """All steps of a scene. A closure of an op that is seen is one step; so is all that a folded card does."""
    return _Teller(scene, values).steps()


def order(scene: Scene) -> list[Card]:
    """The cards in the order in which they were computed, leaves first. Backprop visits them from the end."""
    cards = scene.cards()
    rank = {card: card.node.age if card.node is not None and card.node.op is not None else 0 for card in cards}
    sources: dict[Card, list[Card]] = {}
    for edge in scene.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    for card in cards:  # a folded card stands for many: it comes after all that it was made from
        rank[card] = max([rank[card], *(rank[x] for x in sources.get(card, ()))])
    return sorted(cards, key=rank.__getitem__)


def contributions(scene: Scene) -> dict[Card, list[Contribution]]:
    """What each card's closures, or those folded into it, passed on to other cards: by the walk of `.backward()`."""
    shown = {card.node for card in scene.cards()}
    found: dict[Card, dict[tuple[Node, int], Contribution]] = {}
    for root in scene.roots:
        if not root.requires_grad or np.size(root.value) != 1:
            continue
        for node, g in backpropagate(root, np.ones(np.shape(root.value), getattr(root.value, "dtype", None))[()]):
            if node not in shown and not any(x in shown for x in node.parents()):
                continue  # inside something folded
            source = scene.find(node)
            for place, (x, closure) in enumerate(zip(node.args, node.closures)):
                leaf = seen_as(x, scene) if closure is not None else None
                target = scene.find(leaf) if leaf is not None else None
                if source is None or target is None or target is source:
                    continue
                gx, note = passed(node, place, g, leaf) if leaf is target.node else (None, "")
                of_source = found.setdefault(source, {})
                if (known := of_source.get((node, place))) is None:
                    of_source[node, place] = Contribution(node, place, target, gx, note)
                elif gx is not None:  # from another root: closures are linear
                    known.gradient = known.gradient + gx
    return {card: list(of_card.values()) for card, of_card in found.items()}


def seen_as(x: Node, scene: Scene) -> Node | None:
    """The node that a drawing has in the place of `x`: the weight, where x is a weightᵀ that is not drawn itself."""
    return x if scene.find(x) is not None else next(x.parents(), None)


def passed(node: Node, place: int, g: Any, leaf: Any) -> tuple[Any, str]:
    """What the closure at this place gives to `leaf` for g, and what was done besides."""
    x, closure = node.args[place], node.closures[place]
    assert closure is not None
    gx = closure(g)
    note = ""
    if np.shape(gx) != np.shape(x.value):
        note = f"summed over what was broadcast: {shape_text(np.shape(gx))} → {shape_text(np.shape(x.value))}"
    gx = fit(gx, x.value)
    if x is not leaf:
        gx = fit(next(filter(None, x.closures))(gx), leaf.value)
        note = f"and back through {SYMBOLS.get(x.op.name, x.op.name)}"
    return gx, note


class _Teller:
    """Tells the steps of one scene."""

    def __init__(self, scene: Scene, values: bool) -> None:
        self.scene = scene
        self.values = values
        self.order = order(scene)
        self.names: dict[Card, str] = {}
        self.name_all()
        self.arrived: dict[Card, Any] = {}  # the gradient of each card, as far as it has come
        self.count = Counter[Card]()  # of how many contributions it is the sum
        self.expected = Counter[Card]()

    def steps(self) -> list[Step]:
        computed = [card for card in self.order if card.node is not None and card.node.op is not None]
        leaves = tuple(card for card in self.order if card not in set(computed))
        forward = [self.forward(card) for card in computed]
        backward = list(self.backward(computed)) if self.scene.has_gradients else []
        plan = "Forward: every value, from the inputs on."
        plan += " Then backward: every gradient, from the end back to the inputs." if backward else ""
        told = [Step("start", "The inputs are given", appears=leaves, note=plan)]
        for part in (forward, backward):
            told += [replace(step, count=f"{i}/{len(part)}") for i, step in enumerate(part, 1)]
        return told + ([self.end(leaves)] if backward else [])

    def forward(self, card: Card) -> Step:
        """One op is computed, or all that is folded into a card."""
        sources = list(dict.fromkeys(edge.source for edge in self.scene.edges if edge.target is card))
        into = [(x, card, i) for x in sources for i in range(self.joins(x, card))]
        docks = [(dock, card, 0) for dock in card.docks]
        name, rule, node = self.names[card], equations(card), card.node
        step = Step("forward", name, card, (*into, *docks), (card,), rule=rule, fires=0 if rule else -1)
        if card.role == "module" or node is None:
            rows = [self.row("", self.names[x], x.value) for x in (*sources, card)]
            return replace(step, title=self.module_title(card), rows=self.shown(rows), note=card.note)
        expression = self.expression(card)
        op = node.op.name if node.op is not None else ""
        is_said = name in (expression, f"({expression})") or (expression.startswith(f"{op}(") and name.endswith(op))
        title = expression if is_said else f"{name} = {expression}"
        if is_scalar(node):
            put = put_in(right(rule[0]), numbers(node, None)) if rule else ""
            result = number_or_text(node.value)
            line = " = ".join([bare(name), *([put] if put not in ("", result) else []), result])
            return replace(step, title=title, lines=self.shown([line]))
        rows = self.inputs(node, rule[0] if rule else "") + [self.row("out", name, card.value)]
        return replace(step, title=title, rows=self.shown(rows))

    def backward(self, computed: list[Card]) -> Iterator[Step]:
        """The gradient of the end, and then each closure, in the order of the walk."""
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
        """Where the walk begins: the gradient of the end is 1."""
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
        """One closure fires, and what it returns is added to what had arrived."""
        step = self.equation(card, c)
        if c.gradient is None:
            return step
        before, name = self.arrived.get(c.target), f"∂L/∂{held(self.names[c.target])}"
        self.add(c)
        total, n = self.arrived[c.target], self.expected[c.target]
        said = f"contribution {self.count[c.target]} of {n}" if n > 1 else ""
        lines: list[str] = []
        rows: list[Row] = []
        if before is not None:
            said += ", added"
            if np.shape(total) == ():
                terms = [number_or_text(x) for x in (before, c.gradient)]
                lines = [f"{name} = {terms[0]} + {held(terms[1])} = {number_or_text(total)}"]
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
        """The running sum where gradients meet."""
        before = self.arrived.get(c.target)
        self.arrived[c.target] = c.gradient if before is None else before + c.gradient
        self.count[c.target] += 1

    def folded(self, card: Card, inside: list[Contribution]) -> Step:
        """All closures that are folded into a card fire."""
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
            " → ".join(filter(None, (self.module_title(card), names))),
            card,
            tuple((x, card, i) for x in targets for i in range(self.joins(x, card))),
            arrives=reached,
            rows=self.shown(rows),
            note="All closures inside fire, those of its parameters too.",
        )

    def equation(self, card: Card, c: Contribution) -> Step:
        """The equation of the docstring that a closure is, and what is put into it."""
        node, name = c.node, f"∂L/∂{held(self.names[c.target])}"
        assert node.op is not None
        rule, parameter = equations(card), parameter_name(node, c.place)
        fires = next((i for i, line in enumerate(rule) if line.startswith(f"∂L/∂{parameter} ")), -1)
        if fires < 0 and len(rule) == 2:
            fires = 1
        same = [place for place, a in enumerate(node.args) if self.source(a) is c.target]
        step = Step(
            "backward",
            f"{card.pill} → {self.names[c.target]}",
            card,
            ((c.target, card, same.index(c.place)),),
            rule=rule,
            fires=fires,
            note=c.note,
        )
        if c.gradient is None:
            return step
        if fires >= 0 and is_scalar(node):
            text = right(rule[fires])
            symbols = numbers(node, None)
            symbols |= {p: held(self.names[x]) for p, a in given(node) if (x := self.source(a)) is not None}
            symbols |= {gradient_symbol(node): f"∂L/∂{held(self.names[card])}", "out": self.names[card]}
            put, result = put_in(text, numbers(node, card.gradient)), number_or_text(c.gradient)
            lines = [f"{name} = {put_in(text, symbols)}"]
            lines.append(" " * len(name) + " = " + (f"{put} = {result}" if put != result else result))
            return replace(step, lines=self.shown(lines))
        rows = [self.row(gradient_symbol(node), f"∂L/∂{self.names[card]}", card.gradient)]
        rows += self.inputs(node, rule[fires] if fires >= 0 else "")
        return replace(step, rows=self.shown([*rows, self.row("=", name, c.gradient)]))

    def end(self, leaves: tuple[Card, ...]) -> Step:
        reached = [card for card in leaves if card.gradient is not None]
        rows = [self.row("", f"∂L/∂{self.names[card]}", card.gradient) for card in reached[:LEAVES]]
        if len(reached) > LEAVES:
            rows.append(("", f"… and {len(reached) - LEAVES} more"))
        note = "What arrived at the leaves is what .backward() adds to their .grad."
        whole = tuple((card, card.gradient) for card in self.order if card.gradient is not None)
        return Step("end", "Every gradient is there", arrives=whole, rows=self.shown(rows), note=note)

    # ---------------------------------------------------------------------------------------------- what it says

    def shown(self, said: list[Any]) -> tuple[Any, ...]:
        """Numbers, where the drawing shows numbers."""
        return tuple(said) if self.values else ()

    def inputs(self, node: Node, equation: str) -> list[Row]:
        """The op's inputs that stand in an equation."""
        used = set(re.findall(r"(?<![A-Za-z∂])[A-Za-z_]+", right(equation)))
        rows = []
        for i, (parameter, a) in enumerate(given(node)):
            card = self.source(a)
            if parameter in used and (card is not None or isinstance(a, np.ndarray) and a.size > 1):
                rows.append(self.row(parameter, "" if card is None else self.names[card], node.values[i]))
        return rows

    def row(self, symbol: str, name: str, a: Any) -> Row:
        """A tensor: shape, norm, and the elements around the largest."""
        if np.shape(a) == ():
            return symbol, name, "scalar", number_or_text(a)
        numbers = drawable(a)
        if numbers is None or not numbers.size:
            return symbol, name, shape_text(np.shape(a))
        norm = f"‖·‖ {number(float(np.linalg.norm(numbers.ravel())))}"
        return symbol, name, shape_text(numbers.shape), norm, around_largest(numbers)

    def joins(self, source: Card, target: Card) -> int:
        """How many edges are drawn from one card to another."""
        if source in target.docks:
            return 1
        return sum(edge.source is source and edge.target is target for edge in self.scene.edges)

    def source(self, a: Any) -> Card | None:
        node = seen_as(a, self.scene) if isinstance(a, Node) else None
        return None if node is None else self.scene.find(node)

    def module_title(self, card: Card) -> str:
        times = f"×{card.times:,}" if card.times > 1 else ""
        return " ".join(filter(None, (self.names[card], card.kind if card.kind != self.names[card] else "", times)))

    def name_all(self) -> None:
        """A name for each card: its own, or what it computed where that is short, or its op's; each name once."""
        count = Counter[str]()
        around = {card: frame.name for frame in self.scene.frame.frames() for card in frame.cards()}
        for card in self.order:
            name = shortened(printable(card.path), 28)
            if not name and card.role == "op":
                name = self.expression(card)
                if len(name) > 9 or "(" in name or any(c in name for c in "₂₃₄₅₆₇₈₉…"):
                    name = ".".join(filter(None, (around.get(card, ""), card.node.op.name)))  # type: ignore[union-attr]
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
        for place, ((parameter, a), value) in enumerate(zip(given(node), node.values)):
            source = self.source(a)
            if source is not None:
                said.append(self.names.get(source, "…"))
            elif isinstance(a, np.ndarray) and a.size > 1:
                said.append(parameter)
            else:
                said.append(f"{parameter}={brief(value)}" if place >= len(node.closures) else brief(value))
        if op in INFIX and len(said) == 2:
            return f"{said[0]} {INFIX[op]} {held(said[1])}"
        if op == "negative":
            return f"−{said[0]}"
        if op == "power" and self.source(node.args[1]) is None and np.size(node.values[1]) == 1:
            return said[0] + said[1].translate(POWERS)
        if op == "getitem" and len(node.values) > 1:
            return f"{said[0]}[{index_text(node.values[1])}]"
        usual = {name: parameter.default for name, parameter in node.op.parameters.items()}
        keywords = [f"{name}={brief(v)}" for name, v in node.kwargs.items() if not same(v, usual.get(name))]
        return shortened(f"{op}({', '.join(bare(text) for text in [*said, *keywords])})", 90)


# -------------------------------------------------------------------------------------- numbers put into formulas


def equations(card: Card) -> tuple[str, ...]:
    """The op's formula, an equation each; typeset with a real minus."""
    return tuple(line.replace("-", "−") for line in formula(card))


def right(equation: str) -> str:
    """What an equation says, after its first = sign."""
    return equation.partition(" = ")[2]


def is_scalar(node: Node) -> bool:
    return np.shape(node.value) == () and all(np.shape(v) == () for v in node.values)


def given(node: Node) -> Iterator[tuple[str, Any]]:
    """Each argument with its parameter's name."""
    return ((parameter_name(node, place), a) for place, a in enumerate(node.args))


def gradient_symbol(node: Node) -> str:
    """What the formula calls ∂L/∂out: g, or h where an input is called g."""
    assert node.op is not None
    return "h" if "g" in node.op.parameters else "g"


def numbers(node: Node, g: Any) -> dict[str, str]:
    """What stands for each symbol in the formula of an op on scalars."""
    assert node.op is not None
    options = {name: p.default for name, p in node.op.parameters.items()} | node.kwargs
    found = {AS_WRITTEN.get(name, name): number(v) for name, v in options.items() if is_number(v)}
    found |= {parameter_name(node, place): as_factor(v) for place, v in enumerate(node.values) if v is not None}
    found["out"] = as_factor(node.value)
    return found if g is None else found | {gradient_symbol(node): as_factor(g)}


def as_factor(a: Any) -> str:
    """A number, or a symbolic expression in brackets if it is a sum."""
    text = number_or_text(a)
    return f"({text})" if re.search(" [+−-] ", text) else text


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool)


def held(text: str) -> str:
    """A factor or summand in brackets if it is negative."""
    return f"({text})" if text.startswith("−") else text


def bare(text: str) -> str:
    """Without the brackets around the whole of it."""
    return text[1:-1] if re.fullmatch(r"\([^()]*\)", text) else text


def same(a: Any, b: Any) -> bool:
    return a is b or (is_number(a) or isinstance(a, (bool, str))) and a == b


def put_in(equation: str, symbols: dict[str, str]) -> str:
    """An equation with something put in for each of its symbols: g · 2x becomes 0.5 · 2 · (−3)."""
    raised = {RAISED[name]: text for name, text in symbols.items() if name in RAISED}
    names = "|".join(sorted(map(re.escape, symbols), key=len, reverse=True))
    powers = "|".join(sorted(raised, key=len, reverse=True)) or "(?!)"

    def put(found: re.Match[str]) -> str:
        if found["power"] is not None:
            text = raised[found["power"]]
            return text.translate(POWERS) if re.fullmatch(r"[−.0-9e]+", text) else f"^{text}"
        before, after = equation[: found.start()], equation[found.end() : found.end() + 1]
        text = symbols[found["name"]]
        if after and after in "²³⁻ˣʸᵖᵒ":  # a base
            text = text if re.fullmatch(r"\w+|[.0-9]+|\(.*\)", text) else f"({text})"
        elif text.startswith("−") and before and before[-1] not in "([|⌊⌈":
            text = f"({text})"
        return f" · {text}" if before[-1:].isalnum() else text

    return re.sub(rf"(?<![A-Za-z_∂])(?P<name>{names})(?![A-Za-z_])|(?P<power>{powers})", put, equation)


def around_largest(a: np.ndarray[Any, Any]) -> str:
    """Some elements of an array in a row, the largest of all among them, and where they stand."""
    largest = np.argmax(np.where(np.isnan(a), np.inf, np.abs(a)))
    *index, last = np.unravel_index(largest, a.shape)
    start = int(max(0, min(last - 1, a.shape[-1] - ELEMENTS)))
    stop = min(start + ELEMENTS, a.shape[-1])
    elements = ", ".join(number(float(f"{x:.3g}") + 0.0) for x in a[tuple(index)][start:stop])
    return f"[{','.join([*map(str, index), f'{start}:{stop}'])}] = {elements}"
