"""Orders and spaces the spots in each layer so that few edges cross and most run straight.

After K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system structures", 1981.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

GAP, NARROW = 22.0, 10.0  # px between neighbours in a layer, and beside an edge that passes through
SWEEPS = 8


@dataclass(eq=False)
class Spot:
    """A position in a layer: a box, a port on a frame's border, or a bend of a long edge.

    Sizes are along the flow (main) and across it (cross). Edges are identified by their source.
    """

    main: float = 0.0
    cross: float = 0.0
    line: float = 0.0  # the cross offset at which edges enter and leave
    entries: dict[Any, float] = field(default_factory=dict)  # exceptions to it, by source
    exits: dict[Any, float] = field(default_factory=dict)
    enter: float = 0.0  # the main offsets at which edges meet it
    leave: float = 0.0
    is_box: bool = False
    is_bend: bool = False
    rank: int = 0  # its layer
    start: float = 0.0  # its main coordinate, and `at` its cross coordinate
    at: float = 0.0
    before: list[tuple[Spot, Any]] = field(default_factory=list)
    after: list[tuple[Spot, Any]] = field(default_factory=list)

    def entry(self, source: Any) -> float:
        return self.entries.get(source, self.line)

    def exit(self, source: Any) -> float:
        return self.exits.get(source, self.line)


def join(a: Spot, b: Spot, source: Any) -> None:
    """Add an edge from one layer to the next."""
    if (b, source) not in a.after:
        a.after.append((b, source))
        b.before.append((a, source))


def bends(layer: list[Spot]) -> int:
    """How many edges out of a layer don't run straight."""
    return sum(1 for s in layer for t, source in s.after if abs(s.at + s.exit(source) - t.at - t.entry(source)) > 1)


# ------------------------------------------------------------------------------------------------ order in the layers


def order(layers: list[list[Spot]]) -> None:
    """Sort each layer by the median of its neighbours, back and forth; keep the order with the fewest crossings."""
    best, fewest = [list(layer) for layer in layers], crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        back = sweep % 2
        for fixed, layer in pairwise(layers[::-1] if back else layers):
            places = {spot: float(i) for i, spot in enumerate(fixed)}
            middles = {spot: i * len(fixed) / len(layer) for i, spot in enumerate(layer)}  # if it has no neighbours
            for spot in layer:
                near = [
                    places[s] + s.exit(source) / (s.cross + 1) for s, source in (spot.after if back else spot.before)
                ]
                if near:
                    middles[spot] = median(near)
            layer.sort(key=middles.__getitem__)
        count = crossings(layers)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    layers[:] = best


def crossings(layers: list[list[Spot]]) -> int:
    """The number of pairs of edges that cross."""
    total = 0
    for layer, following in pairwise(layers):
        places = {spot: i for i, spot in enumerate(following)}
        seen: list[int] = []
        for spot in layer:
            ends = sorted(places[t] for t, _ in spot.after)
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


# --------------------------------------------------------------------------------------------- positions in the layers


def space(layers: list[list[Spot]]) -> None:
    """Choose cross coordinates that keep edges as straight as possible, long edges most of all.

    At first each sweep looks only at the layer before or after, in turns; then at both.
    """
    for layer in layers:
        y = 0.0
        for spot in layer:
            spot.at = y
            y += spot.cross + GAP
    for sweep in range(2 * SWEEPS):
        forward, both = sweep % 2 == 0, sweep >= SWEEPS
        for layer in layers if forward else reversed(layers):
            wishes: list[list[tuple[float, float]]] = []
            for spot in layer:
                wish = []
                if forward or both:
                    wish += [(s.at + s.exit(c) - spot.entry(c), weight(s, spot)) for s, c in spot.before]
                if not forward or both:
                    wish += [(s.at + s.entry(c) - spot.exit(c), weight(s, spot)) for s, c in spot.after]
                wishes.append(wish or [(spot.at, 0.1)])
            settle(layer, wishes)


def weight(a: Spot, b: Spot) -> float:
    """How much straightness counts: most along the bends of a long edge, then from box to box."""
    if a.is_bend and b.is_bend:
        return 8.0
    if a.is_bend or b.is_bend:
        return 1.0
    return 4.0 if len(a.after) == 1 else 3.0


def settle(layer: list[Spot], wishes: list[list[tuple[float, float]]]) -> None:
    """Move spots as close to their wishes as possible (in total weighted distance) while neighbours keep their gap.

    Isotonic regression by pooling: neighbours that would overlap move together, to the weighted median of their wishes.
    """
    offset = 0.0
    offsets = []
    pools: list[tuple[float, list[tuple[float, float]], int]] = []
    for spot, wish in zip(layer, wishes):
        offsets.append(offset)
        pool, count = [(d - offset, w) for d, w in wish], 1
        where = weighted_median(pool)
        while pools and pools[-1][0] > where:
            _, other, n = pools.pop()
            pool, count = pool + other, count + n
            where = weighted_median(pool)
        pools.append((where, pool, count))
        offset += spot.cross + (GAP if spot.is_box else NARROW)
    places = (where for where, _, count in pools for _ in range(count))
    for spot, where, offset in zip(layer, places, offsets):
        spot.at = where + offset


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


def straighten(layers: list[list[Spot]], long: list[list[Spot]]) -> None:
    """Put all bends of a long edge on one line, if their neighbours leave room."""
    place = {spot: i for layer in layers for i, spot in enumerate(layer)}
    for edge in long:
        lowest, highest = -1e9, 1e9
        for bend in edge:
            layer, i = layers[bend.rank], place[bend]
            if i:
                lowest = max(lowest, layer[i - 1].at + layer[i - 1].cross + NARROW)
            if i + 1 < len(layer):
                highest = min(highest, layer[i + 1].at - bend.cross - NARROW)
        if lowest <= highest:
            at = min(max(median(bend.at for bend in edge), lowest), highest)
            for bend in edge:
                bend.at = at
