"""Builds the scene of a recorded graph: one card per vertex that is shown, one frame per module call that is open."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from tinygrad_lite.graph import Node

from .cards import Box, Card, Edge, Frame, Scene
from .folding import MOST, fold
from .formatting import count_bad, plural, shortened
from .labels import SYMBOLS, pill
from .recorded import Group, Item, RecordedGraph, Vertex, lineage, walk_back


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause garbage collection: a large graph is millions of live objects, which it would scan again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@collector_paused()
def build(
    roots: Sequence[Node],
    names: dict[Node, str],
    title: str,
    values: bool,
    grads: bool,
    depth: int | str | None,
    max_nodes: int,
) -> Scene:
    """The scene of the graph behind `roots`. The options are those of draw()."""
    graph = RecordedGraph(roots, names)
    total = len(graph.vertices)
    fold(graph, depth, min(max_nodes, MOST))
    builder = Builder(graph)
    frame = Frame(0, "", "", 1, builder.boxes(graph.root))
    edges = builder.edges()
    cards = frame.cards()
    has_gradients = grads and add_gradients(roots, cards)
    note = ""
    if sum(card.role != "module" for card in cards) < total:
        note = f"{total:,} tensors, folded: {len(cards):,} cards. "
        note += "depth=… opens so many levels of modules, or the module of that name; max_nodes=… shows more."
    if not title:
        models = dict.fromkeys(type(m).__name__ for m in graph.modules if any(True for _ in m.parameters()))
        title = ", ".join(models) or names.get(roots[0]) or roots[0].name or ""
    return Scene(title, subtitle(graph, cards, values), note, frame, edges, has_gradients, roots, builder.find)


def subtitle(graph: RecordedGraph, cards: list[Card], values: bool) -> str:
    said = [plural(len(graph.vertices), "tensor")]
    if parameters := sum(np.size(x.value) for x in graph.vertices.values() if requires_grad(x)):
        said.append(plural(parameters, "parameter"))
    if values:
        for which, what in enumerate(("NaN", "Inf")):
            bad = [card for card in cards if card.bad[which]]
            if bad:
                name = bad[0].path or bad[0].pill or bad[0].role
                said.append(f"{what} in {plural(len(bad), 'tensor')}, first in {shortened(name, 40)}")
        if count := sum(card.gradient is not None and any(count_bad(card.gradient)) for card in cards):
            said.append(f"NaN or Inf in {plural(count, 'gradient')}")
    return " · ".join(said)


def requires_grad(vertex: Vertex) -> bool:
    """Whether this is a leaf that a gradient is wanted for."""
    return vertex.op is None and vertex.node is not None and vertex.node.requires_grad


def add_gradients(roots: Sequence[Node], cards: list[Card]) -> bool:
    """Give each card its ∂L/∂card, where L is the sum of the scalar roots. Returns whether any card got one.

    A tensor that no gradient reaches keeps None: a zero would be a claim.
    """
    of_node: dict[Node, list[Card]] = {}
    for card in cards:
        if card.node is not None:
            of_node.setdefault(card.node, []).append(card)
    reached = False
    for node, g in walk_back(roots):
        for card in of_node.get(node, ()):
            card.gradient = g if card.gradient is None else card.gradient + g
            reached = True
    return reached


class Builder:
    """Makes the boxes for what is shown of a graph, and the edges between them."""

    def __init__(self, graph: RecordedGraph) -> None:
        self.graph = graph
        self.roots = set(graph.roots)
        self.made: dict[Item, Card] = {}
        self.keys = 0

    def key(self) -> int:
        self.keys += 1
        return self.keys

    def boxes(self, group: Group) -> list[Box]:
        made: list[Box] = []
        for item in group.items:
            if isinstance(item, Vertex):
                made.append(self.card(item))
            elif item.collapsed:
                made.append(self.folded(item))
            elif item.module is None and len(item.items) == 1 and isinstance(item.items[0], Vertex):
                card = self.card(item.items[0])
                card.times = item.times
                made.append(card)
            else:
                key = self.key()
                made.append(Frame(key, item.name, item.kind, item.times, self.boxes(item)))
        return made

    def card(self, vertex: Vertex) -> Card:
        node, name = vertex.node, vertex.name
        role = "op" if vertex.op is not None else "parameter" if requires_grad(vertex) else "input"
        if vertex.op is None and vertex.group.path:
            name = name.removeprefix(vertex.group.path + ".")
        made = Card(self.key(), role, name, vertex.name, vertex.value, node, output=node in self.roots)
        seen_through = vertex.view if vertex.view is not None else node if vertex.op is not None else None
        made.pill = pill(seen_through) if seen_through is not None else ""
        made.docks = [self.card(x) for x in vertex.docks]
        self.made[vertex] = made
        return made

    def folded(self, group: Group) -> Card:
        """One card for all that a group computed; it shows the last tensor that is used outside."""
        counts = dict(group.counted())
        ops = [x for x in counts if x.op is not None]
        out = next(
            (x for x in reversed(ops) if x.node in self.roots or any(use not in counts for use in x.uses)),
            next(reversed(counts)),
        )
        of_op: Counter[str] = Counter()
        for x in ops:
            of_op[x.op.name] += counts[x]  # type: ignore[union-attr]
        leaves = {leaf: n for x, n in counts.items() for leaf in (x, *x.docks) if requires_grad(leaf)}
        parameters = sum(np.size(leaf.value) * n for leaf, n in leaves.items())
        made = Card(self.key(), "module", group.name, group.path, out.value, out.node, group.kind)
        made.output, made.times = out.node in self.roots, group.times
        made.note = plural(of_op.total(), "op") + (f" · {plural(parameters, 'parameter')}" if parameters else "")
        if group.module is None:
            some = ", ".join(SYMBOLS.get(op, op) + (f" ×{n:,}" if n > 1 else "") for op, n in of_op.most_common(4))
            made.name, made.note = plural(of_op.total(), "op"), some + (", …" if len(of_op) > 4 else "")
        self.made[group] = made
        return made

    def edges(self) -> list[Edge]:
        found: dict[tuple[int, int, int], Edge] = {}
        for vertex in self.graph.vertices.values():
            if vertex.docked:
                continue
            for place, x in enumerate(vertex.inputs):
                if x.docked or (ends := self.ends(x, vertex)) is None:
                    continue
                source, target = ends
                if source is not target:
                    place = place if target.role != "module" else 0
                    found.setdefault((source.key, target.key, place), Edge(source, target, place))
        return without_implied(list(found.values()))

    def ends(self, x: Vertex, use: Vertex) -> tuple[Card, Card] | None:
        """The cards that an edge joins; None for an edge from one turn of a repeated pattern to another."""
        if x.repeat and use.repeat and x.repeat[0] is use.repeat[0] and x.repeat[1] != use.repeat[1]:
            return None  # a shortcut for the loop below: a long chain is made of these
        while True:
            turns = {id(item.repeat[0]): item.repeat[1] for item in lineage(x) if item.repeat is not None}
            for item in lineage(use) if turns else ():
                if item.repeat is not None and turns.get(id(item.repeat[0]), item.repeat[1]) != item.repeat[1]:
                    return None
            if x.shown_as is None and use.shown_as is None:
                source, target = self.card_of(x), self.card_of(use)
                assert source is not None and target is not None
                return source, target
            x, use = x.shown_as or x, use.shown_as or use

    def find(self, node: Node) -> Card | None:
        """The card of a node. Constants, views drawn as their leaf, and leaves inside a folded group have none."""
        vertex = self.graph.vertices.get(node)
        while vertex is not None and vertex.shown_as is not None:
            vertex = vertex.shown_as
        return None if vertex is None else self.card_of(vertex)

    def card_of(self, vertex: Vertex) -> Card | None:
        """The card of a vertex, or of the folded group that it is in."""
        return next((self.made[item] for item in lineage(vertex) if item in self.made), None)


def without_implied(edges: list[Edge]) -> list[Edge]:
    """Drop edges into cards that merge many ops where a longer path implies them; otherwise everything is connected."""
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
