"""The built-in layout, which needs no Graphviz.

Each frame is laid out in layers on its own, and is then one box in the frame around it. So frames never overlap, and
hold only their own cards. An edge that crosses a frame's border is drawn in legs that meet at the border.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..scene.cards import Box, Card, Edge, Frame, Loop, Scene
from .docking import Bundle
from .geometry import Layout, Point, smooth, straight, title_width
from .spots import Spot, bends, join, order, space, straighten

TITLE = 26  # px for the title of a frame
MARGIN = 12  # px inside a frame
LOOP = 14  # px for each loop of a frame, along the side that edges don't cross
MOST_BENDS = 20_000  # in one frame; with more, long edges run straight through

Leg = tuple[Frame, Box | None, Box | None]  # from one box of a frame to another; None is its border


def place(scene: Scene, of_card: dict[Card, Bundle], direction: str) -> Layout:
    """The layout of a scene. The direction is "LR" or "TB"."""
    return Layered(scene, of_card, direction).place()


@dataclass(eq=False)
class Level:
    """A frame that has been laid out: its size, its spots, where edges cross its border, and the paths of its legs.

    Coordinates are along the flow (main) and across it (cross), from the frame's corner.
    """

    main: float
    cross: float
    spots: dict[Box, Spot]
    entries: dict[Card, float]
    exits: dict[Card, float]
    paths: dict[tuple[Card, Box | None], list[Point]]  # by an edge's source and the box its leg goes to


class Layered:
    def __init__(self, scene: Scene, of_card: dict[Card, Bundle], direction: str) -> None:
        self.scene = scene
        self.of_card = of_card
        self.direction = direction
        self.flows_right = direction == "LR"
        frames = [scene.frame, *scene.frame.frames()]
        self.around = {box: frame for frame in frames for box in frame.boxes}
        self.legs = [self.legs_of(edge) for edge in scene.edges]
        self.links: dict[Frame, dict[tuple[Box | None, Box | None, Card], None]] = {frame: {} for frame in frames}
        self.loops = {loop: self.legs_of_loop(loop) for loop in scene.loops if isinstance(loop.around, Frame)}
        self.strips = Counter[Box](loop.around for loop in self.loops)
        joined = [(edge.source, legs) for edge, legs in zip(scene.edges, self.legs)]
        joined += [(loop.source, out + into) for loop, (out, into) in self.loops.items()]
        for source, legs in joined:
            for frame, a, b in legs:
                self.links[frame][a, b, source] = None
        self.levels: dict[Frame, Level] = {}
        for frame in reversed(frames):  # inner before outer
            self.levels[frame] = self.lay_out(frame)

    def legs_of(self, edge: Edge) -> list[Leg]:
        """The legs of an edge: out of the frames around its source, across, and into those around its target."""
        a, b = self.lineage(edge.source), self.lineage(edge.target)
        i = next(i for i, (x, y) in enumerate(zip(a, b)) if x is not y)
        out = [(self.around[x], x, None) for x in a[:i:-1]]
        into = [(self.around[x], None, x) for x in b[i + 1 :]]
        return [*out, (self.around[a[i]], a[i], b[i]), *into]

    def legs_of_loop(self, loop: Loop) -> tuple[list[Leg], list[Leg]]:
        """The legs of a loop: from its source to the border of its frame, and from there to its target."""
        a, b = self.lineage(loop.source), self.lineage(loop.target)
        i = a.index(loop.around)
        return [(self.around[x], x, None) for x in a[:i:-1]], [(self.around[x], None, x) for x in b[i + 1 :]]

    def lineage(self, box: Box) -> list[Box]:
        line = [box]
        while (frame := self.around[line[-1]]) is not self.scene.frame:
            line.append(frame)
        return line[::-1]

    # ------------------------------------------------------------------------------------------------ one frame

    def lay_out(self, frame: Frame) -> Level:
        spots = {box: self.spot(box) for box in frame.boxes}
        entering: dict[Card, Spot] = {}
        leaving: dict[Card, Spot] = {}
        fans: dict[tuple[Spot, Card], dict[Box | None, Spot]] = {}  # from a spot, for each source: where its edges go
        for a, b, source in self.links[frame]:
            start = spots[a] if a is not None else entering.setdefault(source, Spot())
            fans.setdefault((start, source), {})[b] = spots[b] if b is not None else leaving.setdefault(source, Spot())
        layers = in_layers(list(entering.values()), list(spots.values()), list(leaving.values()), fans)
        chains: dict[tuple[Card, Box | None], list[Spot]] = {}
        last = {start: max(goal.rank for goal in goals.values()) for start, goals in fans.items()}
        bent = sum(rank - start.rank for (start, _), rank in last.items()) < MOST_BENDS
        long = []
        for (start, source), goals in fans.items():
            chain = [start]
            for rank in range(start.rank + 1, last[start, source] if bent else 0):
                bend = Spot(cross=6.0, line=3.0, is_bend=True, rank=rank)
                layers[rank].append(bend)
                join(chain[-1], bend, source)
                chain.append(bend)
            if len(chain) > 2:
                long.append(chain[1:])
            for b, goal in goals.items():
                via = chain[: max(1, goal.rank - start.rank)]
                if bent or goal.rank == start.rank + 1:
                    join(via[-1], goal, source)
                chains[source, b] = [*via, goal]
        order(layers)
        space(layers)
        straighten(layers, long)
        return self.measured(frame, layers, spots, entering, leaving, chains)

    def spot(self, box: Box) -> Spot:
        if isinstance(box, Card):
            bundle = self.of_card[box]
            main, cross = self.turned((bundle.width, bundle.height))
            return Spot(main, cross, bundle.line, enter=bundle.enter, leave=bundle.leave, is_box=True)
        level = self.levels[box]
        return Spot(level.main, level.cross, level.cross / 2, level.entries, level.exits, 0.0, level.main, is_box=True)

    def measured(
        self,
        frame: Frame,
        layers: list[list[Spot]],
        spots: dict[Box, Spot],
        entering: dict[Card, Spot],
        leaving: dict[Card, Spot],
        chains: dict[tuple[Card, Box | None], list[Spot]],
    ) -> Level:
        """The frame's size and the paths in it, once every spot has its position in its layer."""
        everything = [spot for layer in layers for spot in layer]
        lowest = min((s.at for s in everything), default=0.0)
        cross = max((s.at + s.cross for s in everything), default=0.0) - lowest
        widths = [max((s.main for s in layer), default=0.0) for layer in layers]
        gaps = [self.gap(layer, r in borders(layers, entering, leaving)) for r, layer in enumerate(layers[:-1])]
        main = sum(widths) + sum(gaps)
        x = y = 0.0  # where the first layer and its first spot start
        if frame.title:
            missing = max(0.0, title_width(frame.title) - (main if self.flows_right else cross)) / 2
            x, y = (MARGIN + missing, TITLE) if self.flows_right else (TITLE, MARGIN + missing)
            main, cross = (main + 2 * x, y + cross + MARGIN) if self.flows_right else (x + main + MARGIN, cross + 2 * y)
        if frame in self.strips:
            x, main, cross = x + LOOP, main + 2 * LOOP, cross + LOOP * self.strips[frame]
        ends = []
        for layer, width, gap in zip(layers, widths, [*gaps, 0.0]):
            for spot in layer:
                spot.start, spot.at = x + (width - spot.main) / 2, spot.at + y - lowest
            ends.append((x, x + width))
            x += width + gap
        paths = {}
        for (source, b), chain in chains.items():
            first, goal = chain[0], chain[-1]
            out, into = first.at + first.exit(source), goal.at + goal.entry(source)
            left = 0.0 if first in entering.values() else first.start + first.leave
            right = main if b is None else goal.start + goal.enter
            through = [(x, bend.at + bend.line) for bend in chain[1:-1] for x in ends[bend.rank]]
            leaving_layer, entering_layer = (ends[first.rank][1], out), (ends[goal.rank][0], into)
            paths[source, b] = [(left, out), leaving_layer, *through, entering_layer, (right, into)]
        entries, exits = ({source: spot.at for source, spot in ports.items()} for ports in (entering, leaving))
        return Level(main, cross, spots, entries, exits, paths)

    def gap(self, layer: list[Spot], at_border: bool) -> float:
        """Room for the edges out of a layer, more if many bend. At a frame's border there is already a margin."""
        count = bends(layer)
        if at_border:
            return 14.0 if count else 0.0
        return (40.0 if self.flows_right else 30.0) + min(40.0, 3.0 * count)

    # ---------------------------------------------------------------------------------------------- the whole scene

    def place(self) -> Layout:
        outer = self.levels[self.scene.frame]
        found = Layout(self.direction, "layered", *self.turned((outer.main, outer.cross)))
        corners: dict[Frame, Point] = {self.scene.frame: (0.0, 0.0)}  # main and cross
        for frame in (self.scene.frame, *self.scene.frame.frames()):  # outer before inner
            main, cross = corners[frame]
            for box, spot in self.levels[frame].spots.items():
                corner = main + spot.start, cross + spot.at
                x, y = self.turned(corner)
                if isinstance(box, Card):
                    dx, dy = self.of_card[box].at[box]
                    found.cards[box.key] = (x + dx, y + dy)
                else:
                    corners[box] = corner
                    found.frames[box.key] = (x, y, *self.turned((self.levels[box].main, self.levels[box].cross)))
        for edge, legs in zip(self.scene.edges, self.legs):
            points = [
                (corners[frame][0] + main, corners[frame][1] + cross)
                for frame, _, b in legs
                for main, cross in self.levels[frame].paths[edge.source, b]
            ]
            found.edges.append([self.turned(point) for point in smooth(points)])
        strips = Counter[Frame]()
        for loop in self.scene.loops:
            if loop not in self.loops:  # of a card
                found.loops.append([])
                continue
            around = loop.around
            assert isinstance(around, Frame)
            out, into = (
                [
                    (corners[frame][0] + main, corners[frame][1] + cross)
                    for frame, _, b in legs
                    for main, cross in self.levels[frame].paths[loop.source, b]
                ]
                for legs in self.loops[loop]
            )
            level, (left, top) = self.levels[around], corners[around]
            side = top + level.cross - LOOP * strips[around] - LOOP / 2
            strips[around] += 1
            found.loops.append([self.turned(p) for p in back(out, into, left + LOOP, left + level.main - LOOP, side)])
        return found

    def turned(self, p: Point) -> Point:
        """(main, cross) as (x, y), or the reverse."""
        return p if self.flows_right else (p[1], p[0])


def back(out: list[Point], into: list[Point], left: float, right: float, side: float) -> list[Point]:
    """The path of a loop: out to `right`, round and back along `side` to `left`, and round into the target."""
    there, here = smooth([*out[:-1], (right, out[-1][1])]), smooth([(left, into[0][1]), *into[1:]])
    (_, y0), (_, y1), reach = there[-1], here[0], LOOP - 3
    turn = [(right + reach, y0), (right + reach, side), (right, side)]
    return [*there, *turn, *straight((right, side), (left, side))[1:], (left - reach, side), (left - reach, y1), *here]


def in_layers(
    entering: list[Spot], boxes: list[Spot], leaving: list[Spot], fans: dict[tuple[Spot, Card], dict[Box | None, Spot]]
) -> list[list[Spot]]:
    """The layers: each box as early as possible, but close to its users if more edges leave it than enter it."""
    after: dict[Spot, set[Spot]] = {}
    before: dict[Spot, set[Spot]] = {}
    for (start, _), goals in fans.items():
        for goal in goals.values():
            after.setdefault(start, set()).add(goal)
            before.setdefault(goal, set()).add(start)
    for spot in boxes:
        spot.rank = max((x.rank + 1 for x in before.get(spot, ())), default=0)
    for spot in reversed(boxes):
        following = [x.rank for x in after.get(spot, ()) if x not in leaving]
        if following and len(following) > len(before.get(spot, ())):
            spot.rank = min(following) - 1
    ranks = sorted({spot.rank for spot in boxes})  # without gaps, so that no layer is empty
    for spot in boxes:
        spot.rank = ranks.index(spot.rank) + bool(entering)
    for spot in leaving:
        spot.rank = len(ranks) + bool(entering)
    layers: list[list[Spot]] = [[] for _ in range(len(ranks) + bool(entering) + bool(leaving))]
    for spot in (*entering, *boxes, *leaving):
        layers[spot.rank].append(spot)
    return layers


def borders(layers: list[list[Spot]], entering: dict[Card, Spot], leaving: dict[Card, Spot]) -> Iterable[int]:
    """The gaps in which edges cross the frame's border: the first and the last."""
    return {*([0] if entering else []), *([len(layers) - 2] if leaving else [])}
