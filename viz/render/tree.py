"""The drawing as text for a terminal: one line per tensor, in the order of computation, indented by module."""

from __future__ import annotations

from collections.abc import Iterator

from ..scene.cards import Box, Card, Frame, Scene
from ..scene.formatting import joined, number, number_or_text, printable, shape_text, shortened, span, times_text


def tree(scene: Scene, values: bool) -> str:
    heading = joined(printable(shortened(scene.title, 60)), scene.subtitle)
    loops: dict[Box, list[str]] = {}
    for loop in scene.loops:
        loops.setdefault(loop.around, []).append(f"↺ {label(loop.source)} → {label(loop.target)}")
    rows = list(lines(scene.frame, scene.sources(), loops, "", values))
    columns = [
        min(max((len(row[i]) for row in rows if len(row) > 1), default=0), most)
        for i, most in ((0, 60), (1, 24), (2, 32))
    ]
    body = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*columns, 0])).rstrip() if len(row) > 1 else row[0]
        for row in rows
    ]
    return "\n".join([heading, *body, *([scene.note] if scene.note else [])])


def lines(
    frame: Frame, sources: dict[Card, list[Card]], loops: dict[Box, list[str]], indent: str, values: bool
) -> Iterator[tuple[str, ...]]:
    for i, box in enumerate(frame.boxes):
        last = i == len(frame.boxes) - 1
        branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if isinstance(box, Frame):
            yield (joined(f"{indent}{branch}{printable(box.title)}", *loops.get(box, ())),)
            yield from lines(box, sources, loops, indent + below, values)
        else:
            yield row(box, indent + branch, [label(source) for source in sources.get(box, ())], values)
            for j, dock in enumerate(box.docks):
                yield row(dock, indent + below + ("╰╴ " if j == len(box.docks) - 1 else "├╴ "), [], values)


def row(card: Card, indent: str, sources: list[str], values: bool) -> tuple[str, ...]:
    """A card's cells: what it is and where it comes from, its shape, its value, its gradient."""
    times = f" {times_text(card.times)}" if card.times > 1 else ""
    name = printable(shortened(card.name, 26))
    if card.role == "reference":
        return f"{indent}{name} (again)", shape_text(card.shape), "", ""
    if card.role == "op":
        shown = f"{card.pill}{times}" + (f" = {name}" if name else "")
    else:
        shown = joined(name, card.kind, card.note) + times or card.role
    if sources and (len(sources) > 1 or card.role == "module"):
        shown += f"  ← {', '.join(sources[:4])}{', …' if len(sources) > 4 else ''}"
    value = gradient = ""
    known = card.statistics
    if values and known is not None and known.size == 1:
        value = number_or_text(card.value)
    elif values and known is not None:
        value = " ".join(filter(None, (span(known), known.bad_text)))
    if card.gradient is not None and card.is_scalar:
        gradient = f"∂ {number_or_text(card.gradient)}"
    elif card.gradient_statistics is not None:
        gradient = f"‖∂‖ {number(card.gradient_statistics.norm)}"
    return f"{indent}{shown}", shape_text(card.shape), value, gradient


def label(card: Card) -> str:
    return printable(shortened(card.name, 16)) or card.pill or card.role
