"""Writes a scene in DOT, Graphviz's language (bundles of fixed size, frames as clusters); reads dot's JSON."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import graphviz

from ..scene.cards import Card, Frame, Scene
from ..scene.formatting import joined, printable, shape_text, shortened
from .docking import Bundle
from .geometry import Layout, Point, straight, title_width

FONT = "Helvetica,Arial,sans-serif"
COLOURS = {
    "op": ("#c8ccd6", "#ffffff"),
    "parameter": ("#c77700", "#fff6e3"),
    "input": ("#6b7280", "#ffffff"),
    "module": ("#c8ccd6", "#eef1f6"),
    "reference": ("#c77700", "#fff6e3"),
}


def digraph(scene: Scene, of_card: dict[Card, Bundle], direction: str) -> graphviz.Digraph:
    """The scene as an object of the graphviz package."""
    nodes = {"shape": "plain", "fontname": FONT, "fontsize": "11"}
    graph = graphviz.Digraph("graph", node_attr=nodes, edge_attr={"color": "#848da3", "arrowsize": "0.7"})
    graph.attr(rankdir=direction, nodesep="0.3", ranksep="0.5", fontname=FONT, fontsize="11", pad="0.1")
    add_frame(graph, scene.frame, of_card, direction)
    for i, edge in enumerate(scene.edges):
        out, into = (":c:e", ":c:w") if direction == "LR" else (":c:s", ":c:n")
        style = {"style": "dashed"} if edge.source.role == "input" else {}
        graph.edge(f"c{edge.source.key}{out}", f"c{edge.target.key}{into}", id=f"e{i}", **style)
    for loop in scene.loops:
        graph.edge(f"c{loop.source.key}", f"c{loop.target.key}", constraint="false", color="#0a8f7a")
    return graph


def add_frame(graph: graphviz.Digraph, frame: Frame, of_card: dict[Card, Bundle], direction: str) -> None:
    for box in frame.boxes:
        if isinstance(box, Card):
            graph.node(f"c{box.key}", label=label(box, of_card[box], direction))
        else:
            with graph.subgraph(name=f"cluster_{box.key}") as cluster:
                text = escape(printable(box.title))
                title = f"<{table(cell(text, title_width(box.title), 18))}>"
                cluster.attr(
                    label=title,
                    labeljust="l",
                    style="rounded,filled",
                    color="#dfe3ea",
                    fillcolor="#eef1f6",
                    margin="12",
                )
                add_frame(cluster, box, of_card, direction)


def label(card: Card, bundle: Bundle, direction: str) -> str:
    """A table of the bundle's size. The cell with port c is where the card is, so that edges meet its middle."""
    x, y = bundle.at[card]
    if direction == "LR":
        high = 2 * (bundle.line - y)
        rows = [row(above(card, bundle), bundle.width, y), face_cell(card, bundle.width, high),
                row(below(card, bundle), bundle.width, bundle.height - y - high)]  # fmt: skip
        return f"<{table(''.join(f'<TR>{r}</TR>' for r in rows if r))}>"
    stack = table("".join(f"<TR>{face_cell(c)}</TR>" for c in card.docks)) if card.docks else ""
    left = cell(stack, x, bundle.height) if x > 0.5 else ""
    return f"<{table('<TR>' + left + face_cell(card, bundle.width - x, bundle.height) + '</TR>')}>"


def row(cards: list[Card], width: float, height: float) -> str:
    return cell(table("".join(map(face_cell, cards))) if cards else "", width, height) if height > 0.5 else ""


def above(card: Card, bundle: Bundle) -> list[Card]:
    return [c for c in card.docks if bundle.at[c][1] < bundle.at[card][1]]


def below(card: Card, bundle: Bundle) -> list[Card]:
    return [c for c in card.docks if bundle.at[c][1] >= bundle.at[card][1]]


def face_cell(card: Card, width: float = 0.0, height: float = 0.0) -> str:
    border, fill = COLOURS[card.role]
    text = html(card.pill, 24)
    name = html(joined(card.name, card.kind), 26)
    lines = [f"<B>{text}</B>" if text else "", name, html(shape_text(card.shape), 40)]
    more = f' BORDER="1" STYLE="rounded" COLOR="{"#b0367f" if card.output else border}" BGCOLOR="{fill}"'
    return cell("<BR/>".join(filter(None, lines)), width, height, more + (' PORT="c"' if width else ""))


def cell(content: str, width: float, height: float, more: str = "") -> str:
    size = f' FIXEDSIZE="TRUE" WIDTH="{round(width)}" HEIGHT="{round(height)}"' if width else ""
    return f"<TD{more}{size}>{content}</TD>"


def table(rows: str) -> str:
    rows = rows if rows.startswith("<TR>") else f"<TR>{rows}</TR>"
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'


def html(text: str, most: int) -> str:
    return escape(shortened(printable(text), most))


# ------------------------------------------------------------------------------------------------------- and back


def parse(text: str, scene: Scene, of_card: dict[Card, Bundle], direction: str, engine: str) -> Layout:
    """The layout in the output of `dot -Tjson`, whose y axis points up."""
    data = json.loads(text, strict=False)  # it may hold unescaped control characters
    left, bottom, right, top = map(float, data["bb"].split(","))
    found = Layout(direction, engine, right - left, top - bottom)
    by_name: dict[str, Any] = {o["name"]: o for o in data.get("objects", ())}
    for card, bundle in of_card.items():
        x, y = map(float, by_name[f"c{card.key}"]["pos"].split(","))
        dx, dy = bundle.at[card]
        found.cards[card.key] = (x - left - bundle.width / 2 + dx, top - y - bundle.height / 2 + dy)
    for frame in scene.frame.frames():
        x0, y0, x1, y1 = map(float, by_name[f"cluster_{frame.key}"]["bb"].split(","))
        found.frames[frame.key] = (x0 - left, top - y1, x1 - x0, y1 - y0)
    paths: dict[str, list[Point]] = {}
    for edge in data.get("edges", ()):
        places = [p.split(",")[-2:] for p in edge["pos"].split()]  # the arrow's tip comes first, after an "e,"
        tip, *path = [(float(x) - left, top - float(y)) for x, y in places]
        paths[edge["id"]] = [*path[:-1], tip]
    for i, e in enumerate(scene.edges):
        found.edges.append(to_cards(paths[f"e{i}"], found, e.source, e.target, of_card, direction))
    return found


def to_cards(
    path: list[Point], found: Layout, a: Card, b: Card, of_card: dict[Card, Bundle], direction: str
) -> list[Point]:
    """Extend an edge, which ends at a bundle's border, straight on to the card."""
    flow = 0 if direction == "LR" else 1
    first, last = of_card[a], of_card[b]
    start = found.cards[a.key][flow] - first.at[a][flow] + first.leave
    end = found.cards[b.key][flow] - last.at[b][flow] + last.enter
    head = (start, path[0][1]) if flow == 0 else (path[0][0], start)
    tail = (end, path[-1][1]) if flow == 0 else (path[-1][0], end)
    before = [*straight(head, path[0])[:3], path[0]] if abs(head[flow] - path[0][flow]) > 0.5 else [head]
    after = straight(path[-1], tail) if abs(tail[flow] - path[-1][flow]) > 0.5 else [tail]
    return [*before, *path[1:-1], *after]
