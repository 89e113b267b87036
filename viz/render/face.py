"""A card's face: what is on it and where, and therefore its size. The layout and the SVG both read it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..layout.docking import Size
from ..layout.geometry import text_width
from ..scene.cards import Card
from ..scene.formatting import joined, number, number_or_text, printable, shape_text, shortened, times_text
from ..scene.statistics import Statistics
from .heatmap import GRADIENT, VALUE, HeatMap, heatmap

PAD, PILL, LINE = 10, 20, 14  # px: inside a card, the height of a pill, a line of small text
BAR = 5  # px: the height of a bar
DECADES = 3.0  # the least that a bar spans, so that gradients of about the same size look so

Decades = tuple[float, float]  # the logarithms at the two ends of a bar


@dataclass(frozen=True)
class TextLine:
    """A line of text, centred on x with its baseline at y. `look` is its CSS class; `kind` follows in another style."""

    x: float
    y: float
    text: str
    look: str
    kind: str = ""


@dataclass(frozen=True)
class Picture:
    """A heat map with its upper left corner at (x, y)."""

    x: float
    y: float
    map: HeatMap
    look: str  # "v" a value, "g" a gradient


@dataclass(frozen=True)
class Bar:
    """A bar of log‖∂‖, filled up to this part: of two cards, the longer bar has the larger gradient."""

    x: float
    y: float
    width: float
    part: float
    look: str = "bar"


@dataclass(frozen=True)
class Face(Size):
    """A card's size, its pill, and everything else on it, positioned from its upper left corner."""

    items: tuple[TextLine | Picture | Bar, ...]
    pill: str


def reference(card: Card) -> Face:
    """The face of a chip that stands for another card: its name, and the op it is seen through."""
    name = shortened(printable(card.name), 26) or card.role
    text = f"{name}ᵀ" if card.pill == "xᵀ" else joined(name, card.pill)
    width = float(-(-max(34.0, text_width(text, 11.5) + 16) // 2) * 2)
    return Face(width, 22.0, 0.0, 0.0, (TextLine(width / 2, 15, text, "ref"),), "")


def decades(cards: Iterable[Card]) -> Decades | None:
    """The range of log₁₀‖∂‖ over all cards; None if there is nothing to compare."""
    norms = [known.norm for card in cards if (known := card.gradient_statistics) is not None]
    logs = [math.log10(n) for n in norms if 0 < n < math.inf]
    return (min(min(logs), max(logs) - DECADES), max(logs)) if len(logs) > 1 else None


def face(card: Card, values: bool, scale: Decades | None = None) -> Face:
    """The face of a card; without `values` it shows shapes alone. With a `scale` a bar shows log‖∂‖."""
    if card.role == "reference":
        return reference(card)
    pill = shortened(card.pill, 24)
    if card.times > 1:
        pill = f"{pill} {times_text(card.times)}".strip()
    pill_width = max(24.0, text_width(pill, 11.5) + 16) if pill else 0.0
    name, kind = (shortened(printable(text), 26) for text in (card.name, card.kind))
    before: list[tuple[str, str, float, float]] = []  # text, look, width, height
    after: list[tuple[str, str, float, float]] = []
    pictures: list[tuple[HeatMap, str]] = []
    if name or kind:
        before.append((name, "name", text_width(joined(name, kind), 12), 16))
    if card.is_scalar and values:
        text = number_or_text(card.value)
        before.append((text, "number", text_width(text, 15, mono=True), 19))
        if card.gradient is not None:
            text = f"∂ {number_or_text(card.gradient)}"
            before.append((text, "d", text_width(text, 12, mono=True), LINE + 1))
    else:
        text = shape_text(card.shape)
        after.append((text, "shape", text_width(text, 11, mono=True), LINE))
    if card.note:
        after.append((card.note, "note", text_width(card.note, 11), LINE))
    part = None
    if values and not card.is_scalar:
        for a, colours, look in ((card.value, VALUE, "v"), (card.gradient, GRADIENT, "g")):
            if a is not None and (map := heatmap(a, colours, has_mask=look == "v" and card.has_mask)):
                pictures.append((map, look))
        after += said(card.statistics, "range", "")
        after += said(card.gradient_statistics, "d", "∂ ")
        if scale is not None and card.gradient_statistics is not None:
            part = filled(card.gradient_statistics.norm, scale)
    wide = sum(m.width for m, _ in pictures) + 6 * (len(pictures) - 1)
    width = max([44.0, pill_width + 8, wide + 2 * PAD] + [w + 2 * PAD for _, _, w, _ in (*before, *after)])
    width = float(-(-width // 2) * 2)
    y = 6.0 + (PILL / 2 - 2 if pill else 0)
    items: list[TextLine | Picture | Bar] = []
    for text, look, _, height in before:
        y += height
        items.append(TextLine(width / 2, y - 4, text, look, kind if look == "name" else ""))
    if pictures:
        y += 4 if before or pill else 2
        x, high = (width - wide) / 2, max(m.height for m, _ in pictures)
        for m, look in pictures:
            items.append(Picture(x, y + (high - m.height) / 2, m, look))
            x += m.width + 6
        y += high + 2
    for text, look, _, height in after:
        y += height
        items.append(TextLine(width / 2, y - 3, text, look))
    if part is not None:
        y += BAR + 2
        items.append(Bar(PAD, y - BAR + 1, width - 2 * PAD, part))
    return Face(width, float(-(-(y + 6) // 2) * 2), PILL / 2 if pill else 0.0, pill_width, tuple(items), pill)


def said(known: Statistics | None, look: str, what: str) -> list[tuple[str, str, float, float]]:
    """The lines about a value (its range) or a gradient (its norm), each as text, look, width and height."""
    if known is None:
        return []
    both = " … ".join(dict.fromkeys((short(known.low), short(known.high))))  # one number if both ends are the same
    size = (both if look == "range" else f"‖∂‖ {short(known.norm)}") if known.finite else ""
    lines = [(size, look, text_width(size, 11, mono=True), float(LINE))] if size else []
    if known.bad:
        lines.append((what + known.bad_text, "bad", text_width(what + known.bad_text, 11), float(LINE)))
    if known.masked:
        text = f"{known.masked:,} masked (−∞)"
        lines.append((text, "note", text_width(text, 11), float(LINE)))
    return lines


def short(x: float) -> str:
    """Two significant digits."""
    return number(float(f"{x:.2g}"))


def filled(norm: float, scale: Decades) -> float:
    """Which part of its bar a norm fills."""
    if not 0 < norm < math.inf:
        return 0.0 if norm == 0 else 1.0
    low, high = scale
    return 0.04 + 0.96 * (math.log10(norm) - low) / (high - low)
