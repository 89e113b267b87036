"""A card's face: what is on it and where, and therefore its size. The layout and the SVG both read it."""

from __future__ import annotations

from dataclasses import dataclass

from ..layout.docking import Size
from ..layout.geometry import text_width
from ..scene.cards import Card
from ..scene.formatting import bad_text, joined, number_or_text, printable, shape_text, shortened, times_text
from .heatmap import GRADIENT, VALUE, HeatMap, heatmap

PAD, PILL, LINE = 10, 20, 14  # px: inside a card, the height of a pill, a line of small text


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
class Face(Size):
    """A card's size, its pill, and everything else on it, positioned from its upper left corner."""

    items: tuple[TextLine | Picture, ...]
    pill: str


def face(card: Card, values: bool) -> Face:
    """The face of a card; without `values` it shows shapes alone."""
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
            before.append((text, "d", text_width(text, 10.5, mono=True), LINE))
    else:
        text = shape_text(card.shape)
        after.append((text, "shape", text_width(text, 10, mono=True), LINE))
    if card.note:
        after.append((card.note, "note", text_width(card.note, 10), LINE))
    if values and not card.is_scalar:
        for a, colours, look, what in ((card.value, VALUE, "v", ""), (card.gradient, GRADIENT, "g", "∂ ")):
            if a is not None and (map := heatmap(a, colours)):
                pictures.append((map, look))
            if a is not None and (bad := bad_text(a)):
                after.append((what + bad, "bad", text_width(what + bad, 10), LINE))
    wide = sum(m.width for m, _ in pictures) + 6 * (len(pictures) - 1)
    width = max([44.0, pill_width + 8, wide + 2 * PAD] + [w + 2 * PAD for _, _, w, _ in (*before, *after)])
    width = float(-(-width // 2) * 2)
    y = 6.0 + (PILL / 2 - 2 if pill else 0)
    items: list[TextLine | Picture] = []
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
    return Face(width, float(-(-(y + 6) // 2) * 2), PILL / 2 if pill else 0.0, pill_width, tuple(items), pill)
