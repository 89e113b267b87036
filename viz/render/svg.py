"""The scene with its layout as self-contained SVG, light and dark, without scripts or fonts.

Scripts can find every part: a card is `g.c[data-n]`, with its heat maps `image.v` and `image.g`, its gradient as a
number `text.d` and its tooltip `title`; an edge is `g.e[data-s][data-t]`, with the data-n of its ends.
A frame is `g.fr[data-f]`; data-f of a card and data-up of a frame say which one is around them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from tinygrad_lite.mode import BACKWARD

from ..layout.geometry import Layout, Point, shifted, text_width
from ..scene.cards import Card, Frame, Scene
from ..scene.formatting import number, printable, shortened
from .face import BAR, PILL, Bar, Face, Picture, TextLine, decades
from .heatmap import GRADIENT, VALUE, heatmap
from .tooltip import facts

SIDE = 14.0  # px around everything
LIGHT, DARK = files(__package__).joinpath("drawing.css").read_text(encoding="utf-8").split("/* dark */")


def render(scene: Scene, faces: dict[Card, Face], layout: Layout, theme: str, uid: str = "") -> str:
    """The whole picture. `theme` is "light", "dark", or "auto" to follow the reader's system."""
    top = SIDE
    head: list[str] = []
    width = layout.width + 2 * SIDE
    legend = list(legend_items(scene))
    width = max(width, 2 * SIDE + min(560.0, sum(w for _, w in legend)))
    if scene.title:
        top += 16
        head.append(f'<text class="title" x="{px(SIDE)}" y="{px(top)}">{said(scene.title, 60)}</text>')
        width = max(width, text_width(shortened(scene.title, 60), 15) + 2 * SIDE)
        top += 4
    for line in wrapped(scene.subtitle, width - 2 * SIDE):
        top += 14
        head.append(f'<text class="sub" x="{px(SIDE)}" y="{px(top)}">{said(line)}</text>')
    top += 14 if head else 0
    left = (width - layout.width) / 2 if layout.direction == "TB" else SIDE
    body: list[str] = []
    body += draw_frames(scene.frame, layout, left, top, 1)
    for i, edge in enumerate(scene.edges):
        kind = "e in" if edge.source.role == "input" else "e"
        if shows_bad(edge.source, faces[edge.source]):
            kind += " nan"
        body.append(arrow(shifted(layout.edges[i], left, top), kind, edge.source, edge.target))
    for card in scene.cards():
        for dock in card.docks:
            kind = "e in" if dock.role == "input" else "e p"
            body.append(arrow(shifted(layout.docks[dock.key], left, top), kind, dock, card))
    frame_of = {card: frame.key for frame in scene.frame.frames() for card in frame.cards()}
    for card in scene.cards():
        x, y = layout.cards[card.key]
        body.append(draw_card(card, faces[card], x + left, y + top, frame_of.get(card, 0)))
    for loop, path in zip(scene.loops, layout.loops):
        body.append(arrow(shifted(path, left, top), "e loop", loop.source, loop.target))
    y = top + layout.height + 10
    foot = []
    for line in wrapped(scene.note, width - 2 * SIDE):
        y += 14
        foot.append(f'<text class="l" x="{px(SIDE)}" y="{px(y)}">{said(line)}</text>')
    x, y = SIDE, y + 8
    for item, wide in legend:
        if x > SIDE and x + wide > width - SIDE / 2:
            x, y = SIDE, y + 20
        foot.append(f'<g transform="translate({px(x)},{px(y)})">{item}</g>')
        x += wide
    height = y + 20 + SIDE / 2
    content = "\n".join(filter(None, (*head, *body, '<g class="foot">', *foot, "</g>")))
    uid = uid or f"tg{zlib.crc32(content.encode()):08x}"
    wraps = " ".join(px(at - 1 + (left if layout.direction == "TB" else top)) for at in layout.wraps)
    name = escape(printable(shortened(f"{scene.title}: {scene.subtitle}", 200)))
    size = f'viewBox="0 0 {px(width)} {px(height)}" width="{px(width)}" height="{px(height)}"'
    flow = f'data-flow="{layout.direction}" data-wraps="{wraps}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{uid}" {size} style="max-width:100%;height:auto" {flow} '
        f'role="img" aria-label="{name}">\n<style>{style(uid, theme)}</style>\n'
        f'<rect class="bg" width="100%" height="100%" rx="8"/>\n{content}\n</svg>\n'
    )


def style(uid: str, theme: str) -> str:
    """The style sheet of a drawing."""
    return themed(LIGHT, DARK, uid, theme)


def themed(light: str, dark: str, uid: str, theme: str) -> str:
    """A style sheet and what it adds for dark pages, with every rule limited to the drawing `uid`."""

    def scoped(css: str) -> str:
        rules = (rule.partition("{") for rule in re.sub(r"\s*([{},:;])\s*", r"\1", css.strip()).split("}") if rule)
        return "".join(
            ",".join(f"#{uid} {name}" for name in names.split(",")) + "{" + body.strip() + "}"
            for names, _, body in rules
        )

    dark = scoped(dark)
    preferred = {"light": "", "dark": dark, "auto": "@media (prefers-color-scheme:dark){" + dark + "}"}
    return scoped(light) + preferred[theme]


def draw_frames(around: Frame, layout: Layout, left: float, top: float, depth: int) -> Iterator[str]:
    """All frames inside a frame, at any depth; deeper ones are darker."""
    for frame in around.boxes:
        if isinstance(frame, Frame):
            x, y, width, height = layout.frames[frame.key]
            kind = "f bw" if frame.name == BACKWARD else f"f f{min(depth, 3)}"
            look = f'class="{kind}" width="{px(width)}" height="{px(height)}" rx="10"'
            behind = (8, 4, 0) if frame.times > 1 else (0,)
            boxes = "".join(f'<rect {look} x="{px(x + left + d)}" y="{px(y + top + d)}"/>' for d in behind)
            title = f'<tspan class="k">{said(frame.name, 40)}</tspan> ' if frame.name else ""
            title += said(frame.kind, 40)
            title += f' <tspan class="k">{frame.count}</tspan>' if frame.count else ""
            text = f'<text class="ft" x="{px(x + left + 12)}" y="{px(y + top + 18)}">{title}</text>'
            yield f'<g class="fr" data-f="{frame.key}" data-up="{around.key}">{boxes}{text}</g>'
            yield from draw_frames(frame, layout, left, top, depth + 1)


def draw_card(card: Card, face: Face, x: float, y: float, frame: int) -> str:
    classes = f"c {card.role}" + (" out" if card.output else "") + (" nan" if shows_bad(card, face) else "")
    title = shortened(printable(card.path), 200)
    if card.role == "module":
        title = f"{title} {card.kind}".strip()
    maps = [item.map for item in face.items if isinstance(item, Picture)]
    left_out = [f"shown: {m.left_out}" for m in maps[:1] if m.left_out]
    tip = escape("\n".join(printable(line) for line in (title, *facts(card), *left_out) if line), quote=False)
    at = f'data-n="{card.key}" transform="translate({px(x)},{px(y)})" data-f="{frame}"'
    parts = [f'<g class="{classes}" {at}><title>{tip}</title>']
    size = f'width="{px(face.width)}" height="{px(face.height)}" rx="8"'
    if card.times > 1:
        parts += [f'<rect x="{d}" y="{d}" {size}/>' for d in (6, 3)]
    parts.append(f"<rect {size}/>")
    for item in face.items:
        parts.append(DRAW[type(item)](item))
    if face.pill:
        x = (face.width - face.pill_width) / 2
        at = f'x="{px(x)}" y="{-PILL // 2}" width="{px(face.pill_width)}" height="{PILL}"'
        text = f'<text x="{px(face.width / 2)}" y="4">{said(face.pill)}</text>'
        parts.append(f'<g class="pill"><rect {at} rx="10"/>{text}</g>')
    return "".join([*parts, "</g>"])


def shows_bad(card: Card, face: Face) -> bool:
    """Whether the card marks a NaN or an infinity, which it does if it shows values."""
    shown = any(item.look in ("v", "number") for item in face.items)
    return shown and card.statistics is not None and card.statistics.bad > 0


def draw_text(item: TextLine) -> str:
    words = [said(item.text)] if item.text else []
    if item.kind:
        words.append(f'<tspan class="r">{said(item.kind)}</tspan>')
    return f'<text class="{item.look}" x="{px(item.x)}" y="{px(item.y)}">{" ".join(words)}</text>'


def draw_picture(item: Picture) -> str:
    at = f'x="{px(item.x)}" y="{px(item.y)}" width="{item.map.width}" height="{item.map.height}"'
    image = f'<image class="{item.look}" {at} data-l="{item.map.limit:.3g}" href="{item.map.uri}"/>'
    return f'<rect class="i" {at}/>{image}'


def draw_bar(item: Bar) -> str:
    at = f'x="{px(item.x)}" y="{px(item.y)}" height="{BAR}" rx="2"'
    filled = f'<rect class="i b" {at} width="{px(item.width * item.part)}"/>'
    return f'<rect class="i t" {at} width="{px(item.width)}"/>{filled}'


DRAW: dict[type, Callable[[Any], str]] = {TextLine: draw_text, Picture: draw_picture, Bar: draw_bar}


def arrow(path: list[Point], kind: str, source: Card, target: Card) -> str:
    """A path of cubic curves with an arrowhead at its end."""
    (x0, y0), (x1, y1) = last_direction(path)
    length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    tip = path[-1]
    ends = (tip[0] - 7 * ux, tip[1] - 7 * uy)
    shaft = [*path[:-1], ends]
    curve = f"M{pair(shaft[0])}C" + " ".join(pair(p) for p in shaft[1:])
    sides = [(ends[0] - ux - side * uy, ends[1] - uy + side * ux) for side in (4, -4)]
    head = f"M{pair(tip)}L{pair(sides[0])} {pair(sides[1])}z"
    joins = f'data-s="{source.key}" data-t="{target.key}"'
    return f'<g class="{kind}" {joins}><path d="{curve}"/><path class="h" d="{head}"/></g>'


def last_direction(path: list[Point]) -> tuple[Point, Point]:
    """A point before the end of a path, and its end."""
    end = path[-1]
    return next((p for p in reversed(path) if abs(p[0] - end[0]) + abs(p[1] - end[1]) > 0.5), path[0]), end


def legend_items(scene: Scene) -> Iterator[tuple[str, float]]:
    """(SVG, width) for each kind of thing in the picture."""
    cards = scene.cards()
    ramp = np.linspace(-1, 1, 41)[None, :]
    drawn = [c for c in cards if not c.is_scalar]
    for name, colours, there in (
        ("value", VALUE, drawn),
        ("gradient", GRADIENT, [c for c in drawn if c.gradient is not None]),
    ):
        if there and (bar := heatmap(ramp, colours, 60, 12)):
            x = text_width(name, 11) + 6
            at = f'x="{px(x + 10)}" y="2" width="60" height="10"'
            yield (
                f'<text class="l" y="11">{name}</text><text x="{px(x + 3)}" y="11">−</text>'
                f'<image {at} preserveAspectRatio="none" href="{bar.uri}"/><text x="{px(x + 77)}" y="11">+</text>',
                x + 98,
            )
    if (scale := decades(cards)) is not None:
        low, high = (number(float(f"{10**end:.0e}")) for end in scale)
        text, at = f"‖∂‖ {low} … {high}, by powers of ten", 'y="5" height="5" rx="2"'
        scale_bar = f'<g class="c"><rect class="i t" {at} width="40"/><rect class="i b" {at} width="24"/></g>'
        yield f'{scale_bar}<text class="l" x="46" y="11">{text}</text>', 46 + text_width(text, 11) + 18
    present = {card.role for card in cards}
    for role, name in (
        ("parameter", "parameter"), ("reference", "the same again"), ("input", "input"), ("module", "folded"),
        ("op out", "output"),
    ):  # fmt: skip
        if role in present or role == "op out":
            box = f'<g class="c {role}"><rect y="1" width="18" height="12" rx="3"/></g>'
            yield f'{box}<text class="l" x="24" y="11">{name}</text>', 24 + text_width(name, 11) + 18
    known = [s for card in drawn for s in (card.statistics, card.gradient_statistics) if s is not None]
    if any(s.bad for s in known):
        yield '<rect y="2" width="10" height="10" fill="#ff00dc"/><text class="l" x="16" y="11">NaN, Inf</text>', 80
    if any(s.masked for s in known):
        grey = '<rect y="2" width="10" height="10" fill="#808a9a" fill-opacity=".3"/>'
        yield f'{grey}<text class="l" x="16" y="11">masked (−∞)</text>', 100


def wrapped(text: str, width: float) -> Iterator[str]:
    """The lines of a text that is `width` px wide at most."""
    line = ""
    for word in text.split(" ") if text else ():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, 11) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def said(text: str, most: int = 400) -> str:
    """`text` as markup, at most so many characters."""
    return escape(printable(shortened(text, most)))


def pair(p: Point) -> str:
    return f"{px(p[0])},{px(p[1])}"


def px(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")
