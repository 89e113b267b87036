"""Order and positions in layers."""

from __future__ import annotations

from itertools import pairwise

from tinygrad_lite.viz.layout.spots import GAP, Spot, bends, crossings, join, order, space, straighten


def boxes(n: int) -> list[Spot]:
    return [Spot(10.0, 20.0, 10.0, is_box=True) for _ in range(n)]


def test_edges_are_uncrossed() -> None:
    layers = [boxes(3), boxes(3)]
    for i in range(3):
        join(layers[0][i], layers[1][2 - i], i)
    assert crossings(layers) == 3
    order(layers)
    assert crossings(layers) == 0


def test_neighbours_keep_their_gap_and_a_chain_is_straight() -> None:
    layers = [boxes(1), boxes(3), boxes(1)]
    for middle in layers[1]:
        join(layers[0][0], middle, "a")
        join(middle, layers[2][0], middle)
    space(layers)
    places = [spot.at for spot in layers[1]]
    assert all(b - a >= 20 + GAP - 1e-9 for a, b in pairwise(places))
    assert layers[0][0].at == layers[2][0].at == places[1]
    assert bends(layers[0]) == 2


def test_a_long_edge_runs_on_one_line() -> None:
    layers = [[Spot(cross=6.0, line=3.0, is_bend=True, rank=rank)] for rank in range(3)]
    for rank, (bend,) in enumerate(layers):
        bend.at = 10.0 * rank
    straighten(layers, [[bend for (bend,) in layers]])
    assert {bend.at for (bend,) in layers} == {10.0}
