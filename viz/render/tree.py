"""The drawing as text for a terminal: one line per tensor, in the order of computation, indented by module."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..scene.cards import Card, Frame, Scene
from ..scene.formatting import (
    bad_text,
    drawable,
    joined,
    norm,
    number,
    number_or_text,
    printable,
    shape_text,
    shortened,
    times_text,
)


def tree(scene: Scene, values: bool) -> str:
    heading = joined(printable(shortened(scene.title, 60)), scene.subtitle)
    rows = list(lines(scene.frame, scene.sources(), "", values))
    columns = [
        min(max((len(row[i]) for row in rows if len(row) > 1), default=0), most)
        for i, most in ((0, 60), (1, 24), (2, 32))
    ]
    body = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*columns, 0])).rstrip() if len(row) > 1 else row[0]
        for row in rows
    ]
    return "\n".join([heading, *body, *([scene.note] if scene.note else [])])


def lines(frame: Frame, sources: dict[Card, list[Card]], indent: str, values: bool) -> Iterator[tuple[str, ...]]:
    for i, box in enumerate(frame.boxes):
        last = i == len(frame.boxes) - 1
        branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if isinstance(box, Frame):
            yield (f"{indent}{branch}{printable(box.title)}",)
            yield from lines(box, sources, indent + below, values)
        else:
            yield row(box, indent + branch, [label(source) for source in sources.get(box, ())], values)
            for j, dock in enumerate(box.docks):
                yield row(dock, indent + below + ("╰╴ " if j == len(box.docks) - 1 else "├╴ "), [], values)


def row(card: Card, indent: str, sources: list[str], values: bool) -> tuple[str, ...]:
    """A card's cells: what it is and where it comes from, its shape, its value, its gradient."""
    times = f" {times_text(card.times)}" if card.times > 1 else ""
    name = printable(shortened(card.name, 26))
    if card.role == "op":
        shown = f"{card.pill}{times}" + (f" = {name}" if name else "")
    else:
        shown = joined(name, card.kind, card.note) + times or card.role
    if sources and (len(sources) > 1 or card.role == "module"):
        shown += f"  ← {', '.join(sources[:4])}{', …' if len(sources) > 4 else ''}"
    value = gradient = ""
    numbers = drawable(card.value)
    if values and numbers is not None and numbers.size == 1:
        value = number(numbers.reshape(()).item())
    elif values and numbers is not None and numbers.size:
        finite = numbers[np.isfinite(numbers)]
        span = f"{number(finite.min())} … {number(finite.max())}" if finite.size else ""
        value = " ".join(filter(None, (span, bad_text(numbers))))
    if card.gradient is not None and card.is_scalar:
        gradient = f"∂ {number_or_text(card.gradient)}"
    elif card.gradient is not None and (g := drawable(card.gradient)) is not None:
        gradient = f"‖∂‖ {number(norm(g))}"
    return f"{indent}{shown}", shape_text(card.shape), value, gradient


def label(card: Card) -> str:
    return printable(shortened(card.name, 16)) or card.pill or card.role
