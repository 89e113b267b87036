"""Engines: Graphviz where there is one, else layers of our own. A drawing never fails for want of Graphviz."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import warnings
from pathlib import Path

from . import dot, layered
from .card import Face
from .layout import Block, Layout, Point, blocks
from .scene import Card, Scene

ENGINES = ("auto", "dot", "graphviz-pure", "layered")
WIDEST = 980  # px: a drawing that would be wider from left to right goes from top to bottom
TIMEOUT = 10  # seconds for an engine
LARGEST = 500  # cards for an engine that was not asked for by name: our own layout takes less time for more


def lay_out(scene: Scene, faces: dict[Card, Face], direction: str, engine: str) -> Layout:
    """Places for all of the scene. An engine that is missing, fails or takes more than 10 s gives way to our own."""
    found = None
    if direction == "auto":
        found = layered.place(scene, blocks(scene, faces, "LR"), "LR")
        direction = "LR" if found.width <= WIDEST else "TB"
    of_card = blocks(scene, faces, direction)
    few = len(of_card) <= LARGEST or engine != "auto"
    if few and engine != "layered" and (command := find(engine)) is not None:
        found = ask(command, scene, of_card, direction) or found
    if found is None or found.direction != direction:
        found = layered.place(scene, of_card, direction)
    for card, block in of_card.items():
        x, y = found.cards[card.key]
        x, y = x - block.at[card][0], y - block.at[card][1]  # the block's corner
        for other, (dx, dy) in block.at.items():
            found.cards[other.key] = (x + dx, y + dy)
        for dock, path in block.docks:
            found.docks[dock.key] = [(x + dx, y + dy) for dx, dy in path]
    spread(scene, found, faces)
    return found


def find(engine: str) -> str | None:
    """The command of a Graphviz engine, or None: `dot` on the PATH, else that of the package graphviz-pure."""
    if engine in ("auto", "dot") and (command := shutil.which("dot")):
        return command
    if engine in ("auto", "graphviz-pure"):
        beside = Path(sysconfig.get_path("scripts")) / "graphviz-pure"
        if command := shutil.which("graphviz-pure") or shutil.which(str(beside)):
            return command
    if engine != "auto":
        how = {"dot": "install Graphviz, so that its command dot is on the PATH"}.get(engine, f"pip install {engine}")
        warnings.warn(f"draw: engine={engine!r} is not here, so the built-in layout was used; {how}", stacklevel=4)
    return None


def ask(command: str, scene: Scene, of_card: dict[Card, Block], direction: str) -> Layout | None:
    """The layout of a Graphviz engine, or None when it fails or takes too long."""
    source = dot.source(scene, of_card, direction)
    try:
        done = subprocess.run(
            [command, "-Tjson"],
            input=source.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=True,
        )
        return dot.parse(done.stdout.decode(errors="replace"), scene, of_card, direction, Path(command).stem)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError):
        return None


# ----------------------------------------------------------------------------------------------------- finishing edges


def spread(scene: Scene, found: Layout, faces: dict[Card, Face]) -> None:
    """Edges that end at one card end side by side, in the order in which they come, so that x + x shows two."""
    cross = 1 if found.direction == "LR" else 0
    arriving: dict[Card, list[int]] = {}
    for i, edge in enumerate(scene.edges):
        arriving.setdefault(edge.target, []).append(i)
    for target, edges in arriving.items():
        face, sources = faces[target], [scene.edges[i].source for i in edges]
        room = face.height if cross else min(face.width, max(40.0, face.pill_width))
        step = min(13.0, (room - 14) / len(edges))
        edges.sort(key=lambda i: (approach(found.edges[i], cross), i))
        for place, i in enumerate(edges):
            path, shift = found.edges[i], step * (place - (len(edges) - 1) / 2)
            twins = sources.count(scene.edges[i].source) > 1
            still = 1 if twins else len(path) - 2  # of two edges from one card all moves but the start
            found.edges[i] = path[:still] + [moved(p, shift, cross) for p in path[still:]]


def approach(path: list[Point], cross: int) -> float:
    """On which side an edge comes in: where it was just before its last bend."""
    end = path[-1][cross]
    return next((p[cross] - end for p in reversed(path) if abs(p[cross] - end) > 3), 0.0)


def moved(p: Point, shift: float, cross: int) -> Point:
    return (p[0], p[1] + shift) if cross else (p[0] + shift, p[1])
