"""The scene: cards, the frames around them and the edges between them, before anything has a place."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node, backpropagate

from . import fold as folding
from .graph import Graph, Group, Part, is_constant, lineage, parameter_name
from .heatmap import drawable

SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "·", "divide": "÷", "matmul": "@", "negative": "−x", "power": "^",
    "sum": "Σ", "sqrt": "√", "square": "x²", "absolute": "|x|", "transpose": "xᵀ", "swapaxes": "xᵀ",
    "matrix_transpose": "xᵀ", "exp": "eˣ",
    "maximum": "max", "minimum": "min", "clip": "clip", "getitem": "[ ]", "reciprocal": "1/x",
}  # fmt: skip
WITH_CONSTANTS = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "clip"}
COMMUTE = {"add", "multiply", "maximum", "minimum"}
SUPERSCRIPT = str.maketrans("-−.0123456789", "⁻⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")

Box: TypeAlias = "Card | Frame"


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

    def cards(self) -> list[Card]:
        return self.frame.cards()


def build(
    roots: Sequence[Node],
    names: dict[Node, str],
    title: str,
    values: bool,
    grads: bool,
    depth: int | str | None,
    max_nodes: int,
) -> Scene:
    """The scene of the graph that `roots` came out of."""
    with collector_at_rest():
        return _build(roots, names, title, values, grads, depth, max_nodes)


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


def _build(
    roots: Sequence[Node],
    names: dict[Node, str],
    title: str,
    values: bool,
    grads: bool,
    depth: int | str | None,
    max_nodes: int,
) -> Scene:
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
        title = graph.modules[0].__class__.__name__ if graph.modules else (names.get(roots[0]) or roots[0].name or "")
    return Scene(title, subtitle(roots, graph, cards, values), note, frame, edges, has_gradients)


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
            for node, g in backpropagate(
                root, np.ones_like(root.value)[()] if np.ndim(root.value) == 0 else np.ones_like(root.value)
            ):
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
        if (
            x.repeat is not None
            and part.repeat is not None
            and x.repeat[0] is part.repeat[0]
            and x.repeat[1] != part.repeat[1]
        ):
            return None  # as below, without looking around: a long chain is made of these
        while True:
            turns = {id(item.repeat[0]): item.repeat[1] for item in lineage(x) if item.repeat is not None}
            for item in lineage(part) if turns else ():
                if item.repeat is not None and turns.get(id(item.repeat[0]), item.repeat[1]) != item.repeat[1]:
                    return None
            if x.shown_as is None and part.shown_as is None:
                return self.seen_card(x), self.seen_card(part)
            x, part = x.shown_as or x, part.shown_as or part

    def seen_card(self, part: Part) -> Card:
        for item in lineage(part):
            if item in self.made:
                return self.made[item]
        raise AssertionError("a part that is neither seen nor folded")


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


# ------------------------------------------------------------------------------------------------------- as text


def pill(node: Node) -> str:
    """The op's symbol, with the constants that it was given: "@", "· 0.5", "x²", "relu"."""
    op = node.op
    assert op is not None
    symbol = SYMBOLS.get(op.name, op.name)
    if op.name == "getitem" and len(node.args) > 1:
        return f"[{index_text(node.values[1])}]"
    if op.name not in WITH_CONSTANTS:
        return symbol
    constants = [(i, number(scalar(v))) for i, v in enumerate(node.values) if is_folded(node, i)]
    if not constants:
        return symbol
    if op.name == "power" and constants[0][0] == 1:
        return "x" + constants[0][1].translate(SUPERSCRIPT)
    if constants[0][0] == 0 and op.name not in COMMUTE:
        return f"{constants[0][1]} {symbol}"
    return f"{symbol} {', '.join(text for _, text in constants)}"


def is_folded(node: Node, place: int) -> bool:
    a = node.args[place]
    return is_constant(a) if isinstance(a, Node) else np.size(a) == 1 and scalar(a) is not None


def scalar(a: Any) -> Any:
    """The number in an array of one element, or None."""
    a = a.value if isinstance(a, Node) else a
    try:
        return np.asarray(a).reshape(()).item() if not isinstance(a, (str, bytes)) and a is not None else None
    except (ValueError, TypeError):
        return None


def index_text(index: Any) -> str:
    def one(i: Any) -> str:
        if isinstance(i, slice):
            ends = ":".join("" if end is None else str(end) for end in (i.start, i.stop))
            return ends + (f":{i.step}" if i.step not in (None, 1) else "")
        if i is None:
            return "None"
        if i is Ellipsis:
            return "…"
        return str(i) if isinstance(i, (int, np.integer)) and not isinstance(i, bool) else "▦"

    return shortened(", ".join(map(one, index if isinstance(index, tuple) else (index,))), 18)


def number(x: Any) -> str:
    """A number as a card shows it: four digits, a real minus sign."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)) and abs(int(x)) < 10**7:
        return str(int(x)).replace("-", "−")
    try:
        text = f"{x:.4g}"
    except (TypeError, ValueError):
        return shortened(str(x), 24)
    mantissa, e, exponent = text.partition("e")
    return (mantissa + (f"e{int(exponent)}" if e else "")).replace("-", "−").replace("nan", "NaN").replace("inf", "∞")


def shape_text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) if shape else "scalar"


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def shortened(text: str, most: int) -> str:
    """At most so many characters, the middle left out; on one line."""
    if len(text) > 4 * most:
        text = text[: 2 * most] + text[-2 * most :]
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[len(text) - most // 2 :]}"


def count_bad(a: Any) -> tuple[int, int]:
    """How many NaN and how many infinities."""
    numbers = drawable(a)
    if numbers is None:
        return 0, 0
    nan = int(np.isnan(numbers).sum())
    return nan, int(numbers.size - np.isfinite(numbers).sum()) - nan


def bad_text(a: Any) -> str:
    nan, inf = count_bad(a)
    return " · ".join(f"{n:,} {what}" for n, what in ((nan, "NaN"), (inf, "Inf")) if n)


def formula(card: Card) -> list[str]:
    """The rule as its docstring has it, an equation a line."""
    if card.role != "op" or card.node is None or card.node.op is None:
        return []
    first = card.node.op.formula.split("\n\n")[0]
    return [line.strip() for part in first.split("\n") for line in part.split("   ") if line.strip()]


def call_text(node: Node) -> str:
    """conv2d(x, weight, stride=2)"""
    assert node.op is not None
    said = []
    for i, a in enumerate(node.args):
        name = parameter_name(node, i)
        said.append(
            name
            if np.size(node.values[i]) > 1 or isinstance(a, Node) and not is_constant(a)
            else f"{name}={brief(node.values[i])}"
        )
    said += [f"{name}={brief(v)}" for name, v in node.kwargs.items()]
    return f"{node.op.name}({', '.join(said)})"


def brief(a: Any) -> str:
    x = scalar(a)
    return number(x) if isinstance(x, (int, float)) else shortened(repr(a), 40)


def facts(card: Card) -> list[str]:
    """What the tooltip says below the name, a line each."""
    said = []
    if card.role == "module":
        said.append(card.note + (f", {card.times:,} times; the last one is shown" if card.times > 1 else ""))
    elif card.node is not None and card.node.op is not None:
        said.append(call_text(card.node))
        said += formula(card)
    if card.role == "op" and card.times > 1:
        said.append(f"{card.times:,} times; the last one is shown")
    dtype = getattr(card.value, "dtype", type(card.value).__name__)
    said.append(f"shape {shape_text(card.shape)}   {dtype}")
    numbers = drawable(card.value)
    if numbers is not None and numbers.size:
        finite = numbers[np.isfinite(numbers)]
        if numbers.size == 1:
            said.append(f"value {number(numbers.reshape(()).item())}")
        elif finite.size:
            said.append(f"min {number(finite.min())}   mean {number(finite.mean())}   max {number(finite.max())}")
        if bad := bad_text(numbers):
            said.append(f"value: {bad} of {numbers.size:,}")
    if card.gradient is not None and (gradient := drawable(card.gradient)) is not None:
        said.append(f"‖gradient‖ {number(float(np.sqrt(np.sum(gradient * gradient))))}")
        if bad := bad_text(gradient):
            said.append(f"gradient: {bad} of {gradient.size:,}")
    return said
