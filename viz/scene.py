"""The scene: cards, the frames around them and the edges between them, before anything has a place."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node, backpropagate

from . import fold as folding
from .graph import Graph, Group, Part, lineage
from .labels import SYMBOLS, count_bad, pill, plural, shortened


@dataclass(eq=False)
class Card:
    """One tensor: or, of role "module", all that a folded group computed, with the tensor that came out of it."""

    key: int
    role: str  # op, parameter, input, module
    name: str
    path: str  # the whole name, for the tooltip
    value: Any
    node: Node | None = None
    kind: str = ""  # the class of a folded module
    pill: str = ""
    output: bool = False
    times: int = 1
    note: str = ""  # what a folded group holds
    gradient: Any = None
    docks: list[Card] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self.value))

    @property
    def is_scalar(self) -> bool:
        return self.shape == ()

    @cached_property
    def bad(self) -> tuple[int, int]:
        """How many NaN and how many infinities its value has."""
        return count_bad(self.value)

    def cards(self) -> list[Card]:
        """This card and those docked to it."""
        return [self, *self.docks]


@dataclass(eq=False)
class Frame:
    """A rounded box around what one module computed: "conv1  Conv2d". The outermost has no title."""

    key: int
    name: str
    kind: str
    times: int
    boxes: list[Box]

    @property
    def title(self) -> str:
        times = f"×{self.times:,}" if self.times > 1 else ""
        return "  ".join(filter(None, (shortened(self.name, 40), shortened(self.kind, 40), times)))

    def cards(self) -> list[Card]:
        """All cards in it, with those docked to them."""
        return [card for box in self.boxes for card in box.cards()]

    def frames(self) -> list[Frame]:
        """All frames in it, outer before inner."""
        inner = [box for box in self.boxes if isinstance(box, Frame)]
        return [frame for box in inner for frame in (box, *box.frames())]


Box: TypeAlias = Card | Frame


@dataclass(frozen=True)
class Edge:
    source: Card
    target: Card
    place: int  # which input of the target


@dataclass(eq=False)
class Scene:
    title: str
    subtitle: str
    note: str  # how to see more, when something is folded
    frame: Frame
    edges: list[Edge]
    has_gradients: bool
    roots: Sequence[Node]
    find: Callable[[Node], Card | None]  # the card that shows a node or stands for it, if there is one

    def cards(self) -> list[Card]:
        return self.frame.cards()


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """A large graph is millions of objects, and none of them garbage: the collector would walk them again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@collector_at_rest()
def build(
    roots: Sequence[Node],
    names: dict[Node, str],
    title: str,
    values: bool,
    grads: bool,
    depth: int | str | None,
    max_nodes: int,
) -> Scene:
    """The scene of the graph that `roots` came out of; the options are those of draw()."""
    graph = Graph(roots, names)
    total = len(graph.parts)
    folding.fold(graph, depth, min(max_nodes, folding.MOST))
    maker = _Maker(graph)
    frame = Frame(0, "", "", 1, maker.boxes(graph.root))
    edges = maker.edges()
    cards = frame.cards()
    has_gradients = grads and add_gradients(roots, cards)
    shown = sum(1 for card in cards if card.role != "module")
    note = ""
    if shown < total:
        note = f"{total:,} tensors, folded: {len(cards):,} cards. "
        note += "depth=… opens so many levels of modules, or the module of that name; max_nodes=… shows more."
    if not title:
        models = dict.fromkeys(type(m).__name__ for m in graph.modules if any(True for _ in m.parameters()))
        title = ", ".join(models) or names.get(roots[0]) or roots[0].name or ""
    return Scene(title, subtitle(roots, graph, cards, values), note, frame, edges, has_gradients, roots, maker.find)


def subtitle(roots: Sequence[Node], graph: Graph, cards: list[Card], values: bool) -> str:
    parts = list(graph.parts.values())
    parameters = sum(
        np.size(p.value) for p in parts if p.node is not None and p.node.op is None and p.node.requires_grad
    )
    said = [plural(len(parts), "tensor")]
    if parameters:
        said.append(plural(parameters, "parameter"))
    if values:
        for which, what in enumerate(("NaN", "Inf")):
            bad = [card for card in cards if card.bad[which]]
            if bad:
                name = bad[0].path or bad[0].pill or bad[0].role
                said.append(f"{what} in {plural(len(bad), 'tensor')}, first in {shortened(name, 40)}")
        count = sum(1 for card in cards if card.gradient is not None and any(count_bad(card.gradient)))
        if count:
            said.append(f"NaN or Inf in {plural(count, 'gradient')}")
    return " · ".join(said)


def add_gradients(roots: Sequence[Node], cards: list[Card]) -> bool:
    """∂L/∂card for each card, by the walk that .backward() uses. L is the sum of the roots that are scalars.

    A tensor that no gradient reaches keeps None: a zero would be a claim.
    """
    of_node: dict[Node, list[Card]] = {}
    for card in cards:
        if card.node is not None:
            of_node.setdefault(card.node, []).append(card)
    reached = False
    for root in roots:
        if root.requires_grad and np.size(root.value) == 1:
            for node, g in backpropagate(root, np.ones_like(root.value)[()]):
                for card in of_node.get(node, ()):
                    card.gradient = g if card.gradient is None else card.gradient + g
                    reached = True
    return reached


class _Maker:
    """Makes the boxes of what is seen of a graph, and the edges between them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.roots = set(graph.roots)
        self.made: dict[Part | Group, Card] = {}
        self.keys = 0

    def key(self) -> int:
        self.keys += 1
        return self.keys

    def boxes(self, group: Group) -> list[Box]:
        made: list[Box] = []
        for item in group.items:
            if isinstance(item, Part):
                made.append(self.card(item))
            elif item.collapsed:
                made.append(self.folded(item))
            elif item.module is None and len(item.items) == 1 and isinstance(item.items[0], Part):
                card = self.card(item.items[0])
                card.times = item.times
                made.append(card)
            else:
                key = self.key()
                made.append(Frame(key, item.name, item.kind, item.times, self.boxes(item)))
        return made

    def card(self, part: Part) -> Card:
        node = part.node
        role = "op" if part.is_op else "parameter" if node is not None and node.requires_grad else "input"
        name = part.name
        if not part.is_op and part.group.path and name.startswith(part.group.path + "."):
            name = name[len(part.group.path) + 1 :]
        made = Card(self.key(), role, name, part.name, part.value, node, pill=pill(node) if part.is_op else "")  # type: ignore[arg-type]
        if part.view is not None:
            made.pill = pill(part.view)
        made.output = node in self.roots
        made.docks = [self.card(x) for x in part.docks]
        self.made[part] = made
        return made

    def folded(self, group: Group) -> Card:
        parts = dict(group.counted())
        ops = [p for p in parts if p.is_op]
        out = next(
            (p for p in reversed(ops) if p.node in self.roots or any(u not in parts for u in p.uses)),
            next(reversed(parts)),
        )
        counts: Counter[str] = Counter()
        for p in ops:
            counts[p.node.op.name] += parts[p]  # type: ignore[union-attr]
        leaves = {
            x: n
            for p, n in parts.items()
            for x in (p, *p.docks)
            if not x.is_op and x.node is not None and x.node.requires_grad
        }
        parameters = sum(np.size(x.value) * n for x, n in leaves.items())
        some = ", ".join(SYMBOLS.get(op, op) + (f" ×{n:,}" if n > 1 else "") for op, n in counts.most_common(4))
        made = Card(self.key(), "module", group.name, group.path, out.value, out.node, group.kind)
        made.output, made.times = out.node in self.roots, group.times
        made.note = plural(counts.total(), "op") + (f" · {plural(parameters, 'parameter')}" if parameters else "")
        if group.module is None:
            made.name, made.note = plural(counts.total(), "op"), some + (", …" if len(counts) > 4 else "")
        self.made[group] = made
        return made

    def edges(self) -> list[Edge]:
        found: dict[tuple[int, int, int], Edge] = {}
        for part in self.graph.parts.values():
            if part.docked:
                continue
            for place, x in enumerate(part.inputs):
                if x.docked or (ends := self.seen(x, part)) is None:
                    continue
                source, target = ends
                if source is not target:
                    place = place if target.role != "module" else 0
                    found.setdefault((source.key, target.key, place), Edge(source, target, place))
        return without_implied(list(found.values()))

    def seen(self, x: Part, part: Part) -> tuple[Card, Card] | None:
        """The cards that an edge joins; None for an edge from one turn of a repeated pattern to another."""
        if x.repeat and part.repeat and x.repeat[0] is part.repeat[0] and x.repeat[1] != part.repeat[1]:
            return None  # as below, without looking around: a long chain is made of these
        while True:
            turns = {id(item.repeat[0]): item.repeat[1] for item in lineage(x) if item.repeat is not None}
            for item in lineage(part) if turns else ():
                if item.repeat is not None and turns.get(id(item.repeat[0]), item.repeat[1]) != item.repeat[1]:
                    return None
            if x.shown_as is None and part.shown_as is None:
                return self.seen_card(x), self.seen_card(part)
            x, part = x.shown_as or x, part.shown_as or part

    def find(self, node: Node) -> Card | None:
        """None for what has no card: a constant, a view that is drawn as its leaf, a leaf inside something folded."""
        part = self.graph.parts.get(node)
        while part is not None and part.shown_as is not None:
            part = part.shown_as
        items = lineage(part) if part is not None else ()
        return next((self.made[item] for item in items if item in self.made), None)

    def seen_card(self, part: Part) -> Card:
        """The card of a part, or of the folded group that it lies in."""
        return next(self.made[item] for item in lineage(part) if item in self.made)


def without_implied(edges: list[Edge]) -> list[Edge]:
    """Of the edges into cards that stand for many ops, those that no longer path implies: else all join all."""
    sources: dict[Card, set[Card]] = {}
    for edge in edges:
        sources.setdefault(edge.target, set()).add(edge.source)
    kept = []
    for edge in edges:
        if edge.target.role == "module" and not edge.target.kind:
            stack, seen = list(sources[edge.target] - {edge.source}), set()
            while stack:
                card = stack.pop()
                if card not in seen:
                    seen.add(card)
                    stack.extend(sources.get(card, ()))
            if edge.source in seen:
                continue
        kept.append(edge)
    return kept
