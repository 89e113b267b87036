"""LBFGS: Newton's steps, with the Hessian as the last gradients show it, and the search along each step's direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..settings import Number, Positive
from ..tensor import Tensor
from ..values import Array
from .optimizers import Optimizer, Slot

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """d = -H @ g, where H is the inverse of the Hessian that the last history_size changes of p and g agree with.

    `step(closure)` makes up to max_iter steps p ← p + t · d with at most max_eval calls of the closure, which clears
    the gradients, computes the loss, calls `backward` and returns the loss. The first t is lr / Σ |g|, at most lr, and
    later ones are lr; with line_search_fn="strong_wolfe" that is where the search for t begins. It ends early when no
    gradient is above tolerance_grad, or a step or its gain is below tolerance_change.

    All parameters are one vector and make one group. Nocedal and Wright, "Numerical optimization" (2006), algorithms
    7.4 (direction), 3.5 and 3.6 (search).
    """

    function, first, more = "search", 2, ()
    remembered = ("iterations", "rate", "direction", "gradient", "moves", "turns")

    def check(self, settings: Any) -> None:
        if self.param_groups and settings["params"] is not self.param_groups[0]["params"]:
            raise ValueError("LBFGS: all parameters must be in one group")

    def fits(self, name: str, shape: tuple[int, ...], p: Tensor) -> bool:
        return shape[-1:] in ((), (sum(q.size for q in self.parameters),)) and len(shape) <= 2

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Go on by up to max_iter steps; returns the loss before them, the closure's first.

        Raises:
            TypeError: there is no closure.
        """
        if closure is None:
            raise TypeError("LBFGS: step needs a closure: it computes the loss and its gradients and returns the loss")
        return self.search(closure, **{name: self.param_groups[0][name] for name in self.parameters_of})

    def search(
        self, closure: Callable[[], Any], lr: Number = 1.0, max_iter: Positive = 20, max_eval: Positive | None = None,
        tolerance_grad: Number = 1e-7, tolerance_change: Number = 1e-9, history_size: Positive = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
    ) -> Any:  # fmt: skip
        """`step` with these settings."""
        slot = self.state[self.parameters[0]]
        result = closure()
        f, g, most, calls = float(result), self._slope(), max_eval or max_iter * 5 // 4, 1
        for i in range(1, max_iter + 1):
            if _largest(g) <= tolerance_grad or calls >= most:
                break
            slot["iterations"], before = int(slot["iterations"]) + 1, f
            d = slot["direction"] = self._direction(slot, g, history_size)
            t = slot["rate"] = lr * (min(1.0, 1 / float(np.sum(np.absolute(g)))) if slot["iterations"] == 1 else 1.0)
            slot["gradient"], slope, x = g, float(g @ d), np.concatenate([np.ravel(p.data) for p in self.parameters])
            if slope > -tolerance_change:
                break

            def at(t: float, x: Array = x, d: Array = d) -> Point:
                self._go(x + t * d)
                f = float(closure())
                g = self._slope()
                return Point(t, f, float(g @ d), g)

            if line_search_fn:
                found, made = strong_wolfe(at, Point(0.0, f, slope, g), t, _largest(d), tolerance_change, most - calls)
                t, f, _, g = found
                slot["rate"], calls = t, calls + made
                self._go(x + t * d)
            elif i < max_iter:
                (_, f, _, g), calls = at(t), calls + 1
            else:
                self._go(x + t * d)  # the next call of `step` begins with the closure
            if _largest(t * d) <= tolerance_change or abs(f - before) < tolerance_change:
                break
        return result

    def _slope(self) -> Array:
        """The gradients of all parameters as one vector."""
        numbered = enumerate(self.parameters)
        given = [np.zeros_like(p.data) if p.grad is None else self._gradient(p, i) for i, p in numbered]
        return np.concatenate([np.ravel(g) for g in given])

    def _go(self, x: Array) -> None:
        """Set all parameters from one vector."""
        ends = np.cumsum([p.size for p in self.parameters])
        for p, part in zip(self.parameters, np.split(x, ends[:-1])):
            self._set(p, np.reshape(part, p.shape).copy())

    @staticmethod
    def _direction(slot: Slot, g: Array, history_size: int) -> Array:
        """-H @ g, from the moves s of p and the turns y of g: two loops over their pairs."""
        if slot["iterations"] == 1:
            slot["moves"] = slot["turns"] = np.zeros((0, g.size), g.dtype)
            return -g
        s, y = slot["rate"] * slot["direction"], g - slot["gradient"]
        if y @ s > 1e-10:
            for name, new in (("moves", s), ("turns", y)):
                slot[name] = np.concatenate([slot[name], new[None]])[-history_size:]
        pairs = [(s, y, 1 / (y @ s)) for s, y in zip(slot["moves"], slot["turns"])]
        d, shares = -g, []
        for s, y, rho in reversed(pairs):
            shares.append(rho * (s @ d))
            d = d - shares[-1] * y
        if pairs:
            d = d / (pairs[-1][2] * (y_last := pairs[-1][1]) @ y_last)
        for s, y, rho in pairs:
            d = d + (shares.pop() - rho * (y @ d)) * s
        return d


def _largest(x: Array) -> float:
    return float(np.max(np.absolute(x), initial=0.0))


class Point(NamedTuple):
    """A point along the direction: how far, the loss there, its slope along the direction, its gradient."""

    t: float
    f: float
    slope: float
    g: Array


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, size: float, tolerance: float, most: int,
    c1: float = 1e-4, c2: float = 0.9,
) -> tuple[Point, int]:  # fmt: skip
    """A point that is low enough, f ≤ f₀ + c₁ · t · f₀′, and flat enough, |f′| ≤ c₂ · |f₀′|; and the points looked at.

    First, ever farther points until a pair brackets such a one; then ever closer pairs. Ends without it when the
    bracket times `size`, the direction's largest, is below `tolerance`, or after `most` more points.
    """

    def high(x: Point) -> bool:
        return x.f > start.f + c1 * x.t * start.slope

    def flat(x: Point) -> bool:
        return abs(x.slope) <= -c2 * start.slope

    last, new, n = start, at(t), 0
    while n < most:
        worse = high(new) or (n > 1 and new.f >= last.f)
        if not worse and flat(new):
            return new, n + 1
        if worse or new.slope >= 0:
            pair = [last, new]
            break
        farther = lowest(last, new, new.t + 0.01 * (new.t - last.t), 10 * new.t)
        last, new, n = new, at(farther), n + 1
    else:
        pair = [start, new]
    low, stuck, done = int(pair[1].f < pair[0].f), False, False
    while not done and n < most and not abs(pair[1].t - pair[0].t) * size < tolerance:
        a, b = sorted((pair[0].t, pair[1].t))
        t, margin = lowest(pair[0], pair[1], a, b), 0.1 * (b - a)
        close = min(b - t, t - a) < margin
        if close and (stuck or not a < t < b):
            t, close = (b - margin if b - t < t - a else a + margin), False
        stuck, new, n = close, at(t), n + 1
        if high(new) or new.f >= pair[low].f:
            pair[1 - low] = new
            low = int(pair[1].f < pair[0].f)
            continue
        done = flat(new)
        if not done and new.slope * (pair[1 - low].t - pair[low].t) >= 0:
            pair[1 - low] = pair[low]
        pair[low] = new
    return pair[low], n + 1


def lowest(p: Point, q: Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest, in [least, most]; their middle where nowhere."""
    p, q = sorted((p, q), key=lambda x: x.t)
    with np.errstate(all="ignore"):
        width = np.float64(q.t - p.t)
        d1 = p.slope + q.slope - 3 * (q.f - p.f) / width
        square = d1 * d1 - p.slope * q.slope
        if not square >= 0:
            return (least + most) / 2
        root = np.sqrt(square)
        t = q.t - width * ((q.slope + root - d1) / (q.slope - p.slope + 2 * root))
    return float(min(max(t, least), most))
