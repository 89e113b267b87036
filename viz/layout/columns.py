"""Wraps a long drawing into columns (or rows, if it flows to the right), as text is, so that it fills the page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from ..scene.cards import Box, Card, Frame, Scene
from .docking import Size
from .geometry import Layout, Point, shifted, straight

PAGE = 1230.0, 640.0  # px of a page that a drawing should fill
MOST_COLUMNS = 8
GUTTER = 44.0  # px between columns
LANE = 7.0  # px between edges that go to the next column
MOST = 8  # edges that may go from one column to the next
REACH = 12.0  # px that an edge needs to turn

Extent = tuple[float, float, float, float]  # left, top, right, bottom


def wrap(scene: Scene, found: Layout, sizes: Mapping[Card, Size]) -> None:
    """Cut a layout into columns between its outermost boxes, if it fills the page better then."""
    boxes = [(box, extent(box, found, sizes)) for box in scene.frame.boxes]
    if found.direction == "LR":  # as if it flowed down
        turn(found)
        boxes = [(box, (y0, x0, y1, x1)) for box, (x0, y0, x1, y1) in boxes]
    if cuts := chosen(boxes, found):
        cut(scene, found, boxes, cuts)
    if found.direction == "LR":
        turn(found)


def cost(width: float, height: float) -> float:
    """How badly a drawing fits the page: first by its width, since a page scrolls down."""
    return float(max(1.0, width / PAGE[0]) * max(1.0, height / PAGE[1]) ** 0.6)


def turn(found: Layout) -> None:
    """Exchange x and y."""
    found.width, found.height = found.height, found.width
    found.cards = {key: (y, x) for key, (x, y) in found.cards.items()}
    found.frames = {key: (y, x, height, width) for key, (x, y, width, height) in found.frames.items()}
    found.docks = {key: [(y, x) for x, y in path] for key, path in found.docks.items()}
    found.edges = [[(y, x) for x, y in path] for path in found.edges]
    found.loops = [[(y, x) for x, y in path] for path in found.loops]


def cut(scene: Scene, found: Layout, boxes: list[tuple[Box, Extent]], cuts: list[float]) -> None:
    column_of = {box: sum(cut < top for cut in cuts) for box, (_, top, _, _) in boxes}
    around: dict[Card, Box] = {card: box for box, _ in boxes for card in box.cards()}
    edges = [cut_path(path, cuts) for path in found.edges]
    shifts: list[Point] = []
    left, height = 0.0, 0.0
    for i, (top, bottom) in enumerate(zip([0.0, *cuts], [*cuts, found.height])):
        inside = [e for box, e in boxes if column_of[box] == i]
        through = [p[0] for pieces in edges if len(pieces) > i for p in pieces[i]]
        low, high = min([e[0] for e in inside] + through), max([e[2] for e in inside] + through)
        lanes = len({edge.source for edge, p in zip(scene.edges, edges) if len(p) > i and any(p[:i])}) if i else 0
        if i:
            left += GUTTER + LANE * lanes
            found.wraps.append(left)
        shifts.append((left - low, -top + REACH * (1 if i else 0)))
        left += high - low
        height = max(height, bottom - top + REACH + LANE * lanes)
    for card in scene.cards():
        x, y = found.cards[card.key]
        dx, dy = shifts[column_of[around[card]]]
        found.cards[card.key] = (x + dx, y + dy)
        if card.key in found.docks:
            found.docks[card.key] = shifted(found.docks[card.key], dx, dy)
    for box, _ in boxes:
        for frame in (box, *box.frames()) if isinstance(box, Frame) else ():
            x, y, wide, high = found.frames[frame.key]
            dx, dy = shifts[column_of[box]]
            found.frames[frame.key] = (x + dx, y + dy, wide, high)
    for i, loop in enumerate(scene.loops):
        found.loops[i] = shifted(found.loops[i], *shifts[column_of[around[loop.source]]])
    lanes_of: list[dict[Card, int]] = [{} for _ in shifts]  # edges from one card share a lane
    starts = [min(e[0] for box, e in boxes if column_of[box] == i) + shifts[i][0] for i in range(len(shifts))]
    for i, pieces in enumerate(edges):
        path: list[Point] = []
        for column, piece in enumerate(pieces):
            if not piece:
                continue
            piece = shifted(piece, *shifts[column])
            if path:
                used = lanes_of[column]
                lane = used.setdefault(scene.edges[i].source, len(used)) * LANE
                path += over(path[-1], piece[0], starts[column] - GUTTER / 2 - lane, lane)[1:]
                path += piece[1:]
            else:
                path = piece
        found.edges[i] = path
    found.width, found.height = left, height + REACH


def extent(box: Box, found: Layout, sizes: Mapping[Card, Size]) -> Extent:
    """What a box of the outermost frame covers, with everything in it."""
    if isinstance(box, Frame):
        x, y, width, height = found.frames[box.key]
        return x, y, x + width, y + height
    corners = [(*found.cards[card.key], sizes[card]) for card in box.cards()]
    return (
        min(x for x, _, _ in corners), min(y - s.above for _, y, s in corners),
        max(x + s.width for x, _, s in corners), max(y + s.height for _, y, s in corners),
    )  # fmt: skip


def chosen(boxes: list[tuple[Box, Extent]], found: Layout) -> list[float]:
    """Where to cut: between boxes, where few edges cross, at about equal heights; nowhere if nothing is better."""
    spans = sorted((top, bottom) for _, (_, top, _, bottom) in boxes)
    gaps, lowest = [], spans[0][1]
    for top, bottom in spans[1:]:
        if top > lowest + 4:
            gaps.append((lowest + top) / 2)
        lowest = max(lowest, bottom)
    gaps = [y for y in gaps if sum(path[0][1] < y < path[-1][1] for path in found.edges) <= MOST]
    best, least = [], cost_of(boxes, found, [])
    for columns in range(2, MOST_COLUMNS + 1):
        cuts: list[float] = []
        for i in range(1, columns):
            ideal = found.height * i / columns
            near = [y for y in gaps if abs(y - ideal) < found.height / columns / 2.2 and y not in cuts]
            if near:
                cuts.append(min(near, key=lambda y: abs(y - ideal)))
        if cuts and (so := cost_of(boxes, found, cuts)) < 0.95 * least:
            best, least = cuts, so
    return best


def cost_of(boxes: list[tuple[Box, Extent]], found: Layout, cuts: list[float]) -> float:
    """The cost of a layout that is cut so."""
    across, along = GUTTER * len(cuts), 0.0
    for top, bottom in zip([0.0, *cuts], [*cuts, found.height]):
        inside = [e for _, e in boxes if top <= e[1] < bottom]
        across += max(e[2] for e in inside) - min(e[0] for e in inside)
        along = max(along, bottom - top)
    return cost(along, across) if found.direction == "LR" else cost(across, along)


def cut_path(path: list[Point], cuts: list[float]) -> list[list[Point]]:
    """A path of cubic curves in pieces, one for each column from the first to the one that it ends in."""
    pieces: list[list[Point]] = [[]]
    start, rest = path[0], path[1:]
    for y in cuts:
        if start[1] >= y:
            pieces.append([])
            continue
        if path[-1][1] <= y:
            break
        piece = [start]
        while rest[2][1] < y:
            piece += rest[:3]
            start, rest = rest[2], rest[3:]
        before, after = halves((start, *rest[:3]), y)
        pieces[-1] = [*piece, *before[1:]]
        start, rest = after[0], [*after[1:], *rest[3:]]
        pieces.append([])
    pieces[-1] = [start, *rest]
    return pieces


def halves(c: tuple[Point, ...], y: float) -> tuple[list[Point], list[Point]]:
    """A cubic curve cut where it reaches y (de Casteljau)."""

    def between(a: Point, b: Point, t: float) -> Point:
        return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])

    low, high = 0.0, 1.0
    for _ in range(24):
        t = (low + high) / 2
        ab, bc, cd = (between(p, q, t) for p, q in pairwise(c))
        abc, bcd = between(ab, bc, t), between(bc, cd, t)
        middle = between(abc, bcd, t)
        low, high = (t, high) if middle[1] < y else (low, t)
    return [c[0], ab, abc, middle], [middle, bcd, cd, c[3]]


def over(a: Point, b: Point, x: float, lane: float) -> list[Point]:
    """From the foot of one column along the gutter, at x, to the head of the next."""
    foot, head = a[1] + REACH / 2 + lane, b[1] - REACH / 2
    r = REACH / 2
    return [
        a, (a[0], a[1] + r), (a[0], foot), (a[0] + r, foot),
        *straight((a[0] + r, foot), (x - r, foot))[1:],
        (x, foot), (x, foot), (x, foot - r),
        *straight((x, foot - r), (x, head + r))[1:],
        (x, head), (x, head), (x + r, head),
        *straight((x + r, head), (b[0] - r, head))[1:],
        (b[0], head), (b[0], head), b,
    ]  # fmt: skip
