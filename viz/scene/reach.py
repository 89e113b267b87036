"""Which elements of a tensor an op's result was computed from, element by element: found by the op itself.

One NaN is put into an input, and the op runs again: the elements that turn NaN were computed from that one. Where that
is no simple pattern (of an index, say), one NaN in the gradient is walked back. The pattern is a box in every case:
along each axis a range, which depends on the place along few axes of the other side. So a probe for each place along
each axis is enough, and a few more to check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node, fit

from .cards import Card, Scene
from .contributions import as_drawn

Span: TypeAlias = tuple[int, int, int]  # first, last, step
Axis: TypeAlias = tuple[list[int], list[Span | None]]  # axes of the other side; for each place along them, the range
Probe: TypeAlias = Callable[[tuple[int, ...]], Any]
LONG = 48  # places along an axis that are all tried
WORK = 24_000_000  # elements that the probes of one input may compute


class Reach(NamedTuple):
    """Which elements of an op's input and of its output belong together.

    `axes` has one pattern for each axis of the output, by places in the input; if not `forward`, the reverse. `flows`
    says to which elements of the input a gradient goes: not where relu is 0, say, or to less than the maximum.
    """

    input: Card
    output: Card
    forward: bool
    axes: list[Axis]
    flows: Any


def reaches(scene: Scene, shown: dict[Card, tuple[int, ...]]) -> Iterator[Reach]:
    """How the elements of cards belong together. `shown` says how many places along each axis matter."""
    for card in shown:
        node = card.node
        if node is None or node.op is None or card.role != "op":
            continue
        limit = WORK // 10 - np.size(card.value)
        inputs = [i for i in inputs_of(card, scene) if i[2] in shown and np.size(i[2].value) < limit]
        batched = [shown[x][0] for x in (card, *(x for _, _, x in inputs)) if x.shape and x.shape[:1] == card.shape[:1]]
        values = first_samples(node, max(batched, default=1))
        for place, leaf, x in inputs:
            runs = Runs(card, place, leaf, values)
            one, other = (tuple(map(min, shown[c], shape)) for c, shape in ((x, runs.start), (card, runs.goal)))
            flows = np.asarray(runs.through(np.linspace(0.5, 1, runs.gradient.size).reshape(runs.goal)) != 0)
            if (axes := pattern(runs.forward, runs.start, runs.goal, one)) is not None:
                yield Reach(x, card, True, axes, flows)
            elif (axes := pattern(runs.backward, runs.goal, runs.start, other)) is not None:
                yield Reach(x, card, False, axes, flows)


def inputs_of(card: Card, scene: Scene) -> Iterator[tuple[int, Any, Card]]:
    """The inputs of a card's op that have a card of their own and hold real numbers: place, leaf or node, card."""
    node = card.node
    for place, a in enumerate(node.args if node is not None else ()):
        leaf = as_drawn(a, scene) if isinstance(a, Node) else None
        x = scene.find(leaf) if leaf is not None else None
        real = getattr(getattr(leaf, "value", None), "dtype", np.dtype(object)).kind == "f"
        if x is not None and x.node is leaf and x.role != "module" and real:
            yield place, leaf, x


def first_samples(node: Node, n: int) -> tuple[Any, ...]:
    """What the op saw, of a batch the first n samples, if from these it computes the first n results."""
    batch = np.shape(node.value)[:1]
    if not batch or batch[0] <= n or node.op is None:
        return node.values
    some = tuple(v[:n] if np.shape(v)[:1] == batch else v for v in node.values)
    try:
        out = node.op.run(*some, **node.kwargs)[0]
        same = np.shape(out)[:1] == (n,) and np.allclose(out, node.value[:n], 1e-3, 1e-5, equal_nan=True)
    except (ValueError, TypeError, IndexError):
        return node.values
    return some if same else node.values


class Runs:
    """An op, to be run with a NaN in one of its inputs, or walked back with one in its gradient."""

    def __init__(self, card: Card, place: int, leaf: Any, values: tuple[Any, ...] | None = None) -> None:
        node = card.node
        assert node is not None and node.op is not None
        self.node, self.op, self.place = node, node.op, place
        self.values = values = node.values if values is None else values
        x = node.args[place]
        self.view = None if x is leaf else x  # such as weightᵀ
        self.input = values[place] if x is leaf else x.values[0]
        value, self.closures = self.op.run(*values, **node.kwargs)
        self.start, self.goal = np.shape(self.input), np.shape(value)
        self.value, self.gradient = value, np.zeros(self.goal, getattr(value, "dtype", float))

    def forward(self, at: tuple[int, ...]) -> Any:
        """What of the result turns NaN with one element of the input; or changes with it, where the op refuses NaN."""
        try:
            return np.isnan(self.with_element(at, np.nan))
        except ValueError:  # as svd does
            return self.with_element(at, self.input[at] + 1) != self.value

    def with_element(self, at: tuple[int, ...], number: Any) -> Any:
        """The result if one element of the input were this number."""
        a = np.array(self.input)
        a[at] = number
        if self.view is not None:
            a = self.view.op.run(a, *self.view.values[1:], **self.view.kwargs)[0]
        return self.op.run(*self.values[: self.place], a, *self.values[self.place + 1 :], **self.node.kwargs)[0]

    def hits(self, at: tuple[int, ...]) -> Any:
        """The elements of the result that were computed from one of the input."""
        with np.errstate(all="ignore"):
            return np.argwhere(self.forward(at))

    def backward(self, at: tuple[int, ...]) -> Any:
        """Where one NaN in the gradient of the result goes."""
        return np.isnan(self.back(at, np.nan))

    def back(self, at: tuple[int, ...], g: float = 1.0) -> Any:
        """What comes to the input if the gradient is g in one element and 0 elsewhere."""
        whole = self.gradient.copy()
        whole[at] = g
        return self.through(whole)

    def through(self, g: Any) -> Any:
        """What comes to the input, where g is the gradient of the result."""
        x, closure = self.values[self.place], self.closures[self.place]
        gx = fit(closure(g[()]), x) if closure is not None else np.zeros(np.shape(x))
        return gx if self.view is None else fit(next(filter(None, self.view.closures))(gx), self.input)


class NoPattern(Exception):
    """What belongs together is no box, or it would take too long to find."""


def pattern(probe: Probe, start: tuple[int, ...], goal: tuple[int, ...], shown: Sequence[int]) -> list[Axis] | None:
    """The pattern of what a probe at each place of `start` finds in `goal`, if there is one."""
    first = tuple((n - 1) // 2 for n in shown)
    most = WORK // int(np.prod(start) + np.prod(goal) + 1000)
    known: dict[tuple[int, ...], list[Span | None]] = {}

    def spans(at: tuple[int, ...]) -> list[Span | None]:
        if at not in known:
            if len(known) > most:
                raise NoPattern
            known[at] = box(np.reshape(probe(at), goal))
        return known[at]

    def along(k: int) -> list[list[Span | None]]:
        def at(i: int) -> list[Span | None]:
            return spans((*first[:k], i, *first[k + 1 :]))

        if (n := shown[k]) > LONG:  # the places in between follow from a few, if those are in line
            steps = [(p, q) for p, q in zip(at(0), at(1)) if p and q]
            line = [[(a + (c - a) * i, b + (d - b) * i, s) for (a, b, s), (c, d, _) in steps] for i in range(n)]
            if all(at(i) == line[i] for i in (n // 2, n - 1)):
                return line  # type: ignore[return-value]
        return [at(i) for i in range(n)]

    try:
        with np.errstate(all="ignore"):
            lines = [along(k) for k in range(len(shown))]
            if lines and all(None in found for line in lines for found in line):
                return None
            axes: list[Axis] = []
            for axis in range(len(goal)):
                on = [k for k, line in enumerate(lines) if any(at[axis] != line[0][axis] for at in line)]
                here, table = list(first), []
                for places in product(*(range(shown[k]) for k in on)):
                    for k, i in zip(on, places):
                        here[k] = i
                    table.append(lines[on[0]][places[0]][axis] if len(on) == 1 else spans(tuple(here))[axis])
                axes.append((on, table))
            rng = np.random.default_rng(0)
            for _ in range(4):
                at = tuple(int(rng.integers(n)) for n in shown)
                if spans(at) != [span_at(axis, at, shown) for axis in axes]:
                    return None
    except NoPattern:
        return None
    return axes


def span_at(axis: Axis, at: Sequence[int], shown: Sequence[int]) -> Span | None:
    """The range along one axis for the place `at` of the other side."""
    on, table = axis
    return table[int(np.ravel_multi_index([at[k] for k in on], [shown[k] for k in on])) if on else 0]


def box(hit: Any) -> list[Span | None]:
    """The range of what was hit along each axis; None if nothing was."""
    places = [np.flatnonzero(hit.any(axis=tuple(set(range(hit.ndim)) - {k}))) for k in range(hit.ndim)]
    steps = [set(np.diff(p).tolist()) or {1} for p in places]
    if np.prod([len(p) for p in places]) != hit.sum() or any(len(step) > 1 for step in steps):
        raise NoPattern
    return [(int(p[0]), int(p[-1]), step.pop()) if len(p) else None for p, step in zip(places, steps)]
