"""Puts a card together with the cards docked to it, into a bundle that an engine places as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..scene.cards import Card, Scene
from .geometry import Point, curve, straight

DOCK = 22  # px between a card and what is docked to it
GAP = 10.0  # px between cards that are docked to the same one


@dataclass(frozen=True)
class Size:
    """The size of a card in px. Its pill juts out above by `above`."""

    width: float
    height: float
    above: float
    pill_width: float


@dataclass(frozen=True)
class Bundle:
    """A card with its docks: the size, where each card is, and where edges meet it."""

    width: float
    height: float
    at: dict[Card, Point]
    docks: tuple[tuple[Card, tuple[Point, ...]], ...]  # each docked card, with its path of cubic curves to the card
    line: float  # at which edges come and go, across the flow
    enter: float  # at which they meet the card, along the flow
    leave: float


def bundles(scene: Scene, sizes: Mapping[Card, Size], direction: str) -> dict[Card, Bundle]:
    """A bundle for each card that is not docked."""
    docked = {dock for card in scene.cards() for dock in card.docks}
    bundle = bundle_top_down if direction == "TB" else bundle_left_to_right
    return {card: bundle(card, sizes) for card in scene.cards() if card not in docked}


def bundle_left_to_right(card: Card, sizes: Mapping[Card, Size]) -> Bundle:
    """Parameters in a row below the card; a single other input above it."""
    inputs = [d for d in card.docks if d.role == "input"]
    above = inputs if len(inputs) == 1 else []
    below = [d for d in card.docks if d not in above]
    size = sizes[card]
    row = sum(sizes[d].width for d in below) + GAP * (len(below) - 1)
    width = max([size.width, row, *(sizes[d].width for d in above)])
    at, paths = {}, []
    y = 0.0
    for d in above:
        at[d] = ((width - sizes[d].width) / 2, y)
        y += sizes[d].height
        paths.append((d, straight((width / 2, y), (width / 2, y + DOCK))))
        y += DOCK
    x, y = (width - size.width) / 2, y + size.above
    at[card] = (x, y)
    bottom, left = y + size.height, (width - row) / 2
    height = bottom
    for d in below:
        at[d] = (left, bottom + DOCK)
        start, end = ends(left, sizes[d].width, x + 12, x + size.width - 12)
        paths.append((d, curve((start, bottom + DOCK), (end, bottom), 1)))
        left += sizes[d].width + GAP
        height = max(height, bottom + DOCK + sizes[d].height)
    return Bundle(width, height, at, tuple(paths), y + size.height / 2, x, x + size.width)


def bundle_top_down(card: Card, sizes: Mapping[Card, Size]) -> Bundle:
    """All docked cards in a column to the left of the card."""
    size = sizes[card]
    column = max((sizes[d].width for d in card.docks), default=0.0)
    stack = sum(sizes[d].height + sizes[d].above for d in card.docks) + GAP * max(0, len(card.docks) - 1)
    high = size.height + size.above
    height = max(high, stack)
    x, y = column + (DOCK + 2 if card.docks else 0), (height - high) / 2 + size.above
    at, paths = {card: (x, y)}, []
    top = y + (size.height - stack) / 2 if stack <= size.height else (height - stack) / 2
    for d in card.docks:
        top += sizes[d].above
        at[d] = (column - sizes[d].width, top)
        start, end = ends(top, sizes[d].height, y + 12, y + size.height - 10)
        paths.append((d, curve((column, start), (x, end), 0)))
        top += sizes[d].height + GAP
    return Bundle(x + size.width, height, at, tuple(paths), x + size.width / 2, y - size.above, y + size.height)


def ends(first: float, length: float, lowest: float, highest: float) -> tuple[float, float]:
    """Where the path from a docked card starts on its side and ends on the card's side: straight, if there is room."""
    start = first + length / 2
    end = min(max(start, lowest), highest)
    return (end, end) if first + 10 <= end <= first + length - 10 else (start, end)
