"""Points and paths, the width of text, and a finished layout."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float]

# Widths of Helvetica Bold in thousandths of an em, from space to ~; the other fonts in use are no wider.
HELVETICA = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip


@dataclass
class Layout:
    """Where everything is, in px.

    The upper left corners of cards, frames as (x, y, width, height), and a path of cubic curves for each edge and dock.
    """

    direction: str
    engine: str
    width: float = 0.0
    height: float = 0.0
    cards: dict[int, Point] = field(default_factory=dict)
    frames: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    edges: list[list[Point]] = field(default_factory=list)
    docks: dict[int, list[Point]] = field(default_factory=dict)
    loops: list[list[Point]] = field(default_factory=list)
    wraps: list[float] = field(default_factory=list)  # where each column (or row) after the first starts


def text_width(text: str, size: float, mono: bool = False) -> float:
    """An upper bound for the width of `text` in px, at a font size in px."""
    total = 0.0
    for c in text:
        if mono and c < "⁰":
            total += 0.602
        elif " " <= c <= "~":
            total += HELVETICA[ord(c) - 32] / 1000
        elif unicodedata.east_asian_width(c) in "WF" or c > "\uffff":
            total += 1.4  # an emoji is wider than its em in some fonts
        elif not unicodedata.combining(c):
            total += 0.75
    return total * size


def title_width(title: str) -> float:
    """The width of a frame's title."""
    return text_width(title, 12) + 8


def straight(a: Point, b: Point) -> tuple[Point, ...]:
    """The line from a to b, as a cubic curve."""
    return a, ((2 * a[0] + b[0]) / 3, (2 * a[1] + b[1]) / 3), ((a[0] + 2 * b[0]) / 3, (a[1] + 2 * b[1]) / 3), b


def curve(a: Point, b: Point, axis: int) -> tuple[Point, ...]:
    """A cubic curve from a to b that leaves and arrives along an axis (0: x, 1: y)."""
    middle = (a[axis] + b[axis]) / 2
    if axis == 0:
        return a, (middle, a[1]), (middle, b[1]), b
    return a, (a[0], middle), (b[0], middle), b


def smooth(points: list[Point]) -> list[Point]:
    """A path of cubic curves through the points, along the first axis at each of them."""
    kept: list[Point] = []
    for p in points:
        if len(kept) > 1 and abs(kept[-1][1] - p[1]) < 0.01 and abs(kept[-2][1] - p[1]) < 0.01:
            kept[-1] = p  # straight on
        elif not kept or abs(kept[-1][0] - p[0]) + abs(kept[-1][1] - p[1]) > 0.01:
            kept.append(p)
    return kept[:1] + [p for a, b in pairwise(kept) for p in curve(a, b, 0)[1:]]


def shifted(path: list[Point], dx: float, dy: float) -> list[Point]:
    return [(x + dx, y + dy) for x, y in path]
