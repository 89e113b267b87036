"""Our own layout, with no dependency: layers of cards, each after those it needs (Sugiyama, Tagawa and Toda, 1981).

Each frame is laid out by itself, then stands as one box in the frame around it, so that frames never overlap and hold
only what is theirs. An edge that crosses a frame's border is drawn in parts that meet at the border.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from .layout import MARGIN, TITLE, Block, Layout, Point, title_width
from .scene import Box, Card, Edge, Frame, Scene

GAP, NARROW = 22.0, 10.0  # px between neighbours in a layer, and beside an edge that passes
SWEEPS = 8
MOST_BENDS = 20_000  # beyond so many points, long edges run straight


def place(scene: Scene, of_card: dict[Card, Block], direction: str) -> Layout:
    """The layout of the scene in one direction, "LR" or "TB"."""

    levels = _Levels(scene, of_card, direction == "LR")
    outer = levels.lay_out(scene.frame)
    found = Layout(direction, "layered")
    levels.spell_out(scene.frame, outer, 0.0, 0.0, found)
    found.edges = [levels.path(edge, found) for edge in scene.edges]
    found.width, found.height = (outer.main, outer.cross) if direction == "LR" else (outer.cross, outer.main)
    return found


@dataclass(eq=False)
class Spot:
    """One place in a layer: a box, a port on the frame's border, or a bend of a long edge."""

    box: Box | None
    main: float  # its size along the flow and across it
    cross: float
    rank: int = 0
    at: float = 0.0  # its cross coordinate
    start: float = 0.0  # its main coordinate
    entries: dict[Card, float] = field(default_factory=dict)  # source -> cross offset at which its edge comes in
    exits: dict[Card, float] = field(default_factory=dict)
    enter: float = 0.0  # main offsets at which edges meet it
    leave: float = 0.0
    line: float = 0.0  # the cross offset of all other edges
    is_bend: bool = False  # a point of a long edge
    before: list[tuple[Spot, Card]] = field(default_factory=list)
    after: list[tuple[Spot, Card]] = field(default_factory=list)

    def entry(self, source: Card) -> float:
        return self.entries.get(source, self.line)

    def exit(self, source: Card) -> float:
        return self.exits.get(source, self.line)


@dataclass(eq=False)
class Level:
    """A frame that has been laid out."""

    main: float
    cross: float
    spots: dict[Box, Spot]
    entries: dict[Card, float]
    exits: dict[Card, float]
    paths: dict[
        tuple[Card, Any], list[tuple[float, float]]
    ]  # (source, target box or None for the border) -> (main, cross)


class _Levels:
    def __init__(self, scene: Scene, of_card: dict[Card, Block], flows_right: bool) -> None:

        self.of_card = of_card
        self.flows_right = flows_right
        self.around: dict[Box, Frame] = {}
        self.levels: dict[Frame, Level] = {}
        self.origins: dict[Frame, tuple[float, float]] = {}
        for frame in (scene.frame, *scene.frame.frames()):
            for box in frame.boxes:
                self.around[box] = frame
        # For each frame: which source leads to which box in it, None standing for its border.
        self.links: dict[Frame, dict[tuple[Box | None, Box | None, Card], None]] = {
            f: {} for f in (scene.frame, *scene.frame.frames())
        }
        for edge in scene.edges:
            for frame, a, b in self.legs(edge):
                self.links[frame][a, b, edge.source] = None

    def lineage(self, box: Box) -> list[Box]:
        line = [box]
        while line[-1] in self.around:
            line.append(self.around[line[-1]])
        return line[::-1]

    def legs(self, edge: Edge) -> list[tuple[Frame, Box | None, Box | None]]:
        """The parts of an edge in order: the frame it lies in, the boxes it joins there; None is the frame's border."""
        a, b = self.lineage(edge.source), self.lineage(edge.target)
        i = 0
        while a[i] is b[i]:
            i += 1
        out: list[Any] = [(a[k], a[k + 1], None) for k in range(len(a) - 2, i - 1, -1)]
        into: list[Any] = [(b[k], None, b[k + 1]) for k in range(i, len(b) - 1)]
        return [*out, (a[i - 1], a[i], b[i]), *into]

    # ------------------------------------------------------------------------------------------------ one frame

    def lay_out(self, frame: Frame) -> Level:
        spots: dict[Box, Spot] = {box: self.spot(box) for box in frame.boxes}
        entering: dict[Card, Spot] = {}
        leaving: dict[Card, Spot] = {}
        order = {box: i for i, box in enumerate(frame.boxes)}
        targets: dict[tuple[Any, Card], list[Any]] = {}
        for a, b, source in self.links[frame]:
            if a is not None and b is not None and order[a] >= order[b]:
                continue
            targets.setdefault((a, source), []).append(b)
        for (a, source), ends in targets.items():
            if a is None:
                entering[source] = Spot(None, 0.0, 0.0)
            if None in ends:
                leaving[source] = Spot(None, 0.0, 0.0)
        self.rank(frame.boxes, spots, targets)
        first = 1 if entering else 0
        last = max((s.rank for s in spots.values()), default=0) + first
        for spot in spots.values():
            spot.rank += first
        for spot in leaving.values():
            spot.rank = last + 1
        layers: list[list[Spot]] = [[] for _ in range(last + 1 + (1 if leaving else 0))]
        chains = {}
        long = []
        for spot in (*entering.values(), *spots.values(), *leaving.values()):
            layers[spot.rank].append(spot)
        straight = (
            sum(layers_between(a, source, ends, spots, entering, leaving) for (a, source), ends in targets.items())
            > MOST_BENDS
        )
        for (a, source), ends in targets.items():
            start = entering[source] if a is None else spots[a]
            goals = [(leaving[source] if b is None else spots[b]) for b in ends]
            chain = [start]
            if not straight:
                for r in range(start.rank + 1, max(g.rank for g in goals)):
                    bend = Spot(None, 0.0, 6.0, rank=r, line=3.0, is_bend=True)
                    layers[r].append(bend)
                    join(chain[-1], bend, source)
                    chain.append(bend)
            if len(chain) > 2:
                long.append(chain[1:])
            for b, goal in zip(ends, goals):
                via = chain[: max(1, goal.rank - start.rank)]
                join(via[-1], goal, source)
                chains[source, b if b is not None else None, a is None] = (*via, goal)
        order_layers(layers)
        space(layers)
        straighten(layers, long)
        return self.measured(frame, layers, spots, entering, leaving, chains)

    def spot(self, box: Box) -> Spot:
        if isinstance(box, Card):
            block = self.of_card[box]
            main, cross = (block.width, block.height) if self.flows_right else (block.height, block.width)
            return Spot(box, main, cross, line=block.line, enter=block.enter, leave=block.leave)
        level = self.levels[box] = self.lay_out(box)
        return Spot(
            box,
            level.main,
            level.cross,
            entries=level.entries,
            exits=level.exits,
            leave=level.main,
            line=level.cross / 2,
        )

    def rank(self, boxes: list[Box], spots: dict[Box, Spot], targets: dict[tuple[Any, Card], list[Any]]) -> None:
        """Each box as early as it can be; then those that only start something move up to what they start."""
        after: dict[Box, list[Box]] = {}
        before: dict[Box, list[Box]] = {}
        for (a, _), ends in targets.items():
            for b in ends:
                if a is not None and b is not None:
                    after.setdefault(a, []).append(b)
                    before.setdefault(b, []).append(a)
        for box in boxes:
            spots[box].rank = max((spots[x].rank + 1 for x in before.get(box, ())), default=0)
        for box in reversed(boxes):
            if box in after and len(after[box]) > len(before.get(box, ())):
                spots[box].rank = min(spots[x].rank for x in after[box]) - 1
        ranks = {rank: i for i, rank in enumerate(sorted({spot.rank for spot in spots.values()}))}  # none is left empty
        for spot in spots.values():
            spot.rank = ranks[spot.rank]

    def measured(
        self,
        frame: Frame,
        layers: list[list[Spot]],
        spots: dict[Box, Spot],
        entering: dict[Card, Spot],
        leaving: dict[Card, Spot],
        chains: dict[Any, tuple[Spot, ...]],
    ) -> Level:
        """The size of the frame, and the paths in it, once every spot has its place in its layer."""
        titled = bool(frame.title)
        margin = float(MARGIN) if titled else 0.0
        before_main = margin if self.flows_right or not titled else float(TITLE)
        before_cross = margin if not self.flows_right or not titled else float(TITLE)
        everything = [spot for layer in layers for spot in layer]
        lowest = min((s.at for s in everything), default=0.0)
        for spot in everything:
            spot.at += before_cross - lowest
        cross = max((s.at + s.cross for s in everything), default=before_cross) + margin
        x = before_main
        ends = []
        for r, layer in enumerate(layers):
            width = max((s.main for s in layer), default=0.0)
            for spot in layer:
                spot.start = x + (width - spot.main) / 2
            ends.append((x, x + width))
            ports = (r == 0 and entering) or (leaving and r >= len(layers) - 2)
            bent = any(abs(s.at + s.exit(c) - t.at - t.entry(c)) > 1 for s in layer for t, c in s.after)
            x += width + (
                (14.0 if bent else 0.0)
                if ports
                else (40.0 if self.flows_right else 30.0) + min(40.0, 3.0 * crossing(layer))
            )
        main = (ends[-1][1] if ends else before_main) + margin
        if titled:
            least = title_width(frame.title) + 2 * margin
            if self.flows_right and main < least:
                for spot in everything:
                    spot.start += (least - main) / 2
                ends = [(a + (least - main) / 2, b + (least - main) / 2) for a, b in ends]
                main = least
            elif not self.flows_right and cross < least:
                for spot in everything:
                    spot.at += (least - cross) / 2
                cross = least
        paths: dict[tuple[Card, Any], list[tuple[float, float]]] = {}
        for (source, b, from_border), chain in chains.items():
            first, goal = chain[0], chain[-1]
            y = first.at + first.exit(source)
            points = [(0.0 if from_border else first.start + first.leave, y), (ends[first.rank][1], y)]
            for bend in chain[1:-1]:
                points += [(ends[bend.rank][0], bend.at + bend.line), (ends[bend.rank][1], bend.at + bend.line)]
            y = goal.at + goal.entry(source)
            points += [(ends[goal.rank][0], y), (main if b is None else goal.start + goal.enter, y)]
            paths[source, b if b is not None else frame] = points
        return Level(
            main, cross, spots,
            {source: spot.at for source, spot in entering.items()},
            {source: spot.at for source, spot in leaving.items()}, paths,
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------- the whole scene

    def spell_out(self, frame: Frame, level: Level, main: float, cross: float, found: Layout) -> None:
        """Positions on the page for all in a frame whose corner is at (main, cross)."""
        self.levels[frame] = level
        self.origins[frame] = (main, cross)
        for box, spot in level.spots.items():
            m, c = main + spot.start, cross + spot.at
            x, y = (m, c) if self.flows_right else (c, m)
            if isinstance(box, Card):
                dx, dy = self.of_card[box].at[box]
                found.cards[box.key] = (x + dx, y + dy)
            else:
                inner = self.levels[box]
                width, height = (inner.main, inner.cross) if self.flows_right else (inner.cross, inner.main)
                found.frames[box.key] = (x, y, width, height)
                self.spell_out(box, inner, m, c, found)

    def path(self, edge: Edge, found: Layout) -> list[Point]:
        points: list[tuple[float, float]] = []
        for frame, _, b in self.legs(edge):
            key = (edge.source, b if b is not None else frame)
            main, cross = self.origins[frame]
            points += [(main + m, cross + c) for m, c in self.levels[frame].paths.get(key, ())]
        return curves(points, self.flows_right)


def layers_between(a: Any, source: Card, ends: list[Any], spots: dict[Box, Spot], entering: Any, leaving: Any) -> int:
    start = 0 if a is None else spots[a].rank
    return max((leaving[source].rank if b is None else spots[b].rank) for b in ends) - start


def join(a: Spot, b: Spot, source: Card) -> None:
    if (b, source) not in a.after:
        a.after.append((b, source))
        b.before.append((a, source))


def crossing(layer: list[Spot]) -> int:
    """How many edges leave a layer and bend."""
    return sum(1 for s in layer for t, c in s.after if abs(s.at + s.exit(c) - t.at - t.entry(c)) > 1)


def curves(points: list[tuple[float, float]], flows_right: bool) -> list[Point]:
    """A path of cubic curves through points (main, cross), along the flow at each of them."""
    kept: list[tuple[float, float]] = []
    for p in points:
        if kept and abs(kept[-1][0] - p[0]) < 0.01 and abs(kept[-1][1] - p[1]) < 0.01:
            continue
        if len(kept) > 1 and abs(kept[-1][1] - p[1]) < 0.01 and abs(kept[-2][1] - p[1]) < 0.01:
            kept[-1] = p
        else:
            kept.append(p)
    path = kept[:1]
    for (m0, c0), (m1, c1) in pairwise(kept):
        middle = (m0 + m1) / 2
        path += [(middle, c0), (middle, c1), (m1, c1)]
    return path if flows_right else [(c, m) for m, c in path]


# ------------------------------------------------------------------------------------------------ order in the layers


def order_layers(layers: list[list[Spot]]) -> None:
    """Sort each layer by the middle of its neighbours, back and forth, and keep the order with the fewest crossings."""
    best, fewest = [list(layer) for layer in layers], crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        back = sweep % 2
        for fixed, layer in pairwise(layers[::-1] if back else layers):
            places = {spot: float(i) for i, spot in enumerate(fixed)}
            middles = {spot: i * len(fixed) / len(layer) for i, spot in enumerate(layer)}  # for what has no neighbour
            for spot in layer:
                neighbours = spot.after if back else spot.before
                near = [places[s] + s.exit(c) / (s.cross + 1) for s, c in neighbours if s in places]
                if near:
                    middles[spot] = median(near)
            layer.sort(key=middles.__getitem__)
        count = crossings(layers)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    layers[:] = best


def crossings(layers: list[list[Spot]]) -> int:
    total = 0
    for layer, following in pairwise(layers):
        places = {spot: i for i, spot in enumerate(following)}
        seen: list[int] = []
        for spot in layer:
            ends = sorted(places[t] for t, _ in spot.after if t in places)
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


# --------------------------------------------------------------------------------------------- places in the layers


def space(layers: list[list[Spot]]) -> None:
    """Cross coordinates: each spot as near as can be to where its edges run straight, long edges straightest of all."""
    for layer in layers:
        y = 0.0
        for spot in layer:
            spot.at = y
            y += spot.cross + GAP
    for sweep in range(2 * SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers if forward else reversed(layers):
            wishes = []
            for spot in layer:
                wish = (
                    [(s.at + s.exit(c) - spot.entry(c), weight(s, spot)) for s, c in spot.before]
                    if forward or sweep >= SWEEPS
                    else []
                )
                if not forward or sweep >= SWEEPS:
                    wish += [(s.at + s.entry(c) - spot.exit(c), weight(s, spot)) for s, c in spot.after]
                wishes.append(wish or [(spot.at, 0.1)])
            settle(layer, wishes)


def straighten(layers: list[list[Spot]], long: list[list[Spot]]) -> None:
    """All bends of a long edge on one line, where their neighbours leave room for it."""
    place = {spot: i for layer in layers for i, spot in enumerate(layer)}
    for bends in long:
        lowest, highest = -1e9, 1e9
        for bend in bends:
            layer, i = layers[bend.rank], place[bend]
            if i:
                lowest = max(lowest, layer[i - 1].at + layer[i - 1].cross + NARROW)
            if i + 1 < len(layer):
                highest = min(highest, layer[i + 1].at - bend.cross - NARROW)
        if lowest <= highest:
            at = min(max(median(b.at for b in bends), lowest), highest)
            for bend in bends:
                bend.at = at


def weight(a: Spot, b: Spot) -> float:
    """How much an edge wants to be straight: most along the bends of a long one, then from card to card."""
    if a.is_bend and b.is_bend:
        return 8.0
    if a.is_bend or b.is_bend:
        return 1.0
    return 4.0 if len(a.after) == 1 else 3.0


def settle(layer: list[Spot], wishes: list[list[tuple[float, float]]]) -> None:
    """The places nearest to the wishes (in the sum of weighted distances) at which neighbours keep their gap.

    Isotonic regression by pooling: neighbours that want to overlap move as one, to the weighted median of their wishes.
    """
    offset = 0.0
    pools: list[tuple[float, list[tuple[float, float]], int]] = []
    offsets = []
    for spot, wish in zip(layer, wishes):
        offsets.append(offset)
        pool = [(d - offset, w) for d, w in wish]
        count = 1
        where = weighted_median(pool)
        while pools and pools[-1][0] > where:
            _, other, n = pools.pop()
            pool += other
            count += n
            where = weighted_median(pool)
        pools.append((where, pool, count))
        offset += spot.cross + (GAP if spot.box is not None else NARROW)
    i = 0
    for where, _, count in pools:
        for _ in range(count):
            layer[i].at = where + offsets[i]
            i += 1


def weighted_median(wishes: list[tuple[float, float]]) -> float:
    wishes.sort()
    half = sum(w for _, w in wishes) / 2
    for i, (d, w) in enumerate(wishes):
        half -= w
        if abs(half) < 1e-9 and i + 1 < len(wishes):
            return (d + wishes[i + 1][0]) / 2
        if half < 0:
            return d
    return wishes[-1][0]
