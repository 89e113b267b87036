"""What a drawing consists of, before anything has a position: cards, the frames around them, the edges between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node, Op

from .formatting import joined, shortened, times_text
from .statistics import Statistics, statistics


@dataclass(eq=False)
class Card:
    """One tensor. With the role "module" it stands for a folded group, and holds the tensor that came out of it.

    With the role "reference" it stands for another card, where an edge from there would be too long.
    """

    key: int
    role: str  # op, parameter, input, module, reference
    name: str
    path: str  # the full name, for the tooltip
    value: Any
    node: Node | None = None  # None for a bare array
    kind: str = ""  # the class of a folded module
    pill: str = ""
    output: bool = False
    times: int = 1
    note: str = ""  # what a folded group holds
    gradient: Any = None
    docks: list[Card] = field(default_factory=list)
    has_mask: bool = False  # whether −∞ in its value is meant
    of: Card | None = None  # the card that a reference stands for

    @property
    def op(self) -> Op | None:
        """What made its tensor; None for a leaf."""
        return None if self.node is None else self.node.op

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self.value))

    @property
    def is_scalar(self) -> bool:
        return self.shape == ()

    @cached_property
    def statistics(self) -> Statistics | None:
        """Of its value; None if that holds no numbers."""
        return statistics(self.value, self.has_mask)

    @cached_property
    def gradient_statistics(self) -> Statistics | None:
        """Of its gradient; None if it has none."""
        return None if self.gradient is None else statistics(self.gradient)

    def cards(self) -> list[Card]:
        """This card and those docked to it."""
        return [self, *self.docks]


@dataclass(eq=False)
class Frame:
    """A rounded box around what one module computed, titled "conv1  Conv2d". The outermost has no title."""

    key: int
    name: str
    kind: str
    times: int
    boxes: list[Box]
    calls: tuple[int, ...] = ()  # of a module called several times: which call this is, and of how many

    @property
    def count(self) -> str:
        """×12 for what stands for twelve, 2/5 for the second of five calls."""
        return times_text(self.times) or "/".join(map(str, self.calls))

    @property
    def title(self) -> str:
        return joined(shortened(self.name, 40), shortened(self.kind, 40), self.count)

    def cards(self) -> list[Card]:
        """All cards in it, including docked ones."""
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
    through: Node | None = None  # the view through which a shared leaf is used: weightᵀ


@dataclass(frozen=True)
class Loop:
    """An edge from one turn of a repeated pattern to the next: an arrow back, around the frame (or card) that repeats.

    Without loops, the cards and edges of a scene have no cycle.
    """

    source: Card
    target: Card
    around: Box


@dataclass(eq=False)
class Scene:
    """Everything that is drawn."""

    title: str
    subtitle: str
    note: str  # how to see more, if something is folded
    frame: Frame
    edges: list[Edge]
    loops: list[Loop]
    has_gradients: bool
    roots: Sequence[Node]
    find: Callable[[Node], Card | None]  # the card that shows a node or stands for it, if any
    again: Callable[[Mapping[Node, Any]], tuple[Scene, dict[Node, Node]]]  # with other values in some of its tensors

    def cards(self) -> list[Card]:
        return self.frame.cards()

    def sources(self) -> dict[Card, list[Card]]:
        """For each card that has edges into it, where they come from."""
        found: dict[Card, list[Card]] = {}
        for edge in self.edges:
            found.setdefault(edge.target, []).append(edge.source)
        return found
