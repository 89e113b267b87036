"""Lays out a scene with Graphviz if it is installed, otherwise with the built-in layout: a drawing never fails."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import warnings
from collections.abc import Mapping
from pathlib import Path

from ..scene.cards import Card, Scene
from . import columns, dot, layered
from .docking import Bundle, Size, bundles
from .geometry import Layout, Point, shifted

ENGINES = ("auto", "dot", "graphviz-pure", "layered")
WIDEST = 980  # px: a drawing that would be wider than this from left to right goes from top to bottom
TIMEOUT = 10  # seconds for Graphviz
LARGEST = 500  # cards: for more, the built-in layout is faster, and "auto" uses it


def lay_out(scene: Scene, sizes: Mapping[Card, Size], direction: str, engine: str) -> Layout:
    """A position for everything. The built-in layout replaces an engine that is missing, fails or takes over 10 s."""
    few = not scene.loops and (len(scene.cards()) <= LARGEST or engine != "auto")  # Graphviz draws loops through frames
    command = find(engine) if few and engine != "layered" else None
    if direction != "auto":
        return finished(scene, sizes, direction, command)
    found = finished(scene, sizes, "LR")
    if found.width <= WIDEST:
        return found if command is None else finished(scene, sizes, "LR", command)
    if len(found.cards) > LARGEST:
        return finished(scene, sizes, "TB", command)
    other = finished(scene, sizes, "TB")
    for layout in (found, other):
        columns.wrap(scene, layout, sizes)
    best = min(found, other, key=lambda layout: columns.cost(layout.width, layout.height))
    if command is not None:
        best = finished(scene, sizes, best.direction, command)
        columns.wrap(scene, best, sizes)
    return best


def finished(scene: Scene, sizes: Mapping[Card, Size], direction: str, command: str | None = None) -> Layout:
    """The layout in one direction, by the engine with this command or by the built-in one, with docks and loops."""
    of_card = bundles(scene, sizes, direction)
    found = ask(command, scene, of_card, direction) if command is not None else None
    if found is None:
        found = layered.place(scene, of_card, direction)
    for card, bundle in of_card.items():
        x, y = found.cards[card.key]
        x, y = x - bundle.at[card][0], y - bundle.at[card][1]  # the bundle's corner
        for other, (dx, dy) in bundle.at.items():
            found.cards[other.key] = (x + dx, y + dy)
        for dock, path in bundle.docks:
            found.docks[dock.key] = shifted(list(path), x, y)
    spread(scene, found, sizes)
    if not found.loops:
        found.loops = [[] for _ in scene.loops]
    for i, loop in enumerate(scene.loops):
        if loop.around is loop.source:
            found.loops[i] = around_corner(found.cards[loop.source.key], sizes[loop.source])
            found.width = max(found.width, *(x + 2 for x, _ in found.loops[i]))
            found.height = max(found.height, *(y + 2 for _, y in found.loops[i]))
    return found


def around_corner(corner: Point, size: Size) -> list[Point]:
    """The path of a card's loop, around its lower right corner."""
    x, y = corner[0] + size.width, corner[1] + size.height
    out, below = x + 20, y + 20
    return [(x, y - 12), (out, y - 12), (out, below), (x - 6, below), (x - 12, below), (x - 16, y + 14), (x - 16, y)]


def find(engine: str) -> str | None:
    """The command for a Graphviz engine, or None: `dot` on the PATH, else that of the package graphviz-pure."""
    if engine in ("auto", "dot") and (command := shutil.which("dot")):
        return command
    if engine in ("auto", "graphviz-pure"):
        beside = Path(sysconfig.get_path("scripts")) / "graphviz-pure"
        if command := shutil.which("graphviz-pure") or shutil.which(str(beside)):
            return command
    if engine != "auto":
        how = {"dot": "install Graphviz and put its command dot on the PATH"}.get(engine, f"pip install {engine}")
        warnings.warn(f"draw: engine={engine!r} not found, using the built-in layout; {how}", stacklevel=4)
    return None


def ask(command: str, scene: Scene, of_card: dict[Card, Bundle], direction: str) -> Layout | None:
    """The layout from Graphviz, or None if it fails or takes too long."""
    source = str(dot.digraph(scene, of_card, direction).source)
    try:
        done = subprocess.run(
            [command, "-Tjson"], input=source.encode(), capture_output=True, timeout=TIMEOUT, check=True
        )
        return dot.parse(done.stdout.decode(errors="replace"), scene, of_card, direction, Path(command).stem)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError):
        return None


# ----------------------------------------------------------------------------------------------------- finishing edges


def spread(scene: Scene, found: Layout, sizes: Mapping[Card, Size]) -> None:
    """Move edges that end at the same card side by side, in the order in which they arrive, so that x + x shows two."""
    cross = 1 if found.direction == "LR" else 0
    arriving: dict[Card, list[int]] = {}
    for i, edge in enumerate(scene.edges):
        arriving.setdefault(edge.target, []).append(i)
    for target, edges in arriving.items():
        size, sources = sizes[target], [scene.edges[i].source for i in edges]
        room = size.height if cross else min(size.width, max(40.0, size.pill_width))
        step = min(13.0, (room - 14) / len(edges))
        edges.sort(key=lambda i: (approach(found.edges[i], cross), i))
        for place, i in enumerate(edges):
            path, shift = found.edges[i], step * (place - (len(edges) - 1) / 2)
            twins = sources.count(scene.edges[i].source) > 1
            still = 1 if twins else len(path) - 2  # of two edges from one card, everything but the start moves
            found.edges[i] = path[:still] + shifted(path[still:], *((0, shift) if cross else (shift, 0)))


def approach(path: list[Point], cross: int) -> float:
    """The side from which an edge arrives: where it was before its last bend, relative to its end."""
    end = path[-1][cross]
    return next((p[cross] - end for p in reversed(path) if abs(p[cross] - end) > 3), 0.0)
