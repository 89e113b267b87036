"""The face of a card: what stands on it and where, and so how large it is. Drawing and measuring read the same list."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from .heatmap import GRADIENT, VALUE, HeatMap, heatmap
from .labels import bad_text, number_or_text, printable, shape_text, shortened
from .scene import Card

PAD, PILL, LINE = 10, 20, 14  # px: inside a card, the height of a pill, a line of small text

# Widths of Helvetica Bold in thousandths of an em, from space to ~; other faces in use are as wide or narrower.
_WIDTHS = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip


def text_width(text: str, size: float, mono: bool = False) -> float:
    """How wide `text` is at most, in pixels, at a font size in pixels."""
    total = 0.0
    for c in text:
        if mono and c < "⁰":
            total += 0.602
        elif " " <= c <= "~":
            total += _WIDTHS[ord(c) - 32] / 1000
        elif unicodedata.east_asian_width(c) in "WF" or c > "\uffff":
            total += 1.4  # an emoji is wider than its em in some fonts
        elif not unicodedata.combining(c):
            total += 0.75
    return total * size


@dataclass(frozen=True)
class Text:
    """A line of text, its baseline centred at (x, y); `look` is its class in the style sheet, `kind` follows it."""

    x: float
    y: float
    text: str
    look: str
    kind: str = ""


@dataclass(frozen=True)
class Picture:
    x: float
    y: float
    map: HeatMap
    look: str  # "v" a value, "g" a gradient


@dataclass(frozen=True)
class Face:
    """A card's size and what stands on it, from its upper left corner. The pill juts out above by half its height."""

    width: float
    height: float
    items: tuple[Text | Picture, ...]
    pill: str
    pill_width: float

    @property
    def above(self) -> float:
        return PILL / 2 if self.pill else 0.0


def face(card: Card, values: bool) -> Face:
    pill = shortened(card.pill, 24)
    if card.times > 1:
        pill = f"{pill} ×{card.times:,}".strip()
    pill_width = max(24.0, text_width(pill, 11.5) + 16) if pill else 0.0
    lines: list[tuple[str, str, float, float]] = []  # text, look, width, height

    def say(text: str, look: str, size: float, height: float, mono: bool = False) -> None:
        lines.append((text, look, text_width(text, size, mono), height))

    name = shortened(printable(card.name), 26)
    kind = shortened(printable(card.kind), 26)
    if name or kind:
        say("  ".join(filter(None, (name, kind))), "name", 12, 16)
    pictures = []
    if card.is_scalar and values:
        say(number_or_text(card.value), "number", 15, 19, mono=True)
        if card.gradient is not None:
            say(f"∂ {number_or_text(card.gradient)}", "d", 10.5, LINE, mono=True)
    elif values:
        pictures = [(m, "v") for m in [heatmap(card.value, VALUE)] if m]
        if card.gradient is not None:
            pictures += [(m, "g") for m in [heatmap(card.gradient, GRADIENT)] if m]
    top = sum(line[3] for line in lines)
    after: list[tuple[str, str, float, float]] = []
    lines, before = after, lines
    if not card.is_scalar or not values:
        say(shape_text(card.shape), "shape", 10, LINE, mono=True)
    if card.note:
        say(card.note, "note", 10, LINE)
    if values and not card.is_scalar:
        for a, what in ((card.value, ""), (card.gradient, "∂ ")):
            if a is not None and (bad := bad_text(a)):
                say(what + bad, "bad", 10, LINE)
    wide = sum(m.width for m, _ in pictures) + 6 * (len(pictures) - 1)
    width = max([44.0, pill_width + 8, wide + 2 * PAD] + [w + 2 * PAD for _, _, w, _ in (*before, *after)])
    width = float(-(-width // 2) * 2)
    y = 6.0 + (PILL / 2 - 2 if pill else 0)
    items: list[Text | Picture] = []
    for text, look, _, height in before:
        y += height
        items.append(Text(width / 2, y - 4, name, look, kind) if look == "name" else Text(width / 2, y - 4, text, look))
    if pictures:
        y += 4 if top or pill else 2
        x, high = (width - wide) / 2, max(m.height for m, _ in pictures)
        for m, look in pictures:
            items.append(Picture(x, y + (high - m.height) / 2, m, look))
            x += m.width + 6
        y += high + 2
    for text, look, _, height in after:
        y += height
        items.append(Text(width / 2, y - 3, text, look))
    return Face(width, float(-(-(y + 6) // 2) * 2), tuple(items), pill, pill_width)
