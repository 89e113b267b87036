"""What a drawing consists of, before anything has a position: cards, the frames around them, the edges between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node, Op

from .formatting import count_bad, joined, shortened, times_text


@dataclass(eq=False)
class Card:
    """One tensor. With the role "module" it stands for a folded group, and holds the tensor that came out of it."""

    key: int
    role: str  # op, parameter, input, module
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
    def bad(self) -> tuple[int, int]:
        """The number of NaNs and the number of infinities in its value."""
        return count_bad(self.value)

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

    @property
    def title(self) -> str:
        return joined(shortened(self.name, 40), shortened(self.kind, 40), times_text(self.times))

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


@dataclass(eq=False)
class Scene:
    """Everything that is drawn."""

    title: str
    subtitle: str
    note: str  # how to see more, if something is folded
    frame: Frame
    edges: list[Edge]
    has_gradients: bool
    roots: Sequence[Node]
    find: Callable[[Node], Card | None]  # the card that shows a node or stands for it, if any

    def cards(self) -> list[Card]:
        return self.frame.cards()

    def sources(self) -> dict[Card, list[Card]]:
        """For each card that has edges into it, where they come from."""
        found: dict[Card, list[Card]] = {}
        for edge in self.edges:
            found.setdefault(edge.target, []).append(edge.source)
        return found
