"""The walk and the operators of the book, unrolled for speed. Delete this file, and all results stay as they are.

What it saves: a long chain of scalars takes a third less time, and many parts of one array (x[0], x[1], …) go back in
as few additions as they have elements.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy import float64, ndarray

from . import errors, graph, tensor
from .graph import NO_KEYWORDS, OPS, TABLE, Closure, Node, fit, made
from .kernels.memory_order import side_by_side
from .kernels.thresholds import ELEMENTS_FOR_ONE_ORDER
from .mode import MODE
from .ops.indexing import detached, may_repeat
from .values import IMMUTABLE, Array, set_writeable

# ------------------------------------------------------------------------------------------------- operators on scalars

# NumPy's function -> the operator that gives the same for two scalars, in less time.
OPERATORS: dict[Callable[..., Any], Callable[[Any, Any], Any]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.divide: operator.truediv,
    np.power: operator.pow,
}  # fmt: skip


class Again(tuple[Any, ...]):
    """In place of the closures of an operator on scalars: which of its two inputs need a gradient.

    The rule makes them again on the way back. For single numbers they take as much memory as all the rest of the graph,
    and in a long graph storing them costs more than re-running the rule.
    """

    __slots__ = ()

    def __call__(self, node: Node) -> tuple[Closure | None, ...]:
        return again(node)


def again(node: Node) -> tuple[Closure | None, ...]:
    """The closures of an operator on scalars, of which `node` kept none."""
    assert node.op is not None
    _, _, x, y = node.inputs
    closures = node.op.rule(x, y)[1]
    if node.kept is BOTH:
        return closures
    return (closures[0], None) if node.kept is FIRST else (None, closures[1])


BOTH, FIRST, SECOND = Again((True, True)), Again((True, False)), Again((False, True))


def binary(function: Callable[..., Any]) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """An operator and its reflection. Inlines the common case; rare cases fall back to the op."""
    on_scalars: Any = OPERATORS.get(function)
    on_scalars_of = TABLE[function] if on_scalars is not None else None  # the op whose value it gives

    def forward(x: Any, y: Any) -> Any:
        op: Any = TABLE[function]  # a user's op may have taken its place
        mode = MODE.get()
        if isinstance(x, Node):
            kind, x_value, x_flows = x.__class__, x.value, x.requires_grad
        elif x.__class__ in IMMUTABLE:
            x_value, x_flows = x, False
        else:
            return op(tensor.operand(x), y)
        if isinstance(y, Node):
            kind, y_value, y_flows = y.__class__, y.value, y.requires_grad
        elif y.__class__ in IMMUTABLE:
            y_value, y_flows = y, False
        else:
            return op(x, tensor.operand(y))
        if not (x_flows or y_flows) or not mode.recording or mode.again is not None or mode.watch is not None:
            return op(x, y)
        this = op.op
        kept: Any
        try:
            if op is on_scalars_of and x_value.__class__ in IMMUTABLE and y_value.__class__ in IMMUTABLE:
                value = on_scalars(x_value, y_value)
                kept = (BOTH if x_flows else SECOND) if y_flows else FIRST
            else:
                large = x_value.__class__ is ndarray and x_value.size >= ELEMENTS_FOR_ONE_ORDER
                value, kept = (this.run if large else this.rule)(x_value, y_value)  # mixed orders take two large ones
                dx, dy = kept
                if not (x_flows and y_flows):
                    kept = (dx, None) if x_flows else (None, dy)
                    kept = kept if any(kept) else ()
        except (ValueError, TypeError, IndexError):
            return op(x, y)  # says what is wrong
        return made(kind, value, this, (x, y, x_value, y_value), NO_KEYWORDS, kept, mode.scope)

    def reflected(y: Any, x: Any) -> Any:
        return forward(x, y)

    return forward, reflected


tensor.operate_with(binary)

# ------------------------------------------------------------------------------------------------------------- the walk


ADD, GETITEM = OPS["add"], OPS["getitem"]


@graph.walk.register
def walk(seeds: dict[Node, Array], create_graph: bool = False) -> Iterator[tuple[Node, Array]]:
    """`graph.walk` of the first order: adds gradients in place, and asks less of scalars."""
    return NotImplemented if create_graph or MODE.get().watch is not None else _walk(seeds)


def _walk(seeds: dict[Node, Array]) -> Iterator[tuple[Node, Array]]:
    gradient = dict(seeds)
    ours: set[Node] = set()  # nodes whose gradient is an array made here, so that more can be added in place
    waiting = [(-root.age, root) for root in seeds if root.op is not None]
    heapify(waiting)
    while waiting:
        node: Any = heappop(waiting)[1]
        g = gradient.pop(node)
        if g.__class__ is ndarray:
            if g.size >= ELEMENTS_FOR_ONE_ORDER and node.value.__class__ is ndarray and not node.op.linear:
                g = side_by_side(node.value, g)  # its closures multiply g by values
            set_writeable(g, False)
        yield node, g
        closures = node.kept
        if closures.__class__ is Again:
            closures = again(node)
        part = node.op is GETITEM
        for x, closure in zip(node.inputs, closures):
            if closure is None:
                continue
            if part and x.value.__class__ is ndarray and not may_repeat(index := detached(node.inputs[1])):
                if x not in gradient:
                    gradient[x] = np.zeros_like(x.value)  # in its order in memory
                    if x.op is not None:
                        heappush(waiting, (-x.age, x))
                elif x not in ours:
                    gradient[x] = gradient[x].copy("K")
                ours.add(x)
                gradient[x][index] += g
                continue
            try:
                gx = closure(g)
                if not gx.__class__ is float64 is x.value.__class__:
                    gx = fit(gx, x.value)
            except (ValueError, TypeError, IndexError) as error:
                errors.raise_in_gradient(error, node, x)
            if x not in gradient:
                gradient[x] = gx
                if x.op is not None:
                    heappush(waiting, (-x.age, x))
            elif gx.__class__ is not ndarray:
                gradient[x] = gradient[x] + gx
            elif x in ours:
                np.add(gradient[x], side_by_side(gradient[x], gx), out=gradient[x])
            else:
                large = gx.size >= ELEMENTS_FOR_ONE_ORDER
                gradient[x] = ADD.run(gradient[x], gx)[0] if large else gradient[x] + gx
                ours.add(x)
    yield from gradient.items()
