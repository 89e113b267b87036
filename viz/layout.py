"""Where things stand: blocks (a card with all that is docked to it), and the layout that an engine makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .card import Face, text_width
from .scene import Card, Scene

Point = tuple[float, float]
DOCK = 22  # px between a card and what is docked to it
TITLE = 26  # px for the title of a frame
MARGIN = 12  # px inside a frame


@dataclass(frozen=True)
class Block:
    """A card with its docks: its size, where each card stands in it, and where edges meet it."""

    width: float
    height: float
    at: dict[Card, Point]
    docks: tuple[tuple[Card, tuple[Point, ...]], ...]  # from each docked card to the card: a path of cubic curves
    line: float  # cross coordinate at which edges come and go
    enter: float  # main coordinates at which they meet the card
    leave: float


@dataclass
class Layout:
    """Upper left corners of cards, rectangles of frames (x, y, width, height), a path of cubic curves for each edge."""

    direction: str
    engine: str
    width: float = 0.0
    height: float = 0.0
    cards: dict[int, Point] = field(default_factory=dict)
    frames: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    edges: list[list[Point]] = field(default_factory=list)
    docks: dict[int, list[Point]] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------ a card and its docks


def blocks(scene: Scene, faces: dict[Card, Face], direction: str) -> dict[Card, Block]:
    docked = {dock for card in scene.cards() for dock in card.docks}
    arrange = beside if direction == "TB" else around
    return {card: arrange(card, faces) for card in scene.cards() if card not in docked}


def around(card: Card, faces: dict[Card, Face]) -> Block:
    """For a flow from left to right: parameters in a row below the card, a single other input above it."""
    inputs = [d for d in card.docks if d.role == "input"]
    above = inputs if len(inputs) == 1 else []
    below = [d for d in card.docks if d not in above]
    face = faces[card]
    gap = 10.0
    row = sum(faces[d].width for d in below) + gap * (len(below) - 1)
    width = max([face.width, row, *(faces[d].width for d in above)])
    at, paths = {}, []
    y = 0.0
    for d in above:
        at[d] = ((width - faces[d].width) / 2, y)
        y += faces[d].height
        paths.append((d, straight((width / 2, y), (width / 2, y + DOCK))))
        y += DOCK
    x, y = (width - face.width) / 2, y + face.above
    at[card] = (x, y)
    bottom, left = y + face.height, (width - row) / 2
    height = bottom
    for d in below:
        wide, high = faces[d].width, faces[d].height
        at[d] = (left, bottom + DOCK)
        start = left + wide / 2
        end = min(max(start, x + 12), x + face.width - 12)
        if left + 10 <= end <= left + wide - 10:
            start = end
        paths.append((d, curve((start, bottom + DOCK), (end, bottom), 1)))
        left += wide + gap
        height = max(height, bottom + DOCK + high)
    return Block(width, height, at, tuple(paths), y + face.height / 2, x, x + face.width)


def beside(card: Card, faces: dict[Card, Face]) -> Block:
    """For a flow from top to bottom: all that is docked stands in a column left of the card."""
    face = faces[card]
    gap = 10.0
    column = max((faces[d].width for d in card.docks), default=0.0)
    stack = sum(faces[d].height for d in card.docks) + gap * max(0, len(card.docks) - 1)
    high = face.height + face.above
    height = max(high, stack)
    x, y = column + (DOCK + 2 if card.docks else 0), (height - high) / 2 + face.above
    at, paths = {card: (x, y)}, []
    top = (height - stack) / 2
    if stack <= face.height:
        top = y + (face.height - stack) / 2
    for d in card.docks:
        wide, tall = faces[d].width, faces[d].height
        at[d] = (column - wide, top)
        start = top + tall / 2
        end = min(max(start, y + 12), y + face.height - 10)
        if top + 10 <= end <= top + tall - 10:
            start = end
        paths.append((d, curve((column, start), (x, end), 0)))
        top += tall + gap
    return Block(x + face.width, height, at, tuple(paths), x + face.width / 2, y - face.above, y + face.height)


def straight(a: Point, b: Point) -> tuple[Point, ...]:
    return a, ((2 * a[0] + b[0]) / 3, (2 * a[1] + b[1]) / 3), ((a[0] + 2 * b[0]) / 3, (a[1] + 2 * b[1]) / 3), b


def curve(a: Point, b: Point, axis: int) -> tuple[Point, ...]:
    """From a to b, leaving and arriving along an axis (0: x, 1: y)."""
    middle = (a[axis] + b[axis]) / 2
    if axis == 0:
        return a, (middle, a[1]), (middle, b[1]), b
    return a, (a[0], middle), (b[0], middle), b


def title_width(title: str) -> float:
    return text_width(title, 12) + 8
