"""Builds the scene of a recorded graph: one card per vertex that is shown, one frame per module call that is open."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.replay import replay

from .cards import Box, Card, Edge, Frame, Loop, Scene
from .folding import MOST, fold
from .formatting import is_finite, plural, shortened
from .labels import SYMBOLS, pill
from .recorded import SHARED, Group, Item, RecordedGraph, Vertex, lineage, walk_back
from .statistics import Statistics, masks, statistics


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
    names: dict[Any, str],
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
    edges, loops = builder.edges()
    edges = builder.refer(frame, edges)
    cards = [card for card in frame.cards() if card.role != "reference"]
    reached, bad = add_gradients(roots, cards) if grads else (False, 0)
    note = ""
    if sum(card.role != "module" for card in cards) < total:
        note = f"{total:,} tensors, folded: {len(cards):,} cards. "
        note += "depth=… opens so many levels of modules, or the module of that name; max_nodes=… shows more."
    if not title:
        models = dict.fromkeys(type(m).__name__ for m in graph.modules if any(True for _ in m.parameters()))
        title = ", ".join(models) or roots[0].name or names.get(roots[0], "")
    odd = [vertex for vertex in graph.vertices.values() if not is_finite(vertex.value)]
    meant = masks(vertex.node for vertex in odd if vertex.node is not None)
    for card in cards:
        card.has_mask = card.node is None or card.node in meant
    said = subtitle(graph, odd, meant, bad) if values else subtitle_without_values(graph)

    def again(changed: Mapping[Node, Any]) -> tuple[Scene, dict[Node, Node]]:
        named = {card.node: card.path for card in cards if card.node is not None}
        new = dict(zip(asked := [*roots, *named, *changed], replay(asked, changed)))
        of_new = names | {new[node]: name for node, name in named.items()}
        return build([new[root] for root in roots], of_new, title, values, grads, depth, max_nodes), new

    return Scene(title, said, note, frame, edges, loops, reached, roots, builder.find, again)


def subtitle_without_values(graph: RecordedGraph) -> str:
    said = [plural(len(graph.vertices), "tensor")]
    if parameters := sum(np.size(x.value) for x in graph.vertices.values() if requires_grad(x)):
        said.append(plural(parameters, "parameter"))
    return " · ".join(said)


def subtitle(graph: RecordedGraph, odd: list[Vertex], meant: set[Node], bad_gradients: int) -> str:
    """What the whole graph holds, whether it is shown or folded.

    `odd` are the tensors that are not finite everywhere; in those of `meant`, −∞ is a mask.
    """
    said = [subtitle_without_values(graph)]
    bad = [(x, known) for x in odd if (known := statistics(x.value, x.node is None or x.node in meant))]
    kinds: tuple[tuple[str, Callable[[Statistics], int]], ...] = (("NaN", lambda s: s.nan), ("Inf", lambda s: s.inf))
    for what, count in kinds:
        if found := [vertex for vertex, known in bad if count(known)]:
            first = found[0]
            made = first.node if first.op is not None else None
            name = first.name or (pill(made) if made is not None else "input")
            said.append(f"{what} in {plural(len(found), 'tensor')}, first in {shortened(name, 40)}")
    if bad_gradients:
        said.append(f"NaN or Inf in {plural(bad_gradients, 'gradient')}")
    return " · ".join(said)


def requires_grad(vertex: Vertex) -> bool:
    """Whether this is a leaf that a gradient is wanted for."""
    return vertex.op is None and vertex.node is not None and vertex.node.requires_grad


def add_gradients(roots: Sequence[Node], cards: list[Card]) -> tuple[bool, int]:
    """Give each card its ∂L/∂card, where L is the sum of the scalar roots.

    A tensor that no gradient reaches keeps None: a zero would be a claim.

    Returns:
        Whether any card got one, and how many gradients of the whole graph hold NaN or infinity.
    """
    of_node: dict[Node, list[Card]] = {}
    for card in cards:
        if card.node is not None:
            of_node.setdefault(card.node, []).append(card)
    reached = False
    bad = set()
    for node, g in walk_back(roots):
        if not is_finite(g):
            bad.add(node)
        for card in of_node.get(node, ()):
            card.gradient = g if card.gradient is None else card.gradient + g
            reached = True
    return reached, len(bad)


class Builder:
    """Makes the boxes for what is shown of a graph, and the edges between them."""

    def __init__(self, graph: RecordedGraph) -> None:
        self.graph = graph
        self.roots = set(graph.roots)
        self.made: dict[Item, Card] = {}
        self.frames: dict[Group, Frame] = {}
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
                self.made[item] = card
                made.append(card)
            else:
                frame = Frame(self.key(), item.name, item.kind, item.times, [], item.calls)
                frame.boxes = self.boxes(item)
                self.frames[item] = frame
                made.append(frame)
        return made

    def card(self, vertex: Vertex) -> Card:
        node, name = vertex.node, vertex.name
        role = "op" if vertex.op is not None else "parameter" if requires_grad(vertex) else "input"
        if vertex.op is None and vertex.group.path:
            name = name.removeprefix(vertex.group.path + ".")
        made = Card(self.key(), role, name, vertex.name, vertex.value, node, output=node in self.roots)
        made.pill = pill(node) if node is not None and vertex.op is not None else ""
        for x in vertex.docks:
            dock = self.card(x)
            through = vertex.views.get(vertex.inputs.index(x))
            dock.pill = pill(through) if through is not None else ""
            made.docks.append(dock)
        self.made[vertex] = made
        return made

    def folded(self, group: Group) -> Card:
        """One card for all that a group computed; it shows the last tensor that is used outside."""
        inside = set(group.everything())
        shown = list(group.vertices())
        ops = [x for x in shown if x.op is not None]
        out = next(
            (x for x in reversed(ops) if x.node in self.roots or any(use not in inside for use in x.uses)), shown[-1]
        )
        of_op = Counter(x.op.name for x in inside if x.op is not None)
        leaves = {leaf for x in inside for leaf in (x, *x.inputs) if leaf.op is None}
        parameters = sum(np.size(leaf.value) for leaf in leaves if requires_grad(leaf))
        made = Card(self.key(), "module", group.name, group.path, out.value, out.node, group.kind)
        made.output, made.times = out.node in self.roots, group.times
        if group.calls:
            made.kind = f"{group.kind} {'/'.join(map(str, group.calls))}"
        made.note = plural(of_op.total(), "op") + (f" · {plural(parameters, 'parameter')}" if parameters else "")
        if not of_op:
            made.name = plural(len(leaves), "parameter" if requires_grad(out) else "input")
            made.note = plural(sum(np.size(leaf.value) for leaf in leaves), "number")
        elif not group.name and group.module is None:
            most = sorted(of_op.items(), key=lambda item: -item[1])[:4]
            some = ", ".join(SYMBOLS.get(op, op) + (f" ×{n:,}" if n > 1 else "") for op, n in most)
            made.name, made.note = plural(of_op.total(), "op"), some + (", …" if len(of_op) > 4 else "")
        self.made[group] = made
        return made

    def edges(self) -> tuple[list[Edge], list[Loop]]:
        found: dict[tuple[int, int, int], Edge] = {}
        loops: dict[tuple[int, int], Loop] = {}
        seen = set()
        for vertex in self.graph.vertices.values():
            if vertex.docked:
                continue
            for place, x in enumerate(vertex.inputs):
                if x.docked:
                    continue
                if x.repeat and vertex.repeat and x.repeat[0] is vertex.repeat[0] and x.repeat[1] != vertex.repeat[1]:
                    pair = x.shown_as or x, vertex.shown_as or vertex  # a long chain repeats the same pair
                    if pair in seen:
                        continue
                    seen.add(pair)
                source, target, repeated = self.ends(x, vertex)
                if repeated is not None:
                    around: Box | None = self.frames.get(repeated) or self.made.get(repeated)
                    if around is not None and (source is not target or around is source):
                        loops.setdefault((source.key, target.key), Loop(source, target, around))
                elif source is not target:
                    place, through = (place, vertex.views.get(place)) if target.role != "module" else (0, None)
                    found.setdefault((source.key, target.key, place), Edge(source, target, place, through))
        return without_implied(list(found.values())), list(loops.values())

    def ends(self, x: Vertex, use: Vertex) -> tuple[Card, Card, Group | None]:
        """The cards that an edge joins, and the pattern that repeats if it goes from one turn of it to another."""
        repeated = None
        while True:
            if repeated is None:
                turns = {item.repeat[0]: item.repeat[1] for item in lineage(x) if item.repeat is not None}
                for item in lineage(use) if turns else ():
                    if item.repeat is not None and turns.get(item.repeat[0], item.repeat[1]) != item.repeat[1]:
                        repeated = item.repeat[0]
            if x.shown_as is None and use.shown_as is None:
                source, target = self.card_of(x), self.card_of(use)
                assert source is not None and target is not None
                return source, target, repeated
            x, use = x.shown_as or x, use.shown_as or use

    def refer(self, frame: Frame, edges: list[Edge]) -> list[Edge]:
        """Dock leaves that many cards use to the first of these, with references to them at the others.

        Edges from one end of the picture to the other would hide everything else.
        """
        around = {box: frame for frame in (frame, *frame.frames()) for box in frame.boxes}
        arriving = Counter(edge.target for edge in edges)
        leaving: dict[Card, list[Edge]] = {}
        for edge in edges:
            leaving.setdefault(edge.source, []).append(edge)
        dropped: set[Edge] = set()
        for card, uses in leaving.items():
            first = uses[0].target
            if card.op is not None or first is card:
                continue
            few = 3 * SHARED if card.role == "input" else SHARED
            vertex = self.graph.vertices.get(card.node)
            alone = len(uses) == 1 and vertex is not None and len(vertex.uses) > 1 and card.role != "module"
            alone = alone and (arriving[first] > 1 or bool(first.docks))  # otherwise it is the data, and runs straight
            many = len(uses) >= few and (not card.is_scalar or card.role == "module")
            if not (alone or many or any(edge.through is not None for edge in uses)):
                continue
            around.pop(card).boxes.remove(card)
            for i, edge in enumerate(uses):
                dock = card if i == 0 else Card(self.key(), "reference", card.name, card.path, card.value, of=card)
                if card.role == "parameter":
                    dock.name = card.path.removeprefix(path_of(edge.target, around) + ".")
                dock.pill = pill(edge.through) if edge.through is not None else ""
                edge.target.docks.append(dock)
            arriving.subtract(edge.target for edge in uses)
            dropped.update(uses)
        return [edge for edge in edges if edge not in dropped]

    def find(self, node: Node) -> Card | None:
        """The card that shows a node, or the folded group that it is in.

        Constants and views drawn as their leaf have none.
        """
        vertex = self.graph.vertices.get(node)
        while vertex is not None and vertex.shown_as is not None:
            vertex = vertex.shown_as
        return None if vertex is None else self.card_of(vertex)

    def card_of(self, vertex: Vertex) -> Card | None:
        """The card of a vertex, or of the folded group that it is in."""
        if vertex.docked and vertex not in self.made:
            vertex = vertex.uses[0]
        return next((self.made[item] for item in lineage(vertex) if item in self.made), None)


def path_of(box: Box, around: dict[Box, Frame]) -> str:
    """The dotted name of the module that a box is in."""
    names: list[str] = []
    while (frame := around.get(box)) is not None:
        names.insert(0, frame.name)
        box = frame
    return ".".join(filter(None, names))


def without_implied(edges: list[Edge]) -> list[Edge]:
    """Drop edges into cards that merge many ops where a longer path implies them; otherwise everything is connected."""
    sources: dict[Card, set[Card]] = {}
    for edge in edges:
        sources.setdefault(edge.target, set()).add(edge.source)
    kept = []
    for edge in edges:
        if edge.target.role == "module" and not edge.target.kind and edge.source.op is not None:
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
